"""The sound as a domain: its encoder, and that a tuple without it is one without that domain."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import small_system
from flax import traverse_util

from drr_jax.models import catalog, losses
from drr_jax.models.encoders import sound

UNHEARD = 1  # of the small system's tuples


@pytest.fixture(scope="module")
def drr():
    return small_system.build("drr", "RSTA", predict="fuse", **{"graph.dropout": 0})


def test_the_encoder_keeps_time_and_pitch_apart():
    levels = jnp.asarray(np.random.default_rng(0).integers(1, 256, (2, 96, 64)), jnp.uint8)
    encoder = sound.SpectrogramEncoder(width=3)
    variables = encoder.init(jax.random.key(0), levels)
    assert set(variables) == {"params"}  # nothing of other tuples is in it
    found = encoder.apply(variables, levels)
    assert found.shape == (2, 6, 4, 24)
    late = levels.at[:, 80:].set(77)
    changed = np.any(np.asarray(encoder.apply(variables, late) != found), axis=(0, 3))
    assert changed[-1].all() and not changed[:3].any()
    high = levels.at[:, :, 56:].set(77)
    changed = np.any(np.asarray(encoder.apply(variables, high) != found), axis=(0, 3))
    assert changed[:, -1].all() and not changed[:, 0].any()


def test_a_position_is_heard_if_one_of_its_steps_is():
    levels = np.zeros((1, 96, 64), np.uint8)
    levels[0, 16, 3], levels[0, 79, 60] = 1, 9
    rows = np.asarray(sound.positions_heard(jnp.asarray(levels), 6, 4)).reshape(6, 4)
    assert rows.all(1).tolist() == rows.any(1).tolist() == [False, True, False, False, True, False]
    assert np.flatnonzero(sound.heard(jnp.asarray(levels))[0]).tolist() == [16, 79]


def test_a_tuple_without_sound_is_related_as_those_of_a_set_without_any(drr):
    batch = small_system.tuples()
    outputs = drr.apply(drr.variables, batch)
    plain = catalog.build(small_system.config("drr", "RST"), 12, small_system.PRIOR)
    without = jax.jit(plain.apply)(drr.variables, batch)
    assert outputs["kept"].tolist() == [4, 3, 4, 4]
    assert outputs["heard"].tolist() == [True, False, True, True]
    assert outputs["graph"]["relation/heterophily"].shape == (48, 48)
    same = np.isclose(outputs["graph_logits"], without["graph_logits"], atol=1e-5).all(1)
    assert same.tolist() == [False, True, False, False]
    attention = np.asarray(outputs["attention"]["A"])
    assert attention.shape == (4, 6, 4, 12) and np.isfinite(attention).all()
    assert not attention[0, :3].any()  # the sound begins with step 50
    np.testing.assert_allclose(attention.sum((1, 2)), 1, atol=1e-5)


def test_terms_leave_out_what_is_not_heard(drr):
    outputs, told = drr.apply(drr.variables, small_system.tuples()), small_system.targets()
    _, terms = drr.module.loss(outputs, {}, told)
    masked = np.where(np.arange(4)[:, None] == UNHEARD, -1, told.labels)
    of_a, weights = outputs["logits"]["A"], told.class_weights
    assert float(terms["loss/A"]) == pytest.approx(float(losses.masked_bce(of_a, masked, weights)))
    assert not np.isclose(terms["loss/A"], losses.masked_bce(of_a, told.labels, weights))
    kept, config = jnp.asarray([4, 3, 4, 4]), drr.module.config.contrast
    given = outputs["projections"], told.labels, told.contrast_prior, config
    assert float(terms["loss/contrast"]) == pytest.approx(float(losses.contrastive(*given, kept)))
    assert not np.isclose(terms["loss/contrast"], losses.contrastive(*given))
    assert losses.domain_pairs("RA", "dyadic") == [("R", "A"), ("A", "R")]


def moved(variables):
    """Variables with other parameters of the sound, and no others changed."""
    flat = traverse_util.flatten_dict(variables["params"], sep="/")
    rng = np.random.default_rng(0)
    flat = {
        name: value + rng.normal(size=value.shape).astype(np.float32)
        if name.split("/")[0].endswith("_A")
        else value
        for name, value in flat.items()
    }
    return variables | {"params": traverse_util.unflatten_dict(flat, sep="/")}


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("drr", {"predict": "fuse"}),
        ("late_fusion", {}),
        ("late_fusion", {"fusion.level": "probabilities"}),
        ("cross_domain_gcn", {"graph.assumption": "heterophily", "graph.het_form": "full"}),
    ],
)
def test_a_sound_that_is_not_there_says_nothing(name, changes):
    system, batch = small_system.build(name, "RA", **changes), small_system.tuples()

    def ask(variables):
        return np.asarray(system.apply(variables, batch, method="predict"))

    found, other = ask(system.variables), ask(moved(system.variables))
    np.testing.assert_allclose(other[UNHEARD], found[UNHEARD], atol=1e-6)
    rest = np.arange(4) != UNHEARD
    if name != "late_fusion" or changes:  # whose dense layer's columns are not the sound's own
        assert not np.isclose(other[rest], found[rest]).any(1).all()
    silent = batch | {"audio": jnp.zeros_like(batch["audio"])}
    (_, _), gradient = system.gradient(
        system.variables["params"], silent, jax.random.key(0), system.only(silent)
    )
    reached = small_system.reached(gradient)
    assert "encoder_R" in reached and not {"encoder_A", "head_A"} & reached


def test_the_sound_is_learnt_from_and_not_needed(drr):
    batch = small_system.tuples()
    reached = small_system.reached(
        drr.gradient(drr.variables["params"], batch, jax.random.key(0), drr.only(batch))[1]
    )
    assert {"encoder_A", "head_A"} <= reached
    alone = catalog.build(small_system.config("drr", "RSTA"), 12, small_system.PRIOR)
    assert alone.test_inputs == ("reaction",)
    assert alone.train_inputs == ("reaction", "stimulus", "caption", "audio")
    face = {"reaction": batch["reaction"]}
    found = alone.apply(drr.variables, face, method="predict")
    expected = jax.nn.sigmoid(drr.apply(drr.variables, batch)["logits"]["R"])
    np.testing.assert_allclose(found, expected, atol=1e-5)
