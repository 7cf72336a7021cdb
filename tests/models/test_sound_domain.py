"""The sound as a domain: its encoder, and that a tuple without it is one without that domain."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import small_system
from flax import traverse_util

from drr_jax.models import catalog
from drr_jax.models.encoders import sound

UNHEARD = 1  # of the small system's tuples


def drawn(module, batch):
    """Normal parameters, for which nothing is compiled."""
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(module.init, jax.random.key(0), batch)
    return jax.tree.map(lambda leaf: rng.normal(size=leaf.shape).astype(np.float32) / 4, shapes)


def moved(variables):
    """Variables with other parameters of the sound, and no others changed."""
    flat = traverse_util.flatten_dict(variables["params"], sep="/")
    rng = np.random.default_rng(1)
    for name, value in flat.items():
        if name.split("/")[0].endswith("_A"):
            flat[name] = value + rng.normal(size=value.shape).astype(np.float32)
    return {"params": traverse_util.unflatten_dict(flat, sep="/")}


def test_the_encoder_keeps_time_and_pitch_apart():
    levels = jnp.asarray(np.random.default_rng(0).integers(1, 256, (2, 96, 64)), jnp.uint8)
    encoder = sound.SpectrogramEncoder(width=3)
    variables = drawn(encoder, levels)
    assert set(variables) == {"params"}  # nothing of other tuples is in it
    features = functools.partial(jax.jit(encoder.apply), variables)
    found = features(levels)
    assert found.shape == (2, 6, 4, 24)
    late, high = levels.at[:, 80:].set(77), levels.at[:, :, 56:].set(77)
    changed = np.any(np.asarray(features(late) != found), axis=(0, 3))
    assert changed[-1].all() and not changed[:3].any()
    changed = np.any(np.asarray(features(high) != found), axis=(0, 3))
    assert changed[:, -1].all() and not changed[:, 0].any()


def test_a_position_is_heard_if_one_of_its_steps_is():
    levels = np.zeros((1, 96, 64), np.uint8)
    levels[0, 16, 3], levels[0, 79, 60] = 1, 9
    rows = np.asarray(sound.positions_heard(jnp.asarray(levels), 6, 4)).reshape(6, 4)
    assert rows.all(1).tolist() == rows.any(1).tolist() == [False, True, False, False, True, False]
    assert np.flatnonzero(sound.heard(jnp.asarray(levels))[0]).tolist() == [16, 79]


def test_a_tuple_without_a_sound_is_to_drr_one_of_the_other_domains():
    """Neither what it says nor any loss term is a function of the sound's parameters."""
    plain = {"graph.layers": 1, "graph.assumption": "heterophily"}
    config = small_system.config("drr", "RA", predict="fuse", **plain)
    module, batch = catalog.build(config, 12, small_system.PRIOR), small_system.tuples()
    variables, told = drawn(module, batch), small_system.targets()

    @jax.jit
    def everything(variables, audio):
        given = batch | {"audio": audio}
        outputs = module.apply(variables, given)
        return outputs | {"fused": module.probabilities(outputs)}, module.loss(outputs, given, told)

    outputs, (_, terms) = everything(variables, batch["audio"])
    assert outputs["kept"].tolist() == [2, 1, 2, 2]
    assert outputs["heard"].tolist() == [True, False, True, True]
    attention = np.asarray(outputs["attention"]["A"])
    assert attention.shape == (4, 6, 4, 12) and np.isfinite(attention).all()
    assert not attention[0, :3].any()  # the sound begins with step 50
    np.testing.assert_allclose(attention.sum((1, 2)), 1, atol=1e-5)

    others, (_, moved_terms) = everything(moved(variables), batch["audio"])
    for name in ("graph_logits", "fused"):
        same = np.isclose(outputs[name], others[name], atol=1e-6).all(1)
        assert same.tolist() == [row == UNHEARD for row in range(4)]
    assert {name for name in terms if terms[name] != moved_terms[name]} == terms.keys() - {"loss/R"}
    said, labels = np.asarray(outputs["logits"]["A"], np.float64), np.asarray(told.labels)
    cross = np.log1p(np.exp(-said)) + (1 - labels) * said
    known = (labels >= 0) & (np.arange(4) != UNHEARD)[:, None]
    expected = ((known * cross).sum(1) / np.maximum(known.sum(1), 1)).mean()
    assert float(terms["loss/A"]) == pytest.approx(expected, rel=1e-4)

    silent = jnp.zeros_like(batch["audio"])
    outputs, (total, terms) = everything(variables, silent)
    assert outputs["kept"].tolist() == [1] * 4 and terms["loss/A"] == terms["loss/contrast"] == 0
    _, (moved_total, moved_terms) = everything(moved(variables), silent)
    assert (total, terms) == (moved_total, moved_terms) and np.isfinite(total)


def test_the_face_is_enough_to_predict():
    module = catalog.build(small_system.config("drr", "RSTA"), 12, small_system.PRIOR)
    assert module.test_inputs == ("reaction",)
    assert module.train_inputs == ("reaction", "stimulus", "caption", "audio")


@pytest.mark.parametrize("level", ["features", "probabilities"])
def test_late_fusion_leaves_out_a_sound_that_is_not_there(level):
    config = small_system.config("late_fusion", "RA", **{"fusion.level": level})
    module, batch = catalog.build(config, 12, small_system.PRIOR), small_system.tuples()
    variables = drawn(module, batch)
    ask = jax.jit(functools.partial(module.apply, method="predict"))
    same = np.isclose(ask(variables, batch), ask(moved(variables), batch), atol=1e-6).all(1)
    assert same.tolist() == [row == UNHEARD for row in range(4)]
