"""Lengths and directions: values, and gradients where there is no direction."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import small_system
from jax.test_util import check_grads

from drr_jax.models.vectors import length, mean_of_known, unit


def test_directions_have_length_one_and_lengths_are_right():
    vectors = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32) * 10.0
    expected = np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(length(jnp.asarray(vectors)), expected, rtol=1e-6)
    np.testing.assert_allclose(unit(jnp.asarray(vectors)), vectors / expected, rtol=1e-6)
    check_grads(unit, (jnp.asarray(vectors / 10),), order=1, modes=["rev"], rtol=1e-2)


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e-12, 1e-7])
def test_what_has_no_direction_has_no_gradient(scale):
    short = jnp.full((1, 4), scale, jnp.float32)
    for function in (length, unit):
        gradient = jax.grad(lambda v, function=function: function(v).sum())(short)
        np.testing.assert_array_equal(gradient, 0)
        np.testing.assert_array_equal(function(short), 0)


def test_a_class_that_nothing_reaches_leaves_the_gradient_of_drr_finite():
    """With few features a hidden layer can be dead for a class: its projection is then zero."""
    batch = small_system.tuples()
    system = small_system.build("drr", "RST")
    history = system.fit(batch, steps=3)
    assert all(np.isfinite(list(terms.values())).all() for terms in history)
    dead = jax.tree.map(lambda leaf: leaf, system.variables["params"])
    dead["projection"]["hidden"]["kernel"] *= 0
    weights, key = system.only(batch, "loss/contrast"), jax.random.key(0)
    _, gradient = system.gradient(dead, batch, key, weights)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(jax.device_get(gradient)))


def test_a_mean_is_of_what_is_known_and_nothing_where_nothing_is():
    features = jnp.arange(12.0).reshape(2, 3, 2)
    known = jnp.array([[True, False, True], [False, False, False]])
    np.testing.assert_allclose(mean_of_known(features, known), [[2, 3], [0, 0]])
    np.testing.assert_allclose(mean_of_known(features), [[2, 3], [8, 9]])
    slope = jax.grad(lambda f: mean_of_known(f, known).sum())(features)
    np.testing.assert_allclose(slope[0], [[0.5, 0.5], [0, 0], [0.5, 0.5]])
    assert not slope[1].any()
