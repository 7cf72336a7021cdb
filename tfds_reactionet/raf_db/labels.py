"""Label and attribute files of RAF-DB (docs/datasets.md section 7)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drr_jax.errors import InputError
from drr_jax.facs import EXPRESSIONS
from tfds_reactionet.reading import Box, numbered_lines, read_table

_ORDER = ("surprise", "fear", "disgust", "happy", "sad", "anger", "neutral")  # labels 1 to 7
CODES = {str(code): EXPRESSIONS.index(name) for code, name in enumerate(_ORDER, 1)}
# Attributes of a person and the number of values of each; -1 is unknown.
PERSON = {"gender": 3, "race": 3, "age": 5}

_NAME = re.compile(r"(train_[0-9]{5}|test_[0-9]{4})(_aligned)?\.(?:jpg|png)")
_COMPOUND = re.compile(r"(train_[0-9]{4}|test_[0-9]{3})(_aligned)?\.(?:jpg|png)")
_NUMBER = re.compile(r"-?[0-9]{1,6}(\.[0-9]{1,12})?")
_POINTS = 5


@dataclass(frozen=True)
class Label:
    """An image's expression."""

    stem: str  # train_00001
    expression: int  # index in EXPRESSIONS

    @property
    def split(self) -> str:
        return self.stem.split("_")[0]

    @property
    def number(self) -> int:
        return int(self.stem.split("_")[1])


@dataclass(frozen=True)
class Attributes:
    """The five landmarks [5, 2] of the original image, and gender, race, age."""

    landmarks: np.ndarray
    person: dict[str, int]


def read_list(path: Path) -> list[Label]:
    """Lines `train_00001.jpg 5`, sorted. Raises InputError naming the line."""
    rows = []
    for line, text in numbered_lines(path):
        cells = text.split()
        if len(cells) != 2:
            raise InputError(f"{path}: line {line}: {text[:60]!r}, expected train_00001.jpg 5")
        rows.append((line, cells[0], cells[1]))
    return labels(path, rows)


def read_csv(path: Path) -> list[Label]:
    """A file of columns image and label, as a mirror has them. Raises InputError."""
    rows = read_table(path, ("image", "label"))
    return labels(path, ((line, cells["image"], cells["label"]) for line, cells in rows))


def labels(path: Path, rows: Iterable[tuple[int, str, str]]) -> list[Label]:
    """Labels of (line, image, code), sorted. Raises InputError."""
    found: dict[str, Label] = {}
    for line, name, code in rows:
        match = _NAME.fullmatch(name)
        if _COMPOUND.fullmatch(name) or (code.isdecimal() and 8 <= int(code[:9]) <= 11):
            raise InputError(
                f"{path}: line {line}: {name[:40]} {code[:9]} is of RAF-DB's compound set (11 "
                "classes); expected the basic set with labels 1 to 7"
            )
        if not match:
            raise InputError(f"{path}: line {line}: image {name[:40]!r}, expected train_00001.jpg")
        if code not in CODES:
            raise InputError(f"{path}: line {line}: label {code[:20]!r}, expected 1 to 7")
        if match[1] in found:
            raise InputError(f"{path}: line {line}: {match[1]} is there twice")
        found[match[1]] = Label(match[1], CODES[code])
    return sorted(found.values(), key=lambda label: (label.split, label.number))


def stem_of(name: str) -> str | None:
    """train_00001 of train_00001_aligned.jpg; None for another file."""
    match = _NAME.fullmatch(name)
    return match[1] if match else None


def parse_attributes(text: str, file: str) -> Attributes:
    """train_00001_manu_attri.txt: eyes, nose, mouth corners, then gender, race, age.

    Raises InputError naming the line.
    """
    rows = _numbers(text, file)
    if len(rows) != _POINTS + len(PERSON):
        raise InputError(
            f"{file}: {len(rows)} lines, expected {_POINTS} of x and y, then gender, race and age"
        )
    for number, (line, cells) in enumerate(rows):
        width, wanted = (2, "x and y") if number < _POINTS else (1, "one")
        if len(cells) != width:
            raise InputError(f"{file}: line {line}: {len(cells)} numbers, expected {wanted}")
    person = {}
    for (name, count), (line, (value,)) in zip(PERSON.items(), rows[_POINTS:], strict=True):
        if value not in range(count):
            raise InputError(f"{file}: line {line}: {name} {value:g}, expected 0 to {count - 1}")
        person[name] = int(value)
    return Attributes(np.array([cells for _, cells in rows[:_POINTS]], np.float32), person)


def parse_box(text: str, file: str) -> Box:
    """train_00001_boundingbox.txt: x1 y1 x2 y2, inclusive. Raises InputError."""
    cells = [cell for _, cells in _numbers(text, file) for cell in cells]
    if len(cells) != 4:
        raise InputError(f"{file}: {len(cells)} numbers, expected x1 y1 x2 y2")
    left, top, right, bottom = cells
    return Box(left, top, right - left + 1, bottom - top + 1)


def _numbers(text: str, file: str) -> list[tuple[int, list[float]]]:
    """(line number, numbers) of the lines that are not blank; blanks or tabs separate."""
    rows = []
    for line, content in enumerate(text.splitlines(), 1):
        cells = content.split()
        for cell in cells:
            if not _NUMBER.fullmatch(cell):
                raise InputError(f"{file}: line {line}: {cell[:20]!r} is no number")
        if cells:
            rows.append((line, [float(cell) for cell in cells]))
    return rows
