"""Charts of what the graph was given and what it learnt: relation priors and prototypes."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from drr_jax import pages
from drr_jax.config import letters
from drr_jax.facs import CO_OCCURRENCE_THRESHOLD
from drr_jax.pages import BLUE, INK, WIDTH, named, plain, png, short

NUMBERED = 14  # more classes than this: no room for numbers in the cells
DOMAINS = "RST"  # node index = domain * classes + class (docs/method.md 5.3)


def related(prior: Float[np.ndarray, "classes classes"]) -> Bool[np.ndarray, "classes classes"]:
    """Which pairs a prior relates: those at 0.40 or above, Figure 7's rule (method 3.1)."""
    return np.asarray(prior, np.float64) >= CO_OCCURRENCE_THRESHOLD


def agreement(
    prior: Float[np.ndarray, "classes classes"], learned: Float[np.ndarray, "classes classes"]
) -> tuple[float, float, float]:
    """Mean learned similarity of related and of unrelated pairs, and how often the first is higher.

    The last is the probability that a related pair is more similar than an unrelated one (0.5 =
    the prior tells nothing); NaN where a kind of pair is absent.
    """
    pair = np.triu_indices(len(prior), 1)
    given, value = related(prior)[pair], np.asarray(learned, np.float64)[pair]
    yes, no = value[given], value[~given]
    if not len(yes) or not len(no):
        return float("nan"), float("nan"), float("nan")
    higher = (yes[:, None] > no).mean() + (yes[:, None] == no).mean() / 2
    return float(yes.mean()), float(no.mean()), float(higher)


def relation_figure(
    prior: Float[np.ndarray, "classes classes"] | None,
    learned: Float[np.ndarray, "classes classes"],
    au_names: Sequence[str],
    prototypes: str = "U-SR prototypes",
) -> bytes:
    """The relation given beside the cosine similarity of the learned prototypes.

    Pairs that the prior relates are outlined on the right.
    """
    count, alone = len(au_names), prior is None
    size = WIDTH * 0.6 if alone else WIDTH, 5.4 if count <= NUMBERED else 6.2
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(1, 1 if alone else 2, squeeze=False)[0]
    if prior is not None:
        soft = LinearSegmentedColormap.from_list("prior", ["#f1f3f6", BLUE])
        axes[0].imshow(np.asarray(prior, np.float64), cmap=soft, vmin=0, vmax=1)
        axes[0].set_title("Relation prior P (given)", loc="left", fontsize=10.5)
        _names(axes[0], au_names)
    axis, apart = axes[-1], np.array(learned, np.float64)
    if count > 1:
        np.fill_diagonal(apart, np.nan)  # always 1: it would only flatten the scale
    low, high = float(np.nanmin(apart)), float(np.nanmax(apart))
    limit = max(abs(low), abs(high))
    scale = ("PuOr", -limit, limit) if low < -0.05 else ("Blues", low, high)
    _matrix(axis, apart, au_names, f"{prototypes}, cosine similarity (learned)", scale, 7.5)
    if prior is not None:
        pages.outline_cells(axis, related(prior) & ~np.eye(count, dtype=bool))
        if count > NUMBERED:
            axis.set_yticks([])  # those of the panel beside it; there is no room for both
    return png(figure)


