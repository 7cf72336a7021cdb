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

DRAW_SIZE = 5  # angle (degrees), flip (0 or 1), brightness, contrast, saturation (factors)
ANGLES_PER_DEGREE = 16  # angles lie on a grid, so that sine and cosine are the same whole numbers
TRIG_BITS = 16  # fractional bits of sine and cosine
POSITION_BITS = 5  # OpenCV's: source positions in 1/32 pixel
MATRIX_BITS = 10  # OpenCV's: saturation matrix in 1/1024
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


def apply(
    image: UInt8[np.ndarray, "height width 3"], draw: Float32[np.ndarray, "5"]
) -> UInt8[np.ndarray, "height width 3"]:
    """Applies a draw to an RGB image.

    Rotates counter-clockwise by the angle about the centre, then flips left to right, in one
    bilinear resampling with zero fill; then brightness, contrast and saturation in this order,
    each clipped to 0..255 and rounded (torchvision draws the order; a fixed one needs no draw).
    """
    return _jitter(_warp(image, float(draw[0]), bool(draw[1] > 0.5)), *draw[2:])


@cache
def rotation_table() -> Int32[np.ndarray, "angles 2"]:
    """(cosine, sine) times 2^16 of every angle on the grid, from -180 to 180 degrees."""
    half_turn = 180 * ANGLES_PER_DEGREE
    radians = np.deg2rad(np.arange(-half_turn, half_turn + 1) / ANGLES_PER_DEGREE)
    table = np.stack([np.cos(radians), np.sin(radians)], axis=1)
    return np.rint(table * (1 << TRIG_BITS)).astype(np.int32)


def _warp(image: np.ndarray, angle: float, flip: bool) -> np.ndarray:
    if angle == 0.0:
        return np.ascontiguousarray(image[:, ::-1]) if flip else image
    x, y = _source_positions(image.shape[0], image.shape[1], angle, flip)
    fraction = (1 << POSITION_BITS) - 1
    pixel = np.empty((*x.shape, 2), np.int16)
    pixel[..., 0] = x >> POSITION_BITS
    pixel[..., 1] = y >> POSITION_BITS
    weights = ((y & fraction) << POSITION_BITS) | (x & fraction)
    return cv2.remap(image, pixel, weights.astype(np.uint16), cv2.INTER_LINEAR)


def _source_positions(
    height: int, width: int, angle: float, flip: bool
) -> tuple[Int32[np.ndarray, "height width"], Int32[np.ndarray, "height width"]]:
    """Source column and row of every output pixel, in 1/32 pixel (the inverse map)."""
    index = round(angle * ANGLES_PER_DEGREE) + 180 * ANGLES_PER_DEGREE
    cosine, sine = rotation_table()[index]
    # twice the distance from the centre, which lies between pixels when the size is even
    x = np.arange(width, dtype=np.int32) * 2 - (width - 1)
    y = np.arange(height, dtype=np.int32) * 2 - (height - 1)
    x = -x if flip else x
    shift = TRIG_BITS + 1 - POSITION_BITS
    half = np.int32(1 << (shift - 1))
    centre_x = np.int32((width - 1) << TRIG_BITS) + half
    centre_y = np.int32((height - 1) << TRIG_BITS) + half
    source_x = ((cosine * x + centre_x)[None, :] - (sine * y)[:, None]) >> shift
    source_y = ((sine * x + centre_y)[None, :] + (cosine * y)[:, None]) >> shift
    return source_x, source_y


def _jitter(
    image: np.ndarray, brightness: np.float32, contrast: np.float32, saturation: np.float32
) -> np.ndarray:
    levels = np.arange(256, dtype=np.float32)
    bright = cv2.LUT(image, _to_uint8(brightness * levels))
    mean = np.float32(np.dot(cv2.mean(bright)[:3], LUMA))
    contrasted = cv2.LUT(bright, _to_uint8(contrast * levels + (1 - contrast) * mean))
    matrix = saturation * np.eye(3, dtype=np.float32) + (1 - saturation) * np.array(
        LUMA, np.float32
    )
    scale = np.float32(1 << MATRIX_BITS)
    return cv2.transform(contrasted, np.rint(matrix * scale) / scale)


def _to_uint8(values: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(values, 0, 255)).astype(np.uint8)
