"""AU_OCC and AU_INT files of BP4D and BP4D+ (docs/datasets.md sections 1 and 2).

AU_OCC/F001_T1.csv has a header of column numbers: column 0 is the frame, column n AU n; codes are
0, 1 and 9 (unknown). AU_INT/AU06/F001_T1_AU06.csv, or flat in AU_INT/, has no header and lines
`frame,code` with codes 0 to 5 and 9. Values are found by header and frame, never by position.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Int8

from drr_jax.errors import InputError
from drr_jax.facs import au_names
from tfds_reactionet.reading.numbering import shift
from tfds_reactionet.reading.tables import check_separator, frame_number, numbered_lines

# All that is coded in any file; the other columns hold 9 everywhere.
CODED = (1, 2, 4, 5, 6, 7, *range(9, 21), 22, 23, 24, *range(27, 40))
BP4D_CODED_AUS = au_names(*CODED)
BENCHMARK = (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24)
GRADED = (6, 10, 12, 14, 17)
BP4D_GRADED_AUS = au_names(*GRADED)
NO_IMAGE = "AU codes without an image"
NO_INTENSITY = "no folder AU_INT: intensities are unknown"
NO_MESH = "image without a mesh (.obj)"
_OCCURRENCE = {"0": 0, "1": 1, "9": -1}
_FRAME_NAMES = ("", "frame")
_INTENSITY = {**{str(code): float(code) for code in range(6)}, "9": float("nan")}
_HEADER = re.compile("[0-9]{1,4}")


@dataclass(frozen=True)
class Codes:
    """Codes of one sequence by frame number, frames rising."""

    frames: list[int]
    values: np.ndarray  # [frames, len(CODED)] int8, -1 unknown


def read_bp4d_occurrence(path: Path) -> Codes:
    """An AU_OCC file. Raises InputError naming the line of the first defect."""
    lines = _lines(path)
    if not lines:
        raise InputError(f"{path}: empty; expected a header 0,1,2,...")
    columns: dict[int, int] = {}
    if len(lines[0][1]) == 1:
        check_separator(path, lines[0][1][0])
    for position, cell in enumerate(lines[0][1]):
        if position == 0 and cell.lower() in _FRAME_NAMES:
            cell = "0"  # BP4D writes 0; of BP4D+ only the place of the column is documented
        if not _HEADER.fullmatch(cell):
            raise InputError(f"{path}: line 1: column {cell[:20]!r}, expected AU numbers 0,1,2,...")
        if int(cell) in columns:
            raise InputError(f"{path}: line 1: column {cell} is there twice")
        columns[int(cell)] = position
    for number in (0, *BENCHMARK):
        if number not in columns:
            raise InputError(f"{path}: line 1: no column {number}; expected 0 and every AU coded")
    width = len(columns)
    found: dict[int, list[int]] = {}
    wanted = [columns.get(number) for number in CODED]
    for line, cells in lines[1:]:
        if len(cells) != width:
            raise InputError(f"{path}: line {line} has {len(cells)} columns, expected {width}")
        frame = _new_frame(cells[columns[0]], found, path, line)
        try:
            found[frame] = [-1 if at is None else _OCCURRENCE[cells[at]] for at in wanted]
        except KeyError as error:
            raise InputError(
                f"{path}: line {line}: AU code {error.args[0][:20]!r}, expected 0, 1 or 9"
            ) from error
    frames = sorted(found)
    values = np.array([found[frame] for frame in frames], np.int8).reshape(-1, len(CODED))
    return Codes(frames, values)


def read_intensity(path: Path) -> dict[int, float]:
    """An AU_INT file: intensity 0 to 5 by frame, NaN for code 9. Raises InputError."""
    found: dict[int, float] = {}
    for line, cells in _lines(path):
        if len(cells) != 2:
            check_separator(path, ",".join(cells), line=line)
            raise InputError(f"{path}: line {line} has {len(cells)} columns, expected frame,code")
        frame = _new_frame(cells[0], found, path, line)
        if cells[1] not in _INTENSITY:
            raise InputError(
                f"{path}: line {line}: intensity {cells[1][:20]!r}, expected 0 to 5, or 9"
            )
        found[frame] = _INTENSITY[cells[1]]
    return found


@dataclass(frozen=True)
class CodedSequence:
    """All codes of a sequence over CODED, by frame number, frames rising."""

    frames: list[int]
    occurrence: Int8[np.ndarray, "frames aus"]  # -1 unknown
    intensity: Float32[np.ndarray, "frames aus"]  # NaN unknown
    has_intensity: Bool[np.ndarray, "frames graded"]  # a row of AU_INT, be it 9; over GRADED
    lost: list[int]  # frames that AU_INT has, and AU_OCC should have

    def without_codes(self, images: Collection[int], offset: int) -> list[int]:
        """Frames with an image, but without the codes that they should have.

        Those that AU_INT has; of a sequence without a single code, all. Frames before and after
        the coded stretch are none of them: in the release most images are not coded.
        """
        if self.frames or self.lost:
            return [frame for frame in self.lost if frame + offset in images]
        return sorted(image - offset for image in images)

    def __iter__(
        self,
    ) -> Iterator[tuple[int, Int8[np.ndarray, " aus"], Float32[np.ndarray, " aus"]]]:
        return zip(self.frames, self.occurrence, self.intensity, strict=True)


def read_bp4d_codes(path: Path, graded: Path | None) -> CodedSequence:
    """The codes of a sequence. Raises InputError.

    `path` is its file of AU_OCC, which may be absent, and `graded` the folder AU_INT.
    """
    empty = Codes([], np.zeros((0, len(CODED)), np.int8))
    codes = read_bp4d_occurrence(path) if path.is_file() else empty
    intensities = np.full(codes.values.shape, np.nan, np.float32)
    has_intensity = np.zeros((len(codes.frames), len(GRADED)), bool)
    every: set[int] = set()
    for column, au in enumerate(GRADED):
        name = f"{path.stem.upper()}_AU{au:02d}.csv"
        files = (graded / f"AU{au:02d}" / name, graded / name) if graded else ()
        if file := next((file for file in files if file.is_file()), None):
            found = read_intensity(file)
            if by := shift(found, codes.frames):
                raise InputError(
                    f"{file}: frames {min(found)} to {max(found)}, but {path.name} has "
                    f"{codes.frames[0]} to {codes.frames[-1]}; they seem to be numbered {by:+d} "
                    "against it, and are expected to count alike"
                )
            intensities[:, CODED.index(au)] = [found.get(frame, np.nan) for frame in codes.frames]
            has_intensity[:, column] = [frame in found for frame in codes.frames]
            every |= found.keys()
    lost = sorted(every.difference(codes.frames))
    return CodedSequence(codes.frames, codes.values, intensities, has_intensity, lost)


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """(line number, stripped cells) of the lines that are not blank."""
    return [
        (line, [cell.strip() for cell in text.split(",")]) for line, text in numbered_lines(path)
    ]


def _new_frame(cell: str, found: dict, path: Path, line: int) -> int:
    frame = frame_number(cell, path, line)
    if frame in found:
        raise InputError(f"{path}: line {line}: frame {frame} is there twice")
    return frame
