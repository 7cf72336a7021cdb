"""Attention around the places of every action unit, from landmarks that the network predicts.

JAA-Net aligns its faces; here up and down follow the face, which the training augmentation turns by
up to 45 degrees (reconstruction).
"""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from drr_jax.data import INNER_49
from drr_jax.models.systems.au_places import EYES, INNER_CORNERS, PLACES, shares
from drr_jax.models.vectors import length, unit

INNER = list(INNER_49)
HALF_SIZE = 0.14  # of a centre's square, in sides of the map (method 7.2)
FALL_OFF = 0.56  # attention lost over the half size (method 7.2)


def centres(
    landmarks: Float[Array, "batch 49 2"], names: Sequence[str]
) -> Float[Array, "batch classes 2 2"]:
    """Both centres (x, y) of every AU, in the unit of the landmarks (INNER_49).

    Up is perpendicular to the line between the eyes. Raises KeyError for an AU without a place.
    """
    up = np.array([PLACES[name].up for name in names])

    def between(left: Sequence[int], right: Sequence[int]) -> Float[Array, "batch 2"]:
        """From the mean of some points to the mean of others."""
        share = np.isin(INNER, right) / len(right) - np.isin(INNER, left) / len(left)
        return jnp.einsum("p,bpc->bc", share, landmarks)

    line = unit(between(*EYES))
    upwards = jnp.stack([line[:, 1], -line[:, 0]], -1)  # y points down in an image
    scale = length(between(*([point] for point in INNER_CORNERS)))
    moved = up[None, :, None, None] * (scale * upwards)[:, None, None, :]
    return jnp.einsum("nsp,bpc->bnsc", shares(names)[..., INNER], landmarks) + moved


def attention_maps(
    landmarks: Float[Array, "batch 49 2"], names: Sequence[str], image_size: int, size: int
) -> Float[Array, "batch size size classes"]:
    """Attention 0 to 1 of every AU from landmarks in pixels of an image_size x image_size image.

    max(1 - 0.56 d / h, 0) at a Manhattan distance d from a centre, in the square of half size
    h = 0.14 size around it and 0 outside; where the squares of both centres meet, the larger.
    Source: JAA-Net (method 7.2).
    """
    # Pixel centres are whole numbers in both grids.
    place = (centres(landmarks, names) + 0.5) * (size / image_size) - 0.5
    grid, half = jnp.arange(size), HALF_SIZE * size
    x = jnp.abs(grid - place[..., 0, None])[..., None, :]  # [batch, classes, 2, 1, columns]
    y = jnp.abs(grid - place[..., 1, None])[..., :, None]
    weight = jnp.maximum(1 - FALL_OFF * (x + y) / half, 0)
    inside = (x <= half) & (y <= half)
    return jnp.moveaxis(jnp.where(inside, weight, 0).max(2), 1, -1)
