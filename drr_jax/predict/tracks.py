"""The same id for the same face in all frames of a video, by where its box is.

The faces of a frame are matched with those known so that the overlaps add up to the most (the
Hungarian method): with where each should be if it moves on as before, and, of one that was not
found for a while, also with where it was last. A face without a match gets the next id. Faces are
not recognised: one that leaves and comes back elsewhere is a new one. Nothing is drawn: equal boxes
give equal ids.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment

from tfds_reactionet.reading import Box

# Least overlap, intersection over union, of a face with itself from one frame to the next. At 25
# frames a second a face moves by a tenth of its width at most, which leaves 0.8.
OVERLAP = 0.3
# Frames that a face may be missing for before its id is given up; a second of most videos.
PATIENCE = 25
_NEWS = 0.3  # share of the latest move in a face's speed: boxes tremble by some pixels


@dataclass(frozen=True)
class _Track:
    """A known face: its id, the frame and box of when it was seen last, pixels a frame."""

    face: int
    frame: int
    box: Box
    across: float = 0.0
    down: float = 0.0

    def expected(self, frame: int) -> Box:
        """Where it is if it moves on as before."""
        box, gap = self.box, frame - self.frame
        left, top = box.left + gap * self.across, box.top + gap * self.down
        return Box(left, top, box.width, box.height)

    def seen(self, frame: int, box: Box) -> "_Track":
        """The same face at a box in a later frame."""
        gap, (x, y), (old_x, old_y) = frame - self.frame, _middle(box), _middle(self.box)
        across = (1 - _NEWS) * self.across + _NEWS * (x - old_x) / gap
        down = (1 - _NEWS) * self.down + _NEWS * (y - old_y) / gap
        return _Track(self.face, frame, box, across, down)


class Tracks:
    """Ids of faces over the frames of one video: 0, 1, ... in the order of appearance.

    overlap: least intersection over union, above 0 and at most 1. patience: frames a face may be
    missing for. What it remembers are the faces of the last `patience` frames.
    """

    def __init__(self, overlap: float = OVERLAP, patience: int = PATIENCE) -> None:
        if not 0 < overlap <= 1:
            raise ValueError(f"overlap {overlap}, expected above 0 and at most 1")
        if patience < 0:
            raise ValueError(f"patience {patience}, expected 0 or more frames")
        self.overlap, self.patience = overlap, patience
        self._tracks: list[_Track] = []
        self._next = 0
        self._frame: int | None = None

    def update(self, frame: int, boxes: Sequence[Box]) -> list[int]:
        """The ids of a frame's boxes, one each and all different.

        Frames come in rising order; those left out count as frames without faces. Raises ValueError
        for a frame that is not above the last one.
        """
        if self._frame is not None and frame <= self._frame:
            raise ValueError(f"frame {frame} after frame {self._frame}, expected a later one")
        self._frame = frame
        alive = [track for track in self._tracks if frame - track.frame <= self.patience + 1]
        matches, now = self._matches(frame, alive, boxes), []
        for place, box in enumerate(boxes):
            if place in matches:
                now.append(matches[place].seen(frame, box))
            else:
                now.append(_Track(self._next, frame, box))
                self._next += 1
        ids = [track.face for track in now]
        self._tracks = [track for track in alive if track.face not in ids] + now
        return ids

    def _matches(self, frame: int, tracks: list[_Track], boxes: Sequence[Box]) -> dict[int, _Track]:
        """Those boxes that are a known face's, by their places in `boxes`."""
        shared = overlaps([track.expected(frame) for track in tracks], boxes)
        before = overlaps([track.box for track in tracks], boxes)
        lost = np.array([frame - track.frame > 1 for track in tracks], bool)
        shared[lost] = np.maximum(shared, before)[lost]
        shared[shared < self.overlap] = 0
        rows, columns = linear_sum_assignment(shared, maximize=True)
        pairs = zip(rows.tolist(), columns.tolist(), strict=True)
        return {column: tracks[row] for row, column in pairs if shared[row, column] > 0}


def overlaps(some: Sequence[Box], others: Sequence[Box]) -> Float[np.ndarray, "some others"]:
    """Intersection over union of every box of `some` with every one of `others`, 0 to 1."""
    a, b = _edges(some)[:, None], _edges(others)[None]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    common = np.prod(np.maximum(sides, 0), axis=-1)
    area_a, area_b = (np.prod(x[..., 2:] - x[..., :2], axis=-1) for x in (a, b))
    whole = area_a + area_b - common
    return np.divide(common, whole, out=np.zeros_like(common), where=whole > 0)


def _edges(boxes: Sequence[Box]) -> Float[np.ndarray, "boxes 4"]:
    """Left, top, right and bottom edges."""
    edges = [(b.left, b.top, b.left + b.width, b.top + b.height) for b in boxes]
    return np.array(edges, np.float64).reshape(-1, 4)


def _middle(box: Box) -> tuple[float, float]:
    return box.left + box.width / 2, box.top + box.height / 2
