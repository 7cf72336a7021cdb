"""MTCNN: three networks that propose, refine and settle faces (Zhang et al. 2016).

The networks see images with x and y exchanged, as those of the authors' MATLAB release did; here an
array of places or boxes is (x, y) throughout, and a box has edges: pixel i reaches from i to i + 1.
"""

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8

from drr_jax.errors import InputError
from drr_jax.predict.faces import SMALLEST, Face, by_size
from drr_jax.predict.mtcnn_nets import Images, Network, networks
from tfds_reactionet.reading import Box

_STEP = 0.709  # from one image of the pyramid to the next: half the area
_CELL, _STRIDE = 12, 2  # pixels that a place of the first network's output sees, and between two
# Of the pyramid's largest image: at 4 to 3 enough for faces of a 50th of the shorter side. Smaller
# ones are given up, and so are the smallest on long strips.
_LEVEL_PIXELS = 1 << 19
_MOST = 500  # boxes that go on to the second network: noise would propose thousands
_BATCH_PIXELS = 48 * 48  # that go through a network at once: what it takes stays in the cache
_SURE = (0.6, 0.7, 0.7)  # least probability after each network, the authors'

Boxes = Float[np.ndarray, "boxes 4"]  # left, top, right, bottom edge
Scores = Float[np.ndarray, "boxes"]
Size = Float[np.ndarray, "2"]  # width, height


class Mtcnn:
    """MTCNN; threads may share it.

    smallest: the smallest face that is looked for, as a share of the image's shorter side (0 to
    1]; 12 pixels and about a 50th are the least. Time grows with 1 / smallest squared, hardly with
    the image.
    Raises InputError if the weights are missing or damaged.
    """

    def __init__(self, smallest: float = SMALLEST) -> None:
        if not 0 < smallest <= 1:
            raise InputError(f"smallest face {smallest}: expected a share, above 0 and at most 1")
        self.smallest = smallest
        self._proposing, self._refining, self._settling = networks()

    def find(self, image: UInt8[np.ndarray, "height width 3"]) -> list[Face]:
        """The faces of an RGB image of any size, the largest first."""
        whole = _size(image)
        scale = _scale(whole, self.smallest)
        fine = _shrunk(image, whole, 4 * scale)  # the smallest face has the 48 pixels of the last
        coarse = _shrunk(fine, whole, 2 * scale)  # and the 24 of the second network
        boxes = self._propose(pyramid(coarse, whole, scale), whole)
        boxes, moves, scores = _look(self._refining, coarse, boxes, whole, 24, _SURE[1])
        kept = suppress(boxes, scores, 0.7)
        boxes = _moved(boxes[kept], moves[kept])
        boxes, moves, points, scores = _look(self._settling, fine, boxes, whole, 48, _SURE[2])
        places, boxes = _places(points, boxes), _moved(boxes, moves)
        kept = suppress(boxes, scores, 0.7, within=True)
        return by_size([Face(_box(boxes[k]), places[k], float(scores[k])) for k in kept])

    def _propose(self, levels: list[np.ndarray], whole: Size) -> Boxes:
        """What the first network takes for faces on a pyramid, in pixels of the whole image."""
        found: list[tuple[Boxes, np.ndarray, Scores]] = []
        for level in levels:
            moves, chance = (out[0] for out in self._proposing(_values(level[None])))
            across, down = np.nonzero(chance > _SURE[0])
            corner = np.stack([across, down], axis=1) * _STRIDE
            boxes = np.hstack([corner, corner + _CELL]) * np.tile(whole / _size(level), 2)
            scores = chance[across, down]
            kept = suppress(boxes, scores, 0.5)
            found.append((boxes[kept], moves[across, down][kept], scores[kept]))
        if not found:
            return np.zeros((0, 4))
        boxes, moves, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
        kept = suppress(boxes, scores, 0.7)[:_MOST]
        return _moved(boxes[kept], moves[kept])


def _look(
    network: Network, image: np.ndarray, boxes: Boxes, whole: Size, side: int, sure: float
) -> list[np.ndarray]:
    """Squares about those boxes that a network takes for faces, and what it says of them.

    Boxes and squares are in pixels of the whole image, of which `image` is a smaller copy; the
    network sees side x side pixels of each. It says moves, points, if any, and scores.
    """
    ratio = np.tile(_size(image) / whole, 2)
    squares = _rounded(_squares(boxes * ratio))
    cut = _cut(image, squares, side)
    batch = _BATCH_PIXELS // side**2
    parts = [cut[k : k + batch] for k in range(0, max(len(cut), 1), batch)]
    said = zip(*(network(_values(part)) for part in parts), strict=True)
    found = [squares / ratio, *(np.concatenate(parts) for parts in said)]
    return [one[found[-1] > sure] for one in found]


