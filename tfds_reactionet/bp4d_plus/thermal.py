"""Thermal videos and their landmarks in BP4D+ (docs/datasets.md section 2).

Thermal/F001/T1.wmv           25 frames a second, about 726x480
IRFeatures/F001_T1.txt        a line for each thermal frame: x y of 28 points; all 0: lost
"""

import re
from pathlib import Path

import numpy as np
from jaxtyping import Float

from drr_jax import limits
from drr_jax.errors import InputError
from tfds_reactionet.reading import Box, matching, read_text

POINTS = 28
FPS = 25.0  # of the colour images, and of the thermal videos by the guide
_FAR = 1e6  # pixels; NaN and numbers beyond are tracking that failed
_NUMBERS = re.compile(r"[-+0-9.eEnNaAiIfF,\s]*")


def find_video(folder: Path, task: str) -> Path | None:
    """Thermal/F001/T1.wmv in the folder of a subject, whatever its container, or None."""
    pattern = re.compile(rf"{task}\.(wmv|mv|avi|mp4|mov|mkv)", re.IGNORECASE)
    return next((path for path, _ in matching(folder, pattern)), None)


def read_points(path: Path) -> Float[np.ndarray, "frames 28 2"]:
    """Points in pixels of each thermal frame; NaN where tracking was lost.

    Raises InputError naming the line of the first defect.
    """
    rows = []
    for line, text in enumerate(read_text(path).rstrip().splitlines(), 1):
        if len(text) > limits.LINE:
            raise InputError(f"{path}: line {line} is longer than {limits.LINE} characters")
        cells = text.replace(",", " ").split()
        if len(cells) != 2 * POINTS or not _NUMBERS.fullmatch(text):
            raise InputError(
                f"{path}: line {line}: {text.strip()[:40]!r}, {len(cells)} values; expected "
                f"{2 * POINTS} numbers, x y of {POINTS} points"
            )
        try:
            rows.append([float(cell) for cell in cells])
        except ValueError as error:
            raise InputError(f"{path}: line {line}: {error}; expected numbers") from error
    points = np.array(rows, np.float64).reshape(-1, POINTS, 2)
    lost = ~(np.abs(points) < _FAR).all(axis=(1, 2)) | (points == 0).all(axis=(1, 2))
    points[lost] = np.nan
    return points


def face_box(points: Float[np.ndarray, "28 2"]) -> Box | None:
    """The box around the points of a face; None if they are lost or lie on a line."""
    if not np.isfinite(points).all():
        return None
    left, top = points.min(axis=0)
    right, bottom = points.max(axis=0)
    if right <= left or bottom <= top:
        return None
    return Box(float(left), float(top), float(right - left), float(bottom - top))
