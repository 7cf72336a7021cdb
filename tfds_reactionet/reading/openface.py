"""OpenFace 1.x and 2.x CSV files: head pose, gaze, landmarks and action units by frame.

python -m tfds_reactionet.openface makes them with the user's own FeatureExtraction binary.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Int8, Int64

from drr_jax import limits
from drr_jax.errors import InputError
from drr_jax.facs import REACTIONET_AUS
from tfds_reactionet.reading.tables import check_header, read_text

MIN_CONFIDENCE = 0.8  # below it, and at success 0, the frame counts as "no face" (supplement 1.4)

_NEEDED = ("frame", "confidence", "success")
_POSE = ("pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz")
_GAZE = tuple(f"gaze_{eye}_{axis}" for eye in (0, 1) for axis in "xyz")
_GAZE_ANGLE = ("gaze_angle_x", "gaze_angle_y")
_LANDMARKS = tuple(f"{axis}_{point}" for axis in "xy" for point in range(68))
_INTENSITY = tuple(f"{name}_r" for name in REACTIONET_AUS)
_OCCURRENCE = tuple(f"{name}_c" for name in REACTIONET_AUS)


@dataclass(frozen=True)
class Faces:
    """One face for each asked frame; columns a file lacks are NaN (occurrence: -1)."""

    head_pose: Float32[np.ndarray, "frames 6"]  # Tx Ty Tz in mm, Rx Ry Rz in radians
    gaze: Float32[np.ndarray, "frames 8"]  # two unit vectors, then the mean angles in radians
    landmarks: Float32[np.ndarray, "frames 68 2"]  # x, y in pixels of the original image
    intensity: Float32[np.ndarray, "frames 17"]  # 0 to 5
    occurrence: Int8[np.ndarray, "frames 17"]  # 0, 1


@dataclass(frozen=True)
class Track:
    """All rows of one face, by rising frame number; columns a file lacks are NaN and -1."""

    frames: Int64[np.ndarray, " frames"]
    found: Bool[np.ndarray, " frames"]  # success, and confidence of at least MIN_CONFIDENCE
    intensity: Float32[np.ndarray, "frames 17"]  # 0 to 5
    occurrence: Int8[np.ndarray, "frames 17"]  # 0, 1


class OpenFaceFile:
    """A FeatureExtraction or FaceLandmarkVidMulti file, read by frame number.

    Several rows of one frame are several faces: the most confident successful one is kept.
    Raises InputError naming the file and the line for every defect.
    Source: docs/datasets.md section 12.
    """

    def __init__(self, path: Path):
        self.path = path
        text = read_text(path, limits.TABLE_BYTES).replace("\r\n", "\n").replace("\r", "\n")
        if text.count("\n") >= limits.TABLE_LINES:
            raise InputError(f"{path}: more than {limits.TABLE_LINES} lines")
        lines = text.replace("-nan(ind)", "nan").split("\n")  # Windows builds write this for NaN
        if len(lines[0]) > limits.LINE:
            raise InputError(f"{path}: line 1 is longer than {limits.LINE} characters")
        self._columns = [name.strip() for name in lines[0].split(",")]
        check_header(path, self._columns, _NEEDED)
        self._lines = lines
        self._rows = [number for number in range(1, len(lines)) if lines[number].strip()]
        commas = len(self._columns) - 1
        for number in self._rows:
            if lines[number].count(",") != commas:
                raise InputError(
                    f"{path}: line {number + 1} has {lines[number].count(',') + 1} columns, "
                    f"expected {commas + 1}"
                )
        self._pick_faces()

    def _pick_faces(self) -> None:
        has_id = "face_id" in self._columns
        narrow = self._parse(self._rows, (*_NEEDED, "face_id") if has_id else _NEEDED)
        for column, name in enumerate(_NEEDED):
            for row in np.flatnonzero(~np.isfinite(narrow[:, column])):
                raise self._wrong(self._rows[row], name, "a number")
        frames = narrow[:, 0]
        for row in np.flatnonzero((frames != np.floor(frames)) | (frames < 0) | (frames > 1e9)):
            raise self._wrong(self._rows[row], "frame", "a whole number >= 0")
        keys = narrow[:, [0, 3]] if has_id else narrow[:, :1]
        _, first = np.unique(keys, axis=0, return_index=True)
        for row in np.setdiff1d(np.arange(len(keys)), first):
            who = f" (face_id {narrow[row, 3]:g})" if has_id else ""
            raise InputError(
                f"{self.path}: line {self._rows[row] + 1}: frame {int(frames[row])}{who} occurs "
                "twice; expected one row for each frame and face"
            )
        # The best of a frame is its last one in this order; of equals, the first in the file.
        order = np.lexsort((-np.arange(len(frames)), narrow[:, 1], narrow[:, 2] > 0, frames))
        best = order[np.flatnonzero(np.diff(frames[order], append=np.inf))]
        self.frames: Int64[np.ndarray, " frames"] = frames[best].astype(np.int64)
        self._narrow = narrow
        self._seen = (narrow[:, 2] > 0) & (narrow[:, 1] >= MIN_CONFIDENCE)
        self.found = self._seen[best]
        self._row_of = {int(frames[row]): self._rows[row] for row in best}

    @functools.cached_property
    def has_occurrence(self) -> bool:
        """Whether the file has the `_c` columns (FeatureExtraction was run with -aus)."""
        return bool(self._group(_OCCURRENCE))

    @functools.cached_property
    def has_intensity(self) -> bool:
        """Whether the file has the `_r` columns (FeatureExtraction was run with -aus)."""
        return bool(self._group(_INTENSITY))

    def tracks(self) -> dict[int, Track]:
        """Every face of the file with its action units, by face_id (0 in files of one face).

        Raises InputError for a face_id that is no whole number.
        """
        narrow = self._narrow
        ids = narrow[:, 3] if "face_id" in self._columns else np.zeros(len(narrow))
        for row in np.flatnonzero(~(np.abs(ids) < 1e9) | (ids != np.floor(ids))):
            raise self._wrong(self._rows[row], "face_id", "a whole number")
        tracks = {}
        for face in np.unique(ids):
            mine = np.flatnonzero(ids == face)
            mine = mine[np.argsort(narrow[mine, 0], kind="stable")]
            lines = [self._rows[row] for row in mine]
            tracks[int(face)] = Track(
                narrow[mine, 0].astype(np.int64),
                self._seen[mine],
                self._optional(lines, _INTENSITY),
                self._occurrence(lines),
            )
        return tracks

    def _group(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The columns of an optional group: all of them, or none; a part of them is an error."""
        present = [name for name in names if name in self._columns]
        if present and len(present) < len(names):
            check_header(self.path, self._columns, names)
        return tuple(present)

    def occurrence(self, frames: Int64[np.ndarray, " frames"]) -> Int8[np.ndarray, "frames 17"]:
        """Automatic occurrence (`_c`) of frames that the file holds; -1 where it has no column."""
        return self._occurrence([self._row_of[int(frame)] for frame in frames])

    def _occurrence(self, lines: list[int]) -> Int8[np.ndarray, "frames 17"]:
        values = self._optional(lines, _OCCURRENCE)
        for row, column in np.argwhere((values != 0) & (values != 1) & ~np.isnan(values)):
            raise self._wrong(lines[row], _OCCURRENCE[column], "0 or 1")
        return np.where(np.isnan(values), -1, values).astype(np.int8)

    def faces(self, frames: Int64[np.ndarray, " frames"]) -> Faces:
        """Everything of frames that the file holds."""
        lines = [self._row_of[int(frame)] for frame in frames]
        values = self._optional(lines, _GAZE, _GAZE_ANGLE, _POSE, _LANDMARKS, _INTENSITY)
        gaze, head_pose, x, y, intensity = np.split(values, (8, 14, 82, 150), axis=1)
        landmarks = np.stack([x, y], axis=-1)
        return Faces(head_pose, gaze, landmarks, intensity, self.occurrence(frames))

    def _optional(self, lines: list[int], *groups: tuple[str, ...]) -> Float32[np.ndarray, "r c"]:
        """Columns of groups, side by side, in one pass; NaN where the file has no such group."""
        names = [name for group in groups for name in group]
        present = [name for group in groups for name in self._group(group)]
        values = np.full((len(lines), len(names)), np.nan, np.float32)
        if present:
            columns = [names.index(name) for name in present]
            with np.errstate(over="ignore"):
                values[:, columns] = self._parse(lines, present)
        for row, column in np.argwhere(np.isinf(values)):
            raise self._wrong(lines[row], names[column], "a finite number")
        values[np.isnan(values)] = np.nan  # one bit pattern for NaN, whatever its sign was
        return values

    def _parse(self, lines: list[int], names: Sequence[str]) -> np.ndarray:
        if not lines:
            return np.zeros((0, len(names)))
        columns = [self._columns.index(name) for name in names]
        last = max(columns) + 1
        cells = (self._lines[line] for line in lines)
        if last < 16:  # the first columns only: do not split the other seven hundred
            cells = (",".join(line.split(",", last)[:last]) for line in cells)
        try:
            return np.loadtxt(cells, delimiter=",", usecols=columns, comments=None, ndmin=2)
        except ValueError as error:
            for line in lines:
                row = self._lines[line].split(",")
                for name, column in zip(names, columns, strict=True):
                    if not _is_number(row[column]):
                        raise self._wrong(line, name, "a number") from error
            raise InputError(f"{self.path}: {error}; expected numbers") from error

    def _wrong(self, line: int, name: str, expected: str) -> InputError:
        cell = self._lines[line].split(",")[self._columns.index(name)].strip()
        return InputError(
            f"{self.path}: line {line + 1}: {name} is {cell[:40]!r}, expected {expected}"
        )


def _is_number(cell: str) -> bool:
    if not cell.isascii() or "_" in cell:
        return False
    try:
        return not math.isnan(float(cell)) or "nan" in cell.lower()
    except ValueError:
        return False
