"""Who a model is worse for: scores by subject and by demographic group, with intervals."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Int8
from scipy.sparse import coo_array

from drr_jax import data, facs, metrics
from tfds_reactionet import reading

RESAMPLES, LEVEL = 1000, 0.95
Counts = Int[np.ndarray, "units classes 4"]  # TP, FP, FN, TN
Groups = Mapping[str, str]  # kind -> group, as in {"age": "20-29", "race": "asian"}


def groups_of(subject: str, demographics: Mapping[str, Groups]) -> dict[str, str]:
    """Groups of a sequence's subject; of several people ("A+B") those that all of them share."""
    first, *others = (demographics.get(name, {}) for name in subject.split("+"))
    return {kind: of for kind, of in first.items() if all(o.get(kind) == of for o in others)}


def judge_people(
    prepared: data.Prepared,
    subjects: Sequence[str],
    probability: Float[np.ndarray, "records classes"],
    label: Int8[np.ndarray, "records classes"],
    task: str,
) -> dict[str, Any] | None:
    """`scores` of records of `subjects`, in the groups that the data set's demographics name.

    None of intensities, whose people are not judged.
    """
    if task == "intensity":
        return None
    demographics = prepared.metadata.get("demographics", {})
    groups = {name: groups_of(name, demographics) for name in set(subjects)}
    return scores(probability, label, subjects, groups, task in facs.SOFTMAX_TASKS)


def scores(
    probability: Float[np.ndarray, "records classes"],
    label: Int8[np.ndarray, "records classes"],
    subject: Sequence[str],
    groups: Mapping[str, Groups],
    softmax: bool,
) -> dict[str, Any] | None:
    """The entry "people" of results.json; None if no record names its subject.

    `subject` names the people of each record, "" if unknown, several with a plus between them;
    `groups` has those of a subject. A score is top-1 accuracy of a softmax, else the mean F1 over
    the AUs that occur. Intervals are percentiles over RESAMPLES draws of people, with replacement
    and from a fixed seed; people who share a sequence are drawn together. `difference` is that of a
    group to all others of known group, on the same draws. None: of fewer than two, no interval.
    """
    names, owner = np.unique(np.asarray(subject, str), return_inverse=True)
    known = names != ""
    if not known.any():
        return None
    counts = _counts(_flags(probability, label, softmax), owner, len(names))[known]
    records = np.bincount(owner, minlength=len(names))[known]
    people = names[known].tolist()
    # What is drawn as one: subjects with a person in common.
    unit = reading.connected(name.split("+") for name in people)
    draws = np.random.default_rng(0).multinomial(
        unit.max() + 1, np.full(unit.max() + 1, 1 / (unit.max() + 1)), RESAMPLES
    )
    found: dict[str, Any] = {
        "score": "accuracy" if softmax else "f1_mean_occurring",
        "level": LEVEL,
        "resamples": RESAMPLES,
        "records_without_subject": int(len(owner) - records.sum()),
    }

    def drawn(inside: Bool[np.ndarray, " subjects"]) -> Float[np.ndarray, " resamples"]:
        of_units = np.zeros((unit.max() + 1, *counts.shape[1:]), np.int64)
        np.add.at(of_units, unit[inside], counts[inside])
        # Sums of whole numbers are exact in double precision, in any order.
        return _score(np.tensordot(draws.astype(float), of_units.astype(float), 1), softmax)

    def entry(inside: Bool[np.ndarray, " subjects"], resampled: np.ndarray) -> dict[str, Any]:
        low, high = _interval(resampled, unit[inside])
        value = _number(_score(counts[inside].sum(0), softmax))
        size = {"records": int(records[inside].sum()), "subjects": int(inside.sum())}
        return size | {"value": value, "low": low, "high": high}

    everyone = np.ones(len(people), bool)
    found["all"] = entry(everyone, drawn(everyone))
    found["groups"] = {}
    for kind in sorted({kind for name in people for kind in groups.get(name, {})}):
        of = np.array([groups.get(name, {}).get(kind, "") for name in people])
        listed = found["groups"][kind] = {}
        for group in sorted(set(of.tolist()) - {""}):
            inside, others = of == group, (of != group) & (of != "")
            ours = drawn(inside)
            listed[group] = entry(inside, ours)
            if others.any():
                low, high = _interval(ours - drawn(others), unit[inside], unit[others])
                both = [_score(counts[some].sum(0), softmax) for some in (inside, others)]
                listed[group] |= {
                    "difference": _number(np.subtract(*both)),
                    "difference_low": low,
                    "difference_high": high,
                }
    each = zip(people, records.tolist(), _score(counts, softmax), strict=True)
    found["subjects"] = {
        name: {"records": count, "value": _number(value), **groups.get(name, {})}
        for name, count, value in each
    }
    return found


def _flags(
    probability: np.ndarray, label: np.ndarray, softmax: bool
) -> Bool[np.ndarray, "records classes 4"]:
    """Whether a record is a TP, FP, FN or TN of a class; of a softmax one class is predicted."""
    true = label == 1
    if softmax:
        predicted = np.arange(label.shape[1]) == probability.argmax(1)[:, None]
        known = np.broadcast_to(true.any(1)[:, None], label.shape)
    else:
        predicted, known = probability >= metrics.THRESHOLD, label >= 0
    cells = (predicted & true, predicted & ~true, ~predicted & true, ~predicted & ~true)
    return np.stack([known & cell for cell in cells], axis=-1)


def _counts(flags: np.ndarray, owner: np.ndarray, owners: int) -> Counts:
    records = np.arange(len(owner))
    sums = coo_array((np.ones(len(owner), np.int64), (owner, records)), (owners, len(owner)))
    return (sums.tocsr() @ flags.reshape(len(owner), -1)).reshape(owners, *flags.shape[1:])


def _score(counts: np.ndarray, softmax: bool) -> np.ndarray:
    """Score of counts [..., classes, 4]; NaN where nothing is known to score by."""
    tp, fp, fn, _ = np.moveaxis(counts.astype(np.float64), -1, 0)
    occurs = tp + fn > 0
    if softmax:
        weight, value = (tp + fn), np.divide(tp, tp + fn, out=np.zeros_like(tp), where=occurs)
    else:
        weight = occurs.astype(np.float64)
        value = np.divide(2 * tp, 2 * tp + fp + fn, out=np.zeros_like(tp), where=occurs)
    total = weight.sum(-1)
    nothing = np.full(total.shape, np.nan)
    return np.divide((weight * value).sum(-1), total, out=nothing, where=total > 0)


def _number(value: np.ndarray) -> float | None:
    """For JSON, which has no NaN."""
    return float(value) if np.isfinite(value) else None


def _interval(values: np.ndarray, *units: np.ndarray) -> tuple[float | None, float | None]:
    """Percentiles of draws; none if one of the `units` drawn from is a single one."""
    found = values[np.isfinite(values)]
    if not found.size or min(len(set(of.tolist())) for of in units) < 2:
        return None, None
    low, high = np.percentile(found, [50 - 50 * LEVEL, 50 + 50 * LEVEL])
    return float(low), float(high)
