"""DRR with a window of the stimulus: what it attends to, what learns, what stays as it was."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import small_system

from drr_jax.models.drr.delay import attended

LAGS, CLIP = 3, 2
SPAN, BATCH = LAGS + CLIP - 1, small_system.BATCH
WINDOW = {"model.delay": "window", "model.delay_by": "person", "data.window": LAGS}
WINDOW |= {"graph.enabled": False, "contrast.enabled": False}  # they compile long


def clips(seed=0):
    """Two clips of two tuples; a tuple's own frame is the last that it sees."""
    shape = (BATCH // CLIP, SPAN, small_system.SIZE, small_system.SIZE, 3)
    stimuli = np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)
    own = np.tile(LAGS - 1 + np.arange(CLIP), BATCH // CLIP)
    at = (own[:, None] - np.arange(LAGS)).astype(np.int32)
    return small_system.tuples() | {"stimulus": jnp.asarray(stimuli), "stimulus_at": at}


def shuffled(batch):
    """The same tuples, each with a window of its own."""
    which = np.arange(BATCH) // CLIP
    own = np.asarray(batch["stimulus"])[which[:, None], batch["stimulus_at"]]
    at = np.tile(np.arange(LAGS, dtype=np.int32), (BATCH, 1))
    return batch | {"stimulus": jnp.asarray(own), "stimulus_at": at}


def moved(system, by=1.0):
    """Its variables with a lag that has been learnt."""
    params = dict(system.variables["params"])
    params["delay"] = jax.tree.map(
        lambda leaf: by * jnp.linspace(-1, 2, leaf.size).reshape(leaf.shape), params["delay"]
    )
    return {**system.variables, "params": params}


@pytest.fixture(scope="module")
def system():
    return small_system.build("drr", "RS", **WINDOW)


def test_attended_is_the_weighted_mean_over_the_frames_seen():
    rng = np.random.default_rng(1)
    features = rng.normal(size=(2, SPAN, 5, 3)).astype(np.float32)
    at = rng.integers(0, SPAN, (BATCH, LAGS))
    weights = rng.dirichlet(np.ones(LAGS), BATCH).astype(np.float32)
    expected = [
        sum(weights[i, lag] * features[i // CLIP, at[i, lag]] for lag in range(LAGS))
        for i in range(BATCH)
    ]
    found = attended(features, at, weights)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_clips_and_shuffled_windows_say_the_same(system):
    """A ViT has no statistics of a batch: every tuple's outputs follow from what it saw."""
    variables, batch = moved(system), clips()
    ours, theirs = (system.apply(variables, one) for one in (batch, shuffled(batch)))
    for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    weights = np.asarray(ours["lag_weights"])
    np.testing.assert_allclose(weights.sum(1), 1, rtol=1e-6)
    assert (np.diff(weights, axis=1) > 0).all()
    assert np.ptp(weights, axis=0).max() > 1e-3  # faces have lags of their own
    at_rest = system.apply(system.variables, batch)
    np.testing.assert_allclose(at_rest["lag_weights"], 1 / LAGS, rtol=1e-6)
    assert not np.allclose(at_rest["logits"]["S"], ours["logits"]["S"], atol=1e-4)


def test_one_image_is_a_window_in_which_nothing_changes(system):
    variables, batch = moved(system), clips()
    one = batch | {"stimulus": batch["stimulus"][:, 0].repeat(CLIP, axis=0)}
    many = batch | {"stimulus": jnp.repeat(batch["stimulus"][:, :1], SPAN, axis=1)}
    expected, found = (system.apply(variables, each) for each in (one, many))
    np.testing.assert_allclose(found["logits"]["S"], expected["logits"]["S"], rtol=1e-3, atol=1e-5)


def test_the_face_is_predicted_without_lag_and_stimulus(system):
    params = system.variables["params"]
    face = {name: params[name] for name in ("encoder_R", "head_R")}
    said = system.apply({"params": face}, {"reaction": clips()["reaction"]}, method="predict")
    outputs = system.apply(moved(system), clips())
    np.testing.assert_allclose(said, system.module.probabilities(outputs), rtol=1e-5)


def test_the_lag_learns_and_does_not_train_the_faces_encoder(system):
    params, batch = moved(system)["params"], clips()
    weights = system.only(batch, "loss/S")
    assert set(weights) == {"loss", "loss/R", "loss/S", "lag"}
    key = jax.random.key(0)
    gradient = system.gradient(params, batch, key, weights)[1]
    assert small_system.reached(gradient) == {"delay", "encoder_S", "head_S"}
    leaves = jax.tree.leaves(gradient["delay"])
    assert len(leaves) == 2 and all(float(jnp.abs(leaf).max()) > 0 for leaf in leaves)
    (_, terms), gradient = system.gradient(params, batch, key, system.only(batch, "lag"))
    assert 1 < float(terms["lag"]) < 2 and not small_system.reached(gradient)
