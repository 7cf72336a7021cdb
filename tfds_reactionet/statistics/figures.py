"""Charts of a data set's statistics as PNG bytes; captions and tables stand on the page."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from drr_jax import pages
from drr_jax.pages import BLUE, GREY, INK, MEANING, ORANGE, PALETTE, WIDTH, named, png
from tfds_reactionet.annotation import Task
from tfds_reactionet.statistics.counts import BIN, BINS
from tfds_reactionet.statistics.reaction_delay import Delay

_PERCENT = FuncFormatter(lambda value, _: f"{100 * value:g} %")


def bars(panels: Mapping[str, Mapping[str, float]], shared: bool = True) -> bytes:
    """Panels of horizontal bars with their numbers; `shared`: the same rows in every panel."""
    rows = max(len(panel) for panel in panels.values())
    figure = Figure(figsize=(WIDTH, 0.34 * rows + 0.7), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for number, (axis, (title, panel)) in enumerate(zip(axes, panels.items(), strict=True)):
        values = list(panel.values())
        axis.barh(range(len(panel)), values, height=0.62, color=BLUE)
        for row, value in enumerate(values):
            pages.note(axis, f"{value:,.0f}", (value, row), (4, 0), va="center", color=INK)
        labels = list(panel) if number == 0 or not shared else [""] * len(panel)
        axis.set_yticks(range(len(panel)), labels, fontsize=10)
        axis.set(xlim=(0, max([*values, 1]) * 1.3), ylim=(rows - 0.4, -0.6), xticks=[])
        axis.set_title(title, loc="left", fontsize=10.5)
        axis.tick_params(axis="y", length=0)
        axis.spines[["top", "right", "bottom"]].set_visible(False)
    return png(figure)


def share_figure(
    au_names: Sequence[str], shares: Mapping[str, Sequence[float]], meanings: bool = True
) -> bytes:
    """Grouped bars of shares 0 to 1 by AU, one colour a set; NaN is marked as not coded."""
    figure = Figure(figsize=(WIDTH, 3.7), layout="constrained")
    axis = figure.subplots()
    width = 0.8 / len(shares)
    top = max((v for row in shares.values() for v in row if not np.isnan(v)), default=0.0)
    crowd = len(shares) * len(au_names)
    small = 9.5 if crowd <= 18 else 8 if crowd <= 40 else 6.5
    for number, (name, row) in enumerate(shares.items()):
        at = np.arange(len(au_names)) + (number - (len(shares) - 1) / 2) * width
        colour = PALETTE[number % len(PALETTE)]
        axis.bar(at, np.nan_to_num(row), width=0.9 * width, color=colour, label=name)
        for x, value in zip(at, row, strict=True):
            words = "not coded" if np.isnan(value) else f"{100 * value:.{int(crowd <= 24)}f}"
            style: dict[str, Any] = {"ha": "center", "va": "bottom", "fontsize": small}
            if np.isnan(value):
                style |= {"rotation": 90, "color": GREY}
            axis.text(x, np.nan_to_num(value) + top * 0.012, words, **style)
    under = [f"{name}\n{MEANING.get(name, '')}" if meanings else name for name in au_names]
    under = [label.replace(" ", "\n") for label in under]
    if len(au_names) > 20:
        under = _numbers(au_names)
        axis.set_xlabel("AU", fontsize=9.5)
    axis.set_xticks(range(len(au_names)), under, fontsize=9.5 if len(au_names) < 10 else 8)
    axis.set_xlim(-0.6, len(au_names) - 0.4)
    axis.set_ylim(0, max(top * 1.13, 1e-3))
    axis.yaxis.set_major_formatter(_PERCENT)
    axis.set_ylabel("share of frames", fontsize=9.5)
    pages.tidy(axis)
    axis.tick_params(axis="x", length=0)
    if len(shares) > 1:
        pages.legend(figure)
    return png(figure)


def kappa_figure(tasks: Sequence[Task]) -> bytes:
    """Both kappas of every task as dots, the paper's as a tick."""
    figure = Figure(figsize=(WIDTH, 0.27 * len(tasks) + 0.9), layout="constrained")
    axis = figure.subplots()
    rows = np.arange(len(tasks))
    paper, cohen, fleiss = np.array([(task.paper, task.cohen, task.fleiss) for task in tasks]).T
    axis.plot(paper, rows, "|", ms=13, mew=2.5, color=GREY, label="the paper's")
    axis.plot(cohen, rows, "o", ms=7.5, color=BLUE, label="Cohen, mean over pairs")
    axis.plot(fleiss, rows, "D", ms=4, color=ORANGE, label="Fleiss")
    for row, task in enumerate(tasks):
        if np.isnan(task.cohen) and np.isnan(task.fleiss):
            at = {"xycoords": ("axes fraction", "data"), "va": "center", "fontsize": 9}
            pages.note(axis, "undefined: no variation", (0.01, row), (0, 0), color=GREY, **at)
    axis.set_yticks(rows, [task.name for task in tasks], fontsize=9.5)
    values = [x for task in tasks for x in (task.cohen, task.fleiss) if not np.isnan(x)]
    axis.set(xlim=(min([0.6, *values]) - 0.05, 1.02), ylim=(len(tasks) - 0.4, -0.6))
    pages.tidy(axis, grid="both")
    pages.legend(figure)
    return png(figure)


