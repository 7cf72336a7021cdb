"""What the report says of intensities: agreement with the coders and errors of every AU."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from drr_jax import levels, pages
from drr_jax.pages import BLUE, INK, ORANGE, WIDTH, Images, named, png
from drr_jax.report.classes import F3, table
from drr_jax.report.samples import Run

COLUMNS = {
    "icc": ("ICC(3,1)", F3),
    "best": ("ICC, best step", F3),
    "pcc": ("PCC", F3),
    "mse": ("MSE", F3),
    "zero_mse": ("MSE of always 0", F3),
    "mae": ("MAE", F3),
    "zero_mae": ("MAE of always 0", F3),
    "mean": ("Mean level", "{:.2f}"),
    "count": ("Labels", "{:,.0f}"),
}


def intensities(run: Run, images: Images) -> dict[str, Any] | None:
    """Measures of every AU: bars, and a table; nothing for other tasks."""
    if not run.graded:
        return None
    frame = _frame(run)
    if run.best:
        frame["best"] = [run.best[run.task][name]["icc"] for name in run.names]
    images["levels"] = level_figure(frame)
    total = {key: run.results.get(f"{key}_mean") for key in COLUMNS}
    if run.best:
        total["best"] = run.best["icc_mean"]
    frame = frame.rename(index=named)
    frame.loc["Mean"] = pd.Series(total, dtype=object)
    below = [
        name for name in run.names if run.classes[name]["mse"] >= run.classes[name]["zero_mse"]
    ]
    return {"below": below} | table(run, frame, COLUMNS)


def _frame(run: Run) -> pd.DataFrame:
    return pd.DataFrame.from_dict(run.classes, "index").drop(columns="sums")


def level_figure(frame: pd.DataFrame) -> bytes:
    """ICC and MSE of every AU as bars; the PCC as a ring, the MSE of always saying 0 as a tick."""
    figure = Figure(figsize=(WIDTH, 0.37 * len(frame) + 1.2), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    rows = np.arange(len(frame))
    style = {"ls": "none", "zorder": 3}
    for axis, key in ((left, "icc"), (right, "mse")):
        axis.barh(rows, frame[key], color=BLUE, height=0.55)
        pages.tidy(axis, grid="x")
    if "icc_std" in frame:
        spread = frame["icc_std"]
        left.errorbar(frame["icc"], rows, xerr=spread, fmt="none", ecolor=INK, capsize=2.5)
    left.plot(frame["pcc"], rows, "o", ms=7, mfc="white", mec=INK, mew=1.3, **style)
    right.plot(frame["zero_mse"], rows, "|", ms=21, mew=3, color=ORANGE, **style)
    left.set_title("ICC(3,1); ring: PCC", loc="left", fontsize=10.5)
    right.set_title("MSE; tick: always 0", loc="left", fontsize=10.5)
    left.set_yticks(rows, [named(name) for name in frame.index], fontsize=10)
    lowest = float(frame[["icc", "pcc"]].min(axis=None))
    left.set_xlim(lowest - 0.05 if lowest < 0 else 0, 1)
    left.set(ylim=(len(frame) - 0.4, -0.6))
    right.set_xlim(left=0)
    return png(figure)


def folds(run: Run) -> dict[str, Any]:
    """ICC of every AU in every fold, its mean, spread and pooled value; the MSE likewise."""
    each, keys = (
        run.results["folds"],
        [k + e for k in ("icc", "mse") for e in ("", "_std", "_pooled")],
    )
    frame = _frame(run).reindex(columns=keys)
    for k, fold in enumerate(each):
        frame[k] = [fold[levels.TASK][name]["icc"] for name in run.names]
    frame = frame.rename(index=named)
    means = {
        key: run.results[key.replace("icc", "icc_mean").replace("mse", "mse_mean")] for key in keys
    }
    frame.loc["Mean"] = pd.Series(
        means | {k: f["icc_mean"] for k, f in enumerate(each)}, dtype=float
    )
    heads = ("Mean", "SD", "Pooled", "MSE", "SD", "Pooled")
    columns = {k: (f"Fold {fold.get('fold', k)}", F3) for k, fold in enumerate(each)}
    columns |= {key: (head, F3) for key, head in zip(keys, heads, strict=True)}
    return table(run, frame, columns)
