"""Thermal videos and their landmarks in BP4D+ (docs/datasets.md section 2).

Thermal/F001/T1.wmv           25 frames a second, about 726x480
IRFeatures/F001_T1.txt        a line for each thermal frame: x y of 28 points; all 0: lost
"""

import functools
import math
import re
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float

from drr_jax.errors import InputError
from tfds_reactionet.reading import Box, file_names, read_text, video_length

POINTS = 28
FPS = 25.0  # of the colour images, and of the thermal videos by the guide
_FAR = 1e6  # pixels; NaN and numbers beyond are tracking that failed
_VIDEO_SUFFIXES = (".wmv", ".mv", ".avi", ".mp4", ".mov", ".mkv")
_NUMBERS = re.compile(r"[-+0-9.eEnNaAiIfF,\s]*")


@dataclass(frozen=True)
class Video:
    """A thermal video: how many frames its header claims, and how many a second."""

    path: Path
    length: int
    fps: float

    def frame_at(self, seconds: float) -> int | None:
        """Number, from 0, of the frame nearest to a time; None if the video does not cover it."""
        number = math.floor(seconds * self.fps + 0.5)
        return number if 0 <= number < self.length else None


def find_video(folder: Path, task: str) -> Path | None:
    """Thermal/F001/T1.wmv in the folder of a subject, whatever its container, or None."""
    if not folder.is_dir():
        return None
    for name in file_names(folder):
        path = folder / name
        if path.stem.upper() == task and path.suffix.lower() in _VIDEO_SUFFIXES:
            return path
    return None


def open_video(path: Path, fps: float) -> Video:
    """A thermal video of `fps` frames a second, or as its header says if that is 0.

    One that does not open has no frames.
    """
    length = video_length(path)
    if length and not fps:
        fps = cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FPS)
        if not (math.isfinite(fps) and 0 < fps <= 1000):
            raise InputError(
                f"{path}: its header says {fps:g} frames a second; pass --thermal_fps=25"
            )
    return Video(path, length, fps)


@functools.lru_cache(maxsize=2)
def _read(path: Path, changed: int) -> Float[np.ndarray, "frames 28 2"]:
    del changed  # only part of the cache's key
    rows = []
    lines = read_text(path).rstrip().splitlines()
    for line, text in enumerate(lines, 1):
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


def read_points(path: Path) -> Float[np.ndarray, "frames 28 2"]:
    """Points in pixels of each thermal frame; NaN where tracking was lost.

    Raises InputError naming the line of the first defect.
    """
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    return _read(path, changed)


def face_box(points: Float[np.ndarray, "28 2"]) -> Box | None:
    """The box around the points of a face; None if they are lost or lie on a line."""
    if not np.isfinite(points).all():
        return None
    left, top = points.min(axis=0)
    right, bottom = points.max(axis=0)
    if right <= left or bottom <= top:
        return None
    return Box(float(left), float(top), float(right - left), float(bottom - top))