def relation_figure(
    half_sums: Float[np.ndarray, "classes classes"],
    prior: Float[np.ndarray, "classes classes"],
    au_names: Sequence[str],
    prior_title: str,
) -> bytes:
    """Co-occurrence with its numbers beside the prior; pairs that the prior relates outlined."""
    figure = Figure(figsize=(WIDTH, 5.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    cmap = LinearSegmentedColormap.from_list("share", ["#f7f8fa", BLUE])
    ticks = _numbers(au_names)
    panels = {left: (half_sums, "Co-occurrence, (C + Cᵀ) / 2"), right: (prior, prior_title)}
    for axis, (values, title) in panels.items():
        axis.imshow(values, cmap=cmap, vmin=0, vmax=1)
        axis.set_title(title, loc="left", fontsize=10.5)
        pages.name_cells(axis, ticks, ticks)
        axis.set_ylabel("AU", fontsize=9)
    others = ~np.eye(len(ticks), dtype=bool)
    size = 8 if len(ticks) <= 12 else 5.5
    pages.number_cells(left.images[0], np.where(others, half_sums, np.nan), size)
    pages.outline_cells(left, (prior >= 0.5) & others)
    return png(figure)


def intensity_figure(histogram: Int[np.ndarray, "aus bins"], au_names: Sequence[str]) -> bytes:
    """One panel an AU: share of frames by intensity, on a logarithmic scale; no AU without any."""
    columns = 5
    rows = -(-len(au_names) // columns)
    figure = Figure(figsize=(WIDTH, 1.75 * rows + 0.3), layout="constrained")
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    edges = np.arange(BINS) * BIN
    for axis, name, counts in zip(axes, au_names, histogram, strict=False):
        axis.set_title(named(name), loc="left", fontsize=9.5)
        axis.bar(edges, counts / counts.sum(), width=BIN * 0.92, align="edge", color=BLUE)
        axis.set_yscale("log")
        axis.set_xlim(0, 5)
        axis.set_xticks(range(6))
        axis.xaxis.set_tick_params(labelbottom=True)
        pages.tidy(axis)
    axes[0].set_ylim(5e-4, 1)
    axes[0].yaxis.set_major_formatter(_PERCENT)
    for axis in axes[len(au_names) :]:
        axis.set_axis_off()
    return png(figure)


def delay_figure(delay: Delay) -> bytes:
    """Mean correlation by lag with its 95 % band; each sequence's best lag as a histogram."""
    figure = Figure(figsize=(WIDTH, 3.3), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    known = ~np.isnan(delay.mean)
    lags, mean, band = delay.lags[known], delay.mean[known], 1.96 * delay.error[known]
    left.fill_between(lags, mean - band, mean + band, color=BLUE, alpha=0.18, lw=0)
    left.plot(lags, mean, "o-", color=BLUE, lw=1.6, ms=3.5)
    left.axhline(0, color=INK, lw=0.8)
    left.axvline(0, color=INK, lw=0.8, ls=(0, (4, 3)))
    left.set_title("correlation of stimulus change and AU onset", loc="left", fontsize=10.5)
    left.set_xlabel("frames by which the reaction is later (left of 0: earlier)", fontsize=9)
    numbers = np.bincount([lag for _, lag, _ in delay.peaks])
    right.bar(range(len(numbers)), numbers, width=0.85, color=BLUE)
    right.set_xlim(-0.6, len(numbers) - 0.4)
    right.set_title("lag of the highest correlation, sequences", loc="left", fontsize=10.5)
    right.set_xlabel("frames", fontsize=9)
    for axis in (left, right):
        axis.xaxis.set_major_locator(MaxNLocator(10, integer=True))
        pages.tidy(axis)
    return png(figure)


def _numbers(au_names: Sequence[str]) -> list[str]:
    return [name.removeprefix("AU").lstrip("0") for name in au_names]
