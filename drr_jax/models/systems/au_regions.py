"""The parts of a face where action units show, cut out: by landmarks, or as in a face at rest.

Every AU has two square regions, around its places on the image's left and right, as in the group's
EAC-Net (Li et al. 2017).
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from drr_jax.models.systems.au_places import INNER_CORNERS, PLACES, resting_face, shares

SIDE = 1.5  # of a region, in distances of the inner corners of the eyes


class Frames(NamedTuple):
    """Squares in an image: their centres, and the two sides from the centre on, in pixels (x, y).

    `across` points away from the middle of the face, so that left and right regions look alike.
    """

    centre: Float[Array, "batch classes 2 2"]
    across: Float[Array, "batch classes 2 2"]
    down: Float[Array, "batch classes 2 2"]


def fixed_frames(names: Sequence[str], size: int) -> Frames:
    """The regions of a face at rest that was cut out to size x size pixels, as a batch of one."""
    points = np.nan_to_num(resting_face() * size - 0.5)  # pixel centres are whole numbers
    return _around(jnp.asarray(points, jnp.float32)[None], names)


def frames(landmarks: Float[Array, "batch 68 2"], names: Sequence[str], size: int) -> Frames:
    """The regions of every face, turned with it.

    Where a landmark that a region needs is unknown (NaN), that of a face that was cut out.
    """
    known = jnp.isfinite(landmarks).all(-1)
    own = _around(jnp.where(known[..., None], landmarks, 0), names)  # 0 * NaN would be NaN
    corners = known[:, INNER_CORNERS[0]] & known[:, INNER_CORNERS[1]]
    needed = jnp.asarray(shares(names) > 0)
    usable = (known[:, None, None] | ~needed).all(-1) & corners[:, None, None]
    fixed = fixed_frames(names, size)
    return Frames(*(jnp.where(usable[..., None], a, b) for a, b in zip(own, fixed, strict=True)))


def _around(points: Float[Array, "batch 68 2"], names: Sequence[str]) -> Frames:
    """The regions around the AUs' places among landmarks of which all that count are known."""
    up = jnp.asarray([PLACES[name].up for name in names], jnp.float32)[:, None, None]
    eyes = points[:, INNER_CORNERS[1]] - points[:, INNER_CORNERS[0]]  # (x, y), to the right
    below = jnp.stack([-eyes[:, 1], eyes[:, 0]], axis=-1)[:, None, None]  # a right angle on, down
    centre = jnp.einsum("nsp,bpc->bnsc", shares(names), points) - up * below
    outwards = jnp.asarray([[-1.0], [1.0]])
    across = jnp.broadcast_to(SIDE / 2 * outwards * eyes[:, None, None], centre.shape)
    return Frames(centre, across, jnp.broadcast_to(SIDE / 2 * below, centre.shape))


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
    total = jnp.zeros((*places.shape[:-1], images.shape[-1]), images.dtype)
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        x, y = (first[..., 0] + dx).astype(int), (first[..., 1] + dy).astype(int)
        weight = jnp.abs(1 - dx - share[..., 0]) * jnp.abs(1 - dy - share[..., 1])
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        # One image at a time: a device then reads those of its own rows alone.
        pixel = jax.vmap(lambda image, y, x: image[y, x])(
            images, y.clip(0, height - 1), x.clip(0, width - 1)
        )
        total = total + ((weight * inside)[..., None] * pixel).astype(images.dtype)
    return total
