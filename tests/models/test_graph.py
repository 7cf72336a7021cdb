"""The extended adjacency (T3), the graph module against NumPy (T4, T9), its symmetries."""

import dataclasses
from functools import partial

import graph_reference as reference
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from drr_jax.config import Graph
from drr_jax.errors import InputError
from drr_jax.facs import labels as facs
from drr_jax.models.drr.graph import GraphModule, extended_adjacency, lift
from drr_jax.models.drr.graph_conv import CONVOLUTIONS

PRIOR = facs.au_prior(facs.REACTIONET_AUS_12).astype(float)
SMALL = np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]], float)
PRIORS = {
    "on": SMALL,
    "identity": np.eye(3),
    "all_ones": np.ones((3, 3)),
    "soft": np.array([[1, 0.5, 0], [0.5, 1, 0.25], [0, 0.25, 1]]),
    "learned": SMALL,
}
FORMS = ("strict", "full", "cross_only")
ASSUMPTIONS = ("both", "homophily", "heterophily", "none")
DEFAULT = {
    "assumption": "both",
    "form": "strict",
    "semantics": "label",
    "conv": "gcn",
    "readout": "per_class",
    "prior": "on",
}


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


def module_of(case, **changes):
    settings = {
        "prior": "learned" if case["prior"] == "learned" else "on",
        "assumption": case["assumption"],
        "het_form": case["form"],
        "semantics": case["semantics"],
        "conv": case["conv"],
        "readout": case["readout"],
        "width": 4,
        "layers": 2,
        "dropout": 0.0,
    }
    prior = tuple(map(tuple, PRIORS[case["prior"]].tolist()))
    return GraphModule(prior, Graph(**settings | changes))


def drawn(module, embeddings, seed=0, **others):
    """Parameters of the module's shapes, all of them random."""
    init = partial(module.init, train=False, **others)
    shapes = jax.eval_shape(init, jax.random.key(0), embeddings)["params"]
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: rng.normal(size=leaf.shape) * 0.6, shapes)


def logits_of(module, params, embeddings):
    return module.apply({"params": params}, embeddings, False)[0]


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


@pytest.mark.parametrize(
    ("conv", "readout"), [("gcn", "per_class"), ("cpgnn", "per_class"), ("gcn", "concat_fc")]
)
def test_a_tuple_that_keeps_its_face_alone_is_related_as_one_domain(conv, readout):
    module = module_of(DEFAULT | {"conv": conv, "readout": readout})
    embeddings = jnp.asarray(np.random.default_rng(0).normal(size=(4, 3, 3, 4)), jnp.float32)
    params, kept = drawn(module, embeddings), jnp.asarray([True, False, True, False])

    @jax.jit
    def all_at_once(embeddings):
        def logits(x):
            return module.apply({"params": params}, x, False, kept)[0]

        whole, alone = logits_of(module, params, embeddings), embeddings[:, :1]
        if readout == "per_class":  # whose parameters are those of any number of domains
            alone = logits_of(module, params, alone)
        gradient = jax.grad(lambda x: logits(x).sum())(embeddings)
        return logits(embeddings), whole, alone, gradient

    found, whole, alone, gradient = all_at_once(embeddings)
    np.testing.assert_allclose(found[kept], whole[kept], rtol=1e-5, atol=1e-6)
    if readout == "per_class":
        np.testing.assert_allclose(found[~kept], alone[~kept], rtol=1e-5, atol=1e-6)
    assert not gradient[~kept, 1:].any() and gradient[kept, 1:].any() and gradient[~kept, 0].any()


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
