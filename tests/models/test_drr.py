"""The whole DRR module: what comes out, what inference may touch (T8), what switches change."""

import flax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from drr_jax import config as configs
from drr_jax import config_rules
from drr_jax.facs import labels as facs
from drr_jax.models import catalog as systems
from drr_jax.models import losses
from drr_jax.models.drr.heads import ClassHead

PRIOR = facs.au_prior(facs.REACTIONET_AUS_12)


def tiny(**changes) -> configs.Config:
    config = configs.Config()
    for key, value in {
        "encoder.width": 4,
        "encoder.stem": "small",
        "text.vocabulary": 50,
        "text.width": 8,
        "text.layers": 1,
        "text.heads": 2,
        "head.embedding": 8,
        "head.projection": 4,
        "graph.width": 8,
        "data.image_size": 32,
        "conv": "lax",  # compiles in half the time; test_resnet compares the two
    }.items():
        configs.set_key(config, key, str(value))
    for key, value in changes.items():
        configs.set_key(config, key.replace("__", "."), str(value))
    config_rules.validate(config)
    return config


def batch(seed=0, size=32):
    rng = np.random.default_rng(seed)
    tokens = rng.integers(1, 50, (2, 6)).astype(np.int32)
    tokens[0, 4:] = 0
    return {
        "reaction": jnp.asarray(rng.integers(0, 256, (2, size, size, 3)), jnp.uint8),
        "stimulus": jnp.asarray(rng.integers(0, 256, (2, size, size, 3)), jnp.uint8),
        "tokens": jnp.asarray(tokens),
    }


class Model:
    """A DRR whose calls are compiled: eager, every operation would be compiled by itself."""

    def __init__(self, module):
        self.probabilities = module.probabilities
        self.apply = jax.jit(module.apply, static_argnames="method")
        self.variables = jax.jit(lambda: module.init(jax.random.key(0), batch()))()


def run(config):
    model = Model(systems.build(config, 12, PRIOR))
    return model, model.variables


def test_one_call_names_everything_in_between():
    model, variables = run(tiny())
    outputs = model.apply(variables, batch())
    assert {d: x.shape for d, x in outputs["logits"].items()} == dict.fromkeys("RST", (2, 12))
    assert outputs["attention"]["R"].shape == outputs["attention"]["S"].shape == (2, 2, 2, 12)
    assert outputs["attention"]["T"].shape == (2, 6, 12)
    assert outputs["embeddings"]["S"].shape == (2, 12, 8)
    assert outputs["projections"]["T"].shape == (2, 12, 4)
    assert outputs["graph_logits"].shape == (2, 12)
    assert outputs["graph"]["prototype"].shape == (2, 12, 8)
    for domain in "RS":
        np.testing.assert_allclose(outputs["attention"][domain].sum((1, 2)), 1, atol=1e-5)
    np.testing.assert_allclose(outputs["attention"]["T"].sum(1), 1, atol=1e-5)
    assert np.all(np.asarray(outputs["attention"]["T"])[0, 4:] == 0)  # padding is never attended
    np.testing.assert_allclose(np.linalg.norm(outputs["projections"]["R"], axis=-1), 1, atol=1e-5)


def test_inference_sees_the_reaction_alone():
    model, variables = run(tiny())
    reference = model.probabilities(model.apply(variables, batch()))
    other = batch(1) | {"reaction": batch()["reaction"]}
    np.testing.assert_array_equal(model.probabilities(model.apply(variables, other)), reference)
    # All parameters but the reaction's may go.
    needed = {
        kind: {name: tree for name, tree in trees.items() if name.endswith("_R")}
        for kind, trees in variables.items()
    }
    assert set(needed["params"]) == {"encoder_R", "head_R"}
    face = {"reaction": batch()["reaction"]}
    alone = model.apply(needed, face, method="predict")
    np.testing.assert_allclose(alone, reference, atol=1e-6)
    with pytest.raises(flax.errors.ScopeParamNotFoundError):
        model.apply(needed, batch())


def test_modalities_of_one_face_are_domains_like_others():
    config = tiny(domains="VDTh", predict="fuse", contrast__pairs="all")
    module = systems.build(config, 12, PRIOR)
    faces = dict.fromkeys(("reaction", "depth", "thermal"), batch()["reaction"])
    variables = jax.jit(lambda: module.init(jax.random.key(0), faces))()
    assert {name for name in variables["params"] if name.startswith("encoder")} == {
        "encoder_V",
        "encoder_D",
        "encoder_Th",
    }
    outputs = module.apply(variables, faces)
    assert module.train_inputs == module.test_inputs == ("reaction", "depth", "thermal")
    parts = [jax.nn.sigmoid(logits) for logits in outputs["logits"].values()]
    expected = sum(parts) / 6 + jax.nn.sigmoid(outputs["graph_logits"]) / 2
    np.testing.assert_allclose(module.probabilities(outputs), expected, atol=1e-6)
    labels = jnp.ones((2, 12), jnp.int8)
    targets = losses.Targets(labels, jnp.ones(12), jnp.asarray(PRIOR, jnp.float32))
    total, terms = module.loss(outputs, faces, targets)
    assert set(terms) == {"loss/V", "loss/D", "loss/Th", "loss/graph", "loss/contrast"}
    weights = {"graph": config.loss.lambda_graph, "contrast": config.loss.lambda_contrast}
    weighted = sum(weights.get(name.split("/")[1], 1) * term for name, term in terms.items())
    np.testing.assert_allclose(total, weighted, rtol=1e-6)


