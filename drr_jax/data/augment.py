"""Training augmentation of one image on the host: rotation, flip, colour jitter (supplement 3.2).

Shift and zoom are a reconstruction: off unless asked for, they stand for the crop of a detector.

A draw holds all randomness of one image, so that the host (here) and the device
(device_augment.py) give the same picture. Both interpolate in OpenCV's fixed point: positions in
1/32 pixel, whole-number weights. OpenCV's own `warpAffine` is not used because its arithmetic
changed between 4.x (1/32 pixel) and 5.0 (floating point); `remap` with a given fixed-point map
has not, and takes the same time.
"""

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float32, Int16, Int32, UInt8, UInt16

from drr_jax.config import Augment
from drr_jax.data.landmarks import MIRROR

# Angle (degrees), flip (0 or 1), brightness, contrast, saturation (factors), shift to the right and
# down (shares of the side), and the share of the side that is seen.
DRAW_SIZE = 8
ANGLES_PER_DEGREE = 2  # angles lie on a grid: few maps, and sines that are the same whole numbers
MAPS = 256  # of rotations, kept in every process
TRIG_BITS = 16  # fractional bits of sine and cosine
POSITION_BITS = 5  # OpenCV's: source positions in 1/32 pixel
MATRIX_BITS = 10  # OpenCV's: colour matrix in 1/1024
SHARE_BITS = 8  # shares of the side lie on a grid of 1/256
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as PIL and torchvision
_STAYS = np.array([0, 0, 1], np.float32)  # neither shift nor zoom
Draw = Float32[np.ndarray, "8"]
Image = UInt8[np.ndarray, "height width 3"]


def draw(rng: np.random.Generator, policy: Augment) -> Draw:
    """Draws (angle, flip, brightness, contrast, saturation, right, down, extent) of one image.

    Ranges are torchvision's (RandomRotation, RandomHorizontalFlip, ColorJitter): an angle U(-r, r)
    in degrees, rounded to half a degree, and factors U(max(0, 1 - s), 1 + s). Shifts are U(-s, s)
    of the side and the extent U(1 - z, 1 + z), rounded to 1/256. What the policy does not ask for
    takes no number from `rng` in these.
    """
    angle = rng.uniform(-policy.rotation, policy.rotation)
    angle = np.rint(angle * ANGLES_PER_DEGREE) / ANGLES_PER_DEGREE
    flip = float(rng.random() < policy.flip)
    factors = [
        rng.uniform(max(0.0, 1.0 - strength), 1.0 + strength)
        for strength in (policy.brightness, policy.contrast, policy.saturation)
    ]
    moves = [0.0, 0.0, 1.0]
    if policy.shift:
        moves[:2] = rng.uniform(-policy.shift, policy.shift, 2)
    if policy.zoom:
        moves[2] = rng.uniform(1 - policy.zoom, 1 + policy.zoom)
    moves = np.rint(np.array(moves) * (1 << SHARE_BITS)) / (1 << SHARE_BITS)
    return np.array([angle, flip, *factors, *moves], np.float32)


def geometry(draw: Draw) -> Draw:
    """The draw's rotation, flip, shift and zoom without its jitter, for other images of a face."""
    return np.array([*draw[:2], 1, 1, 1, *draw[5:]], np.float32)


def move_landmarks(
    points: Float32[np.ndarray, "68 2"], draw: Draw, size: int
) -> Float32[np.ndarray, "68 2"]:
    """Where landmarks of a size x size image lie after `apply`, in pixels; NaN stays NaN.

    Pixel centres are whole numbers. A flip exchanges the points of the left and the right, so that
    each keeps its meaning in the 68-point scheme. Points may leave the image.
    """
    turn = np.deg2rad(float(draw[0]))
    x, y = (points.astype(np.float64) - (size - 1) / 2).T
    moved = np.stack([np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x], 1)
    moved = moved / float(draw[7]) + halves(draw[5:7], size) / 2
    if draw[1] > 0.5:
        moved = moved[list(MIRROR)] * [-1, 1]
    return (moved + (size - 1) / 2).astype(np.float32)


