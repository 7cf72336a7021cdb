"""The loss: per-domain and graph classification, relation-aware contrast, every term named."""

from collections.abc import Mapping, Sequence

import flax.struct
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from drr_jax.config import Contrast, Loss
from drr_jax.facs import OCCURS_FROM, SOUND
from drr_jax.models.vectors import unit

BLOCK = 1024  # candidates of the contrast that are compared at once
Labels = Int[Array, "batch classes"]  # 1, 0 or -1 (unknown)
Levels = Float[Array, "batch classes"]  # intensities, 0 to 5, or -1 (unknown)
Kept = Int[Array, " batch"] | None  # of their domains tuples have the first so many; None: all


@flax.struct.dataclass
class Targets:
    """What a batch's outputs are held against."""

    labels: Labels | Levels
    class_weights: Float[Array, " classes"]
    contrast_prior: Float[Array, "classes classes"]


def _mean_over_known(
    terms: Float[Array, "batch classes"],
    labels: Labels | Levels,
    class_weights: Float[Array, " classes"],
) -> Float[Array, ""]:
    """Weighted mean over the known labels of each sample, 0 without any; then the batch mean."""
    known = (labels >= 0).astype(jnp.float32)
    return jnp.mean((known * class_weights * terms).sum(1) / jnp.maximum(known.sum(1), 1))


def masked_bce(
    logits: Float[Array, "batch classes"],
    labels: Labels,
    class_weights: Float[Array, " classes"],
) -> Float[Array, ""]:
    """Weighted binary cross-entropy over the known labels of each sample, then the batch mean.

    A sample without any known label adds 0. Source: method 9.5 (reconstruction).
    """
    terms = optax.sigmoid_binary_cross_entropy(logits, (labels == 1).astype(jnp.float32))
    return _mean_over_known(terms, labels, class_weights)


def softmax_ce(
    logits: Float[Array, "batch classes"],
    labels: Labels,
    class_weights: Float[Array, " classes"],
) -> Float[Array, ""]:
    """Cross-entropy of the one class that is present, mean over the samples that have one.

    Source: supplement 3.1 (expressions, scenes); method 9.5.
    """
    present = (labels == 1).astype(jnp.float32)
    terms = -(present * class_weights * jax.nn.log_softmax(logits)).sum(1)
    return terms.sum() / jnp.maximum(present.sum(), 1)


def masked_mse(
    values: Float[Array, "batch classes"],
    levels: Levels,
    class_weights: Float[Array, " classes"],
) -> Float[Array, ""]:
    """Mean squared error over the known intensities of each sample, then the batch mean.

    `values` are a linear read-out, not cut to 0 to 5 here, so that its gradient does not vanish
    beyond them. A sample without any known intensity adds 0. Source: method 9.7 (reconstruction).
    """
    return _mean_over_known(jnp.square(values - levels), levels, class_weights)


def distillation(
    logits: Float[Array, "batch classes"],
    teacher: Float[Array, "batch classes"],
    labels: Labels | Levels,
    class_weights: Float[Array, " classes"],
    task: str,
) -> Float[Array, ""]:
    """The classification loss of a task with another head's answers in place of the labels.

    `teacher` are that head's logits, which get no gradient. Classes and samples whose label is
    unknown take no part. Source: reconstruction (method 9.5; Hinton et al. 2015).
    """
    teacher = jax.lax.stop_gradient(teacher)
    if CLASSIFICATION[task] is softmax_ce:
        present = (labels == 1).astype(jnp.float32)
        terms = optax.softmax_cross_entropy(logits, jax.nn.softmax(teacher))
        return ((present * class_weights).sum(1) * terms).sum() / jnp.maximum(present.sum(), 1)
    if task == "intensity":
        terms = jnp.square(logits - teacher)
    else:
        terms = optax.sigmoid_binary_cross_entropy(logits, jax.nn.sigmoid(teacher))
    return _mean_over_known(terms, labels, class_weights)


