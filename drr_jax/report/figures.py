"""Charts of a run as PNG bytes: training, scores by class, single predictions."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from drr_jax import pages
from drr_jax.pages import BLUE, GREY, INK, ORANGE, PALETTE, RED, WIDTH, named, png

TERMS = {
    "loss": "total",
    "loss/R": "reaction, R",
    "loss/S": "stimulus, S",
    "loss/T": "caption, T",
    "loss/V": "visible image, V",
    "loss/D": "depth, D",
    "loss/Th": "thermal image, Th",
    "loss/graph": "graph",
    "loss/distill": "taught by the graph",
    "loss/contrast": "contrastive",
    "loss/instance": "contrastive, whole tuples",
    "loss/fused": "fused domains",
    "loss/domain": "telling the domains apart",
    "loss/dice": "Dice",
    "loss/alignment": "landmarks",
    "loss/landmarks": "landmarks",
    "loss/refinement": "refined attention maps",
    "loss/reconstruction": "reconstructed patches",
    "loss/reconstruction_D": "reconstructed depth",
    "loss/reconstruction_Th": "reconstructed thermal image",
}
SPOKES = 36  # of a radar chart
Curves = Mapping[str, Sequence[Mapping[str, Any]]]


def series(lines: Sequence[Mapping[str, Any]], key: str) -> tuple[np.ndarray, np.ndarray]:
    """Steps and values of the log lines that have `key`."""
    pairs = [(line["step"], line[key]) for line in lines if line.get(key) is not None]
    steps, values = zip(*pairs, strict=True) if pairs else ((), ())
    return np.array(steps, np.int64), np.array(values, np.float64)


def loss_terms(curves: Curves) -> list[str]:
    """The loss terms that were logged, the known ones first."""
    keys = {key for lines in curves.values() for line in lines for key in line}
    return [key for key in TERMS if key in keys] + sorted(
        key for key in keys if key.startswith("loss/") and key not in TERMS
    )


def loss_figure(curves: Curves) -> bytes:
    """One panel a loss term: every logged value thin, their running mean bold."""
    terms = loss_terms(curves)
    rows = math.ceil(len(terms) / 3)
    figure = Figure(figsize=(WIDTH, 2.35 * rows), layout="constrained")
    axes = figure.subplots(rows, 3, sharex=True, squeeze=False).ravel()
    for axis, term in zip(axes, terms, strict=False):
        _draw(axis, curves, term)
        title = TERMS.get(term, pages.plain(term.removeprefix("loss/")))
        axis.set_title(title, loc="left", fontsize=10.5)
        axis.xaxis.set_tick_params(labelbottom=True)
    if len(curves) > 1:
        axes[0].legend(frameon=False, fontsize=9)
    for axis in axes[len(terms) :]:
        axis.set_axis_off()
    return png(figure)


def progress_figure(curves: Curves, key: str, floor: float, title: str, guess: str) -> bytes:
    """The score `key` against that of the simplest guess; learning rate; gradient norm; over steps.

    `key` is eval/f1_mean, eval/accuracy or eval/icc_mean, `guess` what `floor` is the score of.
    """
    figure = Figure(figsize=(WIDTH, 2.9), layout="constrained")
    axes = figure.subplots(1, 3, width_ratios=(2, 1, 1))
    axes[0].axhline(floor, color=INK, lw=1.2, ls=(0, (4, 3)))
    at = {"xycoords": ("axes fraction", "data"), "ha": "right", "va": "top", "fontsize": 9}
    pages.note(axes[0], f"{guess}: {floor:.3f}", (1, floor), (-4, -4), **at)
    bottom, top = 0.0, floor
    for colour, (fold, lines) in zip(PALETTE, curves.items(), strict=False):
        steps, values = series(lines, key)
        if not len(steps):
            continue
        label = f"{fold} {values[-1]:.3f}"
        axes[0].plot(steps, values, "o-", color=colour, lw=1.8, ms=4.5, label=label, clip_on=False)
        if len(curves) == 1:
            bold = {"ha": "right", "color": colour, "weight": "bold"}
            pages.note(axes[0], label.strip(), (steps[-1], values[-1]), (0, 6), **bold)
        bottom, top = min(bottom, float(values.min())), max(top, float(values.max()))
    if len(curves) > 1 and axes[0].get_legend_handles_labels()[0]:
        axes[0].legend(frameon=False, fontsize=9, loc="lower right")
    axes[0].set_ylim(bottom * 1.2, min(1, top * 1.2) or 1)  # only an ICC is ever below 0
    axes[0].set_title(title, loc="left", fontsize=10.5)
    label_steps(axes[0])
    axes[1].set_title("learning rate", loc="left", fontsize=10.5)
    _draw(axes[1], curves, "lr", smooth=False)
    axes[1].set_ylim(bottom=0)
    axes[2].set_title("gradient norm", loc="left", fontsize=10.5)
    _draw(axes[2], curves, "grad_norm")
    return png(figure)


def _draw(axis: Axes, curves: Curves, key: str, smooth: bool = True) -> None:
    for colour, (fold, lines) in zip(PALETTE, curves.items(), strict=False):
        steps, values = series(lines, key)
        window = max(1, len(values) // 20) if smooth else 1
        if window > 1:
            axis.plot(steps, values, color=colour, lw=0.8, alpha=0.3)
            # Of fewer values at the ends, so that these stay unbiased.
            values = pd.Series(values).rolling(window, center=True, min_periods=1).mean()
        marker = "o" if len(values) < 12 else None
        axis.plot(steps, values, color=colour, lw=1.8, marker=marker, ms=3, label=fold or None)
    label_steps(axis)


def label_steps(axis: Axes) -> None:
    """An axis over steps: whole numbers below, few of them."""
    pages.tidy(axis)
    axis.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    if axis.get_yscale() == "linear":
        axis.yaxis.set_major_locator(MaxNLocator(5))
    axis.set_xlabel("step", fontsize=9)


def bar_figure(classes: pd.DataFrame) -> bytes:
    """F1 of every class as a bar, its base rate as a ring, the F1 of always saying yes as a tick.

    `classes` has rows of f1, base_rate, of AUs also all_positive_f1 and, over folds, f1_std.
    """
    figure = Figure(figsize=(WIDTH, 0.37 * len(classes) + 1.0), layout="constrained")
    axis = figure.subplots()
    rows = np.arange(len(classes))
    keys = ["f1", "base_rate", "all_positive_f1", "f1_std"]
    f1, base, always, spread = classes.reindex(columns=keys).to_numpy(np.float64).T
    axis.barh(rows, f1, height=0.5, color=BLUE, label="F1 on the test part")
    if np.isfinite(spread).all():
        axis.errorbar(f1, rows, xerr=spread, fmt="none", ecolor=INK, elinewidth=1, capsize=2.5)
    style = {"ls": "none", "zorder": 3}
    if np.isfinite(always).any():
        axis.plot(always, rows, "|", ms=21, mew=6, color="white", **style)
        tick = {"ms": 21, "mew": 3, "color": ORANGE, "label": "F1 of always saying yes"}
        axis.plot(always, rows, "|", **tick, **style)
    axis.plot(base, rows, "o", ms=7, mfc="white", mec=INK, mew=1.3, label="base rate", **style)
    ends = f1 + np.nan_to_num(spread)
    places = [clear_of(*marks) for marks in zip(ends, base, always, strict=True)]
    for row, (value, place) in enumerate(zip(f1, places, strict=True)):
        axis.text(place, row, f"{value:.3f}", va="center", fontsize=9.5, color=INK)
    axis.set_yticks(rows, [named(name) for name in classes.index], fontsize=10)
    axis.set(xlim=(0, max(1.0, max(places) + 0.07)), ylim=(len(classes) - 0.4, -0.6))
    pages.tidy(axis, grid="x")
    pages.legend(figure, first="F1 on the test part")
    return png(figure)


def clear_of(end: float, *marks: float) -> float:
    """Where a number of 0.06 in width stands behind a bar's end, past the marks it would hide."""
    place = end + 0.01
    for mark in sorted(mark for mark in marks if math.isfinite(mark)):
        if place - 0.015 < mark < place + 0.06:
            place = mark + 0.02
    return place


