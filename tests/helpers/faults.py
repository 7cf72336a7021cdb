"""Faults for a tiny run: ended at a moment, a bit flipped in a file; and what comes of it.

Every fault has one of these ends: "same" (what comes out is what came out undisturbed), "named" (a
line says what is wrong), "silent" (something else comes out, and nothing is said), "uncaught" (a
traceback), "lost" (the same command does not get there any more).
"""

import contextlib
import io
import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import small_run

from drr_jax import data, main, runs
from drr_jax.errors import InputError
from drr_jax.report import samples
from drr_jax.runs import Checkpoints, abstract
from tfds_reactionet import building

ROOT = Path(__file__).parents[2]
RUN = {
    "domains": "R",
    "graph.enabled": "false",
    "contrast.enabled": "false",
    "optim.max_steps": 12,
    "log.every_steps": 1,
    "log.checkpoint_every_steps": 3,
    "log.eval_every_epochs": 0.8,  # of 61 tuples: every third step
}
RESULTS = ("results.json", "results-best.json")
CODES = {signal.SIGTERM: 75, signal.SIGINT: 130, signal.SIGKILL: -signal.SIGKILL}
MODULE = "drr_jax.main"


def run_command(data_dir: Path, workdir: Path, **changes: Any) -> list[str]:
    """Trains, evaluates and reports a tiny run, in a few seconds once it is compiled."""
    config = small_run.config(data_dir, **RUN | changes)
    return [sys.executable, "-m", MODULE, f"--config={config}", f"--workdir={workdir}"]


def build_command(data_dir: Path, out: Path) -> list[str]:
    """Builds the release of `data_dir` again."""
    raw = data_dir / "downloads" / "manual" / "reactionet_demo"
    options = [f"--manual_dir={raw}", f"--data_dir={out}", "--size=48", "--jobs=1"]
    return [sys.executable, "-m", "tfds_reactionet.build", "reactionet/demo", *options]


def start(command: list[str]) -> subprocess.Popen[str]:
    """Starts a command of this checkout on one device."""
    flags = {"PYTHONPATH": str(ROOT), "XLA_FLAGS": "--xla_backend_optimization_level=1"}
    # A child inherits that Ctrl-C is ignored, as it is in the background of a shell.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(
            command,
            env=os.environ | flags,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        signal.signal(signal.SIGINT, before)


