"""FER+'s tables (docs/datasets.md section 6): votes of each row, and where its pixels are.

fer2013.csv and fer2013new.csv belong together row by row, and by nothing else: names are missing
for images without a face, and four names occur twice. fer2013.csv has 300 MB, so rows are kept as
places in the file and read when they are built.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drr_jax.errors import InputError
from tfds_reactionet.fer_plus.votes import COLUMNS
from tfds_reactionet.reading import check_begin, check_separator, csv_rows, read_table, readable

SPLITS = {"Training": "train", "PublicTest": "validation", "PrivateTest": "test"}
# Rows of each split: of fer2013.csv and fer2013new.csv, and of the three label.csv.
IN_RELEASE = {"train": 28709, "validation": 3589, "test": 3589}
IN_LABEL_FILES = {"train": 28558, "validation": 3579, "test": 3573}
SIDE = 48

_NAME = re.compile(r"fer[0-9]{7}\.png")
_BOX = re.compile(r"\(\s*[0-9]{1,4}(\s*,\s*[0-9]{1,4}){3}\s*\)")
_VOTE = re.compile("[0-9]|10")
_CODE = re.compile("[0-6]")
_NEEDED = ("emotion", "pixels", "usage")
# The four names that two rows have, of which one is out of its order in fer2013new.csv.
_TWICE = ("fer0006953.png", "fer0011785.png", "fer0008403.png", "fer0033120.png")
_LONGEST = 1 << 16  # bytes of a line; a row of fer2013.csv has at most 9,240


@dataclass(frozen=True)
class Voted:
    """A row of votes."""

    line: int
    split: str
    name: str  # "" for an image without a face
    votes: tuple[int, ...]  # of COLUMNS


@dataclass(frozen=True)
class RowPixels:
    """The pixels of one row of fer2013.csv, a source of pixels."""

    path: Path
    line: int
    start: int  # byte
    column: int

    @property
    def file(self) -> str:
        return f"{self.path}: line {self.line}"

    def read(self) -> np.ndarray:
        """RGB [48, 48, 3]. Raises InputError naming the line."""
        with readable(self.path), open(self.path, "rb") as file:
            file.seek(self.start)
            text = file.readline(_LONGEST)
        cells = _cells(text, self.path, self.line)
        return _grey(cells[self.column] if self.column < len(cells) else "", self.file)


def read_votes(path: Path) -> list[Voted]:
    """All rows of fer2013new.csv. Raises InputError naming the line.

    Names rise from row to row: one that does not is doubled or moved, and all rows after it belong
    to other images.
    """
    rows = []
    for line, cells in read_table(path, ("Usage", "Image name", *COLUMNS)):
        where = f"{path}: line {line}"
        split, name = _split(cells["Usage"], where), cells["Image name"]
        if name and not _NAME.fullmatch(name):
            raise InputError(f"{where}: image name {name[:40]!r}, expected fer0000000.png")
        votes = _votes([cells[column] for column in COLUMNS], where)
        rows.append(Voted(line, split, name, votes))
    _check_order(path, rows)
    return rows


def read_labels(path: Path, split: str) -> list[Voted]:
    """All rows of a folder's label.csv: name, "(0, 0, 48, 48)", ten votes. Raises InputError."""
    rows = []
    for line, cells in csv_rows(path):
        where = f"{path}: line {line}"
        if not any(cells):
            continue
        if len(cells) == 2 + len(COLUMNS) and _BOX.fullmatch(cells[1]):
            del cells[1]
        if len(cells) != 1 + len(COLUMNS):
            check_separator(path, cells[0].split('"')[0], line=line)
            raise InputError(
                f'{where} has {len(cells)} columns, expected name, "(0, 0, 48, 48)" and '
                f"{len(COLUMNS)} votes"
            )
        if not _NAME.fullmatch(cells[0]):
            raise InputError(f"{where}: image name {cells[0][:40]!r}, expected fer0000000.png")
        rows.append(Voted(line, split, cells[0], _votes(cells[1:], where)))
    _check_order(path, rows)
    return rows


