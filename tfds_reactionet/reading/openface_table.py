"""The cells of an OpenFace CSV as numbers, each in its range (docs/datasets.md section 12)."""

import functools
import math
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64

from drr_jax import limits
from drr_jax.errors import InputError
from drr_jax.facs import OPENFACE_OCCURRENCE_AUS, REACTIONET_AUS
from tfds_reactionet.reading.tables import check_header, read_text

POSE = ("pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz")
GAZE = tuple(f"gaze_{eye}_{axis}" for eye in (0, 1) for axis in "xyz")
GAZE_ANGLE = ("gaze_angle_x", "gaze_angle_y")
LANDMARKS = tuple(f"{axis}_{point}" for axis in "xy" for point in range(68))
INTENSITY = tuple(f"{name}_r" for name in REACTIONET_AUS)
OCCURRENCE = tuple(f"{name}_c" for name in REACTIONET_AUS)
VIDEO, STILL = ("frame", "confidence", "success"), ("confidence",)  # columns that must be there

_WHOLE = {"gaze": GAZE, "gaze_angle": GAZE_ANGLE, "pose": POSE, "landmarks": LANDMARKS}
_AU = re.compile(r"AU[0-9]{2}_[rc]")
_FAR = 1e6  # pixels and mm: beyond it no tracker was at work
_ANY = (-1e9, 1e9, "a whole number")
# least and most of a column, and what to call that; half of the last decimal is let through
_RANGES = {
    "frame": (0, 1e9, "a whole number >= 0"),
    "face_id": _ANY,
    "face": _ANY,
    "timestamp": (0, 1e9, "seconds >= 0"),
    "confidence": (0, 1, "0 to 1"),
    "success": (0, 1, "0 or 1"),
    **dict.fromkeys(GAZE, (-1.001, 1.001, "-1 to 1, part of a unit vector")),
    **dict.fromkeys(GAZE_ANGLE, (-3.1425, 3.1425, "radians, -pi to pi")),
    **dict.fromkeys(POSE[:3], (-_FAR, _FAR, "a finite number of millimetres")),
    **dict.fromkeys(POSE[3:], (-3.1425, 3.1425, "radians, -pi to pi")),
    **dict.fromkeys(LANDMARKS, (-_FAR, _FAR, "a finite number of pixels")),
    **dict.fromkeys(INTENSITY, (0, 5, "0 to 5")),
    **{f"{name}_c": (0, 1, "0 or 1") for name in OPENFACE_OCCURRENCE_AUS},
}
_WHOLE_NUMBERS = {"frame", "face_id", "face", "success"} | {n for n in _RANGES if n[-2:] == "_c"}
_NEVER_NAN = {*VIDEO, "face", "face_id"}
_MEASURED = frozenset((*GAZE, *GAZE_ANGLE, *POSE, *LANDMARKS)) | {
    n for n in _RANGES if _AU.match(n)
}


