"""The 68 points of a face (iBUG, as OpenFace writes them): other schemes, and the mirror image.

0-16 contour of the jaw, 17-26 brows, 27-35 nose, 36-47 eyes, 48-59 outer and 60-67 inner lips;
each from the image's left to its right, lids and lips clockwise. The other schemes are subsets of
these points in the same order (docs/datasets.md; tfds_reactionet/reading/crop.py).
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float32

POINTS = 68
_INNER_CORNERS = (60, 64)  # of the mouth
# The points that a set stores, by their number: CK+ and OpenFace 68, DISFA 66, BP4D and BP4D+ 49.
SCHEMES: Mapping[int, tuple[int, ...]] = {
    68: tuple(range(POINTS)),
    66: tuple(point for point in range(POINTS) if point not in _INNER_CORNERS),
    51: tuple(range(17, POINTS)),
    49: tuple(point for point in range(17, POINTS) if point not in _INNER_CORNERS),
}
INNER_49 = SCHEMES[49]  # rows of the 68 that JAA-Net takes (method 7.2): neither jaw nor corners

# MIRROR[i]: which point of a face becomes point i of its mirror image
MIRROR = (
    *range(16, -1, -1),  # jaw
    *range(26, 16, -1),  # brows
    *range(27, 31),  # bridge of the nose
    *range(35, 30, -1),  # nostrils
    *(45, 44, 43, 42, 47, 46),  # eye on the image's left: outer corner, upper lid, lower lid
    *(39, 38, 37, 36, 41, 40),
    *range(54, 47, -1),  # outer upper lip with the corners
    *range(59, 54, -1),
    *range(64, 59, -1),  # inner upper lip with the corners
    *range(67, 64, -1),
)


def to_68(points: Float32[np.ndarray, "points 2"]) -> Float32[np.ndarray, "68 2"]:
    """Landmarks of any of the SCHEMES by their number in the 68; NaN where a point is unknown."""
    found = np.full((POINTS, 2), np.nan, np.float32)
    found[list(SCHEMES[len(points)])] = points
    return found
