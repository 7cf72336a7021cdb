"""Relation priors of one's own: `graph.prior=file:PATH.csv`, and `contrast.prior` likewise.

The file is a square table with the classes' names in its first row and first column, in any order:

    ,AU01,AU02,AU04
    AU01,1,0.8,0
    AU02,0.8,1,0
    AU04,0,0,1
"""

import csv
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from drr_jax import files, limits
from drr_jax.cells import plain
from drr_jax.errors import InputError, nearest

PRIOR_PREFIX = "file:"

Prior = Float[np.ndarray, "classes classes"]


def is_prior_file(choice: str) -> bool:
    """Whether a value of `graph.prior` or `contrast.prior` names a file."""
    return choice.startswith(PRIOR_PREFIX)


def load_prior_file(choice: str, names: Sequence[str]) -> Prior:
    """The relation P that "file:PATH.csv" names, its rows and columns in the order of `names`.

    Raises InputError, naming the file and the cell, if it is no prior (see `read`) or does not
    cover exactly these classes.
    """
    path = Path(choice.removeprefix(PRIOR_PREFIX))
    stored, prior = read_prior_file(path)
    for name in stored:
        if name not in names:
            raise InputError(
                f"{path}: column {name} is none of this run's classes: {nearest(name, list(names))}"
            )
    missing = [name for name in names if name not in stored]
    if missing:
        raise InputError(
            f"{path}: {_count(len(stored), 'class')}, expected {len(names)}: "
            f"add a row and a column for {', '.join(missing)}"
        )
    order = [stored.index(name) for name in names]
    return prior[np.ix_(order, order)]


def read_prior_file(path: str | Path) -> tuple[tuple[str, ...], Prior]:
    """Names and values of a prior's file, in the order of its columns.

    Raises InputError, naming the file and the cell, unless it is a square table of numbers from 0
    to 1, symmetric, with ones on its diagonal and the same distinct names on rows and columns.
    """
    path = Path(path)
    header, *rows = _table(path)
    names = tuple(header[1:])
    _check_names(path, "column", names)
    _check_names(path, "row", [row[0] for row in rows])
    for row in rows:
        if row[0] not in names:
            raise InputError(f"{path}: row {row[0]} has no column: {nearest(row[0], names)}")
        if len(row) != len(header):
            raise InputError(
                f"{path}: row {row[0]} has {_count(len(row) - 1, 'value')}, expected {len(names)}"
            )
    by_name = {row[0]: row[1:] for row in rows}
    if len(rows) != len(names):
        missing = ", ".join(name for name in names if name not in by_name)
        raise InputError(f"{path}: no row for {missing}; expected one row for every column")
    prior = np.array(
        [
            [_value(path, row, *cell) for cell in zip(names, by_name[row], strict=True)]
            for row in names
        ]
    )
    for i, j in np.argwhere(np.tril(prior != prior.T)):
        raise InputError(
            f"{path}: row {names[i]}, column {names[j]} is {prior[i, j]:g} but row {names[j]}, "
            f"column {names[i]} is {prior[j, i]:g}; expected a symmetric relation"
        )
    return names, prior


def _table(path: Path) -> list[list[str]]:
    """The file's lines as stripped cells, empty lines left out."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a relation prior as CSV")
    content = files.read_at_most(path, limits.DOCUMENT_BYTES)
    try:
        text = content.decode("utf-8-sig")
        rows = [[plain(cell.strip()) for cell in row] for row in csv.reader(text.splitlines())]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a CSV file in UTF-8 ({error})") from None
    rows = [row for row in rows if any(row)]
    if not rows or len(rows[0]) < 2:
        raise InputError(
            f"{path}: the first row has no class names; expected an empty cell and one name a "
            "class, separated by commas"
        )
    return rows


def _check_names(path: Path, kind: str, names: Sequence[str]) -> None:
    for number, name in enumerate(names, 1):
        if not name:
            raise InputError(f"{path}: {kind} {number} has no class name")
        if name in names[: number - 1]:
            raise InputError(f"{path}: {kind} {name} is there twice")


def _value(path: Path, row: str, column: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise InputError(
            f"{path}: row {row}, column {column} is {text!r}; expected a number from 0 to 1"
        )
    if row == column and value != 1:
        raise InputError(f"{path}: row {row}, column {column} is {text!r}; expected 1")
    return value


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "es" if noun.endswith("s") else "s")
