"""Sets of single images: the rows of a split's label file, in blocks that one process reads."""

from collections.abc import Sequence
from typing import Any

from tfds_reactionet.building.faces import Unit

BLOCK_ROWS = 500


def blocks(part: str, rows: Sequence[Any]) -> list[Unit]:
    """Units of a split in the order of its rows; `source` is a tuple of at most 500 of them.

    All have the split's name as their sequence, since images of one sequence lie together.
    """
    starts = range(0, len(rows), BLOCK_ROWS)
    return [Unit(part, "", "", part, tuple(rows[at : at + BLOCK_ROWS])) for at in starts]
