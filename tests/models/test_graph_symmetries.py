"""What the graph module treats alike: classes and domains in another order, copies, one domain."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_graph import DEFAULT, FORMS, PRIOR, PRIORS, drawn, logits_of, module_of

from drr_jax.models.drr.graph import extended_adjacency
from drr_jax.models.drr.graph_conv import CONVOLUTIONS


def test_full_lift_makes_domain_copies_equal_and_strict_does_not():
    nodes = jax.random.normal(jax.random.key(0), (2, 36, 8))
    for form, equal in (("full", True), ("strict", False)):
        adjacency = jnp.asarray(extended_adjacency(PRIOR, 3, "heterophily", form), jnp.float32)
        layer = CONVOLUTIONS["gcn"](5, layers=1)
        out, _ = layer.init_with_output(jax.random.key(1), nodes, adjacency, False)
        copies = np.asarray(out).reshape(2, 3, 12, 5)
        same = [np.array_equal(copies[:, 0], copies[:, domain]) for domain in (1, 2)]
        assert same == [equal, equal]


@pytest.mark.parametrize("conv", CONVOLUTIONS)
def test_one_domain_homophily_mixes_nothing_and_heterophily_is_the_prior(conv):
    embeddings = np.random.default_rng(0).normal(size=(1, 1, 3, 5)).astype(np.float32)
    changed = embeddings.copy()
    changed[:, :, 2] += 1  # class 2 relates to class 1 alone
    moved = {}
    for assumption in ("none", "homophily", "heterophily"):
        module = module_of(DEFAULT | {"conv": conv, "assumption": assumption})
        params = drawn(module, embeddings)
        before, after = (logits_of(module, params, x)[0] for x in (embeddings, changed))
        moved[assumption] = np.abs(before - after) > 1e-6
    assert moved["none"].tolist() == moved["homophily"].tolist() == [False, False, True]
    assert moved["heterophily"][1:].all()
    for form in ("strict", "full"):
        assert np.array_equal(extended_adjacency(PRIOR, 1, "heterophily", form), PRIOR)
    assert np.array_equal(extended_adjacency(PRIOR, 1, "homophily"), np.eye(12))


def permuted(params, order, case):
    """The parameters of the same module after class order[i] was moved to place i."""
    domains = 2
    nodes = np.concatenate([domain * len(order) + order for domain in range(domains)])
    params = jax.tree.map(np.copy, params)
    params["readout"] = params["readout"][order]
    params["readout_bias"] = params["readout_bias"][order]
    for name, branch in params.items():
        if name.startswith("relation"):
            branch["theta"] = branch["theta"][np.ix_(nodes, nodes)]
        if name.startswith("cpgnn"):  # its features are the classes
            branch["compatibility"] = branch["compatibility"][np.ix_(order, order)]
            branch["w1"] = {key: value[..., order] for key, value in branch["w1"].items()}
    if case["conv"] == "cpgnn":
        kernel = params["mix"]["kernel"]
        own = len(kernel) - 2 * len(order)
        rows = [own + branch * len(order) + order for branch in range(2)]
        params["mix"]["kernel"] = kernel[np.concatenate([np.arange(own), *rows])]
    return params


@pytest.mark.parametrize(
    ("conv", "prior"),
    [*((conv, "learned") for conv in CONVOLUTIONS), ("gcn", "on"), ("gcn", "soft")],
)
def test_permuting_the_classes_permutes_the_logits(conv, prior):
    case = DEFAULT | {"conv": conv, "prior": prior}
    rng = np.random.default_rng(1)
    embeddings = rng.normal(size=(2, 2, 3, 5)).astype(np.float32)
    module = module_of(case)
    params = drawn(module, embeddings)
    logits = np.asarray(logits_of(module, params, embeddings))
    for order in (np.array([1, 2, 0]), np.array([0, 2, 1])):
        relation = PRIORS[prior][np.ix_(order, order)]
        renamed = dataclasses.replace(module, prior=tuple(map(tuple, relation.tolist())))
        out = logits_of(renamed, permuted(params, order, case), embeddings[:, :, order])
        np.testing.assert_allclose(out, logits[:, order], rtol=1e-4, atol=1e-5)
        # Without the prior's own permutation it is another graph.
        other = logits_of(module, permuted(params, order, case), embeddings[:, :, order])
        assert not np.allclose(other, logits[:, order], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("conv", "form"),
    [*((conv, "strict") for conv in CONVOLUTIONS), *(("gcn", f) for f in FORMS[1:])],
)
def test_permuting_the_domains_leaves_the_class_readout_alone(conv, form):
    embeddings = np.random.default_rng(1).normal(size=(2, 3, 3, 5)).astype(np.float32)
    for readout, alike in (("per_class", True), ("concat_fc", False)):
        module = module_of(DEFAULT | {"conv": conv, "form": form, "readout": readout})
        params = drawn(module, embeddings)
        logits = logits_of(module, params, embeddings)
        moved = logits_of(module, params, embeddings[:, [2, 0, 1]])
        assert np.allclose(moved, logits, rtol=1e-4, atol=1e-5) == alike


@pytest.mark.parametrize(
    ("conv", "readout"), [("gcn", "per_class"), ("cpgnn", "per_class"), ("gcn", "concat_fc")]
)
def test_a_tuple_is_related_as_the_domains_that_it_keeps(conv, readout):
    module = module_of(DEFAULT | {"conv": conv, "readout": readout})
    embeddings = jnp.asarray(np.random.default_rng(0).normal(size=(4, 3, 3, 4)), jnp.float32)
    params, kept = drawn(module, embeddings), np.array([3, 1, 2, 1])

    @jax.jit
    def all_at_once(embeddings):
        def logits(x):
            return module.apply({"params": params}, x, False, jnp.asarray(kept), (1, 2))[0]

        parts = {3: logits_of(module, params, embeddings)}
        if readout == "per_class":  # whose parameters are those of any number of domains
            parts |= {n: logits_of(module, params, embeddings[:, :n]) for n in (1, 2)}
        gradient = jax.grad(lambda x: logits(x).sum())(embeddings)
        return logits(embeddings), parts, gradient

    found, parts, gradient = all_at_once(embeddings)
    for count, expected in parts.items():
        rows = kept == count
        np.testing.assert_allclose(found[rows], expected[rows], rtol=1e-5, atol=1e-6)
    there = np.asarray(gradient).any((2, 3))
    np.testing.assert_array_equal(there, np.arange(3) < kept[:, None])
