"""Training augmentation of one image on the host: rotation, flip, colour jitter (supplement 3.2).

A draw holds all randomness of one image, so that the host (here) and the device
(device_augment.py) give the same picture. Both interpolate in OpenCV's fixed point: positions in
1/32 pixel, whole-number weights. OpenCV's own `warpAffine` is not used because its arithmetic
changed between 4.x (1/32 pixel) and 5.0 (floating point); `remap` with a given fixed-point map
has not, and takes the same time.
"""

from functools import cache
from typing import Protocol

import cv2
import numpy as np
from jaxtyping import Float32, Int32, UInt8

from drr_jax.landmarks import MIRROR

DRAW_SIZE = 5  # angle (degrees), flip (0 or 1), brightness, contrast, saturation (factors)
ANGLES_PER_DEGREE = 16  # angles lie on a grid, so that sine and cosine are the same whole numbers
TRIG_BITS = 16  # fractional bits of sine and cosine
POSITION_BITS = 5  # OpenCV's: source positions in 1/32 pixel
MATRIX_BITS = 10  # OpenCV's: colour matrix in 1/1024
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as PIL and torchvision


class Policy(Protocol):
    """Strengths of the augmentation; `drr_jax.config.Augment` is one."""

    rotation: float  # degrees, U(-rotation, rotation)
    flip: float  # probability
    brightness: float  # factor U(max(0, 1 - s), 1 + s), and so for the next two
    contrast: float
    saturation: float


def draw(rng: np.random.Generator, policy: Policy) -> Float32[np.ndarray, "5"]:
    """Draws (angle, flip, brightness, contrast, saturation) of one image.

    Ranges are torchvision's (RandomRotation, RandomHorizontalFlip, ColorJitter); the angle is
    rounded to 1/16 degree.
    """
    angle = rng.uniform(-policy.rotation, policy.rotation)
    angle = np.rint(angle * ANGLES_PER_DEGREE) / ANGLES_PER_DEGREE
    flip = float(rng.random() < policy.flip)
    factors = [
        rng.uniform(max(0.0, 1.0 - strength), 1.0 + strength)
        for strength in (policy.brightness, policy.contrast, policy.saturation)
    ]
    return np.array([angle, flip, *factors], np.float32)


def geometry(draw: Float32[np.ndarray, "5"]) -> Float32[np.ndarray, "5"]:
    """The draw's rotation and flip without its jitter, for other images of the same face."""
    return np.array([*draw[:2], 1, 1, 1], np.float32)


def move_landmarks(
    points: Float32[np.ndarray, "68 2"], draw: Float32[np.ndarray, "5"], size: int
) -> Float32[np.ndarray, "68 2"]:
    """Where landmarks of a size x size image lie after `apply`, in pixels; NaN stays NaN.

    Pixel centres are whole numbers. A flip exchanges the points of the left and the right, so that
    each keeps its meaning in the 68-point scheme. Points may leave the image.
    """
    turn = np.deg2rad(float(draw[0]))
    x, y = (points.astype(np.float64) - (size - 1) / 2).T
    moved = np.stack([np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x], 1)
    if draw[1] > 0.5:
        moved = moved[list(MIRROR)] * [-1, 1]
    return (moved + (size - 1) / 2).astype(np.float32)


def apply(
    image: UInt8[np.ndarray, "height width 3"], draw: Float32[np.ndarray, "5"]
) -> UInt8[np.ndarray, "height width 3"]:
    """Applies a draw to an RGB image.

    Rotates counter-clockwise by the angle about the centre, then flips left to right, in one
    bilinear resampling with zero fill. Then brightness, contrast and saturation in this order, as
    one affine map of colours that is clipped to 0..255 once, at the end (torchvision draws the
    order and clips after each; without clipping both give the same).
    """
    out = np.empty_like(image)
    Workspace(*image.shape[:2]).apply(image, draw, out)
    return out


