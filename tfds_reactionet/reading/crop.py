"""Cuts a face out by one similarity transform from its landmarks, or by a square around its box.

The transform maps the centres of the two eyes and the middle of the mouth corners onto fixed
points of a unit square, in the least-squares sense, without shear or mirroring. With margin 0 the
square reaches from above the brows to the chin; margin m adds m times its side on each side.
Mouth corners, unlike the lips' centre, hardly move when the jaw drops.

CROP_VERSION goes into the metadata of every prepared set: raise it with any change of pixels.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from tfds_reactionet.reading.images import BadImageError

CROP_VERSION = 1

# Left eye, right eye and mouth in a square of 180 mm: eyes 63 mm apart, mouth 70 mm below them.
_TEMPLATE = np.array([[0.325, 0.35], [0.675, 0.35], [0.5, 0.74]])
_SMALLEST_FACE = 4.0  # pixels; smaller squares are damaged landmarks
# Points of the eye on the image's left, of the other eye, and the mouth corners, by the number of
# points: 68 (iBUG); 66 without the inner mouth corners (DISFA); 51 and 49 the same without the
# face's contour (BP4D, BP4D+); 5 as eyes, nose, mouth corners (RAF-DB).
_GROUPS = {
    68: (range(36, 42), range(42, 48), (48, 54)),
    66: (range(36, 42), range(42, 48), (48, 54)),
    51: (range(19, 25), range(25, 31), (31, 37)),
    49: (range(19, 25), range(25, 31), (31, 37)),
    5: ((0,), (1,), (3, 4)),
}
LANDMARK_COUNTS = tuple(_GROUPS)

Transform = Float[np.ndarray, "2 3"]  # from pixels of the source to pixels of the stored image


@dataclass(frozen=True)
class Box:
    """A face's box in pixels of its image: left and top edge, width and height."""

    left: float
    top: float
    width: float
    height: float

    @property
    def area(self) -> float:
        """In square pixels."""
        return self.width * self.height

    def clipped(self, width: int, height: int) -> "Box":
        """Its part in an image of a width and height; of width or height 0 if there is none."""
        left, top = max(self.left, 0.0), max(self.top, 0.0)
        right = min(self.left + self.width, float(width))
        bottom = min(self.top + self.height, float(height))
        return Box(left, top, max(right - left, 0.0), max(bottom - top, 0.0))


def anchors(landmarks: Float[np.ndarray, "points 2"]) -> Float[np.ndarray, "3 2"]:
    """Centres of both eyes and the middle of the mouth corners.

    Raises ValueError for a number of points that is not in LANDMARK_COUNTS.
    """
    groups = _GROUPS.get(len(landmarks))
    if groups is None:
        raise ValueError(f"{len(landmarks)} landmarks, expected one of {LANDMARK_COUNTS}")
    points = np.asarray(landmarks, np.float64)
    return np.array([points[list(group)].mean(axis=0) for group in groups])


def face_template(margin: float) -> Float[np.ndarray, "3 2"]:
    """Where the anchors of a face come to lie in the unit square that is cut out with a margin."""
    return 0.5 + (_TEMPLATE - 0.5) / (1 + 2 * margin)


def face_transform(landmarks: Float[np.ndarray, "points 2"], size: int, margin: float) -> Transform:
    """The similarity transform that cuts a face out to size x size pixels.

    Raises BadImageError for landmarks that are not finite or lie in one place.
    """
    return template_transform(landmarks, size, face_template(margin))