def radar_figure(
    probability: Float[np.ndarray, "batch classes"],
    label: Int8[np.ndarray, "batch classes"],
    au_names: Sequence[str],
    other: Float[np.ndarray, "batch classes"] | None = None,
) -> bytes:
    """Probabilities of up to 36 sampled positives (P) and negatives (N) of four AUs.

    They are AU 1, 4, 6 and 26, as in supplement Figure 8; others stand in for those a set lacks.
    One spoke a test tuple, clockwise in order of probability, which that figure leaves open.
    `other` is what another system says of the same tuples.
    """
    rng = np.random.default_rng(0)
    first = [name for name in ("AU01", "AU04", "AU06", "AU26") if name in au_names]
    units = (first + [name for name in au_names if name not in first])[:4]
    figure = Figure(figsize=(WIDTH, 5.9))
    axes = figure.subplots(2, len(units), subplot_kw={"projection": "polar"}, squeeze=False)
    figure.subplots_adjust(left=0.045, right=0.995, top=0.87, bottom=0.02, wspace=0.1, hspace=0.2)
    for row, (truth, kind) in enumerate(((1, "Positives (P)"), (0, "Negatives (N)"))):
        for column, unit in enumerate(units):
            n = list(au_names).index(unit)
            rows = rng.permutation(np.flatnonzero(label[:, n] == truth))[:SPOKES]
            rows = rows[np.argsort(-np.asarray(probability)[rows, n], kind="stable")]
            values = np.asarray(probability)[rows, n]
            right = (values >= 0.5) == bool(truth)
            axis = axes[row, column]
            said = f"{right.sum()} of {len(rows)} right"
            if other is not None:
                theirs = np.asarray(other)[rows, n]
                _beside(axis, theirs)
                said += f", other {((theirs >= 0.5) == bool(truth)).sum()}"
            _radar(axis, values, right)
            axis.set_title(said, fontsize=9.5, pad=5)
            box = axis.get_position()
            middle = (box.x0 + box.x1) / 2
            if row == 0:
                figure.text(middle, 0.955, named(unit), ha="center", fontsize=10.5, weight="bold")
        middle = (axes[row, 0].get_position().y0 + axes[row, 0].get_position().y1) / 2
        figure.text(0.018, middle, kind, rotation=90, va="center", ha="center", fontsize=10.5)
    return png(figure)