def _values(images: UInt8[np.ndarray, "batch height width 3"]) -> Images:
    """What the networks see of RGB images: -1 to 1, x before y."""
    return np.ascontiguousarray((images.transpose(0, 2, 1, 3) - np.float32(127.5)) / 128)


def pyramid(image: np.ndarray, whole: Size, scale: float) -> list[np.ndarray]:
    """An image at `scale`, and ever smaller down to 12 pixels, in steps of _STEP.

    scale: over the whole image, of which `image` is a copy that is at least as large.
    """
    levels = []
    while round(float(whole.min()) * scale) >= _CELL:
        image = _shrunk(image, whole, scale)
        levels.append(image)
        scale *= _STEP
    return levels


def _scale(whole: Size, smallest: float) -> float:
    """The scale at which the smallest face has 12 pixels; smaller for strips, at most 1."""
    return min(
        1.0,
        _CELL / (smallest * float(whole.min())),
        (_LEVEL_PIXELS / float(whole.prod())) ** 0.5,
    )


def _shrunk(image: np.ndarray, whole: Size, scale: float) -> np.ndarray:
    """A copy of the whole image at a scale, of at most 1, from one that is at least as large."""
    size = np.maximum(np.round(whole * min(scale, 1.0)), 1).astype(int)
    if (size == _size(image)).all():
        return image
    return cv2.resize(image, size.tolist(), interpolation=cv2.INTER_AREA)


def _size(image: np.ndarray) -> Size:
    """Width and height."""
    return np.array(image.shape[1::-1], np.float64)


def suppress(
    boxes: Boxes, scores: Scores, most: float, within: bool = False
) -> Int[np.ndarray, "kept"]:
    """The boxes that no better one overlaps by more than `most`, from the best on.

    Overlap is the common area over that of both together; `within`, over that of the smaller one.
    """
    order = np.argsort(-scores, kind="stable")
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    kept = []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(best)
        low = np.maximum(boxes[rest, :2], boxes[best, :2])
        high = np.minimum(boxes[rest, 2:], boxes[best, 2:])
        common = np.prod(np.maximum(high - low, 0), axis=1)
        smaller = np.minimum(area[rest], area[best])
        whole = smaller if within else area[rest] + area[best] - common
        order = rest[common <= most * whole]
    return np.array(kept, np.int64)


def _moved(boxes: Boxes, moves: Boxes) -> Boxes:
    """Boxes whose edges were moved by shares of their widths and heights."""
    size = boxes[:, 2:] - boxes[:, :2]
    return boxes + moves * np.hstack([size, size])


def _squares(boxes: Boxes) -> Boxes:
    """Squares about the boxes, with the longer side."""
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True, initial=0) / 2
    return np.hstack([middle - half, middle + half])


def _rounded(squares: Boxes) -> Boxes:
    """Squares whose edges lie between pixels; of one pixel at least."""
    side = np.maximum(np.round(squares[:, 2:] - squares[:, :2]), 1)
    corner = np.round(squares[:, :2])
    return np.hstack([corner, corner + side])


def _cut(image: np.ndarray, boxes: Boxes, side: int) -> UInt8[np.ndarray, "boxes side side 3"]:
    """The image in every box, made side x side pixels; black beyond the image."""
    height, width = image.shape[:2]
    out = np.zeros((len(boxes), side, side, 3), np.uint8)
    for k, (left, top, right, bottom) in enumerate(boxes.astype(int)):
        x, y, x_end, y_end = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
        if x >= x_end or y >= y_end:
            continue
        cut = image[y:y_end, x:x_end]
        around = (y - top, bottom - y_end, x - left, right - x_end)
        if any(around):
            cut = cv2.copyMakeBorder(cut, *around, cv2.BORDER_CONSTANT, value=(0, 0, 0))
        out[k] = cv2.resize(cut, (side, side), interpolation=cv2.INTER_AREA)
    return out


def _places(points: Float[np.ndarray, "boxes 10"], boxes: Boxes) -> Float[np.ndarray, "boxes 5 2"]:
    """Points in pixels of the image from shares of their boxes: five x, then five y."""
    shares = points.reshape(-1, 2, 5).transpose(0, 2, 1)
    size = (boxes[:, 2:] - boxes[:, :2])[:, None]
    return (boxes[:, None, :2] + shares * size - 0.5).astype(np.float32)


def _box(edges: Float[np.ndarray, "4"]) -> Box:
    left, top, right, bottom = (float(edge) for edge in edges)
    return Box(left, top, right - left, bottom - top)
