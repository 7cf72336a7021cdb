"""The contact sheet of suspicious frames: neighbours side by side, above the AUs' traces."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from drr_jax import pages
from drr_jax.errors import InputError
from drr_jax.facs import REACTIONET_AUS
from drr_jax.pages import GREY, INK, PALETTE, RED, WIDTH, named, png
from tfds_reactionet.annotation.suspicious import Flagged
from tfds_reactionet.reactionet import AU_COLUMNS, Sequence, find_frames
from tfds_reactionet.reading import BadImageError, Offset, rgb

AROUND = 2  # neighbours shown before and after the suspicious frames
MOST_PICTURES = 10  # of one episode
CONTEXT = 12  # frames of trace before and after
TRACES = 5  # AUs drawn in colour: those that change most


@dataclass(frozen=True)
class Episode:
    """A run of suspicious pairs of one face, each within AROUND frames of the one before."""

    flagged: Flagged
    rows: list[int]  # positions in the track of the frames of its suspicious pairs

    @property
    def strength(self) -> tuple[float, int]:
        """Largest D and T of its pairs."""
        pairs, inside = self.flagged.pairs, self._pairs()
        return float(pairs.difference[inside].max()), int(pairs.change[inside].max())

    @property
    def peak(self) -> int:
        """Position in the track of the first frame of its pair of largest D."""
        pairs, inside = self.flagged.pairs, self._pairs()
        return int(pairs.first[inside[np.argmax(pairs.difference[inside])]])

    def _pairs(self) -> np.ndarray:
        first = self.flagged.pairs.first
        mine = (first >= self.rows[0]) & (first < self.rows[-1])
        return np.flatnonzero(mine & self.flagged.suspicious)


def episodes(flagged: Flagged) -> list[Episode]:
    """The suspicious frames of a face in runs that are looked at together."""
    runs: list[list[int]] = []
    for first in flagged.pairs.first[flagged.suspicious].tolist():
        if not runs or first - runs[-1][-1] > AROUND:
            runs.append([])
        runs[-1] = sorted({*runs[-1], first, first + 1})
    return [Episode(flagged, rows) for rows in runs]


class Strongest:
    """Keeps the `most` strongest episodes, so that memory does not grow with a data set."""

    def __init__(self, most: int):
        self.seen = 0
        self._most = most
        self._heap: list[tuple[tuple[float, int], int, Episode]] = []

    def add(self, flagged: Flagged) -> None:
        for episode in episodes(flagged):
            self.seen += 1
            heapq.heappush(self._heap, (episode.strength, -self.seen, episode))
            if len(self._heap) > self._most:
                heapq.heappop(self._heap)

    def ordered(self) -> list[Episode]:
        """Strongest first."""
        return [entry[2] for entry in sorted(self._heap, key=lambda entry: entry[:2])[::-1]]


def sheet(strongest: Strongest, intensity: float, count: int, summary: str) -> str:
    """The contact sheet as one HTML page."""
    return pages.render(
        "review.html",
        title="Suspicious AU labels",
        sections={},
        summary=summary,
        intensity=intensity,
        count=count,
        seen=strongest.seen,
        episodes=[_card(episode, intensity, count) for episode in strongest.ordered()],
    )


def _card(episode: Episode, intensity: float, count: int) -> dict[str, Any]:
    flagged, rows = episode.flagged, episode.rows
    name = "/".join(filter(None, flagged.key)) + (f", face {flagged.face}" if flagged.face else "")
    return {
        "name": name,
        "frames": flagged.track.frames[[rows[0], rows[-1]]],
        "strength": episode.strength,
        "strip": _strip(episode),
        "traces": _traces(episode, intensity, count),
    }


def _strip(episode: Episode) -> list[dict[str, Any]]:
    """Neighbouring frames: number, pixels if the release has them, what OpenFace found."""
    track = episode.flagged.track
    first, last = episode.rows[0] - AROUND, episode.rows[-1] + AROUND + 1
    if last - first > MOST_PICTURES:  # too long for a line: around its largest D
        first = max(first, min(episode.peak - MOST_PICTURES // 2 + 1, last - MOST_PICTURES))
    rows = list(range(max(0, first), min(len(track.frames), last)))
    pixels = _pictures(episode.flagged.path.parent, track.frames.tolist())
    names = np.array(AU_COLUMNS)
    return [
        {
            "frame": track.frames[row],
            "pixels": pixels(int(track.frames[row])),
            "flagged": row in episode.rows,
            "face": track.found[row],
            "occurring": " ".join(names[track.occurrence[row] == 1]) or "none",
        }
        for row in rows[:MOST_PICTURES]
    ]


def _pictures(folder: Path, numbers: list[int]) -> Callable[[int], np.ndarray | None]:
    """A function from frame number to pixels, or to None where the release has no such image.

    None too if the images count otherwise than the `numbers` of OpenFace: neighbours are not shown.
    """
    try:
        frames = find_frames(Sequence(folder.parent, folder.name), "reaction")
        Offset("frame_offset", 0, False).check(folder, list(frames), numbers)
    except InputError:
        return lambda frame: None

    def picture(frame: int) -> np.ndarray | None:
        if frame not in frames:
            return None
        try:
            return rgb(frames.pixels(frame).read())
        except BadImageError:
            return None

    return picture


def _traces(episode: Episode, intensity: float, count: int) -> bytes:
    """Intensities of the AUs that change most in colour, the rest grey; D and T below."""
    flagged, track = episode.flagged, episode.flagged.track
    low, high = max(0, episode.rows[0] - CONTEXT), episode.rows[-1] + CONTEXT + 1
    frames, values = track.frames[low:high], track.intensity[low:high]
    inside = slice(episode.rows[0], episode.rows[-1] + 1)
    steps = np.nansum(np.abs(np.diff(track.intensity[inside], axis=0)), axis=0)
    most = np.argsort(-steps, kind="stable")[:TRACES].tolist()
    figure = Figure(figsize=(WIDTH, 2.7), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    for au in range(values.shape[1]):
        if au not in most:
            top.plot(frames, values[:, au], color="#d3d7dd", lw=0.8)
    for colour, au in zip(PALETTE, most, strict=False):
        label = named(REACTIONET_AUS[au])
        top.plot(frames, values[:, au], "o-", color=colour, lw=1.6, ms=3, label=label)
    top.set_ylim(0, 5.3)
    top.set_ylabel("intensity", fontsize=9)
    top.legend(frameon=False, fontsize=8.5, loc="center left", bbox_to_anchor=(1.0, 0.5))
    pairs = flagged.pairs
    near = (pairs.first >= low) & (pairs.first < high - 1)
    starts, marked = track.frames[pairs.first[near]], flagged.suspicious[near]
    difference, change = pairs.difference[near], pairs.change[near]
    colours = np.where(marked, RED, "#b9bfc8").tolist()
    bottom.bar(starts + 0.5, difference, width=0.8, color=colours)
    bottom.axhline(intensity, color=INK, lw=1, ls=(0, (4, 3)))
    for start, d, t in zip(starts, difference, change, strict=True):
        if t >= count:
            words = {"ha": "center", "va": "bottom", "fontsize": 8, "color": RED}
            bottom.annotate(f"T {t}", (start + 0.5, d), **words)
    bottom.set_ylim(0, max(1.35 * intensity, 1.25 * float(difference.max())))
    bottom.set_ylabel("D", fontsize=9)
    bottom.set_xlabel("frame", fontsize=9)
    for axis in (top, bottom):
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8.5, length=3)
        axis.xaxis.get_major_locator().set_params(integer=True)
        for start in starts[marked]:
            axis.axvspan(start, start + 1, color=GREY, alpha=0.18, lw=0)
    return png(figure, dpi=110)
