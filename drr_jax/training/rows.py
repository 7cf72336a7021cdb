"""The rows of a run's log, written when what they tell of is on the disk."""

from collections.abc import Callable, Mapping
from typing import SupportsFloat

from drr_jax.runs import Metrics


class Rows:
    """Rows in the order they come; while `idle` says no, they wait.

    The row of an evaluation says that the best checkpoint is saved, which goes on beside the next
    steps: if the run is killed meanwhile, the row is not there and the evaluation is made again.
    """

    def __init__(self, metrics: Metrics, idle: Callable[[], bool]) -> None:
        self._metrics, self._idle = metrics, idle
        self._waiting: list[tuple[int, Mapping[str, SupportsFloat]]] = []

    def write(self, step: int, values: Mapping[str, SupportsFloat]) -> None:
        """Writes a row, or keeps it until the next time."""
        self._waiting.append((step, values))
        self.write_ready()

    def write_ready(self) -> None:
        """Writes those that need not wait any more."""
        if self._idle():
            self.flush()

    def flush(self) -> None:
        """Writes all that wait; the caller knows that it is time."""
        while self._waiting:
            self._metrics.write(*self._waiting.pop(0))
