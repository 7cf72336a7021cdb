"""Metrics of a run: metrics.jsonl, metrics.csv and TensorBoard events, and the progress bar.

A run that was killed and started again leaves the same rows as one that was not.
"""

import importlib
import json
import math
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, SupportsFloat

from tqdm import tqdm

from drr_jax import cells, files, json_text
from drr_jax.errors import InputError
from drr_jax.runs.record import RUN, Damaged, check_run, of_run, run_names
from drr_jax.runs.together import is_main_process
from drr_jax.runs.trackers import Tracker

METRICS_FILE, CSV, TENSORBOARD = "metrics.jsonl", "metrics.csv", "tensorboard"

Row = dict[str, Any]
_NOT_A_ROW = (ValueError, KeyError, TypeError, AttributeError, OverflowError)


def read_metrics(workdir: str | Path) -> list[Row]:
    """Returns the rows of metrics.jsonl, in the order written.

    A last line that was cut short is left out, with a warning. Raises InputError, naming the line,
    if another line is not the row that was written, or one of another run.
    """
    path = Path(workdir) / METRICS_FILE
    if not path.exists():
        return []
    names = run_names(workdir)
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    if not lines[-1]:
        lines.pop()
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            row = files.unsealed(json_text.parse(line, first=number))
            check_run(path, row.pop(RUN, None), names)
            if not all(value is None or isinstance(value, int | float) for value in row.values()):
                raise ValueError("a value is no number")
            rows.append(row | {"step": int(row["step"])})
        except Damaged:
            raise
        except _NOT_A_ROW as error:
            if number < len(lines):
                raise InputError(
                    f"{path} line {number}: expected a JSON object with a step ({error}); remove "
                    "the line"
                ) from None
            # a disk may keep a length it has no content for
            print(f"warning: {path}: its last line is damaged and left out", file=sys.stderr)
    return rows


class Metrics:
    """Writes rows of metrics; on processes other than 0 it does nothing."""

    def __init__(
        self, workdir: str | Path, resume_step: int, tracker: Tracker | None = None
    ) -> None:
        """Keeps the rows up to `resume_step`, the step restored (0: a new run), drops the others.

        A `tracker` gets the rows, too, and those kept, if the run is new to it.
        Raises InputError if the folder cannot be written.
        """
        self.active = is_main_process()
        if not self.active:
            return
        self.workdir = Path(workdir)
        if resume_step and not (self.workdir / METRICS_FILE).exists():
            print(
                f"warning: {self.workdir / METRICS_FILE} is gone: its curves begin anew at step "
                f"{resume_step}",
                file=sys.stderr,
            )
        rows = [row for row in read_metrics(workdir) if row["step"] <= resume_step]
        self.run = of_run(workdir)
        files.write_whole(self.workdir / METRICS_FILE, "".join(map(self._json_line, rows)))
        self.columns = list(dict.fromkeys(["step", *(name for row in rows for name in row)]))
        self._rewrite_csv(rows)
        self._open_events(self.workdir / TENSORBOARD, resume_step)
        self._tracker = tracker
        if tracker and tracker.fresh:
            for row in rows:
                known = {name: value for name, value in row.items() if value is not None}
                tracker.write(known.pop("step"), known)

    def write(self, step: int, values: Mapping[str, SupportsFloat]) -> None:
        """Appends a row {"step": step, **values} to all three and flushes it.

        Floats keep every bit (NaN and infinities become null). Raises InputError for a full disk.
        """
        if not self.active:
            return
        row: Row = {"step": int(step), **{name: _exact(value) for name, value in values.items()}}
        try:
            with open(self.workdir / METRICS_FILE, "a", encoding="utf-8") as file:
                file.write(self._json_line(row))
            if row.keys() <= set(self.columns):
                with open(self.workdir / CSV, "a", encoding="utf-8", newline="") as file:
                    file.write(self._csv_lines([row]))
            else:
                self.columns = list(dict.fromkeys([*self.columns, *row]))
                self._rewrite_csv(read_metrics(self.workdir))
            for name, value in values.items():
                self._write_event(int(step), summary=self._scalar(name, float(value)))
            self._events.flush()
            if self._tracker:
                self._tracker.write(int(step), values)
        except OSError as error:
            raise InputError(
                f"{error.filename or self.workdir / METRICS_FILE}: {error.strerror}; make room, "
                "then start the same command again"
            ) from error

    def close(self) -> None:
        """Closes the event file, and the tracker's run."""
        if self.active:
            self._events.close()
            if self._tracker:
                self._tracker.close()

    def __enter__(self) -> "Metrics":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open_events(self, folder: Path, resume_step: int) -> None:
        """Opens TensorBoard's event file, to be written at once and by this thread.

        tensorboardX's SummaryWriter hands events to a thread of its own: on a full disk that thread
        dies unheard, and ten events later the training loop waits for it for ever.
        """
        with _without("torch"):
            from tensorboardX import event_file_writer, summary

        event_pb2 = importlib.import_module("tensorboardX.proto.event_pb2")  # made at import
        self._event, self._scalar = event_pb2.Event, summary.scalar
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # a number in the name: two starts within a second must not share a file
            number = len(list(folder.iterdir()))
            self._events = event_file_writer.EventsWriter(str(folder / "events"), f".{number}")
            # tells TensorBoard to forget what older files hold from this step on
            start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
            self._write_event(resume_step + 1, session_log=start)
            self._events.flush()
        except OSError as error:
            raise InputError(f"{folder} cannot be written: {error.strerror}") from error

    def _write_event(self, step: int, **content: Any) -> None:
        self._events.write_event(self._event(step=step, wall_time=time.time(), **content))

    def _json_line(self, row: Row) -> str:
        return json.dumps(files.sealed(row | self.run), allow_nan=False) + "\n"

    def _rewrite_csv(self, rows: list[Row]) -> None:
        header = ",".join(self.columns) + "\n"
        files.write_whole(self.workdir / CSV, header + self._csv_lines(rows))

    def _csv_lines(self, rows: list[Row]) -> str:
        return cells.csv_lines([row.get(name) for name in self.columns] for row in rows)


def _exact(value: SupportsFloat) -> int | float | None:
    if isinstance(value, int):
        return value
    number = float(value)  # of a float32: the double of the same value, whose repr is exact
    return number if math.isfinite(number) else None


def progress(total: int | None, initial: int, desc: str, unit: str = "steps") -> tqdm:
    """Returns a bar over `total` steps, of which `initial` are done, shown by process 0 alone.

    Per step: bar.update(); bar.set_postfix(loss=..., refresh=False).
    """
    return tqdm(
        total=total,
        initial=initial,
        desc=desc,
        unit=f" {unit}",
        disable=not is_main_process(),
        dynamic_ncols=True,
        # a log file does not need ten lines a second
        mininterval=0.1 if sys.stderr.isatty() else 10.0,
    )


@contextmanager
def _without(name: str) -> Iterator[None]:
    """A package that what is imported here does not find.

    tensorboardX imports PyTorch wherever it is installed, for what is not used here; that takes
    seconds of every start.
    """
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]
