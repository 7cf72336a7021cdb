"""EmotioNet's label files (docs/datasets.md section 5): spreadsheet, CSV, and lists of URLs.

Spreadsheet and CSV have a header whose names are in quotes, such as 'AU 1', and URLs in quotes.
The lists dataFile_0001.txt have no header: URL, original URL, then AU 1 to AU 60, by tabs. Values
are 0, 1, and 999 for unknown.
"""

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drr_jax.errors import InputError
from drr_jax.facs import EMOTIONET_AUS_11, au_names
from tfds_reactionet.reading import check_separator, numbered_lines

AUS = 60
ALL_AUS = au_names(*range(1, AUS + 1))
_SEVENTEEN = (1, 2, 4, 5, 6, 9, 10, 12, 15, 17, 18, 20, 24, 25, 26, 28, 43)
EVALUATED = {
    "11": EMOTIONET_AUS_11,
    "12": (*EMOTIONET_AUS_11, "AU43"),
    "17": au_names(*_SEVENTEEN),
    "23": au_names(*_SEVENTEEN, *range(51, 57)),
}
_QUOTES = "'\" \t\u2018\u2019"
_AU = re.compile(r"AU\s*0?([0-9]{1,2})", re.IGNORECASE)
_ALMOST = re.compile(r"AU[^A-Z].*", re.IGNORECASE)
_CELL = re.compile(r"""[ \t]*(?:'(.*?)'[ \t]*|"(.*?)"[ \t]*|([^,]*))(,|\Z)""")
_VALUE = re.compile(r"(0|1|999)(\.0{1,9})?")
_LONGEST = 8192  # characters of a line; lines of the release have some 400
_CODES = {"0": 0, "1": 1, "999": -1}
_NAME = re.compile(r"[^/\\\0]{1,200}")


@dataclass(frozen=True, slots=True)
class Coded:
    """A row of labels."""

    line: int
    folder: str  # the part of the URL before the name
    name: str
    codes: bytes  # int8 [60], -1 unknown

    def occurrence(self) -> np.ndarray:
        return np.frombuffer(self.codes, np.int8)


@dataclass(frozen=True)
class Columns:
    """Where a header has what."""

    url: int
    aus: dict[int, int]  # column of each AU
    width: int


def find_columns(header: Sequence[str], where: str) -> Columns | None:
    """The columns of a header; None if it has no URL or no AU.

    Raises InputError for doubles, and for a name that is almost an AU's, such as `AU twelve`: that
    AU would be unknown everywhere.
    """
    names = [name.strip(_QUOTES) for name in header]
    found: dict[int, int] = {}
    for column, name in enumerate(names):
        match = _AU.fullmatch(name)
        number = int(match[1]) if match else 0
        if number in found:
            raise InputError(f"{where}: column AU {number} is there twice")
        if 1 <= number <= AUS:
            found[number] = column
    urls = [column for column, name in enumerate(names) if name.lower() == "url"]
    if not urls:
        return None
    for name in names:
        if _ALMOST.fullmatch(name) and not _AU.fullmatch(name):
            raise InputError(f"{where}: column {name[:40]!r}, expected 'AU 1' to 'AU {AUS}'")
    if not found:
        return None
    width = max(column + 1 for column, name in enumerate(names) if name)
    return Columns(urls[0], found, width)


def read_csv(path: Path) -> Iterator[Coded]:
    """Rows of EmotioNet_FACS.csv. Raises InputError naming the line."""
    columns = None
    for line, text in numbered_lines(path):
        if not text.strip(", \t"):
            continue
        where = f"{path}: line {line}"
        if len(text) > _LONGEST:
            raise InputError(f"{where} has {len(text)} characters, expected at most {_LONGEST}")
        cells = split_cells(text)
        if columns is None:
            if text.rstrip().endswith(";"):
                raise InputError(f"{where}: ends with a semicolon; expected none at lines' ends")
            columns = find_columns(cells, where)
            if columns is None:
                check_separator(path, text, ("URL",), line)
                raise InputError(f"{where}: expected a header with URL, 'AU 1', 'AU 2', ...")
        else:
            yield coded(cells, columns, line, where)
    if columns is None:
        raise InputError(f"{path}: empty; expected a header with URL, 'AU 1', 'AU 2', ...")


def split_cells(text: str) -> list[str]:
    """Cells of a line by commas; quotes of either kind keep commas in.

    A quote ends a cell only before a comma, since the URLs have commas and apostrophes in them.
    """
    cells, at = [], 0
    while match := _CELL.match(text, at):
        cells.append(next(cell for cell in match.groups()[:3] if cell is not None))
        if not match[4]:
            break
        at = match.end()
    return cells


def read_list(path: Path) -> Iterator[Coded]:
    """Rows of dataFile_0001.txt. Raises InputError naming the line."""
    columns = Columns(0, {au: au + 1 for au in range(1, AUS + 1)}, AUS + 2)
    for line, text in numbered_lines(path):
        yield coded(text.rstrip("\t ").split("\t"), columns, line, f"{path}: line {line}")


def coded(cells: Iterable[object], columns: Columns, line: int, where: str) -> Coded:
    """A row of cells, which a spreadsheet may give as numbers. Raises InputError."""
    texts = ["" if cell is None else str(cell).strip(_QUOTES) for cell in cells]
    while len(texts) > columns.width and not texts[-1]:
        texts.pop()
    if len(texts) != columns.width:
        raise InputError(f"{where} has {len(texts)} columns, expected {columns.width}")
    url = texts[columns.url].split("?")[0].split("#")[0]
    folder, _, name = url.replace("\\", "/").rpartition("/")
    if not _NAME.fullmatch(name) or name in (".", ".."):
        raise InputError(f"{where}: URL {url[:80]!r} does not end with the name of an image")
    codes = np.full(AUS, -1, np.int8)
    for au, column in columns.aus.items():
        match = _VALUE.fullmatch(texts[column])
        if not match:
            raise InputError(f"{where}: AU {au} is {texts[column][:20]!r}, expected 0, 1 or 999")
        codes[au - 1] = _CODES[match[1]]
    return Coded(line, sys.intern(folder.rpartition("/")[2]), name, codes.tobytes())