def node_names(names: Sequence[str], nodes: int, domains: str = DOMAINS) -> list[str]:
    """Names of the nodes, "R AU12"; a domain is its letter in `domains`, as in RST or VDTh."""
    return [f"{d} {name}" for d in letters(domains)[: nodes // len(names)] for name in names]


def branch_figure(
    rows: Sequence[tuple[str, bool, np.ndarray, np.ndarray]],
    prior: Float[np.ndarray, "classes classes"],
    names: Sequence[str],
) -> bytes:
    """A row for each (branch, learned, given, used), over classes: what training did to a relation.

    Learned: given, learned and their difference. Fixed: the prior beside what the branch used.
    """
    edge = max(3.4, 0.27 * len(names))  # inches of one matrix
    room = 0.5 + 0.08 * max(map(len, names))  # for its names
    columns = 3 if any(learned for _, learned, *_ in rows) else 2
    size = columns * (edge + room + 0.6), len(rows) * (edge + room + 0.4)
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(h_pad=0.15))
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for panels, (branch, learned, given, used) in zip(axes, rows, strict=True):
        if learned:
            scale = "Blues", 0.0, float(max(given.max(), used.max()))
            change = used - given
            limit = float(np.abs(change).max()) or 1.0
            shown = [
                (given, f"{branch}, given", scale),
                (used, f"{branch}, learned", scale),
                (change, "learned minus given", ("PuOr", -limit, limit)),
            ]
        else:
            scale = "Blues", 0.0, 1.0
            shown = [(prior, "prior P", scale), (used, f"{branch}, fixed (not learned)", scale)]
            for axis in panels[2:]:
                axis.set_axis_off()
        for axis, (matrix, title, scale) in zip(panels, shown, strict=False):
            numbers = np.where(np.abs(matrix) >= 0.005, matrix, np.nan)
            _matrix(axis, matrix, names, title, scale, 6.5, numbers)
    return png(figure)


def _matrix(
    axis: Axes,
    matrix: np.ndarray,
    names: Sequence[str],
    title: str,
    scale: tuple[str, float, float],
    size: float,
    numbers: np.ndarray | None = None,
) -> None:
    """One matrix with its numbers of `size`; `scale`: colour map, least and greatest value."""
    colours, low, high = scale
    image = axis.imshow(matrix, cmap=colours, vmin=low, vmax=high)
    if len(names) <= NUMBERED:
        pages.number_cells(image, matrix if numbers is None else numbers, size)
    axis.set_title(title, loc="left", fontsize=10.5)
    _names(axis, names)
    pages.colour_bar(image, shrink=0.7, pad=0.02)


def adjacency_figure(
    relation: Float[np.ndarray, "nodes nodes"], au_names: Sequence[str], domains: str = DOMAINS
) -> bytes:
    """The adjacency over all domains' class nodes, domain by domain, as the graph uses it."""
    count, nodes = len(au_names), len(relation)
    side = max(WIDTH * 0.56, 0.105 * nodes)
    figure = Figure(figsize=(side + 0.6, side), layout="constrained")
    axis = figure.subplots()
    image = axis.imshow(relation, cmap="Blues", vmin=min(0.0, float(np.min(relation))))
    for edge in range(count, nodes, count):
        axis.axhline(edge - 0.5, color=INK, lw=0.9)
        axis.axvline(edge - 0.5, color=INK, lw=0.9)
    label = [plain(name) for name in node_names(au_names, nodes, domains)]
    axis.set_yticks(np.arange(nodes), label, fontsize=6.5)
    axis.set_xticks(np.arange(nodes), label, fontsize=6.5, rotation=90)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    pages.colour_bar(image, shrink=0.7, pad=0.02)
    return png(figure)


def prototype_figure(
    prototype: Float[np.ndarray, "classes features"], au_names: Sequence[str]
) -> bytes:
    """Mean U-SR state of every AU; features ordered by the AU that raises them most."""
    value = np.asarray(prototype, np.float64)
    varies = value.std(axis=0) > 0
    value = value[:, varies] if varies.any() else value
    order = np.lexsort((-value.max(axis=0), value.argmax(axis=0)))
    signed = bool((value < -0.02 * np.abs(value).max()).any())
    limit = float(np.quantile(np.abs(value), 0.995)) or 1.0
    figure = Figure(figsize=(WIDTH, 0.27 * len(value) + 1.1), layout="constrained")
    axis = figure.subplots()
    scale = {"cmap": "PuOr", "vmin": -limit} if signed else {"cmap": "Blues", "vmin": 0}
    style = {"aspect": "auto", "interpolation": "nearest", "vmax": limit}
    image = axis.imshow(value[:, order], **scale, **style)
    axis.set_yticks(np.arange(len(value)), [named(name) for name in au_names], fontsize=9.5)
    axis.set_xticks([])
    axis.set_xlabel(f"{value.shape[1]} features", fontsize=9)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    pages.colour_bar(image, pad=0.012, fraction=0.03, extend="max")
    return png(figure)


def _names(axis: Axes, au_names: Sequence[str]) -> None:
    columns = [short(name) for name in au_names]
    upright = max(map(len, columns)) > 3  # expressions and scenes
    size = 9 if len(au_names) <= NUMBERED else 7.5
    pages.name_cells(axis, [plain(name) for name in au_names], columns, size, upright)
