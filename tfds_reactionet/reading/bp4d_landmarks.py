"""Landmarks of BP4D and BP4D+, one MATLAB file a sequence (docs/datasets.md sections 1 and 2)."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from drr_jax.errors import InputError
from tfds_reactionet.reading.matlab import points, read_variable

BP4D_POINTS = 49  # landmarks of a face


class NoLandmarksError(Exception):
    """Landmarks of an image that a release lacks, rather than a face that was not found."""


def bp4d_landmarks_file(folder: Path, sequence: str) -> Path:
    """Where the landmarks of F001/T1 lie."""
    return folder / f"{sequence.replace('/', '_')}.mat"


def bp4d_landmarks_of(path: Path, number: int) -> np.ndarray | None:
    """Landmarks [49, 2] of an image, or None where its face was lost.

    Raises NoLandmarksError for a number beyond the file's last.
    """
    found = read_landmarks(path)
    if number > max(found, default=-1):
        raise NoLandmarksError(f"{path}: ends at {max(found, default=-1)}, before {number}")
    return found.get(number)


@functools.lru_cache(maxsize=2)
def read_landmarks(path: Path) -> Mapping[int, np.ndarray | None]:
    """Landmarks [49, 2] of a sequence by image number, None where they are lost.

    `fit` is an array of structs in the order of the images, the first being number 0, unless
    they carry a field `frame`, counted from 1 (BP4D+). Raises InputError for another content.
    """
    fit = read_variable(path, "fit")
    if not (isinstance(fit, list) and all(isinstance(entry, dict) for entry in fit)):
        raise InputError(f"{path}: `fit` is not an array of structs")
    found: dict[int, np.ndarray | None] = {}
    for row, entry in enumerate(fit):
        field = next((name for name in ("pred", "pts_2d") if name in entry), None)
        if field is None:
            raise InputError(
                f"{path}: `fit` has no field pred or pts_2d; found {', '.join(entry)[:80]}"
            )
        landmarks = points(entry[field], BP4D_POINTS, path, f"entry {row + 1}")
        number = _frame_of(entry, path, row) if "frame" in entry else row
        if number is None:  # lost with its face: it stands for some image up to the last
            found.setdefault(row, None)
        else:
            found[number] = landmarks
    return found


def _frame_of(entry: Mapping[str, Any], path: Path, row: int) -> int | None:
    """Image number of an entry that carries its frame, from 1; None if that is empty."""
    frame = entry["frame"]
    if not isinstance(frame, np.ndarray) or frame.size > 1:
        raise InputError(f"{path}: entry {row + 1}: frame is not a number")
    return int(frame.flat[0]) - 1 if frame.size and np.isfinite(frame).all() else None
