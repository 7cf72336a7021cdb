"""What the report says of the classes: F1 and counts, confusion, radar charts, folds."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from drr_jax import metrics, pages
from drr_jax.pages import Images
from drr_jax.report import confusion, figures
from drr_jax.report.samples import Run

F3 = "{:.3f}"
OCCURRING = "Mean of those that occur"
# Of a table of classes, as far as it has them: key -> heading, format.
COLUMNS = {
    "f1": ("F1", F3),
    "best": ("F1, best step", F3),
    "all_positive_f1": ("Always yes", F3),
    "gain": ("Gain", "{:+.3f}"),
    "accuracy": ("Accuracy", F3),
    "positives": ("Positives", "{:,.0f}"),
    "count": ("Labels", "{:,.0f}"),
    "base": ("Base", "{:.1f} %"),
    "precision": ("Precision", F3),
    "recall": ("Recall", F3),
    "present": ("Records", "{:,.0f}"),
    "share": ("Share", "{:.1f} %"),
    "taken": ("Most often taken for", "{}"),
}


def table(run: Run, frame: pd.DataFrame, columns: Mapping[Any, tuple[str, str]]) -> dict[str, Any]:
    """Head and rows of a page's table: `columns` of `frame`, whose last row is the total."""
    kept = {key: said for key, said in columns.items() if key in frame}
    *rows, total = [
        [name, *("" if pd.isna(row[k]) else form.format(row[k]) for k, (_, form) in kept.items())]
        for name, row in frame.to_dict("index").items()
    ]
    first = run.noun.capitalize() if run.softmax else run.noun
    shown = [*rows, {"kind": "total", "cells": total}]
    return {"head": [first, *(head for head, _ in kept.values())], "rows": shown}


def units(run: Run, images: Images) -> dict[str, Any] | None:
    """F1 of every class: bars, and a table with what it comes from; nothing for intensities."""
    if run.graded:
        return None
    results, frame = run.results, pd.DataFrame.from_dict(run.classes, "index")
    rate = frame["base_rate"] = (frame["positives"] / frame["count"]).fillna(0.0)
    mean = {"f1": results["f1_mean"]}
    if run.softmax:
        matrix = np.array(results["confusion"])
        hit = pd.Series(np.diag(matrix), frame.index)
        judged = frame.loc[frame["positives"] > 0, "f1"]
        frame = frame.drop(columns=["accuracy", "count"]).rename(columns={"positives": "present"})
        frame["precision"], frame["recall"] = hit / matrix.sum(0), hit / matrix.sum(1)
        frame["share"], frame["taken"] = 100 * rate, confusion.most_taken_for(matrix, run.names)
        mean |= {"present": matrix.sum(), "f1": run.f1_occurring}
    else:
        frame["all_positive_f1"] = 2 * rate / (1 + rate)
        frame["base"], frame["gain"] = 100 * rate, frame["f1"] - frame["all_positive_f1"]
        judged, always = frame["gain"], results["all_positive_f1_mean"]
        mean |= {"all_positive_f1": always, "gain": mean["f1"] - always}
        mean["accuracy"] = results["accuracy_mean"]
    if run.best:
        frame["best"] = [run.best[run.task][name]["f1"] for name in run.names]
        best = run.best
        mean["best"] = metrics.occurring_f1(best[run.task]) if run.softmax else best["f1_mean"]
    images["f1"] = figures.bar_figure(frame)
    named = frame.rename(index=pages.plain if run.softmax else pages.named)
    total = OCCURRING if run.softmax else "Mean"
    named.loc[total] = pd.Series(mean, dtype=object)
    found = {"judged": judged, "most": judged.idxmax(), "least": judged.idxmin()}
    return found | table(run, named, COLUMNS)


def confusions(run: Run, images: Images) -> dict[str, Any] | None:
    """The confusion matrix of a softmax task; nothing for AUs."""
    if not run.softmax:
        return None
    matrix = np.array(run.results["confusion"])
    images["confusion"] = confusion.confusion_figure(matrix, run.names)
    return {"empty": not matrix.any(1).all()}


def radar(run: Run, images: Images) -> dict[str, Any] | None:
    """Figure 8 of the supplement, of AUs' occurrence: others have no threshold to be outside of."""
    found, other = run.predictions, run.reference
    if run.softmax or run.graded or found is None:
        return None
    probability, label, whole = found
    theirs = other.predictions[0] if other and other.predictions else None
    images["radar"] = figures.radar_figure(probability, label, run.names, theirs)
    return {"whole": whole, "other": other and other.record.get("title", other.workdir.name)}


def folds(run: Run, images: Images) -> dict[str, Any] | None:
    """Every class in every fold; nothing if there is but one."""
    if "folds" not in run.results:
        return None
    each, results = run.results["folds"], run.results
    keys = [key + end for key in ("f1", "accuracy") for end in ("", "_std", "_pooled")]
    frame = pd.DataFrame.from_dict(run.classes, "index").reindex(columns=keys)
    for k, fold in enumerate(each):
        frame[k] = [fold[run.task][name]["f1"] for name in run.names]
    frame = frame.rename(index=pages.named)
    means = {key: results.get(re.sub("f1|accuracy", r"\g<0>_mean", key)) for key in keys}
    means |= {k: fold["f1_mean"] for k, fold in enumerate(each)}
    frame.loc["Mean of all" if run.softmax else "Mean"] = pd.Series(means, dtype=float)
    if run.softmax:
        some = {k: metrics.occurring_f1(fold[run.task]) for k, fold in enumerate(each)}
        some |= {"f1": run.f1_occurring, "f1_std": results.get("f1_mean_occurring_std")}
        frame.loc[OCCURRING] = pd.Series(some, dtype=float)
        right = {k: fold["accuracy"] for k, fold in enumerate(each)}
        right |= {key: results.get(key.replace("f1", "accuracy")) for key in keys[:3]}
        frame.loc[f"Accuracy, most probable {run.noun}"] = pd.Series(right, dtype=float)
    heads = ("Mean", "SD", "Pooled", "Accuracy", "SD", "Pooled")
    columns = {k: (f"Fold {fold.get('fold', k)}", F3) for k, fold in enumerate(each)}
    columns |= {key: (head, F3) for key, head in zip(keys, heads, strict=True)}
    return table(run, frame, columns)
