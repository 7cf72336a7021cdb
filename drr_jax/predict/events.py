"""events.csv: when each action unit began, peaked and ended on each face; and the traces to draw.

Probabilities of a face are averaged over WINDOW frames in a row; an event is MIN_FRAMES or more
frames in a row whose average is at least the model's threshold (of expressions and scenes: the
highest of all; of intensities, averaged likewise: level 2). A frame in which the face was not found
ends it. Its offset is its last frame, which its duration counts, too: of so many frames at a
constant rate it is always the same. Source: reconstruction; onset, apex and offset as behaviour
research counts them.
"""

import heapq
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from drr_jax import cells, files
from drr_jax.errors import InputError
from drr_jax.facs import value_columns
from drr_jax.predict.model import Model
from drr_jax.predict.rows import TABLE

if TYPE_CHECKING:
    import pandas as pd

EVENTS = "events.csv"
WINDOW, MIN_FRAMES = 5, 3
COLUMNS = (
    *("face_id", "class", "onset_frame", "apex_frame", "offset_frame"),
    *("onset", "apex", "offset", "duration", "frames", "peak"),
)
BINS = 500  # of a drawn trace
FACES = 24  # whose traces are kept to be drawn
CHUNK = 20_000  # rows in memory
DECIMALS = 3
ROUNDED = 1e-3 + 1e-6  # seconds between two times of whole milliseconds that are lost by rounding
Row = tuple[int, int, float, np.ndarray]  # frame, face, seconds, probabilities


