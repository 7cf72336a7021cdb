"""predictions.csv: what a model said of every record of a held-out part, beside its labels."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, Int8

from drr_jax import cells, facs, files

PREDICTIONS = "predictions.csv"


def write_predictions(
    path: Path,
    task: str,
    names: Sequence[str],
    records: tuple[Sequence[str], Int[np.ndarray, " records"], Sequence[str]],
    probability: Float[np.ndarray, "records classes"],
    label: Int8[np.ndarray, "records classes"],
) -> None:
    """One row a record: sequence, frame, subject, label, probability or intensity of every class.

    `records` are their sequences, frame numbers and subjects. Action units have a label each,
    AU01_label (of intensities a level), empty where unknown; of expressions and scenes `label` is
    the name of the right one. Whole or not at all. Raises InputError for a disk that cannot take
    it.
    """
    head = ["sequence", "frame", "subject"]
    softmax = task in facs.SOFTMAX_TASKS
    head += ["label"] if softmax else [f"{name}_label" for name in names]
    with files.whole(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        write = cells.row_writer(text)
        write([*head, *facs.value_columns(task, names)])
        for sequence, frame, subject, truth, row in zip(
            *records, label.tolist(), probability.tolist(), strict=True
        ):
            if softmax:
                said = [names[truth.index(1)] if 1 in truth else ""]
            else:
                said = ["" if value < 0 else f"{value:.4g}" for value in truth]
            write([sequence, frame, subject, *said, *(f"{value:.7f}" for value in row)])
        text.flush()
        text.detach()
