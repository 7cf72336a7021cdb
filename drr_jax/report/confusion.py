"""The confusion matrix of a softmax task: picture, and what each class is taken for."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from matplotlib.figure import Figure

from drr_jax.pages import INK, WIDTH, colour_bar, name_cells, number_cells, plain, png

NAMED = 14  # more classes than this: columns are numbered as the rows are


def shares(matrix: Int[np.ndarray, "classes classes"]) -> Float[np.ndarray, "classes classes"]:
    """Rows of a confusion matrix as shares of the true class; NaN for a class without records."""
    table = np.asarray(matrix, np.float64)
    total = table.sum(1, keepdims=True)
    return np.divide(table, total, out=np.full(table.shape, np.nan), where=total > 0)


def most_taken_for(matrix: Int[np.ndarray, "classes classes"], names: Sequence[str]) -> list[str]:
    """For each class the other one that it is most often taken for, with the share: "fear 12 %"."""
    others = shares(matrix)
    np.fill_diagonal(others, 0)
    taken = []
    for row in np.nan_to_num(others):
        best = int(row.argmax())
        taken.append(f"{plain(names[best])} {100 * row[best]:.0f} %" if row[best] > 0 else "")
    return taken


def confusion_figure(matrix: Int[np.ndarray, "classes classes"], names: Sequence[str]) -> bytes:
    """True class by row, predicted class by column, per cent of the row; a scene's block is ruled.

    Of many classes the columns bear the numbers of the rows, whose names would not fit there.
    """
    share, count = shares(matrix), len(names)
    many = count > NAMED
    figure = Figure(figsize=(WIDTH, 0.3 * count + 1.4 if many else 6.2), layout="constrained")
    axis = figure.subplots()
    image = axis.imshow(100 * np.nan_to_num(share), cmap="Blues", vmin=0, vmax=100, aspect="auto")
    shown = np.where(share >= 0.005, 100 * share, np.nan)
    right = np.eye(count, dtype=bool)
    size = 8 if many else 10
    number_cells(image, np.where(right, np.nan, shown), size, "{:.0f}")
    number_cells(image, np.where(right, shown, np.nan), size, "{:.0f}", weight="bold")
    rows = columns = [plain(name) for name in names]
    if many:
        rows = [f"{label}  {number}" for number, label in enumerate(columns, 1)]
        columns = [str(number) for number in range(1, count + 1)]
    name_cells(axis, rows, columns, 8.5 if many else 10, ruled="#e8ebef")
    axis.xaxis.set_label_position("top")
    axis.set_xlabel("predicted", fontsize=9.5, labelpad=8)
    axis.set_ylabel("true", fontsize=9.5)
    majors = [name.split("/")[0] for name in names]
    for i in range(1, count):
        if "/" in names[i] and majors[i] != majors[i - 1]:
            axis.axhline(i - 0.5, color=INK, lw=0.7)
            axis.axvline(i - 0.5, color=INK, lw=0.7)
    colour_bar(image, pad=0.012, fraction=0.03).set_label("% of the true class", fontsize=9)
    return png(figure)