class OpenFaceTable:
    """A file's rows; columns that it lacks are NaN.

    Raises InputError naming the file, and the line and column of a value out of its range. What
    stands in rows without success is not asked for: nobody reads it.
    """

    def __init__(self, path: Path, needed: Sequence[str] = VIDEO):
        """`needed` is VIDEO, or STILL for the faces of one image."""
        self.path = path
        text = read_text(path, limits.TABLE_BYTES).replace("\r\n", "\n").replace("\r", "\n")
        if text.count("\n") >= limits.TABLE_LINES:
            raise InputError(f"{path}: more than {limits.TABLE_LINES} lines")
        self._lines = text.replace("-nan(ind)", "nan").split("\n")  # Windows builds write this
        if len(self._lines[0]) > limits.LINE:
            raise InputError(f"{path}: line 1 is longer than {limits.LINE} characters")
        filled = [number for number, line in enumerate(self._lines) if line.strip()]
        self._rows = [number for number in filled if number]
        first = self._lines[self._rows[0]] if self._rows else ""
        _check_dialect(path, self._lines[0], first, needed)
        self._columns = [name.strip() for name in self._lines[0].split(",")]
        check_header(path, self._columns, needed)
        for names in _WHOLE.values():
            if not set(names).isdisjoint(self._columns):
                check_header(path, self._columns, names)
        for name in self._columns:
            if name.startswith("AU") and not _AU.fullmatch(name):
                raise InputError(f"{path}: column {name[:40]!r}, expected AU01_r or AU01_c")
        self._check_widths()
        self._names = [name for name in self._columns if name in _RANGES]
        self._values = self._parse()
        self._check_values()

    def __len__(self) -> int:
        return len(self._rows)

    def line(self, row: int) -> int:
        """Number of a row's line in the file, from 1."""
        return self._rows[row] + 1

    def column(self, name: str) -> Float64[np.ndarray, " rows"] | None:
        """One column, or None if the file has none of this name."""
        return self._values[:, self._names.index(name)] if name in self._names else None

    def group(self, names: Sequence[str]) -> Float32[np.ndarray, "rows columns"]:
        """Columns side by side; NaN where the file lacks one."""
        values = np.full((len(self), len(names)), np.nan, np.float32)
        for place, name in enumerate(names):
            if (column := self.column(name)) is not None:
                values[:, place] = column
        values[np.isnan(values)] = np.nan  # one bit pattern for NaN, whatever its sign was
        return values

    def has(self, names: Sequence[str]) -> bool:
        """Whether the file has any of these columns."""
        return not set(names).isdisjoint(self._names)

    @functools.cached_property
    def lacking(self) -> tuple[str, ...]:
        """What records are to hold and the file does not: names of groups, and of AU columns."""
        groups = [name for name, columns in _WHOLE.items() if not self.has(columns)]
        for ending, columns in (("AUs_r", INTENSITY), ("AUs_c", OCCURRENCE)):
            absent = [name for name in columns if name not in self._names]
            groups += absent if len(absent) < len(columns) else [ending]
        return tuple(groups)

    def _check_widths(self) -> None:
        commas = len(self._columns) - 1
        for number in self._rows:
            found = self._lines[number].count(",")
            if found != commas:
                hint = "; decimal commas? write 0.98, not 0,98" if found > commas else ""
                raise InputError(
                    f"{self.path}: line {number + 1} has {found + 1} columns, expected "
                    f"{commas + 1}{hint}"
                )

    def _parse(self) -> np.ndarray:
        places = [self._columns.index(name) for name in self._names]
        if not self._rows:
            return np.zeros((0, len(places)))
        cells = (self._lines[line] for line in self._rows)
        try:
            return np.loadtxt(cells, delimiter=",", usecols=places, comments=None, ndmin=2)
        except ValueError as error:
            for line in self._rows:
                row = self._lines[line].split(",")
                for name, place in zip(self._names, places, strict=True):
                    if not _is_number(row[place]):
                        raise self._wrong(line, name, "a number") from error
            raise InputError(f"{self.path}: {error}; expected numbers") from error

    def _check_values(self) -> None:
        ranges = [_RANGES[name] for name in self._names]
        low, high = (np.array([limits[side] for limits in ranges]) for side in (0, 1))
        whole = np.array([name in _WHOLE_NUMBERS for name in self._names])
        needed = np.array([name in _NEVER_NAN for name in self._names])
        measured = np.array([name in _MEASURED for name in self._names])
        values, lost = self._values, np.isnan(self._values)
        with np.errstate(invalid="ignore"):
            wrong = (values < low) | (values > high) | (whole & (values != np.floor(values)))
        wrong = np.where(lost, needed, wrong)
        success = self.column("success")
        if success is not None:
            wrong &= ~(measured & (success == 0)[:, None])
        for row, place in np.argwhere(wrong)[:1]:
            name = self._names[place]
            raise self._wrong(self._rows[row], name, _RANGES[name][2])

    def _wrong(self, line: int, name: str, expected: str) -> InputError:
        cell = self._lines[line].split(",")[self._columns.index(name)].strip()
        return InputError(
            f"{self.path}: line {line + 1}: {name} is {cell[:40]!r}, expected {expected}"
        )


def _check_dialect(path: Path, header: str, first: str, needed: Sequence[str]) -> None:
    """Raises InputError for what other programs make of such a file, saying which it is."""
    bare = header.replace('"', "").replace("'", "")
    for mark, word in ((";", "semicolons"), ("\t", "tabs")):
        if "confidence" in [name.strip() for name in bare.split(mark)]:
            points = " and numbers have decimal commas" if re.search(r"\d,\d", first) else ""
            raise InputError(
                f"{path}: {word} separate the columns{points}; expected commas, and decimal "
                "points, as OpenFace writes them"
            )
    names = [name.strip() for name in bare.split(",")]
    if "confidence" not in names:
        return
    if bare != header:
        raise InputError(f"{path}: the header's names are quoted; expected them without quotes")
    if needed == VIDEO and "frame" not in names and "face" in names:
        raise InputError(
            f"{path}: FaceLandmarkImg wrote this (columns face, confidence): it has no frames; "
            "expected what FeatureExtraction or FaceLandmarkVidMulti writes"
        )


def _is_number(cell: str) -> bool:
    if not cell.isascii() or "_" in cell:
        return False
    try:
        return not math.isnan(float(cell)) or "nan" in cell.lower()
    except ValueError:
        return False
