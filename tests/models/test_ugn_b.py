"""UGN-B: the mask's samples, convolution and weights against NumPy, and what it may depend on."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import small_system

from drr_jax.errors import InputError
from drr_jax.models.systems import ugn_b

RNG = np.random.default_rng(0)


@functools.cache
def built():
    return small_system.build("ugn_b", "R", **{"encoder.width": 4})


def test_relaxed_masks_equal_numpy_and_harden():
    edges = RNG.normal(0, 2, (2, 3, 3))
    uniform = RNG.uniform(0.02, 0.98, (5, 2, 3, 3))
    noise = np.log(uniform) - np.log1p(-uniform)
    soft = ugn_b.relaxed_mask(jnp.asarray(edges), jnp.asarray(uniform), 0.5)
    np.testing.assert_allclose(soft, 1 / (1 + np.exp(-(edges + noise) / 0.5)), atol=1e-5)
    hard = ugn_b.hard_mask(jnp.asarray(edges), jnp.asarray(uniform))
    cold = ugn_b.relaxed_mask(jnp.asarray(edges), jnp.asarray(uniform), 1e-5)
    np.testing.assert_allclose(cold, hard, atol=1e-3)


def test_masks_are_bernoulli():
    edges = jnp.asarray([[[-3.0, 0.0], [1.0, 40.0]]])
    uniform = jax.random.uniform(jax.random.key(0), (20_000, 1, 2, 2), minval=1e-30)
    mean = ugn_b.hard_mask(edges, uniform).mean(0)
    np.testing.assert_allclose(mean, jax.nn.sigmoid(edges), atol=0.01)
    assert np.isfinite(ugn_b.relaxed_mask(edges, uniform, 0.5)).all()


def test_graph_equals_numpy():
    prior = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]])
    nodes = RNG.standard_normal((2, 3, 4)).astype(np.float32)
    mask = RNG.uniform(size=(5, 2, 3, 3)).astype(np.float32)
    graph = ugn_b.UncertainGraph(prior.tolist(), layers=2, width=6)

    def both(module, nodes, mask):
        return module(nodes, mask), module.edges(nodes)

    variables = jax.jit(lambda: graph.init(jax.random.key(0), nodes, mask, method=both))()
    logits, edges = jax.jit(functools.partial(graph.apply, method=both))(variables, nodes, mask)
    p = jax.tree.map(np.asarray, variables["params"])

    def dense(name, x):
        return x @ p[name]["kernel"] + p[name]["bias"]

    adjacency = np.log1p(np.exp(p["theta"]))
    np.testing.assert_allclose(adjacency, np.where(prior, 1.0, 0.1), atol=1e-6)
    for b in range(2):
        odds = dense("target", nodes[b]) @ dense("source", nodes[b]).T / np.sqrt(6)
        np.testing.assert_allclose(edges[b], odds, atol=1e-5)
        for s in range(5):
            a = adjacency * mask[s, b]
            np.fill_diagonal(a, 1)
            a /= a.sum(1, keepdims=True)
            states = nodes[b]
            for layer in range(2):
                states = np.maximum(dense(f"weights_{layer}", a @ states), 0)
            read = np.concatenate([nodes[b], states], 1)
            expected = (read * p["scores"]["kernel"]).sum(1) + p["scores"]["bias"]
            np.testing.assert_allclose(logits[s, b], expected, atol=1e-5)


def test_uncertain_predictions_weigh_more():
    sample_logits = RNG.normal(0, 2, (10, 3, 4))
    labels = RNG.integers(0, 2, (3, 4))
    labels[0, 1] = -1
    uncertainty = ugn_b.epistemic_uncertainty(jnp.asarray(sample_logits))
    variance = (1 / (1 + np.exp(-sample_logits))).var(0)
    np.testing.assert_allclose(uncertainty, variance, atol=1e-6)
    weights = ugn_b.adaptive_weights(uncertainty, jnp.asarray(labels))
    known = labels >= 0
    np.testing.assert_allclose(weights, 0.5 + 0.5 * variance / variance[known].mean(), atol=1e-5)
    assert np.asarray(weights)[known].mean() == pytest.approx(1, abs=1e-5)
    assert np.argmax(weights) == np.argmax(variance)
    # With nothing to tell samples apart, or nothing known, all weigh the same.
    np.testing.assert_array_equal(ugn_b.adaptive_weights(jnp.zeros((3, 4)), labels), 1)
    np.testing.assert_array_equal(ugn_b.adaptive_weights(uncertainty, jnp.full((3, 4), -1)), 1)


def test_the_loss_is_the_weighted_mean_over_samples():
    module, targets = built().module, small_system.targets()
    class_weights = jnp.asarray(RNG.uniform(0.5, 2, 12), jnp.float32)
    targets = targets.replace(class_weights=class_weights)
    sample_logits = jnp.asarray(RNG.normal(0, 1, (10, 4, 12)), jnp.float32)

    def loss(sample_logits, weights=None):
        uncertainty = ugn_b.epistemic_uncertainty(sample_logits)
        outputs = {"sample_logits": sample_logits, "uncertainty": uncertainty}
        return module.loss(outputs, {}, targets)[0]

    uncertainty = ugn_b.epistemic_uncertainty(sample_logits)
    weights = np.asarray(ugn_b.adaptive_weights(uncertainty, targets.labels) * class_weights)

    def fixed(sample_logits):
        labels = np.asarray(targets.labels)
        y, known = labels == 1, labels >= 0
        bce = jnp.logaddexp(0, sample_logits) - y * sample_logits
        return ((bce * known * weights).sum(2) / known.sum(1)).mean()

    assert float(loss(sample_logits)) == pytest.approx(float(fixed(sample_logits)), rel=1e-5)
    # The weights steer the gradient, and have none of their own.
    np.testing.assert_allclose(
        jax.grad(loss)(sample_logits), jax.grad(fixed)(sample_logits), atol=1e-6
    )


def test_prediction_takes_the_mean_mask_and_each_face_its_own_graph():
    system = built()
    assert system.module.train_inputs == system.module.test_inputs == ("reaction",)
    face = {"reaction": small_system.faces()["reaction"]}
    outputs = system.apply(system.variables, face)
    edges, uncertainty = np.asarray(outputs["edges"]), np.asarray(outputs["uncertainty"])
    assert edges.shape == (4, 12, 12) and np.ptp(edges, axis=0).max() > 1e-3
    assert (uncertainty >= 0).all() and uncertainty.max() > 1e-6 and uncertainty.max() <= 0.25
    probability = system.apply(system.variables, face, method="predict")
    np.testing.assert_allclose(probability, jax.nn.sigmoid(outputs["logits"]["R"]), atol=1e-6)
    # Neither the prediction nor its uncertainty depends on what else is in the batch.
    turned = system.apply(system.variables, {"reaction": face["reaction"][::-1]})
    np.testing.assert_allclose(turned["logits"]["R"][::-1], outputs["logits"]["R"], atol=1e-6)
    np.testing.assert_allclose(turned["uncertainty"][::-1], uncertainty, atol=1e-6)


def test_training_draws_masks_reaches_all_and_learns():
    system = built()
    face = {"reaction": small_system.faces()["reaction"]}
    gradients = system.gradients(face)
    assert list(gradients) == ["loss/R"]
    reached = small_system.reached(gradients["loss/R"])
    assert reached == set(system.variables["params"])
    assert small_system.reached(gradients["loss/R"]["graph"]) == set(
        system.variables["params"]["graph"]
    )
    history = system.fit(face)
    assert history[-1]["loss"] < 0.8 * history[0]["loss"]
    terms = jax.jit(system.terms)
    first, again, other = (
        float(terms(system.variables["params"], face, jax.random.key(seed))[0])
        for seed in (0, 0, 1)
    )
    assert first == again != other


def test_what_it_cannot_do_is_refused():
    for key, value, message in (
        ("task", "expression", "config key task=expression: model.name=ugn_b needs task=au"),
        ("domains", "RST", "config key domains=RST: model.name=ugn_b works on R, V"),
    ):
        changes = {"domains": "V"} | {key: value}
        with pytest.raises(InputError) as error:
            small_system.config("ugn_b", changes.pop("domains"), **changes)
        assert str(error.value) == message