def wait_until(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Waits for a condition, or for the end of the process that is to bring it about."""
    while not condition() and process.poll() is None:
        time.sleep(0.005)


def finish(command: list[str]) -> None:
    """Runs a command to its end, which is to be a good one."""
    process = start(command)
    said = process.communicate()[1]
    assert process.returncode == 0, said


def outcome(workdir: Path) -> dict[str, Any]:
    """All that a run says: its log without the times, and its results."""
    logged = [
        {key: value for key, value in row.items() if key != "steps_per_second"}
        for row in runs.read_metrics(workdir)
    ]
    return {"log": logged} | {name: runs.read_file(workdir, name) for name in RESULTS}


def stop(command: list[str], number: signal.Signals, delay: float) -> tuple[str, float]:
    """Starts a command and sends it a signal after `delay` seconds, unless it ends before.

    Returns how it ended, "same" if as it should, and the seconds from the signal to the end.
    """
    process = start(command)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=delay)
    sent = time.monotonic()
    process.send_signal(number)
    said = process.communicate()[1]
    took = time.monotonic() - sent
    if process.returncode in (0, CODES[number]) and "Traceback" not in said:
        return "same", took
    # while Python still imports, nobody can listen
    if process.returncode == -number or said.splitlines()[-1:] == ["KeyboardInterrupt"]:
        return "same", took
    return f"uncaught ({process.returncode}): {said[-2000:]}", took


def stop_and_go_on(
    command: list[str], seconds: float, draw: random.Random, stops: int
) -> Iterator[str]:
    """`stops` ends of a command at random moments of the `seconds` that it takes, then a good one.

    Yields how each ended; the last one may be "lost".
    """
    for _ in range(stops):
        number = draw.choice(list(CODES))
        yield stop(command, number, draw.uniform(0, seconds))[0]
    process = start(command)
    said = process.communicate()[1]
    yield "same" if process.returncode == 0 else f"lost: {said[-2000:]}"


class Flips:
    """A finished run and its data, of which `flip` damages a copy of one file at a time."""

    def __init__(self, data_dir: Path, workdir: Path) -> None:
        self.workdir = workdir
        config = small_run.config(data_dir, **RUN)
        command = main.parse(["main", f"--config={config}", f"--workdir={workdir}"])
        self.experiment = small_run.experiment(command.config)
        self.target = abstract(self.experiment.abstract_state, self.experiment.shardings)
        # Of its own, since other tests read the set.
        prepared = data.find_data(command.config)
        self.prepared = workdir.with_name("prepared") / prepared.relative_to(data_dir)
        shutil.copytree(prepared, self.prepared, dirs_exist_ok=True)
        self.states = {kind: self._states(kind) for kind in ("checkpoints", "best")}
        self.readers: dict[str, tuple[Path, Callable[[], Any]]] = {
            **{name: (workdir / name, partial(self._file, name)) for name in RESULTS},
            "run.json": (workdir / "run.json", partial(self._file, "run.json")),
            "config.json": (workdir / "config.json", partial(self._file, "config.json")),
            "record.json": (workdir / "record.json", self._record),
            "metrics.jsonl": (workdir / "metrics.jsonl", partial(runs.read_metrics, workdir)),
            "samples": (workdir / "samples-fold0.npz", self._samples),
            "checkpoints": (workdir / "checkpoints", partial(self._restore, "checkpoints")),
            "best": (workdir / "best", partial(self._restore, "best")),
            "prepared": (self.prepared, self._prepared),
        }
        self.whole = {kind: reader() for kind, (_, reader) in self.readers.items()}

    def flip(self, kind: str, draw: random.Random) -> str:
        """Flips a random bit of a random file of a kind, reads that, mends it; returns the end."""
        place, reader = self.readers[kind]
        paths = [path for path in sorted(place.rglob("*")) if path.is_file()] or [place]
        path = draw.choice([path for path in paths if path.stat().st_size])
        written = path.read_bytes()
        content, where = bytearray(written), draw.randrange(8 * len(written))
        content[where // 8] ^= 1 << where % 8
        path.write_bytes(content)
        heard, log = io.StringIO(), _Lines()
        try:
            with contextlib.redirect_stderr(heard), log:
                same = reader() == self.whole[kind]
            if same:
                return "same"
            said = log.lines or heard.getvalue()
            return "named" if said else f"silent: bit {where} of {path}"
        except InputError:
            return "named"
        except Exception as error:
            return f"uncaught: bit {where} of {path}: {error!r}"
        finally:
            path.write_bytes(written)

    def _file(self, name: str) -> Any:
        return runs.read_file(self.workdir, name)

    def _record(self) -> Any:
        runs.require_record(self.workdir, self.experiment.identity, allow_change=False)
        return runs.run_names(self.workdir)

    def _samples(self) -> Any:
        stored = samples.load_samples(self.workdir) or {}
        return {name: (value.shape, value.tobytes()) for name, value in stored.items()}

    def _prepared(self) -> Any:
        return building.verify(self.prepared, jobs=1, progress=False)

    def _states(self, kind: str) -> dict[int, str]:
        """What each checkpoint restores to, as one text."""
        found = {}
        with Checkpoints(self.workdir, read_only=True) as checkpoints:
            for step in checkpoints.steps(kind):
                state, problem = checkpoints._read(kind, step, self.target)
                assert not problem
                found[step] = _digest(state)
        return found

    def _restore(self, kind: str) -> Any:
        with Checkpoints(self.workdir, read_only=True) as checkpoints:
            ask = checkpoints.restore if kind == "checkpoints" else checkpoints.restore_best
            restored = ask(self.target)
            if restored is None:
                raise AssertionError("no checkpoint")
            state, step = restored
            assert self.states[kind][step] == _digest(state), "other weights"
            checkpoints.best_score()
            return step


class _Lines(logging.Handler):
    """Within it, warnings that are logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())

    def __enter__(self) -> "_Lines":
        logging.getLogger("absl").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("absl").removeHandler(self)


def _digest(state: Any) -> str:
    leaves = jax.tree_util.tree_leaves_with_path(jax.device_get(state))
    return json.dumps({str(path): np.asarray(leaf).tobytes().hex() for path, leaf in leaves})


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """A tmpfs of `size` at `folder`. Raises OSError where mounting is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(done.stderr.strip())
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def grow(folder: Path, size: str) -> None:
    """Makes room on a `small_disk`."""
    subprocess.run(["mount", "-o", f"remount,size={size}", str(folder)], check=True)