def _check_order(path: Path, rows: Sequence[Voted]) -> None:
    last = ""
    for row in rows:
        if not row.name or row.name in _TWICE:
            continue
        if row.name <= last:
            raise InputError(
                f"{path}: line {row.line}: {row.name} comes after {last}; expected names that rise "
                "from row to row, as in the release: rows were moved or doubled, copy it again"
            )
        last = row.name


def read_faces(path: Path) -> Iterator[tuple[str, int, RowPixels]]:
    """(split, FER2013's code, pixels) of each row of fer2013.csv, without reading pixels.

    Raises InputError naming the line.
    """
    columns: dict[str, int] | None = None
    for line, start, text in _lines(path):
        cells = _cells(text, path, line)
        where = f"{path}: line {line}"
        if not any(cells):
            continue
        if columns is None:
            header = [cell.lower() for cell in cells]
            check_separator(path, ",".join(cells), _NEEDED, line)
            for name in _NEEDED:
                if header.count(name) != 1:
                    raise InputError(f"{where}: expected the header emotion,pixels,Usage")
            columns = {name: header.index(name) for name in _NEEDED}
            width = len(header)
            continue
        if len(cells) != width:
            raise InputError(f"{where} has {len(cells)} columns, expected {width}")
        code = cells[columns["emotion"]]
        if not _CODE.fullmatch(code):
            raise InputError(f"{where}: emotion {code[:20]!r}, expected 0 to 6")
        split = _split(cells[columns["usage"]], where)
        yield split, int(code), RowPixels(path, line, start, columns["pixels"])
    if columns is None:
        raise InputError(f"{path}: empty; expected the header emotion,pixels,Usage")


def doubled_rows(path: Path) -> int:
    """How many rows of fer2013.csv are an earlier one again: label, pixels and split."""
    seen: set[bytes] = set()
    doubled = 0
    for _, _, text in _lines(path):
        if not text.strip():
            continue
        digest = hashlib.blake2b(text.strip(), digest_size=16).digest()
        doubled += digest in seen
        seen.add(digest)
    return doubled


def _lines(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """(line number, first byte, bytes) of each line."""
    with readable(path), open(path, "rb") as file:
        start = line = 0
        while text := file.readline(_LONGEST):
            line += 1
            if not start:
                check_begin(path, text)
            if len(text) == _LONGEST:
                raise InputError(f"{path}: line {line} is longer than {_LONGEST} bytes")
            yield line, start, text
            start += len(text)


def _cells(text: bytes, path: Path, line: int) -> list[str]:
    try:
        cells = text.decode("utf-8").removeprefix("\ufeff").split(",")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: line {line}: not UTF-8 at byte {error.start} of it") from error
    return [cell.strip().strip('"').strip() for cell in cells]


def _grey(text: str, where: str) -> np.ndarray:
    """RGB of a grey image from blank-separated numbers."""
    numbers = text.split()
    if len(numbers) != SIDE * SIDE:
        raise InputError(f"{where}: {len(numbers)} pixels, expected {SIDE * SIDE}")
    if not all(len(number) <= 3 and number.isascii() and number.isdigit() for number in numbers):
        raise InputError(f"{where}: a pixel is no number, expected 0 to 255")
    values = np.array(numbers, np.int64)
    if values.max() > 255:
        raise InputError(f"{where}: pixel {values.max()}, expected 0 to 255")
    return np.repeat(values.astype(np.uint8).reshape(SIDE, SIDE, 1), 3, axis=2)


def _split(usage: str, where: str) -> str:
    if usage not in SPLITS:
        raise InputError(f"{where}: Usage {usage[:20]!r}, expected {' or '.join(SPLITS)}")
    return SPLITS[usage]


def _votes(cells: Sequence[str], where: str) -> tuple[int, ...]:
    for cell in cells:
        if not _VOTE.fullmatch(cell):
            raise InputError(f"{where}: {cell[:20]!r} votes, expected 0 to 10")
    votes = tuple(int(cell) for cell in cells)
    if sum(votes) not in (9, 10):  # one row of the release has 9
        raise InputError(f"{where}: {sum(votes)} votes in all, expected 10")
    return votes
