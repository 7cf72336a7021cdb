"""MFT: the fusion attention against NumPy, and what each part is taught by."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import small_system

from drr_jax.models.drr import heads
from drr_jax.models.systems import mft


def dense(params, x):
    return x @ params["kernel"] + params["bias"]


def norm(params, x):
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-6)
    return scaled * params["scale"] + params["bias"]


def attend(query, key, value, count):
    """Multi-head attention of one example, head by head."""
    width = query.shape[-1] // count
    out = []
    for head in range(count):
        part = slice(head * width, (head + 1) * width)
        scores = query[:, part] @ key[:, part].T / np.sqrt(width)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        out.append(weights / weights.sum(-1, keepdims=True) @ value[:, part])
    return np.concatenate(out, -1)


def gelu(x):
    return np.asarray(jax.nn.gelu(x, approximate=False))


def reference_fusion(params, tokens, count):
    batch = len(next(iter(tokens.values())))
    outputs = []
    for row in range(batch):
        total = 0
        normal = {d: norm(params[f"norm_{d}"], x[row]) for d, x in tokens.items()}
        for domain, own in tokens.items():
            heard = 0
            query = dense(params[f"query_{domain}"], normal[domain])
            for other in tokens:
                if other != domain:
                    key = dense(params[f"key_{other}"], normal[other])
                    value = dense(params[f"value_{other}"], normal[other])
                    heard = heard + attend(query, key, value, count)
            total = total + own[row] + dense(params[f"out_{domain}"], heard)
        hidden = gelu(dense(params["mlp"]["hidden"], norm(params["norm_mlp"], total)))
        outputs.append(total + dense(params["mlp"]["out"], hidden))
    return np.stack(outputs)


@pytest.mark.parametrize("domains", [("V", "D"), ("V", "D", "Th")])
def test_fusion_attention_is_that_of_numpy(domains):
    rng = np.random.default_rng(0)
    tokens = {d: rng.normal(size=(2, 5, 16)).astype(np.float32) for d in domains}
    layer = mft.FusionLayer()
    shapes = jax.eval_shape(lambda: layer.init(jax.random.key(0), tokens))
    # Large enough that the attention prefers some tokens.
    params = jax.tree.map(lambda leaf: rng.normal(0, 0.5, leaf.shape).astype(np.float32), shapes)
    fused = jax.jit(layer.apply)(params, tokens)
    expected = reference_fusion(params["params"], tokens, count=8)
    np.testing.assert_allclose(fused, expected, atol=1e-4)


def test_class_scores_have_weights_of_their_own():
    features = np.random.default_rng(0).normal(size=(3, 5, 4)).astype(np.float32)
    module = heads.ClassScores()
    variables = module.init(jax.random.key(0), features)
    bias = np.arange(5, dtype=np.float32)
    kernel = np.asarray(variables["params"]["kernel"])
    assert kernel.shape == (5, 4) and np.linalg.matrix_rank(kernel) == 4
    scores = module.apply({"params": {"kernel": kernel, "bias": bias}}, features)
    np.testing.assert_allclose(scores, (features * kernel).sum(-1) + bias, atol=1e-5)


@pytest.mark.parametrize(("features", "count"), [(256, 8), (64, 8), (20, 4), (9, 1)])
def test_heads_divide_the_features(features, count):
    assert mft.heads_of(features) == count


@pytest.fixture(scope="module")
def system():
    return small_system.build("mft", "VTh")


def test_an_au_is_read_from_all_modalities(system):
    module, batch = system.module, small_system.faces()
    assert module.train_inputs == module.test_inputs == ("reaction", "thermal")
    (gradient,) = system.gradients(batch).values()
    assert small_system.reached(gradient) == set(system.variables["params"])
    parts = small_system.reached(gradient["fusion"])
    assert {f"{role}_{d}" for role in ("query", "key", "value", "out") for d in ("V", "Th")} < parts
    assert {"layer0", "layer1", "tokens"} == small_system.reached(gradient["tokens_Th"])


def test_aus_attend_to_each_other(system):
    """One AU's token changes another's logit: through the layers, not through its own weights."""
    params = system.variables["params"]
    kernel = params["tokens_V"]["tokens"]["kernel"]  # [channels, classes x features]
    blocks = kernel.reshape(len(kernel), small_system.CLASSES, -1).at[:, 3].multiply(-3.0)
    tokens = params["tokens_V"] | {
        "tokens": params["tokens_V"]["tokens"] | {"kernel": blocks.reshape(kernel.shape)}
    }
    before, after = (
        system.apply({"params": p}, small_system.faces())["logits"]["fused"]
        for p in (params, params | {"tokens_V": tokens})
    )
    assert jnp.all(jnp.abs(after - before) > 1e-7)


def test_loss_falls(system):
    history = system.fit(small_system.faces(), steps=30)
    assert history[-1]["loss"] < 0.5 * history[0]["loss"]