def occurrence(levels: Levels) -> Labels:
    """Intensities as labels 1, 0 or -1: present from level 2 on (method 9.7)."""
    return jnp.where(levels < 0, -1, levels >= OCCURS_FROM).astype(jnp.int8)


EYES = (slice(36, 42), slice(42, 48))  # of the 68 landmarks


def landmark_loss(
    predicted: Float[Array, "batch 68 2"], truth: Float[Array, "batch 68 2"]
) -> Float[Array, ""]:
    """Half the mean squared distance of landmarks over the squared inter-ocular distance.

    The mean is over the points of `truth` that are known (not NaN), and then over the faces with a
    known point in each eye; the eyes' distance is that of the means of their points.
    Source: JAA-Net's alignment loss (method 7.2), as a mean over points.
    """
    known = jnp.isfinite(truth).all(-1)
    place = jnp.where(known[..., None], truth, 0)  # before any arithmetic, for the gradient's sake
    found = jnp.stack([known[:, eye].sum(1) for eye in EYES], 1)
    centres = jnp.stack([place[:, eye].sum(1) for eye in EYES], 1)
    centres = centres / jnp.maximum(found, 1)[..., None]
    ocular = jnp.square(centres[:, 0] - centres[:, 1]).sum(-1)
    usable = (found > 0).all(1) & (ocular > 0)
    error = jnp.where(known, jnp.square(predicted - place).sum(-1), 0)
    error = error.sum(1) / jnp.maximum(known.sum(1), 1)
    terms = jnp.where(usable, error / (2 * jnp.where(usable, ocular, 1)), 0)
    return terms.sum() / jnp.maximum(usable.sum(), 1)


def own_labels(outputs: Mapping, domain: str, labels: Labels | Levels) -> Labels | Levels:
    """The labels that a domain's own logits are held against: of a sound that is not there, none.

    `outputs` tell which tuples are `heard`.
    """
    return jnp.where(outputs["heard"][:, None], labels, -1) if domain == SOUND else labels


CLASSIFICATION = {
    "au": masked_bce,
    "expression": softmax_ce,
    "scene": softmax_ce,
    "intensity": masked_mse,
}


def domain_pairs(domains: Sequence[str], pairs: str) -> list[tuple[str, str]]:
    """Ordered domain pairs that are contrasted; one domain alone is contrasted with itself.

    dyadic pairs the first domain, R, with every other one, both ways; all adds S with T.
    Source: method 6.2.
    """
    first = domains[0]
    if len(domains) == 1:
        return [(first, first)]
    return [
        (a, b) for a in domains for b in domains if a != b and (pairs == "all" or first in (a, b))
    ]