def _spokes(values: np.ndarray) -> np.ndarray:
    return np.arange(len(values)) * 2 * np.pi / max(1, len(values))


def _beside(axis: Any, values: np.ndarray) -> None:
    """What another system says, on the same spokes."""
    axis.plot(_spokes(values), values, "D", ms=3.6, mfc="white", mec=GREY, mew=1.0, clip_on=False)


def _radar(axis: Any, values: np.ndarray, right: np.ndarray) -> None:
    angle = _spokes(values)
    axis.set_theta_zero_location("N")
    axis.set_theta_direction(-1)
    axis.set(ylim=(0, 1), xticks=[], yticks=[])
    axis.spines["polar"].set_color("#b9bfc8")
    circle = np.linspace(0, 2 * np.pi, 181)
    for radius in (0.25, 0.75):
        axis.plot(circle, np.full(181, radius), color="#e8ebef", lw=0.8)
    axis.plot(circle, np.full(181, 0.5), color=INK, lw=1.1, ls=(0, (4, 2)))
    axis.text(np.pi, 0.5, "0.5", fontsize=8, ha="center", va="center", color=INK).set_bbox(
        {"fc": "white", "ec": "none", "pad": 0.8}
    )
    if not len(values):
        axis.text(0, 0, "none in the\ntest part", ha="center", va="center", fontsize=9.5)
        return
    axis.fill(angle, values, color=BLUE, alpha=0.08, lw=0)
    axis.vlines(angle, 0, values, color=GREY, lw=0.6, alpha=0.6)
    axis.plot(angle[right], values[right], "o", ms=4.2, color=BLUE, ls="none", clip_on=False)
    axis.plot(
        angle[~right], values[~right], "X", ms=5.6, color=RED, mec="white", mew=0.5, clip_on=False
    )
