"""The extended adjacency (T3), its convolutions against NumPy (T4, T9), read-outs, gradients."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from drr_jax import facs
from drr_jax.errors import InputError
from drr_jax.models.graph import GraphModule, extended_adjacency, lift
from drr_jax.models.graph_conv import CONVOLUTIONS, normalise

PRIOR = facs.au_prior(facs.REACTIONET_AUS_12).astype(float)
SMALL = np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]], float)


def normalised(adjacency):
    degree = adjacency.sum(1)
    scale = np.divide(1, np.sqrt(degree), out=np.zeros_like(degree), where=degree > 0)
    return scale[:, None] * adjacency * scale


def test_forms_have_the_expected_spectra():
    homophily = extended_adjacency(PRIOR, 3, "homophily")
    full = extended_adjacency(PRIOR, 3, "heterophily", "full")
    strict = extended_adjacency(PRIOR, 3, "heterophily", "strict")
    assert np.count_nonzero(homophily) == 108 and np.linalg.matrix_rank(homophily) == 12
    assert set(homophily.sum(1)) == {3}
    assert np.count_nonzero(full) == 738 and np.linalg.matrix_rank(full) == 9
    assert (full.sum(1).min(), full.sum(1).max()) == (9, 30)
    assert np.count_nonzero(strict) == 666 and np.linalg.matrix_rank(strict) == 36
    assert (strict.sum(1).min(), strict.sum(1).max()) == (7, 28)
    assert np.linalg.eigvalsh(normalised(full))[0] == pytest.approx(-0.202, abs=5e-4)
    spectrum = np.linalg.eigvalsh(normalised(strict))
    assert spectrum[-2] == pytest.approx(0.645, abs=5e-4)
    assert spectrum[0] == pytest.approx(-0.370, abs=5e-4)


def test_cross_only_and_similarity_link_what_they_say():
    cross = extended_adjacency(SMALL, 2, "heterophily", "cross_only")
    assert np.array_equal(cross[:3, :3], np.eye(3)) and np.array_equal(cross[:3, 3:], SMALL)
    related = extended_adjacency(SMALL, 2, "homophily", semantics="similarity")
    assert np.array_equal(related, np.kron(np.ones((2, 2)), SMALL))
    unrelated = extended_adjacency(SMALL, 1, "heterophily", semantics="similarity")
    assert np.array_equal(unrelated, np.array([[1, 0, 1], [0, 1, 0], [1, 0, 1]]))
    with pytest.raises(InputError, match="symmetric"):
        lift(np.array([[1.0, 1], [0, 1]]), 2, "full")


def test_full_lift_makes_domain_copies_equal_and_strict_does_not():
    nodes = jax.random.normal(jax.random.key(0), (2, 36, 8))
    for form, equal in (("full", True), ("strict", False)):
        adjacency = jnp.asarray(extended_adjacency(PRIOR, 3, "heterophily", form), jnp.float32)
        layer = CONVOLUTIONS["gcn"](5, layers=1)
        out, _ = layer.init_with_output(jax.random.key(1), nodes, adjacency, False)
        copies = np.asarray(out).reshape(2, 3, 12, 5)
        assert np.allclose(copies[:, 0], copies[:, 1], atol=1e-6) == equal


def test_one_domain_homophily_mixes_nothing_and_heterophily_is_the_prior():
    assert np.array_equal(extended_adjacency(PRIOR, 1, "homophily"), np.eye(12))
    for form in ("strict", "full"):
        assert np.array_equal(extended_adjacency(PRIOR, 1, "heterophily", form), PRIOR)
    nodes = jax.random.normal(jax.random.key(0), (1, 12, 4))
    layer = CONVOLUTIONS["gcn"](4, layers=2)
    variables = layer.init(jax.random.key(1), nodes, jnp.eye(12), False)

    def sensitivity(adjacency):
        def last_class(x):
            return layer.apply(variables, x, jnp.asarray(adjacency), False)[0, -1].sum()

        return np.abs(jax.grad(last_class)(nodes)[0]).sum(1) > 0

    assert sensitivity(extended_adjacency(PRIOR, 1, "homophily")).nonzero()[0].tolist() == [11]
    assert sensitivity(PRIOR).sum() > 1


def dense(x, w):
    return x @ w["kernel"] + w.get("bias", 0)


def relu(x):
    return np.maximum(x, 0)


def softmax(x):
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


def reference_gcn(p, x, a):
    s, outputs = normalised(a), []
    for layer in range(2):
        x = relu(s @ dense(x, p[f"w{layer}"]) + p[f"b{layer}"])
        outputs.append(x)
    return np.concatenate(outputs, -1)


def reference_h2gcn(p, x, a):
    n = len(a)
    one = [[a[i, j] if i != j else 0 for j in range(n)] for i in range(n)]
    two = np.zeros_like(a)
    for i in range(n):
        for j in range(n):
            shares = any(a[i, k] > 0 and a[k, j] > 0 for k in range(n))
            two[i, j] = shares and i != j and a[i, j] == 0
    s1, s2 = normalised(np.array(one)), normalised(two)
    state = relu(dense(x, p["w"]))
    states = [state]
    for _ in range(2):
        state = np.concatenate([s1 @ state, s2 @ state], -1)
        states.append(state)
    return np.concatenate(states, -1)


def reference_fagcn(p, x, a):
    n = len(a)
    edges = normalised(a * (1 - np.eye(n)))
    start = state = relu(dense(x, p["w"]))
    for layer in range(2):
        g = p[f"gate{layer}"]["kernel"]
        new = 0.3 * start
        for i in range(n):
            for j in range(n):
                gate = np.tanh(state[:, i] @ g[:, 0] + state[:, j] @ g[:, 1])
                new[:, i] = new[:, i] + (gate * edges[i, j])[:, None] * state[:, j]
        state = new
    return state


def reference_acm(p, x, a):
    low = normalised(a)
    for layer in range(2):
        channels = [
            relu(low @ dense(x, p[f"w_low{layer}"])),
            relu((np.eye(len(a)) - low) @ dense(x, p[f"w_high{layer}"])),
            relu(dense(x, p[f"w_identity{layer}"])),
        ]
        scores = [
            dense(channel, p[f"score_{name}{layer}"])
            for name, channel in zip(("low", "high", "identity"), channels, strict=True)
        ]
        gates = 1 / (1 + np.exp(-np.concatenate(scores, -1)))
        weights = softmax(dense(gates, p[f"mix{layer}"]) / 3)
        x = 3 * sum(weights[..., i : i + 1] * channels[i] for i in range(3))
    return x


def reference_gprgnn(p, x, a):
    for layer in range(2):
        x = relu(dense(x, p[f"w{layer}"]))
    s, total = normalised(a), 0
    for k, gamma in enumerate(p["gamma"]):
        total = total + gamma * np.linalg.matrix_power(s, k) @ x
    return total


REFERENCES = {
    "gcn": reference_gcn,
    "h2gcn": reference_h2gcn,
    "fagcn": reference_fagcn,
    "acm": reference_acm,
    "gprgnn": reference_gprgnn,
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions_equal_dense_numpy_references(name):
    rng = np.random.default_rng(0)
    adjacency = extended_adjacency(SMALL, 2, "heterophily", "strict") * 0.7 + np.eye(6) * 0.3
    nodes = rng.normal(size=(2, 6, 5)).astype(np.float32)
    layer = CONVOLUTIONS[name](4)
    variables = layer.init(jax.random.key(0), nodes, jnp.asarray(adjacency), False)
    noise = np.random.default_rng(1)
    params = jax.tree.map(lambda p: p + noise.normal(size=p.shape) * 0.1, variables["params"])
    out = layer.apply({"params": params}, nodes, jnp.asarray(adjacency, jnp.float32), False)
    expected = REFERENCES[name](jax.tree.map(np.asarray, params), nodes.astype(float), adjacency)
    np.testing.assert_allclose(out, expected, atol=2e-5)


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions_have_right_gradients_in_nodes_and_relation(name):
    with jax.enable_x64(True):
        nodes = jax.random.normal(jax.random.key(3), (1, 6, 3), jnp.float64)
        adjacency = jnp.asarray(extended_adjacency(SMALL, 2, "heterophily"), jnp.float64)
        layer = CONVOLUTIONS[name](3)
        variables = layer.init(jax.random.key(0), nodes, adjacency, False)
        variables = jax.tree.map(lambda p: p.astype(jnp.float64) + 0.01, variables)
        support = adjacency > 0

        def output(x, weights):
            return layer.apply(variables, x, jnp.where(support, weights, 0.0), False)

        check_grads(output, (nodes, adjacency * 0.9), order=1, modes=["rev"], atol=1e-4, rtol=1e-4)


def graph_module(**changes):
    settings = {"prior": tuple(map(tuple, SMALL)), "width": 4, "layers": 2, "dropout": 0.0}
    return GraphModule(**settings | changes)


@pytest.mark.parametrize("readout", ["per_class", "concat_fc"])
@pytest.mark.parametrize("assumption", ["both", "homophily", "heterophily", "none"])
def test_module_reads_out_one_logit_a_class(assumption, readout):
    embeddings = jax.random.normal(jax.random.key(0), (2, 3, 3, 5))
    module = graph_module(assumption=assumption, readout=readout)
    (logits, named), variables = module.init_with_output(jax.random.key(1), embeddings, False)
    assert logits.shape == (2, 3) and named["prototype"].shape == (2, 3, 4)
    branches = {"both": 2}.get(assumption, 1)
    assert sum(key.startswith("relation/") for key in named) == branches
    assert np.allclose(named["prototype"], named["states"].mean(1))
    if readout == "per_class":
        p = variables["params"]
        expected = (named["prototype"] * p["readout"]).sum(-1) + p["readout_bias"]
        np.testing.assert_allclose(logits, expected, atol=1e-6)


def test_high_pass_filter_is_the_complement_of_the_low_pass():
    nodes = jax.random.normal(jax.random.key(0), (1, 3, 4))
    low, high = CONVOLUTIONS["gcn"](4, layers=1), CONVOLUTIONS["gcn"](4, layers=1, high_pass=True)
    variables = low.init(jax.random.key(1), nodes, jnp.asarray(SMALL), False)
    kernel = variables["params"]["w0"]["kernel"]
    for module, matrix in ((low, normalised(SMALL)), (high, np.eye(3) - normalised(SMALL))):
        out = module.apply(variables, nodes, jnp.asarray(SMALL), False)
        np.testing.assert_allclose(out, relu(matrix @ np.asarray(nodes @ kernel)), atol=1e-5)
    embeddings = jax.random.normal(jax.random.key(0), (2, 2, 3, 5))
    outputs = {}
    for semantics in ("filter", "label"):
        module = graph_module(semantics=semantics)
        outputs[semantics] = module.init_with_output(jax.random.key(1), embeddings, False)[0][0]
    assert not np.allclose(outputs["filter"], outputs["label"])


def test_learned_relation_starts_at_the_prior_and_stays_on_its_support():
    embeddings = jax.random.normal(jax.random.key(0), (2, 2, 3, 5))
    fixed, learned = graph_module(), graph_module(learned=True)
    (_, named), variables = learned.init_with_output(jax.random.key(1), embeddings, False)
    expected = extended_adjacency(SMALL, 2, "heterophily")
    np.testing.assert_allclose(named["relation/heterophily"], expected, atol=1e-6)
    assert "relation_heterophily" not in fixed.init(jax.random.key(1), embeddings, False)["params"]

    def loss(params):
        return learned.apply({"params": params}, embeddings, False)[0].sum()

    gradient = jax.grad(loss)(variables["params"])["relation_heterophily"]["theta"]
    assert np.all(np.asarray(gradient)[expected == 0] == 0)
    assert np.any(np.asarray(gradient)[expected > 0] != 0)


def test_normalise_survives_a_node_without_edges():
    matrix = jnp.asarray([[0.0, 0.0], [0.0, 2.0]])
    np.testing.assert_allclose(normalise(matrix), [[0, 0], [0, 1]], atol=1e-6)
    assert np.all(np.isfinite(jax.grad(lambda a: normalise(a).sum())(matrix)))


def test_dropout_acts_in_training_only():
    embeddings = jax.random.normal(jax.random.key(0), (2, 2, 3, 5))
    module = dataclasses.replace(graph_module(), dropout=0.5)
    variables = module.init(jax.random.key(1), embeddings, False)

    def logits(seed):
        rngs = {"dropout": jax.random.key(seed)}
        return module.apply(variables, embeddings, True, rngs=rngs)[0]

    assert not np.allclose(logits(0), logits(1)) and np.allclose(logits(0), logits(0))
