"""The stimulus before a face: which frames of its sequence a tuple saw, and when.

Records of a sequence are stored in the order of its frames, of which some may be missing. A frame
that is missing, or before the first, has that of the next one before it, or the first: what a
viewer last saw. Numbers of frames count, not places. Source: reconstruction (method 9.9).
"""

import bisect
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from drr_jax.config import Config
from drr_jax.data.prepared import REBUILD, Prepared
from drr_jax.errors import InputError
from drr_jax.facs import IMAGES

Frames = Int[np.ndarray, " frames"]


class Window(NamedTuple):
    """How many frames of the stimulus a tuple has, and which tuples share them."""

    frames: int  # of lags 0 to frames - 1
    clip: int = 1  # neighbouring tuples of one sequence, whose frames are read and encoded once

    @property
    def span(self) -> int:
        """Frames of a clip: before its first tuple, and its own."""
        return self.frames + self.clip - 1


def window_of(config: Config) -> Window | None:
    """The window of a run's training batches; None if a tuple has one stimulus."""
    if config.model.delay == "none":
        return None
    return Window(config.data.window, max(1, config.data.clips))


def images_of(config: Config, inputs: Sequence[str]) -> float:
    """Images that a training tuple has, with those that it shares."""
    images, window = sum(name in IMAGES for name in inputs), window_of(config)
    return images if window is None else images - 1 + window.span / window.clip


class Sequences:
    """Where the sequences begin among the records of some parts, one after the other."""

    def __init__(self, prepared: Prepared, parts: Sequence[str]):
        firsts, at = [], 0
        for part in parts:
            firsts += [at + first for _, _, first, _ in prepared.sequences(part)]
            at += prepared.records([part])
        self._firsts, self._directory = firsts, prepared.directory

    def of(self, numbers: Frames) -> Frames:
        """The first records of the sequences of records, by which these are known."""
        firsts = np.array(self._firsts)
        return firsts[np.searchsorted(firsts, numbers, side="right") - 1]

    def first(self, number: int) -> int:
        """The first record of the sequence of record `number`."""
        return self._firsts[bisect.bisect_right(self._firsts, number) - 1]

    def earlier(self, number: int, lag: int, frame_of: Callable[[int], int]) -> int:
        """The record whose stimulus was last seen `lag` frames before that of record `number`.

        `frame_of` tells the frame of a record. Raises InputError for records out of order.
        """
        first = self.first(number)
        wanted, low = frame_of(number) - lag, max(first, number - lag)
        if (found := frame_of(low)) == wanted or (low == first and found > wanted):
            return low
        if found > wanted:
            raise self._disordered(low)
        return bisect.bisect_right(range(number + 1), wanted, low, number + 1, key=frame_of) - 1

    def shown(self, first: int, last: int, window: Window) -> Frames:
        """The records whose stimuli a clip of records `first` to `last` takes, in order.

        The first of the sequence stands in for those before it, the last for those of a short clip.
        """
        wanted = first - window.frames + 1 + np.arange(window.span)
        return np.clip(wanted, self.first(first), last)

    def seen(
        self, shown: Frames, frames: Frames, tuples: Frames, window: Window
    ) -> Int[np.ndarray, "clip lags"]:
        """Which of the `shown` records each of a clip's `tuples` saw so many frames before.

        `frames` are those of the shown ones. Raises InputError for records out of order.
        """
        if wrong := np.flatnonzero((np.diff(shown) > 0) & (np.diff(frames) <= 0)).tolist():
            raise self._disordered(int(shown[wrong[0] + 1]))
        now = frames[np.searchsorted(shown, tuples)]
        wanted = now[:, None] - np.arange(window.frames)
        return np.maximum(np.searchsorted(frames, wanted, side="right") - 1, 0).astype(np.int32)

    def _disordered(self, number: int) -> InputError:
        return InputError(
            f"prepared data set {self._directory}: record {number} of those read is not behind the "
            f"frame before it in its sequence; {REBUILD}"
        )


def check_sequences(config: Config, prepared: Prepared, parts: Sequence[str]) -> None:
    """Raises InputError if a run asks for neighbours of a frame, and the set has still images."""
    data = config.data
    asked = {
        f"data.stimulus_lag={data.stimulus_lag}": data.stimulus_lag > 0,
        f"data.clips={data.clips}": data.clips > 0,
        f"model.delay={config.model.delay}": config.model.delay != "none",
    }
    still = all(count < 2 for part in parts for *_, count in prepared.sequences(part))
    for key in (key for key, wanted in asked.items() if wanted and still):
        raise InputError(
            f"config key {key}: expected sequences of frames; the training parts of "
            f"{prepared.name} have one record a sequence"
        )
