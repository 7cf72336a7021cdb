"""Where on a face each action unit shows: two centres by its landmarks, and attention around them.

The rules are a reconstruction in the manner of EAC-Net's and JAA-Net's tables: a landmark, or the
mean of some, moved up or down the face by a share of the distance between the inner eye corners.
Those papers have no rule for AU05, AU20, AU28, AU43 and AU45, and align their faces; here up and
down follow the face, which the training augmentation turns by up to 45 degrees.
"""

from collections.abc import Mapping, Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from drr_jax.errors import InputError
from drr_jax.landmarks import INNER_49, MIRROR

# Landmarks (of the 68) of both centres and how far up from them, in inner-eye distances.
Rule = tuple[tuple[int, ...], tuple[int, ...], float]
_EYES: tuple[tuple[int, ...], tuple[int, ...]] = (tuple(range(36, 42)), tuple(range(42, 48)))
_CORNERS = (48,), (54,)
_LIPS = (51,), (57,)  # middle of the upper and of the lower lip
_BELOW_LIP = (58,), (56,)
RULES: Mapping[str, Rule] = {
    "AU01": ((21,), (22,), 1 / 2),  # above the inner brow
    "AU02": ((17,), (26,), 1 / 3),  # above the outer brow
    "AU04": ((19,), (24,), -1 / 3),  # below the middle of the brow
    "AU05": ((37, 38), (43, 44), 0.0),  # upper lid
    "AU06": ((40, 41), (46, 47), -1.0),  # cheek, below the eye
    "AU07": (*_EYES, 0.0),
    "AU09": ((31,), (35,), 1 / 2),  # side of the nose, above its wing
    "AU10": ((50,), (52,), 0.0),  # upper lip
    "AU12": (*_CORNERS, 0.0),
    "AU14": (*_CORNERS, 0.0),
    "AU15": (*_CORNERS, 0.0),
    "AU17": (*_BELOW_LIP, -1 / 2),  # chin
    "AU20": (*_CORNERS, -1 / 4),  # stretched sideways and a little down
    "AU23": (*_LIPS, 0.0),
    "AU24": (*_LIPS, 0.0),
    "AU25": (*_LIPS, 0.0),
    "AU26": (*_BELOW_LIP, -1 / 2),  # jaw
    "AU28": (*_LIPS, 0.0),
    "AU43": (*_EYES, 0.0),
    "AU45": (*_EYES, 0.0),
}
HALF_SIZE = 0.14  # of a centre's square, in sides of the map (method 7.2)
FALL_OFF = 0.56  # attention lost over the half size (method 7.2)

# The image's left half of a face at rest, in a crop whose eyes and mouth lie as in
# tfds_reactionet/crop.py with its margin of 0.1: drawn by hand.
_LEFT = {
    **{17: (0.17, 0.27), 18: (0.22, 0.235), 19: (0.28, 0.225), 20: (0.34, 0.235), 21: (0.4, 0.25)},
    **{27: (0.5, 0.35), 28: (0.5, 0.42), 29: (0.5, 0.49), 30: (0.5, 0.55)},
    **{31: (0.43, 0.59), 32: (0.465, 0.605), 33: (0.5, 0.615)},
    **{36: (0.265, 0.35), 37: (0.3, 0.33), 38: (0.345, 0.33)},
    **{39: (0.385, 0.355), 40: (0.345, 0.37), 41: (0.3, 0.37)},
    **{48: (0.385, 0.74), 49: (0.425, 0.715), 50: (0.47, 0.7), 51: (0.5, 0.707)},
    **{57: (0.5, 0.797), 58: (0.465, 0.793), 59: (0.425, 0.775)},
    **{61: (0.465, 0.733), 62: (0.5, 0.735), 66: (0.5, 0.748), 67: (0.465, 0.745)},
}
_MARGIN = 0.1


def resting_face() -> Float[np.ndarray, "49 2"]:
    """x, y of the INNER_49 landmarks of a frontal face at rest, in sides of its crop."""
    face = {MIRROR[point]: (1 - x, y) for point, (x, y) in _LEFT.items()} | _LEFT
    points = np.array([face[point] for point in INNER_49])
    return 0.5 + (points - 0.5) / (1 + 2 * _MARGIN)


def check_rules(names: Sequence[str]) -> None:
    """Raises InputError for the first class that has no rule."""
    for name in names:
        if name not in RULES:
            raise InputError(
                f"class {name!r} has no attention rule; known: {', '.join(RULES)}; add one to "
                "drr_jax/models/jaa_attention.py"
            )


def centres(
    landmarks: Float[Array, "batch 49 2"], names: Sequence[str]
) -> Float[Array, "batch classes 2 2"]:
    """Both centres (x, y) of every AU, in the unit of the landmarks (INNER_49).

    Up is perpendicular to the line between the eyes. Raises KeyError for an AU without a rule.
    """

    def mean_of(points: Sequence[int]) -> Float[np.ndarray, "49"]:
        return np.isin(INNER_49, points) / len(points)

    share = np.array([[mean_of(points) for points in RULES[name][:2]] for name in names])
    up = np.array([RULES[name][2] for name in names])
    line = jnp.einsum("p,bpc->bc", mean_of(_EYES[1]) - mean_of(_EYES[0]), landmarks)
    line = line / jnp.maximum(jnp.linalg.norm(line, axis=-1, keepdims=True), 1e-6)
    upwards = jnp.stack([line[:, 1], -line[:, 0]], -1)  # y points down in an image
    corners = jnp.einsum("p,bpc->bc", mean_of((42,)) - mean_of((39,)), landmarks)
    scale = jnp.linalg.norm(corners, axis=-1, keepdims=True)
    moved = up[None, :, None, None] * (scale * upwards)[:, None, None, :]
    return jnp.einsum("nsp,bpc->bnsc", share, landmarks) + moved


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
