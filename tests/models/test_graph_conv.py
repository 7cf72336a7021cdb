"""Every graph convolution against dense NumPy references, in value and in gradient."""

from functools import partial

import graph_reference as reference
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from drr_jax.facs import labels as facs
from drr_jax.models.drr.graph import extended_adjacency
from drr_jax.models.drr.graph_conv import CONVOLUTIONS, doubly_stochastic, normalise

SMALL = np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]], float)
# Weighted edges, as a learned or soft relation has them.
ADJACENCY = extended_adjacency(SMALL, 2, "heterophily", "strict") * 0.75 + np.eye(6) * 0.25


def convolution(name, width=4, **settings):
    own = {"classes": 3} if name == "cpgnn" else {}
    return CONVOLUTIONS[name](width, **own, **settings)


def drawn(layer, nodes, adjacency, seed=0):
    """Parameters of the layer's shapes, all of them random."""
    init = partial(layer.init, train=False)
    shapes = jax.eval_shape(init, jax.random.key(0), nodes, adjacency)["params"]
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: rng.normal(size=leaf.shape) * 0.6, shapes)


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions_equal_dense_numpy_references(name, layers):
    with jax.enable_x64(True):
        nodes = np.random.default_rng(1).normal(size=(2, 6, 5))
        layer = convolution(name, layers=layers)
        params = drawn(layer, nodes, ADJACENCY)
        out = layer.apply({"params": params}, jnp.asarray(nodes), jnp.asarray(ADJACENCY), False)
        expected = reference.CONVOLUTIONS[name](params, nodes, ADJACENCY, layers)
        np.testing.assert_allclose(out, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions_have_right_gradients_in_parameters_nodes_and_relation(name):
    with jax.enable_x64(True):
        nodes = jax.random.normal(jax.random.key(3), (1, 6, 3), jnp.float64)
        layer = convolution(name, 3)
        support = jnp.asarray(ADJACENCY > 0)

        def output(params, x, weights):
            return layer.apply({"params": params}, x, jnp.where(support, weights, 0.0), False)

        params = drawn(layer, nodes, ADJACENCY)
        point = (params, nodes, jnp.asarray(ADJACENCY * 0.9))
        check_grads(output, point, order=1, modes=["rev"], atol=1e-5, rtol=1e-5)


def test_high_pass_filter_is_the_complement_of_the_low_pass():
    nodes = np.random.default_rng(0).normal(size=(1, 6, 4)).astype(np.float32)
    layer = convolution("gcn", layers=1, high_pass=True)
    params = drawn(layer, nodes, ADJACENCY)
    out = layer.apply({"params": params}, nodes, jnp.asarray(ADJACENCY), False)
    expected = reference.gcn(params, nodes.astype(float), ADJACENCY, 1, high_pass=True)
    np.testing.assert_allclose(out, expected, atol=1e-5)
    assert not np.allclose(out, reference.gcn(params, nodes.astype(float), ADJACENCY, 1))


@pytest.mark.parametrize(
    "form", [("heterophily", "strict"), ("heterophily", "cross_only"), ("homophily", "strict")]
)
def test_compatibility_starts_as_the_scaled_relation_of_the_labels(form):
    adjacency = extended_adjacency(facs.au_prior(facs.DISFA_AUS).astype(float), 3, *form)
    layer = CONVOLUTIONS["cpgnn"](4, classes=8)
    nodes = jnp.zeros((1, 24, 2))
    init = jax.jit(partial(layer.init, train=False))  # as a run does
    params = init(jax.random.key(0), nodes, jnp.asarray(adjacency))["params"]
    expected = reference.compatibility(adjacency, 8)
    np.testing.assert_allclose(params["compatibility"], expected, atol=1e-5)
    assert np.abs(expected.sum(0)).max() < 1e-9  # zero-centred
    if form[0] == "homophily":
        np.testing.assert_allclose(expected, np.eye(8) - 1 / 8, atol=1e-9)


def test_scaling_makes_rows_and_columns_sum_to_one_and_keeps_zeros():
    rng = np.random.default_rng(0)
    matrix = rng.uniform(0.1, 1, (7, 7)) * (rng.random((7, 7)) < 0.4)
    matrix = matrix + matrix.T + np.eye(7)
    scaled = np.asarray(doubly_stochastic(jnp.asarray(matrix, jnp.float32)))
    np.testing.assert_allclose(scaled.sum(0), 1, atol=1e-5)
    np.testing.assert_allclose(scaled, scaled.T, atol=1e-6)
    assert np.array_equal(scaled > 0, matrix > 0)


def test_gamma_starts_as_personalised_page_rank():
    layer = convolution("gprgnn")
    nodes = jnp.zeros((1, 6, 2))
    gamma = layer.init(jax.random.key(0), nodes, jnp.asarray(ADJACENCY), False)["params"]["gamma"]
    expected = [0.1 * 0.9**k for k in range(10)] + [0.9**10]
    np.testing.assert_allclose(gamma, expected, rtol=1e-6)
    assert np.sum(gamma) == pytest.approx(1)


def test_normalise_survives_a_node_without_edges():
    matrix = jnp.asarray([[0.0, 0.0], [0.0, 2.0]])
    np.testing.assert_allclose(normalise(matrix), [[0, 0], [0, 1]], atol=1e-6)
    np.testing.assert_allclose(normalise(matrix, by_row=True), [[0, 0], [0, 1]], atol=1e-6)
    uneven = jnp.asarray([[1.0, 1, 1], [1, 1, 0], [1, 0, 1]])
    np.testing.assert_allclose(
        normalise(uneven, by_row=True), uneven / np.array([[3], [2], [2]]), rtol=1e-6
    )
    assert np.all(np.isfinite(jax.grad(lambda a: normalise(a).sum())(matrix)))
