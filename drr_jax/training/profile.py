"""A trace of some steps, for XProf and Perfetto."""

import sys
from pathlib import Path

import jax

from drr_jax import runs
from drr_jax.config import Log, span

TRACE = "trace"  # folder of a run


class Profile:
    """Traces steps first to last of a run, on process 0."""

    def __init__(self, workdir: Path, log: Log) -> None:
        self._folder = workdir / TRACE
        self._steps = span(log.profile_steps) if runs.is_main_process() else None
        self._running = False

    def before(self, step: int) -> None:
        """To be called before the step that makes `step` steps of the run `step + 1`."""
        if self._steps and not self._running and self._steps[0] <= step < self._steps[1]:
            jax.profiler.start_trace(self._folder)
            self._running = True

    def after(self, step: int, state: object) -> None:
        """To be called when step number `step` is on its way, with what comes out of it."""
        if self._running and self._steps and step >= self._steps[1]:
            jax.block_until_ready(state)
            self.close()

    def close(self) -> None:
        """Writes the trace, if one was begun, and says where."""
        if not self._running:
            return
        jax.profiler.stop_trace()
        self._running, self._steps = False, None
        print(
            f"profile: {self._folder}; xprof --logdir={self._folder} shows it, as does "
            "ui.perfetto.dev its *.trace.json.gz",
            file=sys.stderr,
        )
