"""AMF: what cut-switch moves, what the draw takes, and what is left to a modality of low score."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import small_system

from drr_jax.errors import InputError
from drr_jax.models.systems import amf


@pytest.mark.parametrize("modalities", [2, 3])
def test_cut_switch_exchanges_one_block_of_a_face(modalities):
    batch, size = 400, 20
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (batch, modalities, size, size, 3)).astype(np.uint8)
    images[:, :, :, :, 0] = np.arange(modalities)[:, None, None]  # says where a pixel is from
    switched = np.asarray(jax.jit(amf.cut_switch)(images, jax.random.key(3)))
    assert switched.dtype == np.uint8
    order = switched[..., 0].argsort(1)  # every pixel is still there once
    back = np.take_along_axis(switched, order[..., None], 1)
    np.testing.assert_array_equal(back, images)
    moved = switched[..., 0] != images[..., 0]
    np.testing.assert_array_equal(moved.any(1), moved.all(1))
    sides, firsts = [], []
    for face in moved[:, 0]:
        rows, columns = np.flatnonzero(face.any(1)), np.flatnonzero(face.any(0))
        if len(rows):
            assert face[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
            assert face.sum() == len(rows) * len(columns)
            sides += [len(rows), len(columns)]
            firsts += [rows[0] / (size - len(rows)), columns[0] / (size - len(columns))]
    assert len(sides) / 2 / batch == pytest.approx(0.5, abs=0.08)
    assert min(sides) == 3 and max(sides) == 10  # U(2, 10), rounded up
    assert min(firsts) == 0 and max(firsts) == 1 and np.mean(firsts) == pytest.approx(0.5, abs=0.06)
    sources = switched[moved.any(1)[:, None].repeat(modalities, 1)][:, 0]
    assert len(set(sources)) == modalities


def test_features_are_drawn_by_the_softmax_of_their_scores():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(1, 3, 3, 2)).astype(np.float32)
    scores = np.log(np.array([[[1, 1, 2], [1, 8, 1], [0.01, 1, 0.01]]], np.float32))
    odds = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    draw = jax.jit(jax.vmap(lambda key: amf.select(features, scores, key)))
    taken, weights = map(np.asarray, draw(jax.random.split(jax.random.key(0), 4000)))
    np.testing.assert_allclose(np.sort(weights)[..., :2], 0, atol=1e-6)
    np.testing.assert_allclose(weights.max(-1), 1, atol=1e-6)
    chosen = np.take_along_axis(features[None], weights.argmax(-1)[..., None, None], 3)[..., 0, :]
    np.testing.assert_allclose(taken, chosen, atol=1e-5)
    np.testing.assert_allclose(weights.mean(0), odds, atol=0.03)
    mean, expected = amf.select(features, scores, None)
    np.testing.assert_allclose(expected, odds, atol=1e-6)
    np.testing.assert_allclose(mean, np.einsum("bpm,bpmc->bpc", odds, features), atol=1e-6)


def test_scores_are_taught_through_the_draw():
    """The gradient is the softmax's at the drawn noise, though one modality alone is taken."""
    rng = np.random.default_rng(1)
    features = rng.normal(size=(2, 3, 2, 4)).astype(np.float32)
    scores, weights = rng.normal(size=(2, 3, 2)).astype(np.float32), rng.normal(size=(2, 3, 4))
    key = jax.random.key(5)
    gradient = jax.grad(lambda s: (amf.select(features, s, key)[0] * weights).sum())(scores)
    noisy = np.asarray(scores + jax.random.gumbel(key, scores.shape), float)
    soft = np.exp(noisy) / np.exp(noisy).sum(-1, keepdims=True)
    value = np.einsum("bpc,bpmc->bpm", weights, features)
    expected = soft * (value - (soft * value).sum(-1, keepdims=True))
    np.testing.assert_allclose(gradient, expected, atol=1e-5)


@pytest.fixture(scope="module")
def system():
    return small_system.build("amf", "VD")


def test_training_reaches_all_modalities_and_their_scores(system):
    module = system.module
    assert module.train_inputs == module.test_inputs == ("reaction", "depth")
    (gradient,) = system.gradients(small_system.faces()).values()
    assert small_system.reached(gradient) == set(system.variables["params"])
    for domain in "VD":
        assert small_system.reached(gradient[f"rate_{domain}"]) == {
            "reduce",
            "norm",
            "hidden",
            "score",
        }


def test_a_modality_of_low_score_counts_in_training_alone(system):
    """There its blocks come through cut-switch; a prediction then has nothing of it."""
    params = system.variables["params"]
    low = params["rate_D"] | {
        "score": params["rate_D"]["score"] | {"bias": jnp.full((1,), -1e4, jnp.float32)}
    }
    fixed = {"params": params | {"rate_D": low}}
    batch = small_system.faces()
    other = batch | {"depth": small_system.faces(1)["depth"]}

    def logits(batch, **options):
        return np.asarray(system.apply(fixed, batch, **options)["logits"]["fused"])

    np.testing.assert_array_equal(logits(batch), logits(other))
    options = {"train": True, "rngs": {"dropout": jax.random.key(0)}}
    changed = (logits(batch, **options) != logits(other, **options)).all(1)
    assert changed.any() and not changed.all()  # half of the faces
    selection = system.apply(fixed, batch, **options)["selection"]
    assert selection["V"].shape == (4, 2, 2)
    np.testing.assert_array_equal(selection["V"], 1)
    np.testing.assert_array_equal(selection["D"], 0)


def test_loss_falls_and_prediction_is_repeatable(system):
    batch = small_system.faces()
    history = system.fit(batch, steps=30)
    assert history[-1]["loss"] < 0.7 * history[0]["loss"]
    once = system.apply(system.variables, batch, method="predict")
    np.testing.assert_array_equal(once, system.apply(system.variables, batch, method="predict"))


@pytest.mark.parametrize("domains", ["V", "RST"])
def test_fusion_needs_modalities_of_one_face(domains):
    for name in ("amf", "mft"):
        with pytest.raises(InputError, match=rf"domains={domains}: model.name={name} works on VD"):
            small_system.config(name, domains)