def test_a_logit_reads_its_embedding_and_the_mean_of_the_features():
    rng = np.random.default_rng(0)
    features, mask = rng.normal(size=(2, 5, 7)).astype(np.float32), np.ones((2, 5), bool)
    mask[1, 3:] = False
    head = ClassHead(classes=3, features=4)
    variables = head.init(jax.random.key(0), features, mask)
    out, weights = head.apply(variables, features, mask), variables["params"]
    mean = np.stack([features[0].mean(0), features[1, :3].mean(0)])
    expected = np.einsum("bnk,nk->bn", out["embedding"], weights["classify"])
    expected += weights["classify_bias"] + mean @ weights["plain"]["kernel"]
    np.testing.assert_allclose(out["logits"], expected, rtol=1e-4, atol=1e-5)
    assert float(out["embedding"].min()) == 0  # behind a ReLU
    before = ClassHead(3, 4, norm="layer", plain=False)
    names = set(before.init(jax.random.key(0), features, mask)["params"])
    assert names == set(weights) - {"plain"} | {"norm_in", "norm_out"}


def test_text_padding_does_not_change_the_words():
    model, variables = run(tiny(domains="RT"))
    base = batch()

    def logits(tokens, variables):
        return model.apply(variables, base | {"tokens": tokens})["logits"]["T"][0]

    # Whatever the embedding of padding is, no word may see it.
    words = variables["params"]["encoder_T"]["words"]["embedding"]
    noise = variables | {
        "params": variables["params"]
        | {
            "encoder_T": variables["params"]["encoder_T"]
            | {"words": {"embedding": words.at[0].add(9.0)}}
        }
    }
    np.testing.assert_array_equal(logits(base["tokens"], variables), logits(base["tokens"], noise))
    changed = base["tokens"].at[0, 3].set(base["tokens"][0, 3] % 49 + 1)
    assert not np.allclose(logits(changed, variables), logits(base["tokens"], variables))


def shapes(config):
    """(parameters, outputs) as shapes: what is built, and nothing compiled."""
    module = systems.build(config, 12, PRIOR)
    outputs, variables = jax.eval_shape(lambda: module.init_with_output(jax.random.key(0), batch()))
    return variables["params"], outputs


@pytest.mark.parametrize("domains", ["RS", "RT", "R"])
def test_domains_decide_what_is_built(domains):
    params, outputs = shapes(tiny(domains=domains))
    assert "".join(outputs["logits"]) == domains
    assert {name[-1] for name in params if name.startswith("encoder_")} == set(domains)
    nodes = len(domains) * 12
    assert outputs["graph"]["relation/homophily"].shape == (nodes, nodes)


@pytest.mark.parametrize(
    "changes",
    [
        {"graph__conv": "fagcn"},
        {"graph__semantics": "similarity"},
        {"graph__het_form": "full"},
        {"graph__prior": "learned", "contrast__prior": "learned"},
        {"graph__layers": "1", "graph__readout": "concat_fc"},
        {"graph__enabled": "false", "contrast__enabled": "false"},
    ],
)
def test_switches_decide_what_is_built(changes):
    config = tiny(**{"domains": "RT"} | changes)
    params, outputs = shapes(config)
    assert ("graph_logits" in outputs) == config.graph.enabled
    assert ("projections" in outputs) == config.contrast.enabled
    reference, _ = shapes(tiny(domains="RT"))
    built = ("graph__conv", "graph__prior", "graph__layers", "graph__enabled")
    changed = any(key in changes for key in built)  # the others change how, not what
    assert (jax.tree.map(np.shape, params) != jax.tree.map(np.shape, reference)) == changed


def test_predictions_are_chosen_by_name():
    model, variables = run(tiny())
    outputs = model.apply(variables, batch())
    sigmoid = jax.nn.sigmoid
    graph, domains = sigmoid(outputs["graph_logits"]), outputs["logits"]
    expected = {
        "reaction": sigmoid(domains["R"]),
        "stimulus": sigmoid(domains["S"]),
        "graph": graph,
        "fuse": sum(map(sigmoid, domains.values())) / 6 + graph / 2,
    }
    for predict, probability in expected.items():
        chosen = systems.build(tiny(predict=predict), 12, PRIOR)
        np.testing.assert_allclose(chosen.probabilities(outputs), probability, atol=1e-6)
        needs = {"reaction": ("reaction",), "stimulus": ("stimulus",)}
        assert chosen.test_inputs == needs.get(predict, ("reaction", "stimulus", "caption"))


def test_bfloat16_keeps_parameters_and_logits_in_float32():
    model = Model(systems.build(tiny(), 12, PRIOR, jnp.bfloat16))
    variables = model.variables
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    outputs = model.apply(variables, batch())
    assert outputs["logits"]["R"].dtype == outputs["graph_logits"].dtype == jnp.float32
    full = Model(systems.build(tiny(), 12, PRIOR)).apply(variables, batch())
    np.testing.assert_allclose(outputs["logits"]["R"], full["logits"]["R"], atol=0.15)
