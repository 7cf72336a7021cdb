"""Where on a face each action unit shows: two places by its landmarks, and a face at rest.

The rules are a reconstruction in the manner of EAC-Net's and JAA-Net's tables: a landmark, or the
mean of some, moved up or down the face by a share of the distance between the inner eye corners.
Those papers have no rule for AU05, AU20, AU28, AU43 and AU45, which are put by their muscle's place
in FACS.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from drr_jax.data import INNER_49, MIRROR, POINTS
from drr_jax.errors import InputError

EYES: tuple[tuple[int, ...], tuple[int, ...]] = (tuple(range(36, 42)), tuple(range(42, 48)))
INNER_CORNERS = (39, 42)  # of the eyes, in the image's left and right


class Place(NamedTuple):
    """Landmarks (of the 68), whose mean counts, in the image's left and right; and how far up."""

    left: tuple[int, ...]
    right: tuple[int, ...]
    up: float = 0.0  # in distances of the inner eye corners


_LIDS = Place(*EYES)
_CORNERS = Place((48,), (54,))
_LIPS = Place((49, 50, 58, 59), (52, 53, 55, 56))  # the halves of the mouth
_CHIN = Place((58,), (56,), -1 / 2)
PLACES: Mapping[str, Place] = {
    "AU01": Place((21,), (22,), 1 / 2),  # above the inner brow
    "AU02": Place((17,), (26,), 1 / 3),  # above the outer brow
    "AU04": Place((19,), (24,), -1 / 3),  # below the middle of the brow
    "AU05": Place((37, 38), (43, 44)),  # upper lid
    "AU06": Place((40, 41), (46, 47), -1.0),  # cheek, below the eye
    "AU07": _LIDS,
    "AU09": Place((31,), (35,), 1 / 2),  # side of the nose, above its wing
    "AU10": Place((50,), (52,)),  # upper lip
    "AU12": _CORNERS,
    "AU14": _CORNERS,
    "AU15": _CORNERS,
    "AU17": _CHIN,
    "AU20": Place((48,), (54,), -1 / 4),  # stretched sideways and a little down
    "AU23": _LIPS,
    "AU24": _LIPS,
    "AU25": _LIPS,
    "AU26": _CHIN,  # jaw
    "AU28": _LIPS,
    "AU43": _LIDS,
    "AU45": _LIDS,
}

# The image's left half of a face at rest, whose eyes and mouth lie where
# tfds_reactionet/reading/crop.py puts them, in widths of the face: drawn by hand.
_LEFT = {
    **{17: (0.17, 0.27), 18: (0.22, 0.235), 19: (0.28, 0.225), 20: (0.34, 0.235), 21: (0.4, 0.25)},
    **{27: (0.5, 0.35), 28: (0.5, 0.42), 29: (0.5, 0.49), 30: (0.5, 0.55)},
    **{31: (0.43, 0.59), 32: (0.465, 0.605), 33: (0.5, 0.615)},
    **{36: (0.24, 0.35), 37: (0.29, 0.33), 38: (0.35, 0.33)},
    **{39: (0.41, 0.355), 40: (0.355, 0.37), 41: (0.295, 0.37)},
    **{48: (0.385, 0.74), 49: (0.425, 0.715), 50: (0.47, 0.7), 51: (0.5, 0.707)},
    **{57: (0.5, 0.797), 58: (0.465, 0.793), 59: (0.425, 0.775)},
    **{61: (0.465, 0.733), 62: (0.5, 0.735), 66: (0.5, 0.748), 67: (0.465, 0.745)},
}
_MARGIN = 0.1  # around the face in its crop, on each side, in widths of the face


def check_names(names: Sequence[str]) -> None:
    """Raises InputError for AUs that have no place."""
    unknown = [name for name in names if name not in PLACES]
    if unknown:
        raise InputError(
            f"{', '.join(unknown)}: where on a face it shows is not known; known: "
            f"{', '.join(PLACES)}; add it to drr_jax/models/systems/au_places.py"
        )


def shares(names: Sequence[str]) -> Float[np.ndarray, "classes 2 68"]:
    """The share that each landmark has in the left and in the right place of every AU."""
    found = np.zeros((len(names), 2, POINTS))
    for row, name in enumerate(names):
        for side, points in enumerate(PLACES[name][:2]):
            found[row, side, list(points)] = 1 / len(points)
    return found


def resting_face() -> Float[np.ndarray, "68 2"]:
    """x, y of a frontal face at rest, in sides of its crop; NaN but for the INNER_49."""
    face = {MIRROR[point]: (1 - x, y) for point, (x, y) in _LEFT.items()} | _LEFT
    points = np.full((POINTS, 2), np.nan)
    for point in INNER_49:
        points[point] = face[point]
    return 0.5 + (points - 0.5) / (1 + 2 * _MARGIN)
