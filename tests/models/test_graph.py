"""The extended adjacency (T3), the graph module against NumPy (T4, T9), what it learns."""

from functools import partial

import graph_reference as reference
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_graph import (
    ASSUMPTIONS,
    DEFAULT,
    FORMS,
    PRIOR,
    PRIORS,
    SMALL,
    drawn,
    logits_of,
    module_of,
)

from drr_jax.errors import InputError
from drr_jax.models.drr.graph import extended_adjacency, lift
from drr_jax.models.drr.graph_conv import CONVOLUTIONS


def cases():
    """Every choice with every convolution; the filter, which gcn alone has, with every form."""
    choices = {
        "assumption": ASSUMPTIONS,
        "form": FORMS,
        "semantics": ("label", "similarity"),
        "readout": ("per_class", "concat_fc"),
        "prior": tuple(PRIORS),
    }
    found = [
        DEFAULT | {"conv": conv, key: value}
        for conv in CONVOLUTIONS
        for key, values in choices.items()
        for value in values
    ]
    found += [DEFAULT | {"semantics": "filter", "form": form} for form in FORMS]
    found += [DEFAULT | {"semantics": "filter", "assumption": one} for one in ASSUMPTIONS]
    found += [DEFAULT | {"semantics": "similarity", "prior": prior} for prior in PRIORS]
    return {"-".join(case.values()): case for case in found}


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
    assert np.linalg.eigvalsh(reference.normalised(full))[0] == pytest.approx(-0.202, abs=5e-4)
    spectrum = np.linalg.eigvalsh(reference.normalised(strict))
    assert spectrum[-2] == pytest.approx(0.645, abs=5e-4)
    assert spectrum[0] == pytest.approx(-0.370, abs=5e-4)


@pytest.mark.parametrize("domains", [1, 2, 3])
@pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS)
def test_adjacency_equals_its_definition_entry_by_entry(prior, domains):
    for assumption in ASSUMPTIONS[1:]:
        for semantics in ("label", "similarity", "filter"):
            for form in FORMS:
                choice = (assumption, form, semantics)
                built = extended_adjacency(prior, domains, *choice)
                assert np.array_equal(built, reference.adjacency(prior, domains, *choice)), choice


def test_an_asymmetric_prior_is_refused():
    with pytest.raises(InputError, match="symmetric"):
        lift(np.array([[1.0, 1], [0, 1]]), 2, "full")


