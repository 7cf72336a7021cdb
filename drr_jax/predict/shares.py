"""How often each class counts: over all faces of a table, or on each of some."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from matplotlib.figure import Figure

from drr_jax import facs, pages
from drr_jax.predict import events
from drr_jax.predict.model import Model


def shares(
    path: Path, model: Model, faces: Sequence[int]
) -> tuple[Float[np.ndarray, "faces classes"], Int[np.ndarray, " faces"]]:
    """Share of its rows in which each class counts, of every one of `faces` (its face_id).

    Returns the number of rows beside it. Without `faces`, one line: of all faces together.
    """
    total = np.zeros((len(faces) or 1, len(model.names)))
    rows = np.zeros(len(total), int)
    names = [model.task] if model.softmax else [f"{name}_c" for name in model.names]
    if model.task == "intensity":
        names = facs.value_columns(model.task, model.names)
    for table in events.tables(path, ["face_id", "success", *names]):
        table = table.loc[table["success"] > 0]
        if model.softmax:
            said = np.asarray(table[model.task])[:, None] == np.array(model.names)[None]
        else:
            said = np.asarray(table[names], np.float64)
            said = model.counts(said) if model.task == "intensity" else said
        ids = np.asarray(table["face_id"])
        for line, mine in enumerate([ids == face for face in faces] or [slice(None)]):
            total[line] += said[mine].sum(axis=0)
            rows[line] += len(ids[mine])
    return total / np.maximum(rows, 1)[:, None], rows


def share_figure(
    model: Model, share: Float[np.ndarray, "faces classes"], called: Sequence[str]
) -> bytes:
    """Bars of every class, one for each line of `share`; several are told apart by `called`."""
    names = [pages.named(name) for name in model.names]
    height = 0.62 / len(share)
    figure = Figure(
        figsize=(pages.WIDTH, 0.7 + (0.1 + 0.16 * len(share)) * len(names)), layout="constrained"
    )
    axis = figure.add_subplot()
    for line, (values, label, colour) in enumerate(zip(share, called, pages.PALETTE, strict=False)):
        places = np.arange(len(names)) + (line - (len(share) - 1) / 2) * height
        axis.barh(places, 100 * values, color=colour, height=height, label=label)
        for place, value in zip(places.tolist(), values.tolist(), strict=True):
            size = 9.5 if len(share) == 1 else 7.5
            at = (100 * value, place)
            pages.note(axis, f"{100 * value:.0f} %", at, (5, -0.37 * size), fontsize=size)
    axis.set_yticks(np.arange(len(names)), names, fontsize=9.5)
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.set_xlim(0, min(108, max(10.0, 112 * float(share.max(initial=0)))))
    axis.set_xlabel("% of the faces" if len(share) == 1 else "% of its frames", fontsize=9.5)
    pages.tidy(axis, "x")
    if len(share) > 1:
        pages.legend(figure, called[0])
    return pages.png(figure)