@dataclass
class Traces:
    """Mean probabilities over stretches of a video, by face; what is drawn."""

    seconds: float = 0.0
    frames_per_bin: int = 1
    sums: dict[int, Float[np.ndarray, "bins classes"]] = field(default_factory=dict)
    counts: dict[int, Float[np.ndarray, " bins"]] = field(default_factory=dict)
    time: Float[np.ndarray, " bins"] = field(default_factory=lambda: np.full(BINS, np.nan))

    def add(self, face: int, frame: int, time: float, probability: np.ndarray) -> None:
        if face not in self.sums:
            if len(self.sums) >= FACES:
                return
            self.sums[face] = np.zeros((BINS, len(probability)))
            self.counts[face] = np.zeros(BINS)
        place = min((frame - 1) // self.frames_per_bin, BINS - 1)
        self.sums[face][place] += probability
        self.counts[face][place] += 1
        if np.isnan(self.time[place]):
            self.time[place] = time
        self.seconds = max(self.seconds, time)

    def along(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Gives the rows on, and adds each."""
        for frame, face, time, probability in rows:
            self.add(face, frame, time, probability)
            yield frame, face, time, probability

    def of(self, face: int) -> Float[np.ndarray, "bins classes"]:
        """A face's trace, NaN where it was not seen."""
        count = self.counts[face][:, None]
        return np.divide(
            self.sums[face], count, out=np.full(self.sums[face].shape, np.nan), where=count > 0
        )

    @property
    def faces(self) -> list[int]:
        """Those that are seen in most frames first."""
        return sorted(self.counts, key=lambda face: (-self.counts[face].sum(), face))


@dataclass
class Found:
    """What one reading of the table gives."""

    events: int = 0
    first: list[list[Any]] = field(default_factory=list)  # rows of events.csv, to be shown
    traces: Traces = field(default_factory=Traces)


SHOWN = 60  # events on the page


def write_events(folder: Path, model: Model, frames: int) -> Found:
    """Writes events.csv from the folder's predictions.csv of `frames` frames, some rows at a time.

    Its rows go by onset, then by face, then as the model's classes.
    """
    found, path = Found(), folder / TABLE
    found.traces.frames_per_bin = -(-frames // BINS) or 1
    period = _period(tables(path, ["frame", "timestamp"]))
    rows = found.traces.along(_rows(tables(path, _columns(model)), model))
    with files.whole(folder / EVENTS) as raw:
        raw.write(cells.csv_lines([COLUMNS]).encode())
        for row in _in_order(rows, model, period):
            found.events += 1
            found.first += [row] if len(found.first) < SHOWN else []
            raw.write(cells.csv_lines([map(_text, row)]).encode())
    return found


def events_of(table: "pd.DataFrame", model: Model) -> "pd.DataFrame":
    """What `Model.events` returns."""
    import pandas as pd

    if lacking := [name for name in _columns(model) if name not in table]:
        raise InputError(
            f"a table without the column {lacking[0]}: expected one that predict of this model gave"
        )
    if np.isnan(np.asarray(table["timestamp"], np.float64)).all():
        raise InputError(
            "a table without times: events are of videos; of images that are the frames of one "
            "predict(..., fps=25) has times"
        )
    table = table.sort_values("frame", kind="stable")
    rows = list(_in_order(_rows([table], model), model, _period([table])))
    return pd.DataFrame(rows, columns=list(COLUMNS)).round(DECIMALS)


def _in_order(rows: Iterable[Row], model: Model, period: float | None) -> Iterator[list[Any]]:
    """The rows of events.csv, by onset, from rows by frame."""
    faces: dict[int, _Face] = {}
    waiting: list[tuple[int, int, int, list[Any]]] = []  # a heap, by what rows go by

    def take(ended: list[list[Any]]) -> None:
        for row in ended:
            heapq.heappush(waiting, (row[2], row[0], model.names.index(row[1]), row))

    def ready(before: float) -> Iterator[list[Any]]:
        """The events with an onset before a frame."""
        while waiting and waiting[0][0] < before:
            yield heapq.heappop(waiting)[-1]

    last = 0
    for frame, face, time, probability in rows:
        if frame != last:
            for lost in [one for one in faces.values() if one.frame < frame - 1]:
                take(faces.pop(lost.face).end())
            yield from ready(min((one.earliest for one in faces.values()), default=frame))
            last = frame
        if face not in faces:
            faces[face] = _Face(face, model, period)
        take(faces[face].add(frame, time, probability))
    for one in faces.values():
        take(one.end())
    yield from ready(np.inf)


def _text(cell: Any) -> str:
    return f"{cell:.{DECIMALS}f}" if isinstance(cell, float) else str(cell)


def tables(path: Path, names: list[str]) -> Iterator["pd.DataFrame"]:
    """The columns of a predictions.csv, some rows at a time."""
    import pandas as pd

    yield from pd.read_csv(path, usecols=names, chunksize=CHUNK)


def _columns(model: Model) -> list[str]:
    """Those of predictions.csv that events are made from."""
    values = value_columns(model.task, model.names)
    return ["frame", "face_id", "timestamp", "success", *values]


def _rows(parts: Iterable["pd.DataFrame"], model: Model) -> Iterator[Row]:
    """Every row with a face, of a table in parts."""
    columns = value_columns(model.task, model.names)
    for table in parts:
        table = table.loc[table["success"] > 0]
        values = np.asarray(table[columns], np.float64)
        times = np.asarray(table["timestamp"], np.float64)
        keys = zip(table["frame"].tolist(), table["face_id"].tolist(), strict=True)
        for (frame, face), time, row in zip(keys, times.tolist(), values, strict=True):
            yield int(frame), int(face), time, row


def _period(parts: Iterable["pd.DataFrame"]) -> float | None:
    """Seconds from one frame to the next where that never changes, of a table in parts; else None.

    Files may have their times in whole milliseconds, so that much a time may be off.
    """
    least, most, first, last = 0.0, np.inf, (0, 0.0), (0, 0.0)
    for table in parts:
        known = table.loc[table["timestamp"].notna()]
        if known.empty:
            continue
        frames, times = (np.asarray(known[name]) for name in ("frame", "timestamp"))
        last = int(frames[-1]), float(times[-1])
        first = first if first[0] else (int(frames[0]), float(times[0]))
        later = frames > first[0]
        steps, since = frames[later] - first[0], times[later] - first[1]
        least = ((since - ROUNDED) / steps).max(initial=least)
        most = ((since + ROUNDED) / steps).min(initial=most)
    return (last[1] - first[1]) / (last[0] - first[0]) if least <= most < np.inf else None


class _Face:
    """Smoothing and events of one face; remembers WINDOW rows and the events that go on."""

    def __init__(self, face: int, model: Model, period: float | None) -> None:
        self.face, self._model, self._period = face, model, period
        self._rows: deque[tuple[int, float, np.ndarray]] = deque()
        self._next = 0  # of the rows in the window, the one whose average is due
        self._going: dict[int, list[Any]] = {}

    @property
    def frame(self) -> int:
        """The last one that it was seen in."""
        return self._rows[-1][0]

    @property
    def earliest(self) -> int:
        """The first frame that an event to come may begin with."""
        onsets = [event[0] for event in self._going.values()]
        return min([*onsets, *(row[0] for row in self._rows)])

    def add(self, frame: int, time: float, probability: np.ndarray) -> list[list[Any]]:
        """Takes a frame; returns the events that have ended."""
        ended = []
        if self._rows and frame != self._rows[-1][0] + 1:
            ended = self.end()
        self._rows.append((frame, time, probability))
        half = WINDOW // 2
        while len(self._rows) - 1 - self._next >= half:
            ended += self._look()
        return ended

    def end(self) -> list[list[Any]]:
        """The face is lost: what remains of it. Its last frame lasts as long as the one before."""
        ended = []
        times = [time for _, time, _ in self._rows][-2:]
        until = times[-1] + (times[-1] - times[0])
        while self._next < len(self._rows):
            ended += self._look()
        for name in list(self._going):
            ended += self._close(name, until)
        self._rows.clear()
        self._next = 0
        return ended

    def _look(self) -> list[list[Any]]:
        """Looks at the average around the row that is due."""
        half, at = WINDOW // 2, self._next
        stop = min(at + half + 1, len(self._rows))
        around = [self._rows[k][2] for k in range(max(0, at - half), stop)]
        mean = np.mean(around, axis=0)
        frame, time, _ = self._rows[at]
        ended = []
        for k, on in enumerate(self._model.counts(mean).tolist()):
            if on:
                event = self._going.setdefault(k, [frame, time, frame, time, -1.0, frame, time])
                event[2:4] = [frame, time]
                if mean[k] > event[4]:
                    event[4:] = [float(mean[k]), frame, time]
            elif k in self._going:
                ended += self._close(k, time)
        if at >= half:
            self._rows.popleft()
        else:
            self._next += 1
        return ended

    def _close(self, k: int, until: float) -> list[list[Any]]:
        """The event that ended, in seconds with the frame after it, or with the end of its last."""
        onset, start, offset, end, peak, apex, at = self._going.pop(k)
        frames = offset - onset + 1
        if frames < MIN_FRAMES:
            return []
        # Rounded twice, so that what lies half way does not depend on a last bit.
        duration = round(frames * self._period if self._period else until - start, 6)
        times = [start, at, end, duration]
        return [[self.face, self._model.names[k], onset, apex, offset, *times, frames, peak]]