@jax.named_scope("contrast")  # by which drr_jax.plan knows it
def contrastive(
    projections: Mapping[str, Float[Array, "batch classes projection"]],
    labels: Labels,
    prior: Float[Array, "classes classes"],
    config: Contrast,
    kept: Kept = None,
) -> Float[Array, ""]:
    """Cross-domain contrastive loss under the relation prior P (method 6.2).

    An anchor is one class of one tuple in one domain. Its candidates in the other domain are
    batch_gated (C2): all classes of all tuples of the group whose label is known; positives are
    related classes that are present, and only present classes are anchors; tuple (C1): the classes
    of the same tuple, positives are the related ones; tuple_batchneg (C3): C1's positives against
    all classes of the other tuples. Unknown labels are neither anchors nor candidates in C2.
    Of a tuple its first `kept` domains take part.
    Source: supplement 1.9 and 2.2 say that the prior shapes it; its form is a reconstruction.
    """
    domains = tuple(projections)
    batch, classes, features = projections[domains[0]].shape
    group = min(config.group_size, batch)
    size = group * classes
    # candidates in blocks of whole tuples: the memory then grows with the classes, not their square
    tuples = max(
        n for n in range(1, group + 1) if n * classes <= max(BLOCK, classes) and group % n == 0
    )
    width = tuples * classes
    starts = jnp.arange(0, size, width)
    weights = jnp.eye(classes) + config.related_weight * (prior - jnp.eye(classes))
    weights = jnp.tile(weights, (group, tuples))  # of any block
    anchors = jnp.arange(size)[:, None]
    grouped = labels.reshape(-1, size)
    there = None if kept is None else jnp.repeat(kept, classes).reshape(-1, size)

    def by_block(values: Array) -> Array:
        """[groups, size, ...] as [blocks, groups, width, ...]."""
        return values.reshape(len(grouped), len(starts), width, *values.shape[2:]).swapaxes(0, 1)

    def pair_loss(a: str, b: str) -> Float[Array, ""]:
        z_a = projections[a].reshape(-1, size, features)
        z_b = projections[b].reshape(-1, size, features)

        def compare(block: tuple[Array, ...]) -> tuple[Array, Array, Array]:
            """Of every anchor: logsumexp over a block, and sums of its positives and weights."""
            start, z, label, *others = block
            candidates = start + jnp.arange(width)
            same_tuple = anchors // classes == candidates // classes
            if config.scope == "batch_gated":
                positive = weights * (label == 1)[:, None, :] * (grouped == 1)[:, :, None]
                candidate = (label >= 0)[:, None, :]
            else:
                positive = (weights * same_tuple)[None]
                inside = same_tuple if config.scope == "tuple" else (positive > 0) | ~same_tuple
                candidate = jnp.broadcast_to(inside, (1, size, width))
            allowed = candidate & (anchors != candidates) if a == b else candidate
            if there is not None:
                allowed = allowed & (there > domains.index(a))[:, :, None]
                allowed = allowed & (others[0] > domains.index(b))[:, None, :]
            chosen = positive * allowed
            similarity = jnp.einsum("gif,gjf->gij", z_a, z) / config.tau
            similarity = jnp.where(allowed, similarity, -1e9)
            weight = jnp.broadcast_to(chosen.sum(-1), similarity.shape[:-1])
            return _logsumexp(similarity), (chosen * similarity).sum(-1), weight

        blocks = starts, by_block(z_b), by_block(grouped)
        blocks += () if there is None else (by_block(there),)
        if len(starts) == 1:
            parts = jax.tree.map(
                lambda part: part[None], compare(jax.tree.map(lambda x: x[0], blocks))
            )
        else:  # compared again for the gradient, not kept
            parts = jax.lax.map(jax.checkpoint(compare), blocks)
        peaks, chosen, weight = parts
        total = weight.sum(0)
        mean = chosen.sum(0) / jnp.where(total > 0, total, 1)
        loss = jnp.where(total > 0, _logsumexp(jnp.moveaxis(peaks, 0, -1)) - mean, 0)
        return loss.sum() / jnp.maximum((total > 0).sum(), 1)

    pairs = domain_pairs(domains, config.pairs)
    return sum((pair_loss(a, b) for a, b in pairs), jnp.zeros(())) / len(pairs)


@jax.named_scope("contrast")
def instance_contrast(
    projections: Mapping[str, Float[Array, "batch classes projection"]],
    config: Contrast,
    kept: Kept = None,
) -> Float[Array, ""]:
    """Contrast of whole tuples: a tuple's other domain is the positive, other tuples' are not.

    A tuple's vector in a domain is the direction of the sum of its classes' projections. Pairs of
    domains, temperature and groups are those of `contrastive`; of a tuple its first `kept`
    domains take part. Source: reconstruction (method 6.3; InfoNCE).
    """
    batch, _, features = next(iter(projections.values())).shape
    group = min(config.group_size, batch)
    frames = {name: unit(z.sum(1)).reshape(-1, group, features) for name, z in projections.items()}
    domains = tuple(projections)
    count = jnp.full(batch, len(domains)) if kept is None else kept

    def pair_loss(a: str, b: str) -> Float[Array, ""]:
        there = (count > max(domains.index(a), domains.index(b))).reshape(-1, group)
        similarity = jnp.einsum("gif,gjf->gij", frames[a], frames[b]) / config.tau
        own = jnp.diagonal(similarity, axis1=1, axis2=2)
        loss = _logsumexp(jnp.where(there[:, None, :], similarity, -1e9)) - own
        return jnp.where(there, loss, 0).sum() / jnp.maximum(there.sum(), 1)

    pairs = domain_pairs(domains, config.pairs)
    return sum((pair_loss(a, b) for a, b in pairs), jnp.zeros(())) / len(pairs)


