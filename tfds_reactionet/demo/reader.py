"""What a camera leaves for a reader of faces: the error of each action unit's measured intensity.

The reader knows how every AU moves the 68 landmarks, and measures each with an error that follows
from the camera: the face's size in pixels, focus, light and grain, turn and what stands before it;
creases and skin tell it nothing. An ideal one would read far better than what is learnt of some
thousand faces, so errors are LEARNT times as large: DRR of the face alone (R) had an F1 of 0.615
and 0.517 on the demo at qualities of 1 and 0.7, this reader has 0.648 and 0.547 (reconstruction).
"""

from functools import cache

import numpy as np
from jaxtyping import Float

from tfds_reactionet.demo.face import build_face, sample_identity
from tfds_reactionet.demo.reaction import Studio

PIXELS = 0.5  # a point's error in a sharp, bright image
LEARNT = 4.5
LARGEST = 64  # pixels: the demo is trained on images of this size, however large its own are
OWN = 0.015  # canonical: how far the neutral face of a stranger is known, after sample_identity
DIM = 12.0  # grain (grey levels) over brightness that makes the error sqrt(2) times as large
LEVEL = 2.0  # at which an AU's displacements are taken


def reading_error(studio: Studio, size: int) -> Float[np.ndarray, "17"]:
    """Deviation of the intensity that is read of each AU, in levels, in images of `size` pixels."""
    size = min(size, LARGEST)
    scale = studio.zoom * size
    bright = float(np.mean(studio.light.tint))
    pixels = np.hypot(PIXELS, studio.blur * size / 256)
    pixels *= np.sqrt(1 + (studio.grain / bright / DIM) ** 2)
    error = np.hypot(pixels / scale, OWN)
    neutral, moved = _moved()
    known = (moved**2).sum(-1) @ _seen(neutral, studio)
    return LEARNT * error * LEVEL / np.sqrt(np.maximum(known, 1e-6))


@cache
def _moved() -> tuple[Float[np.ndarray, "68 2"], Float[np.ndarray, "17 68 2"]]:
    """Some neutral face's points, and how far every AU at LEVEL moves them."""
    who = sample_identity(np.random.default_rng(0))
    neutral = build_face(who, np.zeros(17)).landmarks
    return neutral, np.stack([build_face(who, LEVEL * au).landmarks for au in np.eye(17)]) - neutral


def _seen(points: Float[np.ndarray, "68 2"], studio: Studio) -> Float[np.ndarray, "68"]:
    """Share of each point's evidence that is left beside turn and occlusion."""
    _, yaw, _ = studio.pose
    away = np.sign(yaw) * points[:, 0]  # the half that turns from the camera
    seen = np.clip(1 - 1.5 * abs(yaw) * np.clip(away / 0.4, -0.2, 1), 0.05, 1)
    if studio.occlusion == "hand":
        middle = points[12 if studio.side > 0 else 4] + [0.1 * studio.side, 0.1]
        seen[np.hypot(*(points - middle).T) < 0.45] = 0.02
    elif studio.occlusion == "microphone":
        middle = points[8] + [0.34 * studio.side, -0.12]
        seen[np.hypot(*(points - middle).T) < 0.3] = 0.02
    return seen
