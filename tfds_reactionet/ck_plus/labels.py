"""Label files of CK+ (docs/datasets.md section 4): numbers like `   3.0000000e+00`, by blanks.

Emotion: one code. FACS: lines of AU and intensity, 1 (A) to 5 (E), or 0 for an AU that is there but
was not graded. Landmarks: 68 lines of x and y.
"""

import math
import re
from pathlib import Path

import numpy as np

from drr_jax.errors import InputError
from drr_jax.facs import EXPRESSIONS, au_names
from tfds_reactionet.reading import numbered_lines

SIX_EMOTIONS = EXPRESSIONS[:6]
NEUTRAL, CONTEMPT = "neutral", "contempt"
EMOTIONS = (NEUTRAL, "anger", CONTEMPT, "disgust", "fear", "happy", "sad", "surprise")  # by code
# The AUs that Lucey et al. (2010) count; other codes in the files (head, eyes) are left out.
CODED = (1, 2, 4, 5, 6, 7, *range(9, 19), 20, 21, *range(23, 30), 31, 34, 38, 39, 43)
CODED_AUS = au_names(*CODED)
_LAST_AU = 99
_NUMBER = re.compile(r"[+-]?([0-9]{1,12}(\.[0-9]{0,12})?|\.[0-9]{1,12})([eE][+-]?[0-9]{1,3})?")
_POINTS = 68


def read_emotion(path: Path) -> str:
    """The emotion of a sequence, one of EMOTIONS. Raises InputError."""
    rows = _rows(path, 1)
    if len(rows) != 1:
        raise InputError(f"{path}: {len(rows)} numbers, expected one emotion code")
    line, (code,) = rows[0]
    return EMOTIONS[_whole(code, 0, len(EMOTIONS) - 1, f"{path}: line {line}: emotion")]


def read_facs(path: Path) -> dict[int, int]:
    """Intensity by AU, 0 if not graded; AUs that are not in the file are absent.

    Raises InputError, also for a file without any: no expression is without a code, and a lost
    file must not say that all AUs are absent.
    """
    found: dict[int, int] = {}
    rows = _rows(path, 2)
    if not rows:
        raise InputError(
            f"{path}: empty; expected lines of AU and intensity: unpack the archive again"
        )
    for line, (number, intensity) in rows:
        au = _whole(number, 1, _LAST_AU, f"{path}: line {line}: AU")
        if au in found:
            raise InputError(f"{path}: line {line}: AU {au} is there twice")
        found[au] = _whole(intensity, 0, 5, f"{path}: line {line}: intensity")
    return found


def codes(facs: dict[int, int], threshold: int) -> tuple[np.ndarray, np.ndarray]:
    """Occurrence int8 and intensity float32 [len(CODED)] of a sequence's peak.

    An AU that was not graded occurs with unknown intensity; whether that reaches a threshold above
    0 is unknown too.
    """
    occurrence = np.zeros(len(CODED), np.int8)
    intensity = np.zeros(len(CODED), np.float32)
    for column, au in enumerate(CODED):
        grade = facs.get(au)
        if grade == 0:
            occurrence[column], intensity[column] = (1 if threshold == 0 else -1), np.nan
        elif grade is not None:
            occurrence[column], intensity[column] = grade >= threshold, grade
    return occurrence, intensity


def read_landmarks(path: Path) -> np.ndarray:
    """Landmarks [68, 2] in pixels. Raises InputError."""
    rows = _rows(path, 2)
    if len(rows) != _POINTS:
        raise InputError(f"{path}: {len(rows)} points, expected {_POINTS} lines of x and y")
    return np.array([cells for _, cells in rows], np.float32)


def _rows(path: Path, width: int) -> list[tuple[int, list[float]]]:
    """(line number, numbers) of the lines that are not blank."""
    rows = []
    for line, text in numbered_lines(path):
        cells = text.split()
        if len(cells) != width or not all(_NUMBER.fullmatch(cell) for cell in cells):
            raise InputError(
                f"{path}: line {line}: {text.strip()[:60]!r}, expected "
                f"{'one number' if width == 1 else f'{width} numbers'}"
            )
        numbers = [float(cell) for cell in cells]
        if not all(math.isfinite(number) and abs(number) < 1e9 for number in numbers):
            raise InputError(f"{path}: line {line}: {text.strip()[:60]!r} is out of range")
        rows.append((line, numbers))
    return rows


def _whole(number: float, low: int, high: int, what: str) -> int:
    if not number.is_integer() or not low <= number <= high:
        raise InputError(f"{what} {number:g}, expected a whole number, {low} to {high}")
    return int(number)
