"""How long a reaction follows its stimulus: cross-correlation by sequence (supplement 4)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int, Int64

MAX_LAG = 50  # frames, 2 s at 25 frames/s; the supplement's example takes more than 20
MIN_PAIRS = 8  # fewest frames a correlation is taken over
_MAX_SPAN = 50  # frame numbers a record; more is a sequence of scattered frames


@dataclass(frozen=True)
class Series:
    """Stimulus change and AU onset of one sequence on a grid of all its frame numbers."""

    sequence: str
    change: Float[np.ndarray, " frames"]  # mean absolute grey difference to the frame before
    onset: Float[np.ndarray, " frames"]  # sum over AUs of what they rose since the frame before


def make_series(
    sequence: str,
    frames: Int64[np.ndarray, " records"],
    pictures: Float[np.ndarray, "records height width"],
    intensity: Float[np.ndarray, "records aus"],
    occurrence: Int[np.ndarray, "records aus"],
) -> Series | None:
    """Series of a sequence; NaN where a frame or the one before it is missing.

    Onset is taken from intensities (0 to 5), or, where a set has none, from occurrences (-1
    unknown). None if the sequence has no two neighbouring frames.
    """
    order = np.argsort(frames, kind="stable")
    frames, span = frames[order], int(frames.max() - frames.min()) + 1
    near = np.flatnonzero(np.diff(frames) == 1)
    if not len(near) or span > _MAX_SPAN * len(frames):
        return None
    values = intensity[order].astype(np.float64)
    if np.isnan(values).all():
        values = np.where(occurrence[order] < 0, np.nan, occurrence[order])
    rise = np.diff(values, axis=0)[near]
    grey = pictures[order].astype(np.float64)
    at = frames[near + 1] - frames[0]
    change, onset = np.full(span, np.nan), np.full(span, np.nan)
    change[at] = np.abs(grey[near + 1] - grey[near]).mean(axis=(1, 2))
    known = ~np.isnan(rise).all(axis=1)
    onset[at[known]] = np.nansum(np.maximum(rise[known], 0), axis=1)
    return Series(sequence, change, onset)


def correlation(
    series: Series, max_lag: int = MAX_LAG
) -> tuple[Float[np.ndarray, "lags"], Int[np.ndarray, "lags"]]:
    """Pearson correlation of change at t and onset at t + lag, for lag -max_lag .. max_lag.

    A positive lag is a reaction after its stimulus. NaN where fewer than MIN_PAIRS frames have
    both, or where one of them does not vary. The second array is of how many pairs of frames each
    is, 0 where it is NaN.
    """
    length = len(series.change)
    values, pairs = np.full(2 * max_lag + 1, np.nan), np.zeros(2 * max_lag + 1, int)
    for lag in range(-min(max_lag, length - 1), min(max_lag, length - 1) + 1):
        change = series.change[max(0, -lag) : length - max(0, lag)]
        onset = series.onset[max(0, lag) : length - max(0, -lag)]
        both = ~np.isnan(change) & ~np.isnan(onset)
        if both.sum() < MIN_PAIRS:
            continue
        x, y = change[both] - change[both].mean(), onset[both] - onset[both].mean()
        scale = np.sqrt((x @ x) * (y @ y))
        if scale > 1e-9:
            values[lag + max_lag], pairs[lag + max_lag] = x @ y / scale, both.sum()
    return values, pairs


@dataclass(frozen=True)
class Delay:
    """The delay of a data set's reactions."""

    lags: Int[np.ndarray, " lags"]  # frames
    mean: Float[np.ndarray, " lags"]  # over sequences, NaN where there is none
    error: Float[np.ndarray, " lags"]  # its standard error; NaN for fewer than 3 sequences
    sequences: Int[np.ndarray, " lags"]  # number with a correlation at that lag
    pairs: Int[np.ndarray, " lags"]  # of frames, over those sequences
    peaks: list[tuple[str, int, float]]  # sequence, lag >= 0 of its highest correlation, that
    most_lags: int  # largest number of lags >= 0 that a sequence was measured at

    @property
    def noise(self) -> Float[np.ndarray, " lags"]:
        """What the mean of unrelated frames stays below, at 39 lags of 40; inf without pairs.

        Two standard errors, 2 / sqrt(pairs): a correlation of n independent pairs has 1 / sqrt(n).
        """
        return np.divide(
            2, np.sqrt(self.pairs), out=np.full(len(self.lags), np.inf), where=self.pairs > 0
        )

    @property
    def best(self) -> int:
        """The index of the highest mean: of those above the noise, if any is."""
        clear = np.where(self.mean > self.noise, self.mean, np.nan)
        return int(np.nanargmax(self.mean if np.isnan(clear).all() else clear))

    @property
    def stands_out(self) -> bool:
        """Whether any lag's mean is above the noise."""
        return bool(self.mean[self.best] > self.noise[self.best])


def measure(all_series: Sequence[Series], max_lag: int = MAX_LAG, shift: int = 0) -> Delay:
    """Correlations of all sequences, their mean, and each one's highest at a lag from 0 on.

    `shift` is the delay in frames by which the data set was built (stimulus_delay_frames): its
    records pair a reaction with an earlier stimulus, so that much is added to every lag.
    """
    lags = np.arange(-max_lag, max_lag + 1)
    found = [correlation(series, max_lag) for series in all_series]
    table = pd.DataFrame([row for row, _ in found], columns=lags, dtype=np.float64)
    pairs = np.sum([np.zeros(len(lags), int), *(row for _, row in found)], axis=0)
    count, late = table.count(), table.loc[:, 0:]
    peaks = []
    for series, row in zip(all_series, late.to_numpy(), strict=True):
        if not np.isnan(row).all():
            best = int(np.nanargmax(row))
            peaks.append((series.sequence, best + shift, float(row[best])))
    error = table.sem().where(count > 2)
    measured = (lags + shift, table.mean().to_numpy(), error.to_numpy(), count.to_numpy(), pairs)
    return Delay(*measured, peaks, most_lags=int(late.count(axis=1).max()) if peaks else 0)
