"""The parts of a face where an action unit shows: by landmarks, or in a cut-out face of known pose.

Every AU has two regions, on the image's left and right. Centres follow from landmarks as in the
group's EAC-Net (Li et al. 2017): a point of the face, moved up or down by a share of the distance
between the inner corners of the eyes. Which AU lies where is recalled, and the AUs that EAC-Net
does not have are put by their muscle's place in FACS (reconstruction).
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from drr_jax.errors import InputError

INNER_CORNERS = (39, 42)  # of the eyes, in the image's left and right
SIDE = 1.5  # of a region, in distances of the inner corners
# Where faces are cut out by their eyes and mouth (tfds_reactionet/crop.py), the inner corners lie
# this far apart, and the square has this margin on each side, both in widths of the face.
CORNER_DISTANCE, MARGIN = 0.18, 0.1


class Region(NamedTuple):
    """Where an AU's left region has its centre."""

    left: tuple[int, ...]  # the mean of these landmarks, on the other side of `right`
    right: tuple[int, ...]
    down: float  # from there, in distances of the inner corners
    x: float  # of the left one in a face that was cut out, in widths of the face
    y: float


_INNER_BROW = Region((21,), (22,), -1 / 2, 0.43, 0.17)
_LIDS = Region((36, 37, 38, 39, 40, 41), (42, 43, 44, 45, 46, 47), 0.0, 0.325, 0.35)
_LIP_CORNER = Region((48,), (54,), 0.0, 0.36, 0.74)
_LIPS = Region((49, 50, 58, 59), (52, 53, 55, 56), 0.0, 0.43, 0.74)
REGIONS = {
    "AU01": _INNER_BROW,
    "AU02": Region((17, 18), (25, 26), -1 / 3, 0.24, 0.20),
    "AU04": Region((19, 20, 21), (22, 23, 24), 1 / 3, 0.36, 0.31),
    "AU05": Region((37, 38), (43, 44), 0.0, 0.325, 0.33),
    "AU06": Region((40, 41), (46, 47), 1.0, 0.33, 0.55),
    "AU07": _LIDS,
    "AU09": Region((28, 39), (28, 42), 1 / 3, 0.45, 0.44),
    "AU10": Region((32, 50), (34, 52), 0.0, 0.46, 0.66),
    "AU12": _LIP_CORNER,
    "AU14": _LIP_CORNER,
    "AU15": _LIP_CORNER,
    "AU17": Region((58,), (56,), 1 / 2, 0.46, 0.89),
    "AU20": Region((48, 59), (54, 55), 0.0, 0.38, 0.76),
    "AU23": _LIPS,
    "AU24": _LIPS,
    "AU25": Region((61, 67), (63, 65), 0.0, 0.47, 0.74),
    "AU26": Region((58, 59), (55, 56), 1 / 4, 0.44, 0.83),
    "AU28": _LIPS,
    "AU43": _LIDS,
    "AU45": _LIDS,
}


class Frames(NamedTuple):
    """Squares in an image: their centres, and the two sides from the centre on, in pixels (x, y).

    `across` points away from the middle of the face, so that left and right regions look alike.
    """

    centre: Float[Array, "batch classes 2 2"]
    across: Float[Array, "batch classes 2 2"]
    down: Float[Array, "batch classes 2 2"]


def check_names(names: Sequence[str]) -> None:
    """Raises InputError for an AU that has no region."""
    unknown = [name for name in names if name not in REGIONS]
    if unknown:
        raise InputError(
            f"{', '.join(unknown)}: no region of the face is known for it; known: "
            f"{', '.join(REGIONS)}"
        )


def fixed_frames(names: Sequence[str], size: int) -> Frames:
    """The regions of a face that was cut out to size x size pixels, as a batch of one."""

    def pixels(x, y):
        square = 0.5 + (np.array([x, y]) - 0.5) / (1 + 2 * MARGIN)
        return square * size - 0.5  # pixel centres are whole numbers

    half = SIDE / 2 * CORNER_DISTANCE / (1 + 2 * MARGIN) * size
    regions = [REGIONS[name] for name in names]
    centres = np.array([[pixels(r.x, r.y), pixels(1 - r.x, r.y)] for r in regions])
    across = np.broadcast_to(half * np.array([[-1.0, 0.0], [1.0, 0.0]]), centres.shape)
    down = np.broadcast_to(half * np.array([0.0, 1.0]), centres.shape)
    return Frames(*(jnp.asarray(array, jnp.float32)[None] for array in (centres, across, down)))


def frames(landmarks: Float[Array, "batch 68 2"], names: Sequence[str], size: int) -> Frames:
    """The regions of every face, turned with it.

    Where a landmark that a region needs is unknown (NaN), that of a face that was cut out.
    """
    means = np.zeros((len(names), 2, 68))
    for row, name in enumerate(names):
        for side, points in enumerate(REGIONS[name][:2]):
            means[row, side, list(points)] = 1 / len(points)
    shift = jnp.asarray([REGIONS[name].down for name in names], jnp.float32)[:, None, None]
    known = jnp.isfinite(landmarks).all(-1)
    points = jnp.where(known[..., None], landmarks, 0)  # 0 * NaN would be NaN
    eyes = points[:, INNER_CORNERS[1]] - points[:, INNER_CORNERS[0]]  # (x, y), to the right
    below = jnp.stack([-eyes[:, 1], eyes[:, 0]], axis=-1)[:, None, None]  # a right angle on, down
    centre = jnp.einsum("nsp,bpc->bnsc", means, points) + shift * below
    outwards = jnp.asarray([[-1.0], [1.0]])
    across = jnp.broadcast_to(SIDE / 2 * outwards * eyes[:, None, None], centre.shape)
    down = jnp.broadcast_to(SIDE / 2 * below, centre.shape)
    corners = known[:, INNER_CORNERS[0]] & known[:, INNER_CORNERS[1]]
    needed = jnp.asarray(means > 0)
    usable = (known[:, None, None] | ~needed).all(-1) & corners[:, None, None]
    return Frames(
        *(
            jnp.where(usable[..., None], own, fixed)
            for own, fixed in zip((centre, across, down), fixed_frames(names, size), strict=True)
        )
    )


def crop(
    images: Float[Array, "batch height width channels"], where: Frames, size: int
) -> Float[Array, "batch classes 2 size size channels"]:
    """Cuts the squares out to size x size pixels, bilinearly; outside of the image is 0."""
    batch, height, width, _ = images.shape
    steps = (jnp.arange(size) + 0.5) * 2 / size - 1
    rows, columns = steps[:, None, None], steps[None, :, None]
    places = (
        where.centre[..., None, None, :]
        + columns * where.across[..., None, None, :]
        + rows * where.down[..., None, None, :]
    )
    places = jnp.broadcast_to(places, (batch, *places.shape[1:]))
    first = jnp.floor(places)
    share = places - first
    example = jnp.arange(batch).reshape(-1, 1, 1, 1, 1)
    total = jnp.zeros((*places.shape[:-1], images.shape[-1]), images.dtype)
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        x, y = (first[..., 0] + dx).astype(int), (first[..., 1] + dy).astype(int)
        weight = jnp.abs(1 - dx - share[..., 0]) * jnp.abs(1 - dy - share[..., 1])
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        pixel = images[example, y.clip(0, height - 1), x.clip(0, width - 1)]
        total = total + ((weight * inside)[..., None] * pixel).astype(images.dtype)
    return total
