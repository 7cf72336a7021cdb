"""The list of frames that yield no record, and the limit on their share."""

import contextlib
import io
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

from drr_jax import files
from drr_jax.cells import row_writer
from drr_jax.errors import InputError


class Skip(NamedTuple):
    """A frame that yields no record."""

    key: str  # scene/sub_scene/task/sequence/frame
    reason: str
    file: str


class SkipList:
    """Writes skips to a CSV file as they come and counts them by reason.

    Reasons in `expected` are the protocol's own filters: listed, but free of the limit. The file
    appears when the list is closed, also if the build stops, so that the user can read it.
    """

    def __init__(self, path: Path, limit: float, expected: Collection[str]):
        self.path = path
        self.limit = limit
        self.expected = expected
        self.counts: Counter[str] = Counter()

    def __enter__(self) -> "SkipList":
        self._stack = contextlib.ExitStack()
        file = self._stack.enter_context(files.whole(self.path))
        text = io.TextIOWrapper(file, "utf-8", errors="replace", newline="")
        self._stack.callback(text.detach)  # flushes
        self._write = row_writer(text)
        self._write(Skip._fields)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self._stack.close()  # without the error that stops the build: the list is kept
        except InputError:
            if kind is None:
                raise

    def add(self, skips: Iterable[Skip]) -> None:
        for skip in skips:
            self._write(skip)
            self.counts[skip.reason] += 1

    @property
    def lost(self) -> int:
        """Skips that count against the limit."""
        return sum(n for reason, n in self.counts.items() if reason not in self.expected)

    def check(self, frames: int) -> None:
        """Raises InputError if more than the limit of `frames` (skipped ones included) is lost."""
        if self.lost <= self.limit * frames:
            return
        counted = [item for item in self.counts.items() if item[0] not in self.expected]
        reason, count = max(counted, key=lambda item: item[1])
        raise InputError(
            f"{self.lost} of {frames} frames are unusable, more than max_skipped={self.limit:g}; "
            f"most often: {reason} ({count}); listed in {self.path}"
        )