def _logsumexp(values: Float[Array, "*rows columns"]) -> Float[Array, "*rows"]:
    peak = values.max(-1, keepdims=True)
    return peak[..., 0] + jnp.log(jnp.exp(values - peak).sum(-1))


def class_relation(
    relation: Float[Array, "nodes nodes"], classes: int
) -> Float[Array, "classes classes"]:
    """A node relation averaged over its domain blocks: one weight a pair of classes."""
    domains = len(relation) // classes
    return relation.reshape(domains, classes, domains, classes).mean((0, 2))


def total_loss(
    outputs: Mapping,
    labels: Labels | Levels,
    class_weights: Float[Array, " classes"],
    contrast_prior: Float[Array, "classes classes"],
    loss: Loss,
    contrast: Contrast,
    task: str = "au",
    step: Int[Array, ""] | None = None,
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """L = sum_d omega_d L_cls(d) + lambda_g L_cls(graph) + lambda_c L_con + lambda_i L_inst
    + lambda_d L_dist, and its terms by name; `step` is what the contrasts' warm-up goes by.

    The terms, before their weights, are loss/R, loss/S, loss/T, loss/A, loss/graph, loss/contrast
    and, if they have a weight, loss/instance and loss/distill. With task=intensity L_cls is
    `masked_mse`, and the contrast sees `occurrence`.
    Source: supplement 2.1 (graph and non-graph losses); weights: reconstruction (method 9.5).
    """
    classify = CLASSIFICATION[task]
    # Modalities of one face (DRR MM) all weigh as the reaction does.
    omega = {"S": loss.omega_stimulus, "T": loss.omega_text, SOUND: loss.omega_audio}
    logits = outputs["logits"]
    terms = {
        f"loss/{domain}": classify(values, own_labels(outputs, domain, labels), class_weights)
        for domain, values in logits.items()
    }
    total = sum(
        (omega.get(domain, loss.omega_reaction) * terms[f"loss/{domain}"] for domain in logits),
        jnp.zeros(()),
    )
    if "graph_logits" in outputs:
        terms["loss/graph"] = classify(outputs["graph_logits"], labels, class_weights)
        total = total + loss.lambda_graph * terms["loss/graph"]
        if loss.lambda_distill:
            face = next(iter(logits.values()))
            terms["loss/distill"] = distillation(
                face, outputs["graph_logits"], labels, class_weights, task
            )
            total = total + loss.lambda_distill * terms["loss/distill"]
    if "projections" in outputs:
        projections, kept = outputs["projections"], outputs.get("kept")
        shown = occurrence(labels) if task == "intensity" else labels
        terms["loss/contrast"] = contrastive(projections, shown, contrast_prior, contrast, kept)
        if loss.lambda_instance:
            terms["loss/instance"] = instance_contrast(projections, contrast, kept)
        for name, weight in contrast_weights(loss, contrast, step).items():
            total = total + weight * terms[name]
    return total, terms


def contrast_weights(
    loss: Loss, contrast: Contrast, step: Int[Array, ""] | None = None
) -> dict[str, float | Array]:
    """What the contrasts' terms weigh at a step (the first is 0), as in {"loss/contrast": 0.1}.

    Over the first `warmup_steps` the weights rise linearly (reconstruction, method 9.5).
    """
    weights: dict[str, float | Array] = {"loss/contrast": loss.lambda_contrast}
    if loss.lambda_instance:
        weights["loss/instance"] = loss.lambda_instance
    if step is None or not contrast.warmup_steps:
        return weights
    risen = jnp.minimum((step + 1) / contrast.warmup_steps, 1)
    return {name: weight * risen for name, weight in weights.items()}
