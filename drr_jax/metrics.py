"""F1 and accuracy of AUs, expressions and scenes: counts on the device, float64 ratios on the host.

Those of intensities are in levels.py. Source: docs/method.md 8.1. Counts are summed over all frames
of the test fold before any ratio is taken, labels marked unknown (-1) and padded rows count
nowhere, and the F1 of an AU without a true positive is 0.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Int8

from drr_jax import levels
from drr_jax.facs import TASKS

TP, FP, FN, TN = range(4)
THRESHOLD = 0.5  # from which probability a class is predicted


def counts(
    probabilities: Float[Array, "batch classes"],
    labels: Int8[Array, "batch classes"],
    weight: Float[Array, "batch"],
    threshold: float = THRESHOLD,
) -> Int[Array, "classes 4"]:
    """True positives, false positives, false negatives, true negatives of every class.

    `labels` are 1, 0 or -1 (unknown); `weight` is 0 for padding; a class is predicted where its
    probability is at least `threshold`. Counts of several batches add up. Under jit the sum runs
    over a global, batch-sharded array, so every example counts once on any number of devices.
    int32 is exact below 2^31 rows: a longer total is summed on the host in int64.
    """
    batch, classes = labels.shape
    # Speed: 16 rows are folded into one, since 12 classes fill no vector register, and the four
    # counts travel as the four bytes of one word, which hold up to 255 rows each. A small batch
    # stays as it is, so that its rows still divide by the devices it is sharded over.
    fold, block = (math.gcd(batch, 16), 128) if batch >= 2048 else (1, 1)
    block = math.gcd(batch // fold, block)
    known = (weight > 0)[:, None] & (labels >= 0)
    predicted = probabilities >= threshold
    word = jnp.where(
        known,
        jnp.where(
            labels > 0,
            jnp.where(predicted, 1 << 8 * TP, 1 << 8 * FN),
            jnp.where(predicted, 1 << 8 * FP, 1 << 8 * TN),
        ),
        0,
    ).astype(jnp.uint32)
    words = word.reshape(-1, block, fold * classes).sum(axis=1, dtype=jnp.uint32)
    sums = [((words >> 8 * k) & 255).astype(jnp.int32).sum(axis=0) for k in (TP, FP, FN, TN)]
    return jnp.stack([total.reshape(fold, classes).sum(axis=0) for total in sums], axis=1)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> Float[np.ndarray, "classes"]:
    return np.divide(
        numerator, denominator, out=np.zeros(numerator.shape, np.float64), where=denominator > 0
    )


def _columns(total: Int[Any, "classes 4"]) -> np.ndarray:
    return np.moveaxis(np.asarray(total).astype(np.int64), -1, 0)


def f1(total: Int[Any, "classes 4"]) -> Float[np.ndarray, "classes"]:
    """F1 of the positive class, 0 where nothing was found and never NaN."""
    tp, fp, fn, _ = _columns(total)
    return _ratio(2 * tp, 2 * tp + fp + fn)


def accuracy(total: Int[Any, "classes 4"]) -> Float[np.ndarray, "classes"]:
    """Share of known labels predicted right, 0 for a class without any."""
    tp, fp, fn, tn = _columns(total)
    return _ratio(tp + tn, tp + fp + fn + tn)


def all_positive_f1(total: Int[Any, "classes 4"]) -> Float[np.ndarray, "classes"]:
    """F1 of always saying yes, 2p / (1 + p) with base rate p: what any model has to beat."""
    tp, fp, fn, tn = _columns(total)
    return _ratio(2 * (tp + fn), 2 * (tp + fn) + fp + tn)


def occurring_f1(block: Mapping[str, Mapping[str, Any]]) -> float:
    """Mean F1 over the classes of a results' block that occur, 0 if none does.

    A class without a true positive has F1 0 by definition and no say in how good a softmax is.
    """
    found = [one["f1"] for one in block.values() if one["positives"]]
    return float(np.mean(found)) if found else 0.0


def confusion(
    probabilities: Float[Array, "batch classes"],
    labels: Int8[Array, "batch classes"],
    weight: Float[Array, "batch"],
) -> Int[Array, "classes classes"]:
    """Samples by true class (row) and most probable class (column); unknown ones count nowhere."""
    classes = labels.shape[1]
    truth = (labels == 1) & (weight > 0)[:, None]
    chosen = jnp.argmax(probabilities, axis=1)[:, None] == jnp.arange(classes)
    return jnp.einsum("bt,bp->tp", truth.astype(jnp.int32), chosen.astype(jnp.int32))


def softmax_summary(
    matrix: Int[Any, "classes classes"], names: Sequence[str], task: str
) -> dict[str, Any]:
    """The block of results.json of a softmax task: top-1 accuracy, confusion, each class by name.

    `accuracy` is the number that the literature reports (method 8.1), `majority_accuracy` that of
    always naming the most frequent class; the classes' own entries are one against the rest, as
    `summary` has them: `f1_mean` is over all classes, and `f1_mean_occurring` over those that
    occur. `task` is expression or scene.
    """
    table = np.asarray(matrix, np.int64)
    total, hit, present, claimed = table.sum(), np.diag(table), table.sum(1), table.sum(0)
    rest = total - claimed - present + hit
    each = summary(np.stack([hit, claimed - hit, present - hit, rest], axis=1), names, task)
    return {
        "accuracy": float(hit.sum() / total) if total else 0.0,
        "majority_accuracy": float(present.max() / total) if total else 0.0,
        "confusion": table.tolist(),
        **each,
        "f1_mean_occurring": occurring_f1(each[task]),
    }


def summary(
    total: Int[Any, "classes 4"], au_names: Sequence[str], task: str = "au"
) -> dict[str, Any]:
    """The per-class block of results.json: F1, accuracy, positives and known labels, their means.

    Raises ValueError if the number of names is not the number of classes.
    """
    tp, fp, fn, tn = _columns(total)
    columns = f1(total), accuracy(total), tp + fn, tp + fp + fn + tn
    return {
        task: {
            name: {"f1": float(f), "accuracy": float(a), "positives": int(p), "count": int(n)}
            for name, f, a, p, n in zip(au_names, *columns, strict=True)
        },
        "f1_mean": float(f1(total).mean()),
        "all_positive_f1_mean": float(all_positive_f1(total).mean()),
        "accuracy_mean": float(accuracy(total).mean()),
    }


def best_thresholds(
    probability: Float[np.ndarray, "records classes"], label: Int8[np.ndarray, "records classes"]
) -> list[float]:
    """For each class the threshold of the highest F1, half-way between two probabilities.

    Of equally good ones that nearest to 0.5, which a class without a positive keeps.
    """
    return [_best_threshold(*column) for column in zip(probability.T, label.T, strict=True)]


def _best_threshold(
    probability: Float[np.ndarray, " records"], label: Int8[np.ndarray, " records"]
) -> float:
    known = label >= 0
    order = np.argsort(-probability[known], kind="stable")
    p, positive = probability[known][order].astype(np.float64), label[known][order] == 1
    if not positive.any():
        return 0.5
    last = np.flatnonzero(np.append(p[1:] != p[:-1], True))  # of records that are claimed together
    claimed = last + 1
    score = 2 * np.cumsum(positive)[last] / (claimed + positive.sum())
    middle = (p[last] + np.append(p[claimed[:-1]], 0.0)) / 2
    best = middle[score == score.max()]
    return float(best[np.argmin(np.abs(best - 0.5))])


def counts_of(result: Mapping[str, Any]) -> Int[np.ndarray, "classes 4"]:
    """The counts behind one `summary`, recovered exactly from its ratios (below 10^7 positives)."""
    rows = []
    for au in result[task_of(result)].values():
        positives, count = au["positives"], au["count"]
        wrong = round((1 - au["accuracy"]) * count)
        # f1 = 2 tp / (2 tp + wrong)
        tp = round(au["f1"] * wrong / (2 * (1 - au["f1"]))) if wrong else positives
        fn = positives - tp
        rows.append([tp, wrong - fn, fn, count - tp - wrong])
    return np.array(rows, np.int64)


def task_of(result: Mapping[str, Any]) -> str:
    """Which block of classes a results.json has, by its task; au if it has none."""
    return next((task for task in TASKS if task in result), "au")


def score_of(result: Mapping[str, Any]) -> str:
    """The key of the number that counts: mean F1 of AUs, accuracy of a softmax, mean ICC."""
    return next((key for key in ("icc_mean", "accuracy") if key in result), "f1_mean")


def fold_table(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One table over the folds of a cross validation, with the keys of `summary` and more.

    Plain keys are means over folds (the protocol's number), `*_std` their sample standard
    deviation (0 for a single fold), `*_pooled` come from the counts of all folds together.
    Raises ValueError if there is no fold or the folds do not have the same classes.
    """
    task = task_of(results[0]) if results else "au"
    names = list(results[0][task]) if results else []
    if not names or any(list(result.get(task, ())) != names for result in results):
        raise ValueError("fold_table needs at least one fold, and the same classes in each")
    if task == levels.TASK:
        return levels.fold_table(results)
    pooled = summary(np.sum([counts_of(result) for result in results], axis=0), names, task)
    if "confusion" in results[0]:
        confusion = np.sum([result["confusion"] for result in results], axis=0)
        pooled = softmax_summary(confusion, names, task)

    def spread(values: list[float]) -> float:
        return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0

    table: dict[str, Any] = {task: {}}
    if "confusion" in pooled:
        table["confusion"] = pooled["confusion"]
    for name in names:
        row = table[task][name] = dict(pooled[task][name])
        for key in ("f1", "accuracy"):
            values = [result[task][name][key] for result in results]
            row |= {f"{key}_pooled": row[key], key: float(np.mean(values))}
            row[f"{key}_std"] = spread(values)
    means = [key for key, value in pooled.items() if isinstance(value, float)]
    for key in means:
        # Results of before have no mean over the classes that occur, but all that it is made of.
        values = [
            result[key] if key in result else occurring_f1(result[task]) for result in results
        ]
        table |= {key: float(np.mean(values)), f"{key}_std": spread(values)}
        table[f"{key}_pooled"] = pooled[key]
    return table