def template_transform(
    landmarks: Float[np.ndarray, "points 2"], size: int, target: Float[np.ndarray, "3 2"]
) -> Transform:
    """As `face_transform`, onto any template: anchors in the unit square."""
    source = anchors(landmarks)
    if not np.isfinite(source).all():
        raise BadImageError("landmarks are not finite")
    # Umeyama's least squares with complex numbers: target = a * source + b, |a| the scale.
    here = source[:, 0] + 1j * source[:, 1]
    there = target[:, 0] + 1j * target[:, 1]
    centred = here - here.mean()
    spread = float(np.sum(np.abs(centred) ** 2))
    factor = complex(np.sum((there - there.mean()) * centred.conj()) / max(spread, 1e-12))
    if spread < 1e-6 or abs(factor) * _SMALLEST_FACE > 1 or abs(factor) < 1e-6:
        raise BadImageError("landmarks lie in one place")
    shift = there.mean() - factor * here.mean()
    unit = np.array(
        [[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]]
    )
    return _to_pixels(unit, size)


def box_transform(box: Box, size: int, margin: float) -> Transform:
    """The transform that cuts out a square around a box: the longer side, plus the margin.

    Raises BadImageError for a box without an area.
    """
    side = max(box.width, box.height) * (1 + 2 * margin)
    if not (box.width > 0 and box.height > 0 and np.isfinite(side)):
        raise BadImageError("face box is empty")
    # a box of edges covers pixel centres from left to left + width - 1
    left = box.left + box.width / 2 - side / 2 - 0.5
    top = box.top + box.height / 2 - side / 2 - 0.5
    return _to_pixels(np.array([[1 / side, 0, -left / side], [0, 1 / side, -top / side]]), size)


def _to_pixels(unit: Transform, size: int) -> Transform:
    """From the unit square to pixels, whose centres are integers."""
    scaled = unit * size
    scaled[:, 2] -= 0.5
    return scaled


def warp(
    image: UInt8[np.ndarray, "height width channels"], transform: Transform, size: int
) -> UInt8[np.ndarray, "size size channels"]:
    """An image under a transform, bilinear; outside of the image is black.

    Bilinear sampling skips pixels when it shrinks by two or more: the part of the image that is
    seen is first averaged over squares of k x k pixels, k being the largest whole number that
    does not make it smaller than what is wanted.
    """
    scale = float(np.sqrt(abs(np.linalg.det(transform[:, :2]))))
    factor = int(1 / scale + 1e-9)
    if factor > 1:
        image, corner = _seen(image, transform, size, factor)
        height, width = image.shape[:2]
        image = cv2.resize(image, (width // factor, height // factor), interpolation=cv2.INTER_AREA)
        # x in the source = corner + (x_small + 0.5) * factor - 0.5
        shift = transform[:, :2] @ (corner + 0.5 * factor - 0.5) + transform[:, 2]
        transform = np.column_stack([transform[:, :2] * factor, shift])
    return cv2.warpAffine(image, transform, (size, size), flags=cv2.INTER_LINEAR)


def _seen(
    image: np.ndarray, transform: Transform, size: int, factor: int
) -> tuple[np.ndarray, np.ndarray]:
    """The rectangle of an image that a transform shows, and its corner (x, y) in the image.

    Its sides are multiples of `factor`; edge pixels are repeated for that, never more than needed.
    """
    corners = np.array([[x, y] for x in (-1.0, size) for y in (-1.0, size)])
    inverse = np.linalg.inv(transform[:, :2])
    places = (corners - transform[:, 2]) @ inverse.T
    limits = np.array([image.shape[1], image.shape[0]])
    low = np.clip(np.floor(places.min(axis=0)).astype(int) - factor, 0, limits - 1)
    high = np.clip(np.ceil(places.max(axis=0)).astype(int) + factor, low + 1, limits)
    right, bottom = -(high - low) % factor
    cut = image[low[1] : high[1], low[0] : high[0]]
    if right or bottom:
        cut = cv2.copyMakeBorder(cut, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
    return cut, low


def move(
    points: Float[np.ndarray, "points 2"], transform: Transform
) -> Float[np.ndarray, "points 2"]:
    """Points under a transform: landmarks of the stored image."""
    points = np.asarray(points, np.float64)
    return (points @ transform[:, :2].T + transform[:, 2]).astype(np.float32)
