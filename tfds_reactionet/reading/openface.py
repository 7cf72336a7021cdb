"""OpenFace 1.x and 2.x CSV files: head pose, gaze, landmarks and action units by frame.

python -m tfds_reactionet.openface makes them with the user's own FeatureExtraction binary.
"""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int8, Int64

from drr_jax.errors import InputError
from tfds_reactionet.reading.openface_table import (
    GAZE,
    GAZE_ANGLE,
    INTENSITY,
    LANDMARKS,
    OCCURRENCE,
    POSE,
    STILL,
    VIDEO,
    OpenFaceTable,
)
from tfds_reactionet.reading.tables import readable

MIN_CONFIDENCE = 0.8  # below it, and at success 0, the frame counts as "no face" (supplement 1.4)

Choice = Literal["longest", "largest"]  # which face of several


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
    """A FeatureExtraction or FaceLandmarkVidMulti file: one face of it, by frame number.

    A frame may have several rows, of several faces. The same face, told by its face_id, is read in
    all frames, so that labels do not go from one person to another: the one that is found in most
    frames ("longest"), or whose landmarks enclose most in the median frame ("largest"; the nearest
    one in files without landmarks). Raises InputError naming file and line for every defect.
    Source: docs/datasets.md section 12.
    """

    frames: Int64[np.ndarray, " frames"]  # of all faces, rising
    found: Bool[np.ndarray, " frames"]  # whether the face is found in them
    others: Bool[np.ndarray, " frames"]  # whether only another one is

    def __init__(self, path: Path, choice: Choice = "longest"):
        self._open(OpenFaceTable(path, VIDEO), choice)

    @classmethod
    def still(cls, path: Path, choice: Choice = "largest") -> "OpenFaceFile":
        """The faces of one image, as FaceLandmarkImg writes them, or FeatureExtraction.

        Raises InputError for a file of several frames besides.
        """
        file = cls.__new__(cls)
        file._open(OpenFaceTable(path, STILL), choice)
        if len(file.frames) > 1:
            raise InputError(f"{path}: {len(file.frames)} frames, expected those of one image")
        return file

    def _open(self, table: OpenFaceTable, choice: Choice) -> None:
        self.path, self._table = table.path, table
        frames, ids, success, confidence = map(
            self._column, ("frame", "face_id", "success", "confidence"), (0, 0, 1, 0)
        )
        if (faces := table.column("face")) is not None:
            ids = faces
        self._number = frames.astype(np.int64)
        self._id = ids.astype(np.int64)
        self._seen = (success > 0) & (confidence >= MIN_CONFIDENCE)
        keys = np.stack([self._number, self._id], axis=1)
        _, first = np.unique(keys, axis=0, return_index=True)
        for row in np.setdiff1d(np.arange(len(keys)), first):
            raise InputError(
                f"{self.path}: line {table.line(row)}: frame {self._number[row]} (face_id "
                f"{self._id[row]}) occurs twice; expected one row for each frame and face"
            )
        self.face = self._choose(choice)
        self._row_of = {
            int(self._number[row]): int(row) for row in np.flatnonzero(self._id == self.face)
        }
        self.frames = np.unique(self._number)
        self.found = np.isin(self.frames, self._number[self._seen & (self._id == self.face)])
        self.others = np.isin(self.frames, self._number[self._seen]) & ~self.found

    def _column(self, name: str, lacking: float) -> Float64[np.ndarray, " rows"]:
        column = self._table.column(name)
        return np.full(len(self._table), float(lacking)) if column is None else column

    def _choose(self, choice: Choice) -> int:
        """face_id of the face to read; of equal ones the smallest."""
        ids = np.unique(self._id[self._seen])
        if len(ids) < 2:
            return int(ids[0]) if len(ids) else int(self._id.min(initial=0))
        sizes = self._sizes()
        rows = {int(face): np.flatnonzero(self._seen & (self._id == face)) for face in ids}

        def extent(face: int) -> float:
            return float(np.median(sizes[rows[face]]))

        if choice == "longest":
            return max(rows, key=lambda face: (len(rows[face]), extent(face), -face))
        return max(rows, key=lambda face: (extent(face), len(rows[face]), -face))

    def _sizes(self) -> Float64[np.ndarray, " rows"]:
        """The box around each row's landmarks in pixels, or how near its face is; 0 if unknown."""
        if self._table.has(LANDMARKS):
            points = self._table.group(LANDMARKS).astype(np.float64).reshape(-1, 2, 68)
            sizes = np.ptp(points, axis=2).prod(axis=1)
        elif (distance := self._table.column("pose_Tz")) is not None:
            sizes = 1 / np.maximum(np.abs(distance), 1e-6)
        else:
            sizes = np.zeros(len(self._table))
        return np.nan_to_num(sizes)

    @property
    def face_count(self) -> int:
        """Number of faces that are found in any frame."""
        return len(np.unique(self._id[self._seen]))

    @property
    def lacking(self) -> tuple[str, ...]:
        """Groups of columns, and single AU columns, that the file lacks: they stay unknown."""
        return self._table.lacking

    @property
    def has_occurrence(self) -> bool:
        """Whether the file has `_c` columns (FeatureExtraction was run with -aus)."""
        return self._table.has(OCCURRENCE)

    @property
    def has_intensity(self) -> bool:
        """Whether the file has `_r` columns (FeatureExtraction was run with -aus)."""
        return self._table.has(INTENSITY)

    def tracks(self) -> dict[int, Track]:
        """Every face of the file with its action units, by face_id (0 in files of one face)."""
        tracks = {}
        for face in np.unique(self._id):
            mine = np.flatnonzero(self._id == face)
            mine = mine[np.argsort(self._number[mine], kind="stable")]
            tracks[int(face)] = Track(
                self._number[mine],
                self._seen[mine],
                self._table.group(INTENSITY)[mine],
                self._occurrence()[mine],
            )
        return tracks

    def occurrence(self, frames: Int64[np.ndarray, " frames"]) -> Int8[np.ndarray, "frames 17"]:
        """Automatic occurrence (`_c`) of frames with the face; -1 where the file has no column."""
        return self._occurrence()[self._rows(frames)]

    def _occurrence(self) -> Int8[np.ndarray, "rows 17"]:
        values = self._table.group(OCCURRENCE)
        return np.where(np.isnan(values), -1, values).astype(np.int8)

    def faces(self, frames: Int64[np.ndarray, " frames"]) -> Faces:
        """Everything of frames that have a row of the face."""
        rows = self._rows(frames)
        columns = (*GAZE, *GAZE_ANGLE, *POSE, *LANDMARKS, *INTENSITY)
        values = self._table.group(columns)[rows]
        gaze, head_pose, x, y, intensity = np.split(values, (8, 14, 82, 150), axis=1)
        landmarks = np.stack([x, y], axis=-1)
        return Faces(head_pose, gaze, landmarks, intensity, self.occurrence(frames))

    def _rows(self, frames: Int64[np.ndarray, " frames"]) -> list[int]:
        return [self._row_of[int(frame)] for frame in frames]


def read_openface(path: Path, choice: Choice, still: bool = False) -> OpenFaceFile:
    """An OpenFaceFile, or one of a single image; those read last are kept. Raises InputError."""
    with readable(path):
        status = path.stat()
    return _read(path, choice, still, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=2)  # the chunks of one sequence often follow each other
def _read(path: Path, choice: Choice, still: bool, changed: int, size: int) -> OpenFaceFile:
    del changed, size  # only part of the cache's key
    return OpenFaceFile.still(path, choice) if still else OpenFaceFile(path, choice)