class Workspace:
    """`apply` for many images of one size, in memory that is allocated once.

    Fresh arrays would cost as much in page faults as the resampling itself. Not for threads to
    share.
    """

    def __init__(self, height: int, width: int):
        # int16 holds positions in 1/32 pixel up to about 500 pixels a side, in half the time
        kind = np.int16 if (height + width) << POSITION_BITS < 1 << 15 else np.int32
        self._x, self._y, self._fraction, self._shifted = (
            np.empty((height, width), kind) for _ in range(4)
        )
        self._pixel = np.empty((height, width, 2), np.int16)
        self._warped = np.empty((height, width, 3), np.uint8)

    def apply(
        self,
        image: UInt8[np.ndarray, "height width 3"],
        draw: Float32[np.ndarray, "5"],
        out: UInt8[np.ndarray, "height width 3"],
    ) -> None:
        """Writes the augmented image to `out`, a contiguous array."""
        warped = self._warp(image, float(draw[0]), bool(draw[1] > 0.5))
        cv2.transform(warped, _colour_map(warped, *draw[2:]), dst=out)

    def _warp(self, image: np.ndarray, angle: float, flip: bool) -> np.ndarray:
        if angle == 0.0:
            return cv2.flip(image, 1, dst=self._warped) if flip else image
        height, width = self._x.shape
        x, y = self._x, self._y
        positions = source_positions(height, width, angle, flip)
        for out, (column, row) in zip((x, y), positions, strict=True):
            np.add(column.astype(out.dtype), row.astype(out.dtype)[:, None], out=out)
        fraction, one = self._fraction, (1 << POSITION_BITS) - 1
        np.bitwise_and(y, one, out=fraction)
        np.left_shift(fraction, POSITION_BITS, out=fraction)
        np.bitwise_or(fraction, np.bitwise_and(x, one, out=self._shifted), out=fraction)
        x >>= POSITION_BITS
        y >>= POSITION_BITS
        planes = (x.astype(np.int16, copy=False), y.astype(np.int16, copy=False))
        pixel = cv2.merge(planes, dst=self._pixel)
        weights = fraction.view(np.uint16) if x.itemsize == 2 else fraction.astype(np.uint16)
        return cv2.remap(image, pixel, weights, cv2.INTER_LINEAR, dst=self._warped)


@cache
def rotation_table() -> Int32[np.ndarray, "angles 2"]:
    """(cosine, sine) times 2^16 of every angle on the grid, from -180 to 180 degrees."""
    half_turn = 180 * ANGLES_PER_DEGREE
    radians = np.deg2rad(np.arange(-half_turn, half_turn + 1) / ANGLES_PER_DEGREE)
    table = np.stack([np.cos(radians), np.sin(radians)], axis=1)
    return np.rint(table * (1 << TRIG_BITS)).astype(np.int32)


def source_positions(
    height: int, width: int, angle: float, flip: bool
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """What an output pixel's column and row add to its source x, and to y, in 1/32 pixel.

    Returns ((int32[width], int32[height]), (int32[width], int32[height])).
    """
    index = round(angle * ANGLES_PER_DEGREE) + 180 * ANGLES_PER_DEGREE
    cosine, sine = rotation_table()[index]
    # twice the distance from the centre, which lies between pixels when the size is even
    x = np.arange(width, dtype=np.int32) * 2 - (width - 1)
    y = np.arange(height, dtype=np.int32) * 2 - (height - 1)
    x = -x if flip else x
    shift = TRIG_BITS + 1 - POSITION_BITS
    half = np.int32(1 << (shift - 1))
    centre = 1 << (POSITION_BITS - 1)
    centre_x = half + (centre * (width - 1) << shift)
    centre_y = half + (centre * (height - 1) << shift)
    return (
        ((cosine * x + centre_x) >> shift, (half - sine * y) >> shift),
        ((sine * x + centre_y) >> shift, (cosine * y + half) >> shift),
    )


def _colour_map(
    image: np.ndarray, brightness: np.float32, contrast: np.float32, saturation: np.float32
) -> Float32[np.ndarray, "3 4"]:
    luma = np.array(LUMA, np.float32)
    mean = brightness * np.dot(cv2.mean(image)[:3], luma)  # grey that contrast pulls towards
    grey = (1 - saturation) * luma
    matrix = np.empty((3, 4), np.float32)
    matrix[:, :3] = contrast * brightness * (saturation * np.eye(3, dtype=np.float32) + grey)
    matrix[:, 3] = (1 - contrast) * mean
    scale = np.float32(1 << MATRIX_BITS)
    return np.rint(matrix * scale) / scale
