"""Rendered action units: each changes its own region, no two look alike, landmarks follow."""

import numpy as np
import pytest

from drr_jax.facs.labels import REACTIONET_AUS
from tfds_reactionet.demo.face.render import Light, render_head
from tfds_reactionet.demo.face.shape import Pose, sample_identity

LIGHT = Light((0.4, -0.5, 1.0), 0.45, (1.0, 1.0, 1.0))
# AU -> (first landmark, last, margins left/top/right/bottom in image widths): where it must show
REGIONS = {
    1: ((20, 23), (0.06, 0.2, 0.06, 0.04)),
    2: ((17, 26), (0.0, 0.2, 0.0, 0.08)),
    4: ((20, 23), (0.1, 0.06, 0.1, 0.08)),
    5: ((36, 47), (0.03, 0.08, 0.03, 0.05)),
    6: ((36, 47), (0.1, 0.06, 0.1, 0.14)),
    7: ((36, 47), (0.03, 0.06, 0.03, 0.08)),
    9: ((27, 35), (0.1, 0.14, 0.1, 0.02)),
    10: ((31, 54), (0.03, 0.08, 0.03, 0.05)),
    12: ((31, 59), (0.08, 0.08, 0.08, 0.03)),
    14: ((48, 54), (0.06, 0.05, 0.06, 0.05)),
    15: ((48, 59), (0.05, 0.03, 0.05, 0.12)),
    17: ((48, 59), (0.0, 0.06, 0.0, 0.14)),
    20: ((48, 59), (0.12, 0.05, 0.12, 0.06)),
    23: ((48, 59), (0.02, 0.06, 0.02, 0.06)),
    25: ((48, 59), (0.0, 0.04, 0.0, 0.08)),
    26: ((48, 59), (0.05, 0.04, 0.05, 0.24)),
    45: ((36, 47), (0.03, 0.08, 0.03, 0.06)),
}


def head(seed: int, au: dict[int, float], size: int = 128, yaw: float = 0.0, pitch: float = 0.0):
    who = sample_identity(np.random.default_rng(seed))
    vector = np.zeros(17)
    for number, level in au.items():
        vector[REACTIONET_AUS.index(f"AU{number:02d}")] = level
    pose = Pose(pitch, yaw, 0.1, (size / 2, 0.53 * size), 0.36 * size)
    return render_head(
        who, vector, pose, LIGHT, (0.0, 0.0), np.full((size, size, 3), 120, np.uint8)
    )


def difference(seed: int, number: int, level: float) -> np.ndarray:
    return np.abs(head(seed, {number: level})[0].astype(float) - head(seed, {})[0]).mean(2)


@pytest.mark.parametrize("number", REGIONS)
def test_each_au_changes_its_own_region(number: int) -> None:
    for seed in (32, 40):
        points = head(seed, {})[1]
        (first, last), (left, top, right, bottom) = REGIONS[number]
        low, high = points[first : last + 1].min(0), points[first : last + 1].max(0)
        x0, y0 = np.maximum((low - 128 * np.array([left, top])).astype(int), 0)
        x1, y1 = np.ceil(high + 128 * np.array([right, bottom])).astype(int)
        strong, weak = difference(seed, number, 4), difference(seed, number, 2)
        inside = strong[y0:y1, x0:x1].sum() / strong.sum()
        assert inside > 0.6, (number, seed, inside)
        assert (strong[y0:y1, x0:x1] > 20).sum() >= 25, (number, seed)
        assert (weak[y0:y1, x0:x1] > 12).sum() >= 12, (number, seed)


def test_aus_look_different_from_one_another() -> None:
    changes = np.stack([difference(32, n, 4).ravel() for n in REGIONS])
    changes /= np.linalg.norm(changes, axis=1, keepdims=True)
    alike = changes @ changes.T - np.eye(len(changes))
    assert alike.max() < 0.93, np.unravel_index(alike.argmax(), alike.shape)


@pytest.mark.parametrize(("yaw", "pitch"), [(0.0, 0.0), (0.3, 0.1), (-0.3, -0.15)])
def test_landmarks_follow_the_pose(yaw: float, pitch: float) -> None:
    image, points = head(32, {}, 192, yaw, pitch)
    for eye in (slice(36, 42), slice(42, 48)):
        x, y = points[eye].mean(0)
        pupil = image[round(y) - 4 : round(y) + 5, round(x) - 4 : round(x) + 5].mean(2)
        assert pupil.min() < 60 < image[round(points[30, 1]), round(points[30, 0])].mean()
    assert points.shape == (68, 2) and points[8, 1] == points[:, 1].max()
