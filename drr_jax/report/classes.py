"""What the report says of the classes: F1 and counts, confusion, radar charts, folds."""

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

import numpy as np

from drr_jax import pages
from drr_jax.pages import Images
from drr_jax.report import confusion, figures
from drr_jax.report.samples import Run

Columns = Iterable[tuple[str, Any, str]]  # heading, key of a row, format
F3 = "{:.3f}"
BEST = ("F1, best step", "best", F3)
AU_COLUMNS = (
    ("F1", "f1", F3),
    BEST,
    ("Always yes", "all_positive_f1", F3),
    ("Gain", "gain", "{:+.3f}"),
    ("Accuracy", "accuracy", F3),
    ("Positives", "positives", "{:,}"),
    ("Labels", "count", "{:,}"),
    ("Base", "percent", "{:.1f} %"),
)
SOFTMAX_COLUMNS = (
    ("F1", "f1", F3),
    BEST,
    ("Precision", "precision", F3),
    ("Recall", "recall", F3),
    ("Records", "present", "{:,}"),
    ("Share", "percent", "{:.1f} %"),
    ("Most often taken for", "taken", "{}"),
)


def table(run: Run, columns: Columns, rows: Mapping[str, Mapping[Any, Any]]) -> dict[str, Any]:
    """Head and rows as text, nothing where a row lacks a value; the last row is the total."""
    *lines, total = [
        [name, *("" if row.get(key) is None else form.format(row[key]) for _, key, form in columns)]
        for name, row in rows.items()
    ]
    first = run.noun.capitalize() if run.softmax else run.noun
    shown = [*lines, {"kind": "total", "cells": total}]
    return {"head": [first, *(head for head, *_ in columns)], "rows": shown}


def units(run: Run, images: Images) -> dict[str, Any]:
    """F1 of every class: bars, and a table with what it comes from."""
    results, rows = run.results, {name: dict(scores) for name, scores in run.classes.items()}
    mean = {"f1": results["f1_mean"], "accuracy": results["accuracy_mean"]}
    for row in rows.values():
        rate = row["positives"] / row["count"] if row["count"] else 0.0
        row |= {"base_rate": rate, "percent": 100 * rate}
    if run.softmax:
        columns, judge = SOFTMAX_COLUMNS, "f1"
        _add_confusion(run, rows)
        mean["present"] = sum(row["present"] for row in rows.values())
    else:
        columns, judge = AU_COLUMNS, "gain"
        mean["all_positive_f1"] = results["all_positive_f1_mean"]
        for row in rows.values():
            row["all_positive_f1"] = 2 * row["base_rate"] / (1 + row["base_rate"])
        for row in (*rows.values(), mean):
            row["gain"] = row["f1"] - row["all_positive_f1"]
    images["f1"] = figures.bar_figure(rows)
    judged = {name: row[judge] for name, row in rows.items() if row["positives"] or not run.softmax}
    if run.best:
        mean["best"] = run.best["f1_mean"]
        for name, row in rows.items():
            row["best"] = run.best[run.task][name]["f1"]
    else:
        columns = [column for column in columns if column is not BEST]
    say = pages.plain if run.softmax else pages.named
    lines = {**{say(name): row for name, row in rows.items()}, "Mean": mean}
    return {
        "judged": judged,
        "most": max(judged, key=judged.__getitem__),
        "least": min(judged, key=judged.__getitem__),
        **table(run, columns, lines),
    }


def _add_confusion(run: Run, rows: Mapping[str, dict[str, Any]]) -> None:
    """What the confusion matrix says of each class."""
    matrix = np.array(run.results["confusion"])
    counts = np.diag(matrix), matrix.sum(0), matrix.sum(1)
    taken = confusion.most_taken_for(matrix, run.names)
    for row, hit, claimed, present, other in zip(rows.values(), *counts, taken, strict=True):
        row["precision"] = hit / claimed if claimed else None
        row["recall"] = hit / present if present else None
        row |= {"present": present, "taken": other}


def confusions(run: Run, images: Images) -> dict[str, Any] | None:
    """The confusion matrix of a softmax task; nothing for AUs."""
    if not run.softmax:
        return None
    matrix = np.array(run.results["confusion"])
    images["confusion"] = confusion.confusion_figure(matrix, run.names)
    return {"empty": not matrix.any(1).all()}


def scores(run: Run) -> tuple[np.ndarray, np.ndarray, bool] | None:
    """Probabilities and labels of the test part, else of the samples; whether it is the former."""
    for prefix in ("all_", ""):
        if run.samples and {f"{prefix}probability", f"{prefix}label"} <= set(run.samples):
            pair = run.samples[f"{prefix}probability"], run.samples[f"{prefix}label"]
            return *pair, bool(prefix)
    return None


def radar(run: Run, images: Images) -> dict[str, Any] | None:
    """Figure 8 of the supplement, of AUs: a softmax has no threshold to be inside or outside of."""
    found = scores(run)
    if run.softmax or found is None:
        return None
    probability, label, whole = found
    images["radar"] = figures.radar_figure(probability, label, run.names)
    return {"whole": whole}


def folds(run: Run, images: Images) -> dict[str, Any] | None:
    """Every class in every fold; nothing if there is but one."""
    if "folds" not in run.results:
        return None
    each, results = list(enumerate(run.results["folds"])), run.results
    ends = ("", "_std", "_pooled")
    keys = [key + end for key, end in product(("f1", "accuracy"), ends)]
    heads = ("Mean", "SD", "Pooled", "Accuracy", "SD", "Pooled")
    columns = [(f"Fold {fold.get('fold', k)}", k, F3) for k, fold in each]
    columns += [(head, key, F3) for head, key in zip(heads, keys, strict=True)]
    rows = {
        pages.named(name): {**row, **{k: fold[run.task][name]["f1"] for k, fold in each}}
        for name, row in run.classes.items()
    }
    rows["Mean"] = {k: fold["f1_mean"] for k, fold in each} | {
        key + end: results.get(f"{key}_mean{end}") for key, end in product(("f1", "accuracy"), ends)
    }
    if run.softmax:
        rows[f"Accuracy, most probable {run.noun}"] = {k: fold["accuracy"] for k, fold in each} | {
            f"f1{end}": results.get(f"accuracy{end}") for end in ends
        }
    return table(run, columns, rows)
