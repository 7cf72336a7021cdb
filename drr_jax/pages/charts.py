"""What charts share: colours, and how axes, legends and matrices look; no display is needed."""

import io
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

# Okabe and Ito's colours, which stay apart for every kind of colour vision.
BLUE, ORANGE, RED, GREEN = "#0072b2", "#e69f00", "#d55e00", "#009e73"
GREY, INK = "#8a8f98", "#1d2430"
PALETTE = (BLUE, ORANGE, GREEN, "#cc79a7", "#56b4e9", RED, INK, "#b8ad1e", GREY, "#8c564b")
WIDTH = 10.6  # inches; the page shows it 1024 px wide, so that 10 pt reads as 13 px


def png(figure: Figure, dpi: int = 170) -> bytes:
    """Renders a figure without pyplot's global state."""
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()


def tidy(axis: Axes, grid: Literal["x", "y", "both"] = "y") -> None:
    """No box, and a quiet grid; where its lines cross rows of names, these need no ticks."""
    axis.spines[["top", "right"]].set_visible(False)
    if grid == "y":
        axis.tick_params(labelsize=9, length=3)
    else:
        axis.spines["left"].set_visible(False)
        axis.tick_params(axis="y", length=0)
    axis.grid(axis=grid, color="#e8ebef", lw=0.8)
    axis.set_axisbelow(True)


def note(axis: Axes, words: str, at: Any, shift: tuple[float, float], **style: Any) -> None:
    """Words `shift` points away from a place in the chart."""
    style = {"fontsize": 9.5, **style}
    axis.annotate(words, at, xytext=shift, textcoords="offset points", **style)


def legend(figure: Figure, first: str = "") -> None:
    """Names all that has a label in one line above the charts, `first` before the others."""
    named = zip(*figure.axes[0].get_legend_handles_labels(), strict=True)
    handles, labels = zip(*sorted(named, key=lambda pair: pair[1] != first), strict=True)
    place = {"loc": "outside upper right", "ncols": 4, "frameon": False, "fontsize": 9.5}
    figure.legend(handles, labels, **place)


def name_cells(
    axis: Axes,
    rows: Sequence[str],
    columns: Sequence[str],
    size: float = 9,
    upright: bool = False,
    ruled: str = "white",
) -> None:
    """Names the rows of a matrix on its left and its columns above it, and rules its cells."""
    axis.set_yticks(np.arange(len(rows)), rows, fontsize=size)
    axis.set_xticks(np.arange(len(columns)), columns, fontsize=size, rotation=90 * upright)
    axis.xaxis.tick_top()
    axis.set_xticks(np.arange(1, len(columns)) - 0.5, minor=True)
    axis.set_yticks(np.arange(1, len(rows)) - 0.5, minor=True)
    axis.grid(which="minor", color=ruled, lw=1.5 if ruled == "white" else 0.6)
    axis.tick_params(which="both", length=0)
    axis.spines[:].set_visible(False)


def number_cells(
    image: AxesImage,
    values: Float[np.ndarray, "rows columns"],
    size: float,
    form: str = "{:.2f}",
    weight: str = "normal",
) -> None:
    """Writes the values into the cells of a matrix, light on dark; NaN stays empty."""
    for row, column in np.argwhere(~np.isnan(values)):
        value = values[row, column]
        dark = np.dot(image.cmap(image.norm(value))[:3], (0.299, 0.587, 0.114)) < 0.5
        style: dict[str, Any] = {"color": "white" if dark else INK, "weight": weight}
        number = form.format(value).replace("0.", ".", 1)
        image.axes.text(column, row, number, ha="center", va="center", fontsize=size, **style)


def outline_cells(axis: Axes, cells: Bool[np.ndarray, "rows columns"]) -> None:
    """Draws an orange frame around some cells of a matrix."""
    for row, column in np.argwhere(cells):
        box = (column - 0.46, row - 0.46), 0.92, 0.92
        axis.add_patch(Rectangle(*box, fill=False, ec=ORANGE, lw=1.6))


def colour_bar(image: AxesImage, **place: Any) -> Colorbar:
    """The scale of a matrix beside it."""
    bar = image.figure.colorbar(image, ax=image.axes, **place)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8.5, length=2)
    return bar
