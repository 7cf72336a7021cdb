"""The loss terms against loops in NumPy, their bounds (T5), and what switches change."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from drr_jax.config import Contrast, Loss
from drr_jax.facs import labels as facs
from drr_jax.models import losses

PRIOR = facs.au_prior(facs.REACTIONET_AUS_12).astype(np.float32)
SMALL = np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]], np.float32)


def unit(rng, *shape):
    z = rng.normal(size=shape).astype(np.float32)
    return z / np.linalg.norm(z, axis=-1, keepdims=True)


def test_masked_bce_is_the_sum_over_known_labels():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4, 3)).astype(np.float32)
    labels = np.array([[1, 0, -1], [0, 0, 1], [-1, -1, -1], [1, 1, 1]], np.int8)
    weights = np.array([0.5, 1.0, 1.5], np.float32)
    samples = []
    for row, truth in zip(logits, labels, strict=True):
        terms = [
            w * -np.log(1 / (1 + np.exp(-(x if y else -x))))
            for x, y, w in zip(row, truth, weights, strict=True)
            if y >= 0
        ]
        samples.append(sum(terms) / max(len(terms), 1))
    result = losses.masked_bce(jnp.asarray(logits), jnp.asarray(labels), jnp.asarray(weights))
    assert float(result) == pytest.approx(np.mean(samples), rel=1e-5)


def test_softmax_ce_is_over_the_samples_that_have_a_class():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(3, 4)).astype(np.float32)
    labels = np.array([[0, 1, 0, 0], [-1, -1, -1, -1], [0, 0, 0, 1]], np.int8)
    weights = np.array([1, 2, 1, 0.5], np.float32)
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    expected = -(2 * log_p[0, 1] + 0.5 * log_p[2, 3]) / 2
    result = losses.softmax_ce(jnp.asarray(logits), jnp.asarray(labels), jnp.asarray(weights))
    assert float(result) == pytest.approx(expected, rel=1e-5)


def reference(z, labels, prior, config, kept=None):
    """The contrastive loss of method 6.2, one anchor and one candidate at a time."""
    domains = list(z)
    kept = np.full(len(labels), len(domains)) if kept is None else kept
    pairs = losses.domain_pairs("".join(domains), config.pairs)
    batch, classes = labels.shape
    values = []
    for a, b in pairs:
        total, anchors = 0.0, 0
        for i, n in itertools.product(range(batch), range(classes)):
            group = i // config.group_size
            if domains.index(a) >= kept[i]:
                continue
            logits, weights = [], []
            for j, m in itertools.product(range(batch), range(classes)):
                if j // config.group_size != group or (a == b and (i, n) == (j, m)):
                    continue
                if domains.index(b) >= kept[j]:
                    continue
                w = prior[n, m] * (1 if n == m else config.related_weight)
                if config.scope == "batch_gated":
                    candidate = labels[j, m] >= 0
                    w *= labels[i, n] == 1 and labels[j, m] == 1
                elif config.scope == "tuple":
                    candidate = i == j
                    w *= i == j
                else:
                    candidate = i != j or prior[n, m] > 0
                    w *= i == j
                if candidate:
                    logits.append(z[a][i, n] @ z[b][j, m] / config.tau)
                    weights.append(w)
            weights = np.array(weights)
            if weights.sum() > 0:
                logp = np.array(logits) - np.log(np.sum(np.exp(logits)))
                total -= (weights * logp).sum() / weights.sum()
                anchors += 1
        values.append(total / max(anchors, 1))
    return np.mean(values)


@pytest.mark.parametrize("scope", ["batch_gated", "tuple", "tuple_batchneg"])
@pytest.mark.parametrize(
    ("domains", "pairs"), [("RST", "dyadic"), ("RST", "all"), ("RS", "dyadic"), ("R", "dyadic")]
)
def test_contrast_equals_a_loop_over_anchors(scope, domains, pairs):
    rng = np.random.default_rng(len(domains))
    z = {domain: unit(rng, 4, 3, 5) for domain in domains}
    labels = np.array([[1, 0, 1], [1, 1, -1], [0, 0, 0], [-1, 1, 1]], np.int8)
    config = Contrast(scope=scope, pairs=pairs, tau=0.3, related_weight=0.5, group_size=2)
    result = losses.contrastive(
        {d: jnp.asarray(v) for d, v in z.items()}, jnp.asarray(labels), jnp.asarray(SMALL), config
    )
    assert float(result) == pytest.approx(reference(z, labels, SMALL, config), rel=1e-4)


@pytest.mark.parametrize("scope", ["batch_gated", "tuple", "tuple_batchneg"])
def test_of_a_tuple_the_domains_that_it_keeps_are_contrasted(scope, monkeypatch):
    rng = np.random.default_rng(5)
    z = {domain: jnp.asarray(unit(rng, 4, 3, 5)) for domain in "RST"}
    labels = np.array([[1, 0, 1], [1, 1, -1], [0, 1, 0], [-1, 1, 1]], np.int8)
    kept = np.array([3, 1, 2, 3])
    config = Contrast(scope=scope, pairs="all", tau=0.3, related_weight=0.5, group_size=2)

    def loss(z):
        return losses.contrastive(
            z, jnp.asarray(labels), jnp.asarray(SMALL), config, jnp.asarray(kept)
        )

    value, gradient = jax.jit(jax.value_and_grad(loss))(z)
    expected = reference({d: np.asarray(v) for d, v in z.items()}, labels, SMALL, config, kept)
    assert float(value) == pytest.approx(expected, rel=1e-4)
    for domain, moved in gradient.items():
        assert bool(jnp.any(moved[1])) == (domain == "R" and scope != "tuple")
        assert bool(jnp.any(moved[2])) == (domain != "T")
        assert jnp.any(moved[0]) and jnp.all(jnp.isfinite(moved))
    monkeypatch.setattr(losses, "BLOCK", 3)  # of one tuple
    assert float(jax.jit(loss)(z)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("kept", [None, np.array([3, 3, 1, 3, 2, 3])])
def test_instance_contrast_equals_a_loop_over_tuples(kept):
    rng = np.random.default_rng(0)
    z = {domain: unit(rng, 6, 3, 5) for domain in "RST"}
    config = Contrast(pairs="dyadic", tau=0.2, group_size=3)
    frames = {d: v.sum(1) / np.linalg.norm(v.sum(1), axis=-1, keepdims=True) for d, v in z.items()}
    values = []
    for a, b in ("RS", "SR", "RT", "TR"):
        found = []
        for i in range(6):
            needed = 1 + max("RST".index(a), "RST".index(b))
            there = range(6) if kept is None else np.flatnonzero(kept >= needed).tolist()
            others = [j for j in there if j // 3 == i // 3]
            if i in others:
                logits = np.array([frames[a][i] @ frames[b][j] / 0.2 for j in others])
                found.append(np.log(np.exp(logits).sum()) - logits[others.index(i)])
        values.append(np.mean(found))
    given = {d: jnp.asarray(v) for d, v in z.items()}
    result = losses.instance_contrast(given, config, None if kept is None else jnp.asarray(kept))
    assert float(result) == pytest.approx(np.mean(values), rel=1e-5)


def contrast_and_gradient(scope, domains, classes, batch=8, group=4):
    rng = np.random.default_rng(classes)
    z = {domain: jnp.asarray(unit(rng, batch, classes, 5)) for domain in domains}
    labels = jnp.asarray(rng.integers(-1, 2, (batch, classes)), jnp.int8)
    prior = rng.uniform(size=(classes, classes)) > 0.5
    prior = jnp.asarray(prior | prior.T | np.eye(classes, dtype=bool), jnp.float32)
    config = Contrast(scope=scope, group_size=group)
    compiled = jax.jit(
        jax.value_and_grad(lambda z: losses.contrastive(z, labels, prior, config))
    ).lower(z)
    return compiled.compile(), z


@pytest.mark.parametrize("scope", ["batch_gated", "tuple", "tuple_batchneg"])
@pytest.mark.parametrize("domains", ["RS", "R"])
def test_contrast_by_blocks_equals_that_of_the_whole(scope, domains, monkeypatch):
    compiled, z = contrast_and_gradient(scope, domains, classes=3)
    value, gradient = compiled(z)
    monkeypatch.setattr(losses, "BLOCK", 7)  # of two tuples
    compiled, z = contrast_and_gradient(scope, domains, classes=3)
    blocked = compiled(z)
    assert "while" in compiled.as_text()
    assert float(blocked[0]) == pytest.approx(float(value), rel=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), blocked[1], gradient)


def test_memory_of_the_contrast_grows_with_the_classes_not_their_square():
    few, many = (
        contrast_and_gradient("batch_gated", "RS", classes, 64, 64)[0].memory_analysis()
        for classes in (30, 120)
    )
    assert many.temp_size_in_bytes < 5 * few.temp_size_in_bytes


def test_domain_pairs():
    assert losses.domain_pairs("RST", "dyadic") == [("R", "S"), ("R", "T"), ("S", "R"), ("T", "R")]
    assert len(losses.domain_pairs("RST", "all")) == 6
    assert losses.domain_pairs("R", "dyadic") == [("R", "R")]


def contrast_of(z, prior, tau=0.07):
    labels = jnp.ones((len(z), 12), jnp.int8)
    config = Contrast(scope="tuple", tau=tau)
    return float(losses.contrastive({"R": z, "S": z}, labels, jnp.asarray(prior), config))


def test_tuple_contrast_starts_at_ln_12_and_never_passes_its_bound():
    same = jnp.ones((2, 12, 4)) / 2
    bound = np.log(PRIOR.sum(1)).mean()
    assert bound == pytest.approx(1.8624, abs=1e-4)
    assert contrast_of(same, PRIOR) == pytest.approx(np.log(12), abs=1e-5)
    assert contrast_of(same, np.eye(12)) == pytest.approx(2.4849, abs=1e-4)
    apart = jnp.tile(jnp.eye(12), (2, 1, 1))
    assert contrast_of(apart, np.eye(12), tau=0.02) == pytest.approx(0, abs=1e-5)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        assert contrast_of(jnp.asarray(unit(rng, 3, 12, 16)), PRIOR) > bound


def test_contrast_does_not_depend_on_the_batch_beyond_its_group():
    rng = np.random.default_rng(0)
    z = {d: jnp.asarray(unit(rng, 4, 3, 5)) for d in "RS"}
    labels = jnp.asarray(rng.integers(0, 2, (4, 3)), jnp.int8)
    config = Contrast(scope="tuple_batchneg", group_size=2)
    whole = losses.contrastive(z, labels, jnp.asarray(SMALL), config)
    halves = [
        losses.contrastive(
            {d: v[i : i + 2] for d, v in z.items()}, labels[i : i + 2], jnp.asarray(SMALL), config
        )
        for i in (0, 2)
    ]
    assert float(whole) == pytest.approx(float(sum(halves)) / 2, rel=1e-5)


def test_class_relation_averages_the_domain_blocks():
    blocks = np.arange(36, dtype=np.float32).reshape(6, 6)
    expected = np.mean([blocks[i : i + 3, j : j + 3] for i in (0, 3) for j in (0, 3)], axis=0)
    np.testing.assert_allclose(losses.class_relation(jnp.asarray(blocks), 3), expected)


def test_total_is_the_weighted_sum_of_its_named_terms():
    rng = np.random.default_rng(0)
    labels = jnp.asarray(rng.integers(0, 2, (4, 3)), jnp.int8)
    outputs = {
        "logits": {d: jnp.asarray(rng.normal(size=(4, 3)), jnp.float32) for d in "RST"},
        "graph_logits": jnp.asarray(rng.normal(size=(4, 3)), jnp.float32),
        "projections": {d: jnp.asarray(unit(rng, 4, 3, 5)) for d in "RST"},
    }
    loss = Loss(
        lambda_graph=0.5,
        lambda_contrast=0.2,
        omega_reaction=1.0,
        omega_stimulus=0.3,
        omega_text=0.7,
    )
    arguments = labels, jnp.ones(3), jnp.asarray(SMALL), loss, Contrast()
    total, terms = losses.total_loss(outputs, *arguments)
    weights = {"loss/R": 1.0, "loss/S": 0.3, "loss/T": 0.7, "loss/graph": 0.5, "loss/contrast": 0.2}
    assert set(terms) == set(weights)
    assert float(total) == pytest.approx(sum(weights[k] * float(v) for k, v in terms.items()))
    loss.lambda_instance, weights["loss/instance"] = 0.4, 0.4
    warm = labels, jnp.ones(3), jnp.asarray(SMALL), loss, Contrast(warmup_steps=4), "au"
    for step, risen in ((0, 0.25), (2, 0.75), (9, 1.0)):
        total, terms = losses.total_loss(outputs, *warm, jnp.asarray(step))
        share = {name: risen if name in ("loss/contrast", "loss/instance") else 1 for name in terms}
        assert set(terms) == set(weights)
        assert float(total) == pytest.approx(
            sum(share[k] * weights[k] * float(v) for k, v in terms.items())
        )
    loss.lambda_distill, weights["loss/distill"] = 0.6, 0.6
    total, terms = losses.total_loss(outputs, *warm, jnp.asarray(9))
    assert set(terms) == set(weights)
    assert float(total) == pytest.approx(sum(weights[k] * float(v) for k, v in terms.items()))
    alone, terms = losses.total_loss({"logits": {"R": outputs["logits"]["R"]}}, *arguments)
    assert list(terms) == ["loss/R"] and float(alone) == pytest.approx(float(terms["loss/R"]))


def test_what_the_graph_teaches_is_its_answer_and_bends_it_not():
    rng = np.random.default_rng(0)
    face, teacher = (jnp.asarray(rng.normal(size=(4, 3)), jnp.float32) for _ in range(2))
    weights = jnp.asarray([1.0, 2.0, 0.5])
    labels = jnp.asarray([[1, 0, -1], [-1, -1, -1], [0, 1, 1], [0, 0, 0]], jnp.int8)
    known = np.asarray(labels) >= 0
    p, q = (1 / (1 + np.exp(-np.asarray(x, np.float64))) for x in (face, teacher))
    terms = -(q * np.log(p) + (1 - q) * np.log(1 - p)) * np.asarray(weights) * known
    expected = np.mean(terms.sum(1) / np.maximum(known.sum(1), 1))
    given = labels, weights
    assert float(losses.distillation(face, teacher, *given, "au")) == pytest.approx(expected)
    one = jnp.asarray([[0, 1, 0], [-1, -1, -1], [1, 0, 0], [0, 0, 1]], jnp.int8)
    q = np.asarray(jax.nn.softmax(teacher), np.float64)
    terms = -(q * np.asarray(jax.nn.log_softmax(face), np.float64)).sum(1)
    expected = (np.asarray([2, 0, 1, 0.5]) * terms).sum() / 3
    found = losses.distillation(face, teacher, one, weights, "expression")
    assert float(found) == pytest.approx(expected, rel=1e-6)
    levels = jnp.where(labels < 0, -1, 3.5)
    squares = np.asarray(weights) * np.square(np.asarray(face - teacher)) * known
    expected = np.mean(squares.sum(1) / np.maximum(known.sum(1), 1))
    found = losses.distillation(face, teacher, levels, weights, "intensity")
    assert float(found) == pytest.approx(expected, rel=1e-6)
    for task, target in (("au", labels), ("expression", one), ("intensity", levels)):
        pull = jax.grad(losses.distillation, argnums=(0, 1))(face, teacher, target, weights, task)
        assert np.abs(pull[0]).max() > 0 and not np.abs(pull[1]).max()
        # a face that answers as its teacher does has nothing to learn
        pull = jax.grad(losses.distillation)(teacher, teacher, target, weights, task)
        np.testing.assert_allclose(np.asarray(pull), 0, atol=1e-6)


def reference_landmark_loss(predicted, truth):
    terms = []
    for found, points in zip(predicted, truth, strict=True):
        left, right = (np.nanmean(points[eye], 0) for eye in (range(36, 42), range(42, 48)))
        squares = np.nansum((found - points) ** 2, -1)[~np.isnan(points[:, 0])]
        terms.append(squares.mean() / (2 * ((left - right) ** 2).sum()))
    return np.mean(terms)


def test_landmark_loss_is_relative_to_the_eyes_and_skips_unknown_points():
    rng = np.random.default_rng(0)
    truth = rng.uniform(0, 64, (3, 68, 2)).astype(np.float32)
    truth[0, :17] = truth[1, 37] = np.nan
    predicted = truth + rng.normal(0, 2, truth.shape).astype(np.float32)
    predicted[np.isnan(predicted)] = 1e3
    loss = float(losses.landmark_loss(predicted, truth))
    assert loss == pytest.approx(reference_landmark_loss(predicted, truth), rel=1e-5)
    assert float(losses.landmark_loss(3 * predicted, 3 * truth)) == pytest.approx(loss, rel=1e-5)
    # A face without an eye has no scale, and one without points has nothing to say.
    lost = np.concatenate([truth, truth[:1], np.full((1, 68, 2), np.nan, np.float32)])
    lost[3, 42:48] = np.nan
    more = np.concatenate([predicted, predicted[:2]])
    assert float(losses.landmark_loss(more, lost)) == pytest.approx(loss, rel=1e-5)
    gradient = np.asarray(jax.grad(losses.landmark_loss)(more, lost))
    assert np.isfinite(gradient).all() and not gradient[3:].any()
    assert not gradient[0, :17].any() and gradient[0, 17:].all()
    assert float(losses.landmark_loss(more[4:], lost[4:])) == 0