def apply(
    image: Image, draw: Draw, out: Image | None = None, scratch: Sequence[Any] = (None, None)
) -> Image:
    """Applies a draw to an RGB image.

    Rotates counter-clockwise by the angle about the centre, makes the share of the side that is
    seen fill it, shifts by whole halves of a pixel, then flips left to right, in one bilinear
    resampling with zero fill. Then brightness, contrast and saturation in this order, as
    one affine map of colours that is clipped to 0..255 once, at the end (torchvision draws the
    order and clips after each; without clipping both give the same).

    The result is written to `out`, a contiguous array, and what lies between to the two of
    `scratch`: fresh arrays would cost as much in page faults as the resampling itself.
    """
    height, width, _ = image.shape
    angle, moves = float(draw[0]), draw[5:]
    if (moves != _STAYS).any():
        pixels, weights = _map(height, width, angle, moves)
        image = cv2.remap(image, pixels, weights, cv2.INTER_LINEAR, dst=scratch[0])
    elif angle != 0:
        pixels, weights = _rotation_map(height, width, angle)
        image = cv2.remap(image, pixels, weights, cv2.INTER_LINEAR, dst=scratch[0])
    if draw[1] > 0.5:
        image = cv2.flip(image, 1, dst=scratch[1])
    return cv2.transform(image, _colour_map(image, *draw[2:5]), dst=out)


def _map(
    height: int, width: int, angle: float, moves: Float32[np.ndarray, "3"]
) -> tuple[Int16[np.ndarray, "height width 2"], UInt16[np.ndarray, "height width"]]:
    """OpenCV's fixed-point map of a draw: whole source positions, and the rest in 1/32 pixel."""
    turn = rotation_table()[round(angle * ANGLES_PER_DEGREE) + 180 * ANGLES_PER_DEGREE]
    right, down, extent = moves
    columns = from_centre(width) - halves(right, width)
    rows = (from_centre(height) - halves(down, height))[:, None]
    x, y = source_positions(columns, rows, zoomed(turn, extent))
    pixels = np.stack([x, y], axis=-1) >> POSITION_BITS
    one = (1 << POSITION_BITS) - 1
    weights = (y & one) << POSITION_BITS | (x & one)
    return pixels.astype(np.int16), weights.astype(np.uint16)


@lru_cache(maxsize=MAPS)
def _rotation_map(
    height: int, width: int, angle: float
) -> tuple[Int16[np.ndarray, "height width 2"], UInt16[np.ndarray, "height width"]]:
    """`_map` of a rotation alone.

    Kept, because making one costs as much as all that is then done to an image: 0.4 MB at 256x256,
    and 45 degrees either way need 181 of them.
    """
    return _map(height, width, angle, _STAYS)


def halves(share: Any, size: int) -> Any:
    """A shift of a share of the side in whole halves of a pixel: NumPy's or JAX's int32."""
    return (share * np.float32(2 * size)).round().astype(np.int32)


def zoomed(turn: Any, extent: Any) -> Any:
    """An entry of the rotation table for a share of the side, on the host and the device."""
    return (turn * (extent * np.float32(1 << SHARE_BITS)).astype(np.int32)) >> SHARE_BITS


def from_centre(size: int) -> Int32[np.ndarray, " size"]:
    """Twice the distance of pixels from the centre, which lies between two if `size` is even."""
    return np.arange(size, dtype=np.int32) * 2 - (size - 1)


def source_positions(columns: Any, rows: Any, turn: Any) -> tuple[Any, Any]:
    """Source x and y [height, width] in 1/32 pixel of turned pixels, on the host and the device.

    `columns` [width] and `rows` [height, 1] are their `from_centre`, negative where flipped, less
    the shift; `turn` is an entry of the rotation table. NumPy's or JAX's int32, rounded for columns
    and rows apart.
    """
    cosine, sine = turn
    shift = TRIG_BITS + 1 - POSITION_BITS
    half, centre = 1 << (shift - 1), 1 << (POSITION_BITS - 1)
    x = ((cosine * columns + half) >> shift) + ((half - sine * rows) >> shift)
    y = ((sine * columns + half) >> shift) + ((cosine * rows + half) >> shift)
    return x + centre * (columns.size - 1), y + centre * (rows.size - 1)


@cache
def rotation_table() -> Int32[np.ndarray, "angles 2"]:
    """(cosine, sine) times 2^16 of every angle on the grid, from -180 to 180 degrees."""
    half_turn = 180 * ANGLES_PER_DEGREE
    radians = np.deg2rad(np.arange(-half_turn, half_turn + 1) / ANGLES_PER_DEGREE)
    table = np.stack([np.cos(radians), np.sin(radians)], axis=1)
    return np.rint(table * (1 << TRIG_BITS)).astype(np.int32)


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
