"""A trace of some steps, for XProf and Perfetto."""

import sys
from pathlib import Path

import jax
from tqdm import tqdm

from drr_jax import runs
from drr_jax.config import Log, span
from drr_jax.training.clock import Clock

TRACE = "trace"  # folder of a run


class Profile:
    """Traces steps first to last of a run, on process 0; the time of it is a phase of its own."""

    def __init__(self, workdir: Path, log: Log, clock: Clock) -> None:
        self._folder, self._clock, self._asked = workdir / TRACE, clock, log.profile_steps
        self._steps = span(log.profile_steps) if runs.is_main_process() else None
        self._running = False

    def before(self, step: int) -> None:
        """To be called before the step that makes `step` steps of the run `step + 1`."""
        if self._steps and not self._running and self._steps[0] <= step < self._steps[1]:
            options = jax.profiler.ProfileOptions()
            options.python_tracer_level = 0  # a million calls of Python would bury the phases
            with self._clock.within("profile"):
                jax.profiler.start_trace(self._folder, profiler_options=options)
            self._running = True

    def after(self, step: int, state: object) -> None:
        """To be called when step number `step` is on its way, with what comes out of it."""
        if self._running and self._steps and step >= self._steps[1]:
            jax.block_until_ready(state)
            self.close()

    def close(self) -> None:
        """Writes the trace and says where, or that the run came to none of its steps."""
        if not self._steps:
            return
        if not self._running:
            said = f"log.profile_steps={self._asked}: none of them was made, nothing was traced"
        else:
            with self._clock.within("profile"):
                jax.profiler.stop_trace()
            file = next(self._folder.rglob("*.trace.json.gz"), self._folder)
            said = f"profile: {file}, for ui.perfetto.dev; or xprof --logdir={self._folder}"
        self._running, self._steps = False, None
        tqdm.write(said, file=sys.stderr)
