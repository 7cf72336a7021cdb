"""AffectNet's lists of 2017 and label arrays of 2021 (docs/datasets.md section 8)."""

import io
import math
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drr_jax.errors import InputError
from drr_jax.facs import EXPRESSIONS
from tfds_reactionet.reading import Box, check_header, check_separator, csv_rows, readable

COLUMNS = (
    "subDirectory_filePath",
    "face_x",
    "face_y",
    "face_width",
    "face_height",
    "facial_landmarks",
    "expression",
    "valence",
    "arousal",
)
# Codes 0 to 7; 8 to 10 are none, uncertain, no face.
CODES = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "anger", "contempt")
_LAST_CODE = 10
_INVALID = -2.0  # valence and arousal of an image without them
_NUMBER = re.compile(r"[+-]?([0-9]{1,9}(\.[0-9]{0,20})?|\.[0-9]{1,20})([eE][+-]?[0-9]{1,2})?")
_INNER = re.compile(r"([^/\\\0:]{1,120})/([^/\\\0:]{1,120})")
_MOST_BYTES = 4096  # of an array that holds one number


@dataclass(frozen=True, slots=True)
class Listed:
    """A row of a list."""

    number: int  # row, from 0
    line: int
    path: str  # below the folder of images
    box: Box | None
    expression: int  # index in the names, -1 for another class
    valence: float
    arousal: float
    lack: str = ""  # why it yields no record, if another row names its image


def read_list(path: Path, names: Sequence[str] = EXPRESSIONS) -> Iterator[Listed]:
    """Rows of training.csv or validation.csv, with or without a header. Read line by line.

    Of a row of another expression than `names` only image and code are read. Raises InputError
    naming the line.
    """
    header: list[str] | None = None
    number = 0
    for line, cells in csv_rows(path):
        if not any(cells):
            continue
        if header is None:
            check_separator(path, ",".join(cells), COLUMNS, line)
            header = cells if COLUMNS[0] in cells else list(COLUMNS)
            check_header(path, header, COLUMNS)
            if header is cells:
                continue
        if len(cells) != len(header):
            if len(cells) == 1:  # without a header
                check_separator(path, cells[0], line=line)
            raise InputError(
                f"{path}: line {line} has {len(cells)} columns, expected {len(header)} "
                f"({','.join(COLUMNS[:2])}, ...)"
            )
        row = dict(zip(header, cells, strict=True))
        yield _listed(row, number, line, f"{path}: line {line}", names)
        number += 1
    if not number:
        what = "nothing but a header in it" if header else "empty"
        raise InputError(f"{path}: {what}; expected rows {','.join(COLUMNS[:2])}, ...: copy again")


def _listed(
    row: dict[str, str], number: int, line: int, where: str, names: Sequence[str]
) -> Listed:
    inner = _INNER.fullmatch(row[COLUMNS[0]])
    if not inner or {inner[1], inner[2]} & {".", ".."}:
        raise InputError(f"{where}: image {row[COLUMNS[0]][:80]!r}, expected folder/name.jpg")
    code = expression(_number(row["expression"], f"{where}: expression"), where, names)
    known = code >= 0
    valence, arousal = (
        affect(_number(row[name], f"{where}: {name}"), f"{where}: {name}") if known else np.nan
        for name in ("valence", "arousal")
    )
    return Listed(
        number,
        line,
        inner[0],
        _box([row[name] for name in COLUMNS[1:5]], where) if known else None,
        code,
        valence,
        arousal,
    )


def expression(code: float, where: str, names: Sequence[str] = EXPRESSIONS) -> int:
    """Index in `names` of a code, or -1 for one that is none of them.

    Raises InputError for a number that is no code.
    """
    if not code.is_integer() or not 0 <= code <= _LAST_CODE:
        raise InputError(f"{where}: expression {code:g}, expected a whole number, 0 to 10")
    name = CODES[int(code)] if code < len(CODES) else ""
    return names.index(name) if name in names else -1


def affect(value: float, where: str) -> float:
    """Valence or arousal, -1 to 1; NaN for -2. Raises InputError for another number."""
    if value == _INVALID:
        return math.nan
    if not -1.001 <= value <= 1.001:
        raise InputError(f"{where} {value:g}, expected -1 to 1, or -2")
    return value


def read_scalar(path: Path) -> float:
    """The number in an array file, which may hold it as a text. Nothing is ever unpickled.

    Raises InputError for a file that is cut off, or is no such array.
    """
    with readable(path), open(path, "rb") as file:
        data = file.read(_MOST_BYTES + 1)
    try:
        value = _scalar(data)
    except Exception as error:  # numpy raises half a dozen kinds for damaged files
        raise InputError(f"{path}: not an .npy file of one number") from error
    return _number(str(value).strip(), f"{path}:")


def _scalar(data: bytes) -> object:
    if len(data) > _MOST_BYTES:
        raise ValueError("too long")
    file = io.BytesIO(data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        version = np.lib.format.read_magic(file)
        readers = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        shape, _, dtype = readers[version](file)
    if dtype.kind not in "iufUS" or math.prod(shape) != 1 or not dtype.itemsize:
        raise ValueError("not one number")
    value = np.frombuffer(file.read(dtype.itemsize), dtype, count=1)[0]
    return value.decode("ascii") if isinstance(value, bytes) else value


def _number(text: str, where: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise InputError(f"{where} {text[:40]!r}, expected a number")
    return float(text)


def _box(cells: list[str], where: str) -> Box | None:
    if any(cell.upper() in ("NULL", "") for cell in cells):
        return None
    return Box(*(_number(cell, f"{where}: face box") for cell in cells))
