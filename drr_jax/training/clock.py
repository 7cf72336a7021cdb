"""Where a run's time goes: every second of the training loop's own thread, counted once."""

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

START = ("import", "data", "devices", "init", "compile")  # before the first step
LOOP = ("input", "step", "host", "evaluation", "checkpoint", "profile")
STEPS = ("input", "step", "host")  # what a step is made of
WARM_UP = 5  # steps whose ends tell nothing: the first find nothing prefetched


class Clock:
    """Seconds by phase; a phase within another is taken out of the outer one.

    import: until Python has the program. data: the prepared set is opened and checked. devices: JAX
    starts. init: the run is built, its state drawn or restored. compile: the step, and the scoring
    of a batch. input: the loop waits for a batch. step: a step is handed to the devices and waited
    for. evaluation, checkpoint: as they say, but for what is written while the next steps run.
    profile: a trace is begun and written. host: all the rest of the loop, which is Python's.
    """

    def __init__(self, imported: float = 0.0) -> None:
        """Begins in "data"; `imported` seconds went before."""
        self.seconds = dict.fromkeys((*START, *LOOP), 0.0) | {"import": imported}
        self._start: dict[str, float] = {}  # as it was when the first step was done
        self._ends: list[float] = []
        self._phase, self._since = "data", time.monotonic()

    def enter(self, phase: str) -> str:
        """Goes on to another phase; returns the one before."""
        before, now = self._phase, time.monotonic()
        self.seconds[before] += now - self._since
        self._phase, self._since = phase, now
        return before

    @contextlib.contextmanager
    def within(self, phase: str) -> Iterator[None]:
        """A phase for as long as a block lasts; a profile shows it by its name."""
        before = self.enter(phase)
        try:
            with jax.profiler.TraceAnnotation(phase):
                yield
        finally:
            self.enter(before)

    def step_done(self) -> None:
        """Says that the loop has seen the end of a step."""
        self.enter(self._phase)
        if not self._start:
            self._start = {phase: round(self.seconds[phase], 3) for phase in START}
            self._start["until_first_step"] = round(sum(self.seconds.values()), 3)
        self._ends.append(time.monotonic())

    def of(self, phases: Sequence[str]) -> float:
        """Seconds of some phases so far."""
        self.enter(self._phase)
        return sum(self.seconds[phase] for phase in phases)

    @property
    def step_seconds(self) -> float | None:
        """Seconds from the end of one step to that of the next: the median without the warm-up.

        Nearly free of the few steps that were followed by an evaluation or a checkpoint. None if
        the run is too short to tell.
        """
        gaps = np.diff(self._ends[WARM_UP:])
        return float(np.median(gaps)) if len(gaps) else None

    def told(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """What run.json says of the time, after this start and those `before` it."""
        self.enter(self._phase)
        sums = dict(before.get("time", {}))
        for phase, seconds in self.seconds.items():
            sums[phase] = round(sums.get(phase, 0.0) + seconds, 3)
        return {
            "seconds": before.get("seconds", 0.0) + self.of(("compile", *LOOP)),
            "step_seconds": self.step_seconds or before.get("step_seconds"),
            "time": sums,
            "start": self._start or before.get("start", {}),
        }


class Rate:
    """Steps a second since the last time it was asked: without evaluations, saves, compilation."""

    def __init__(self, clock: Clock, step: int) -> None:
        self._clock, self._step, self._seconds = clock, step, clock.of(STEPS)

    def __call__(self, step: int) -> float:
        steps, self._step = step - self._step, step
        before, self._seconds = self._seconds, self._clock.of(STEPS)
        return steps / max(self._seconds - before, 1e-9)