@pytest.mark.parametrize("case", cases().values(), ids=cases())
def test_module_equals_the_numpy_reference_in_value_and_gradient(case):
    module, rng = module_of(case), np.random.default_rng(2)
    embeddings, weights = rng.normal(size=(2, 2, 3, 5)), rng.normal(size=(2, 3))
    params = drawn(module, embeddings)
    others = {k: case[k] for k in ("assumption", "form", "semantics", "conv", "readout")}

    def expected(params, embeddings):
        prior = PRIORS[case["prior"]]
        return reference.graph_module(params, embeddings, prior, layers=2, **others)

    def score(params, embeddings):
        logits = logits_of(module, params, embeddings)
        return (logits * weights).sum(), logits

    with jax.enable_x64(True):
        at = jax.tree.map(jnp.asarray, (params, embeddings))
        gradient, logits = jax.grad(score, (0, 1), has_aux=True)(*at)
    np.testing.assert_allclose(logits, expected(params, embeddings), rtol=1e-9, atol=1e-12)
    # The slope in a random direction of all parameters and of the embeddings, by the reference.
    leaves, tree = jax.tree.flatten((params, embeddings))
    directions = [rng.normal(size=leaf.shape) for leaf in leaves]

    def moved(step):
        point = [leaf + step * d for leaf, d in zip(leaves, directions, strict=True)]
        return (expected(*jax.tree.unflatten(tree, point)) * weights).sum()

    slope = sum(np.vdot(g, d) for g, d in zip(jax.tree.leaves(gradient), directions, strict=True))
    assert slope == pytest.approx((moved(1e-6) - moved(-1e-6)) / 2e-6, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("readout", ["per_class", "concat_fc"])
@pytest.mark.parametrize("assumption", ASSUMPTIONS)
def test_module_names_a_relation_a_branch_and_the_prototype(assumption, readout):
    embeddings = np.random.default_rng(0).normal(size=(2, 3, 3, 5)).astype(np.float32)
    module = module_of(DEFAULT | {"assumption": assumption, "readout": readout})
    params = drawn(module, embeddings)
    out = module.apply({"params": params}, embeddings, False)
    logits, named = jax.tree.map(np.asarray, out)
    assert logits.shape == (2, 3) and named["prototype"].shape == (2, 3, 4)
    branches = ("homophily", "heterophily") if assumption == "both" else (assumption,)
    assert {key for key in named if "/" in key} == {f"relation/{branch}" for branch in branches}
    assert np.allclose(named["prototype"], named["states"].mean(1), atol=1e-6)


def test_module_names_the_compatibility_that_cpgnn_computes_with():
    embeddings = np.random.default_rng(0).normal(size=(2, 3, 3, 5)).astype(np.float32)
    module = module_of(DEFAULT | {"conv": "cpgnn"})
    params = drawn(module, embeddings)
    _, named = module.apply({"params": params}, embeddings, False)
    for branch in ("homophily", "heterophily"):
        free = np.asarray(params[f"cpgnn_{branch}"]["compatibility"])
        found = np.asarray(named[f"compatibility/{branch}"])
        np.testing.assert_allclose(found.sum(0), 0, atol=1e-5)
        np.testing.assert_allclose(found.sum(1), 0, atol=1e-5)
        # Only sums of rows and columns were taken off.
        np.testing.assert_allclose(np.diff(np.diff(found - free, axis=0)), 0, atol=1e-5)


def test_learned_relation_starts_at_the_prior_and_stays_on_its_support():
    embeddings = jax.random.normal(jax.random.key(0), (2, 2, 3, 5))
    fixed, learned = module_of(DEFAULT), module_of(DEFAULT | {"prior": "learned"})
    (_, named), variables = learned.init_with_output(jax.random.key(1), embeddings, False)
    expected = extended_adjacency(SMALL, 2, "heterophily")
    np.testing.assert_allclose(named["relation/heterophily"], expected, atol=1e-6)
    assert "relation_heterophily" not in fixed.init(jax.random.key(1), embeddings, False)["params"]

    def loss(params):
        return learned.apply({"params": params}, embeddings, False)[0].sum()

    gradient = jax.grad(loss)(variables["params"])["relation_heterophily"]["theta"]
    assert np.all(np.asarray(gradient)[expected == 0] == 0)
    assert np.any(np.asarray(gradient)[expected > 0] != 0)


@pytest.mark.parametrize("conv", CONVOLUTIONS)
def test_dropout_acts_in_training_only(conv):
    embeddings = jax.random.normal(jax.random.key(0), (2, 2, 3, 5))
    module = module_of(DEFAULT | {"conv": conv}, dropout=0.5)
    params = drawn(module, embeddings)

    def logits(seed, train=True):
        rngs = {"dropout": jax.random.key(seed)}
        return module.apply({"params": params}, embeddings, train, rngs=rngs)[0]

    assert not np.allclose(logits(0), logits(1)) and np.allclose(logits(0), logits(0))
    assert np.array_equal(logits(0, train=False), logits(1, train=False))


def test_stimulus_and_caption_may_be_constants_to_the_graph():
    embeddings = jnp.asarray(np.random.default_rng(0).normal(size=(2, 3, 3, 4)), jnp.float32)
    plain, constant = (module_of(DEFAULT, stop_gradient=stop) for stop in (False, True))
    params = drawn(plain, embeddings)
    (value, moved), (same, held) = (
        jax.jit(jax.value_and_grad(lambda x, m=module: jnp.square(logits_of(m, params, x)).sum()))(
            embeddings
        )
        for module in (plain, constant)
    )
    assert value == same
    np.testing.assert_allclose(held[:, 0], moved[:, 0], rtol=1e-6)
    assert moved[:, 1:].any() and not held[:, 1:].any()


def test_a_residual_layer_adds_to_what_comes_in():
    layer = CONVOLUTIONS["gcn"](4, 2, 0.0, residual=True)
    nodes = jnp.asarray(np.random.default_rng(0).normal(size=(2, 3, 4)), jnp.float32)
    relation = jnp.asarray(SMALL, jnp.float32)
    variables = {"params": drawn(layer, nodes, adjacency=relation)}
    apply = jax.jit(partial(layer.apply, train=False))
    still = jax.tree.map(jnp.zeros_like, variables)
    np.testing.assert_array_equal(
        apply(still, nodes, relation), jnp.concatenate([nodes, nodes], -1)
    )
    params, mixed = variables["params"], reference.normalised(SMALL)
    x = np.asarray(nodes)
    first = x + np.maximum(mixed @ x @ params["w0"]["kernel"] + params["b0"], 0)
    second = first + np.maximum(mixed @ first @ params["w1"]["kernel"] + params["b1"], 0)
    np.testing.assert_allclose(
        apply(variables, nodes, relation),
        np.concatenate([first, second], -1),
        rtol=1e-5,
        atol=1e-6,
    )
