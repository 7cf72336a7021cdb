"""Sets of single images: the rows of a split's label file, in blocks that one process reads."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from tfds_reactionet.building.faces import Unit
from tfds_reactionet.reading import FoldChoice, Protocol

T = TypeVar("T")
BLOCK_ROWS = 500
# --folds of a set whose authors gave a training and a test split.
OFFICIAL = FoldChoice({"official": Protocol.official("train", "test")}, noun="image")


def blocks(part: str, rows: Sequence[Any]) -> list[Unit]:
    """Units of a split in the order of its rows; `source` is a tuple of at most 500 of them.

    All have the split's name as their sequence, since images of one sequence lie together.
    """
    starts = range(0, len(rows), BLOCK_ROWS)
    return [Unit(part, "", "", part, tuple(rows[at : at + BLOCK_ROWS])) for at in starts]


def dealt(
    rows: Mapping[str, Sequence[T]], folds: FoldChoice, option: str, name: Callable[[T], str]
) -> list[Unit]:
    """Units of all rows, which are given by split, in the parts that `option` chooses of `folds`.

    Raises InputError for a row that a file of the user's has no line for.
    """
    if not folds.in_release(option):
        part = folds.parts(option)
        found: dict[str, list[T]] = {}
        for row in (row for some in rows.values() for row in some):
            found.setdefault(part(name(row)), []).append(row)
        rows = found
    return [unit for split, some in rows.items() for unit in blocks(split, some)]
