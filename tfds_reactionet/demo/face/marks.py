"""Creases that action units draw on a face: FACS appearance changes as curves (reconstruction)."""

from collections.abc import Callable

import numpy as np

from tfds_reactionet.demo.canvas import curve
from tfds_reactionet.demo.face.shape import Face, Identity, strengths

Crease = Callable[[np.ndarray, float, float], None]  # points, width in canonical units, depth 0..1


def _both(draw: Crease, points: np.ndarray | list, width: float, depth: float) -> None:
    line = curve(points)
    draw(line, width, depth)
    draw(line * np.array([-1.0, 1.0]), width, depth)


def draw_creases(who: Identity, face: Face, au: np.ndarray, draw: Crease) -> None:
    """Calls `draw` for every crease of the AU vector (intensities 0..5) and of the age."""
    a = strengths(au)
    p = face.landmarks
    old = max(0.0, (who.age - 34) / 22) * 0.3
    inner, brow_top = p[22], p[24]
    eye_u, eye_v = p[45]
    corner_u, corner_v = p[54]
    low, wing_u, wing_v = p[57, 1], p[35, 0], p[35, 1]
    depth = a
    if a[1] > 0.05 or old > 0.05:
        for k, reach in enumerate((0.2, 0.26, 0.2)):
            v = inner[1] - 0.1 - 0.095 * k
            line = curve(
                [
                    [-reach, v + 0.035],
                    [-reach / 2, v - 0.012],
                    [0, v + 0.012],
                    [reach / 2, v - 0.012],
                    [reach, v + 0.035],
                ]
            )
            draw(line, 0.02, max(depth[1], 0.7 * old))
    if a[2] > 0.05:
        for k in range(3):
            v = brow_top[1] - 0.075 - 0.08 * k
            points = [[0.3, v + 0.01], [0.42, v - 0.025], [0.54, v + 0.005], [0.63, v + 0.06]]
            _both(draw, points, 0.02, depth[2])
    if a[4] > 0.05:
        top, bottom = inner[1] - 0.12, inner[1] + 0.09
        _both(draw, [[0.07, top], [0.045, (top + bottom) / 2], [0.055, bottom]], 0.026, depth[4])
        _both(draw, [[0.015, top + 0.05], [0.012, bottom - 0.04]], 0.018, 0.6 * depth[4])
    if a[6] > 0.05 or old > 0.1:
        for angle in (-0.65, -0.12, 0.42):
            start = np.array([eye_u + 0.045, eye_v + 0.05 * angle])
            step = np.array([np.cos(angle), np.sin(angle)]) * 0.085
            bend = np.array([0, 0.012])
            _both(
                draw, [start, start + step + bend, start + 2 * step], 0.02, max(depth[6], 0.7 * old)
            )
    if a[6] > 0.05:
        v = eye_v + 0.155 - 0.03 * a[6]
        _both(
            draw,
            [[0.17, v - 0.035], [0.28, v + 0.02], [0.42, v + 0.03], [0.57, v - 0.03]],
            0.024,
            0.85 * depth[6],
        )
    if a[7] > 0.05:
        v = p[46, 1] + 0.042
        mid = who.eye_distance
        for shift, weight in ((0.0, 1.0), (0.035, 0.6)):
            line = np.array([[-0.15, -0.022], [-0.03, 0.0], [0.1, -0.004], [0.17, -0.04]])
            _both(draw, line + np.array([mid, v + shift]), 0.022, weight * depth[7])
        v = p[43, 1] - 0.035  # the fold of the upper lid comes down
        line = [[mid - 0.13, v + 0.012], [mid, v - 0.004], [mid + 0.14, v + 0.016]]
        _both(draw, line, 0.024, 0.9 * depth[7])
    if a[9] > 0.05:
        for k in range(3):
            v = -0.15 + 0.075 * k
            _both(draw, [[0.02, v + 0.01], [0.075, v - 0.005], [0.135, v + 0.05]], 0.021, depth[9])
        for v in (-0.235, -0.195):
            draw(curve([[-0.08, v], [0, v - 0.015], [0.08, v]]), 0.02, 0.9 * depth[9])
    fold = max(0.8 * old, 0.0)
    if a[10] > 0.05 or fold > 0.05:
        points = [
            [wing_u + 0.0, wing_v - 0.09],
            [wing_u + 0.065, wing_v - 0.04],
            [wing_u + 0.115, wing_v + 0.07],
            [wing_u + 0.15, wing_v + 0.16],
        ]
        _both(draw, points, 0.032, max(depth[10], fold))
    if a[12] > 0.05:
        u, v = corner_u, corner_v
        points = [
            [wing_u + 0.07, wing_v - 0.01],
            [u + 0.02, v - 0.18],
            [u + 0.095, v - 0.06],
            [u + 0.1, v + 0.06],
            [u + 0.07, v + 0.13],
        ]
        _both(draw, points, 0.026, 0.65 * depth[12])
    if a[14] > 0.05:
        u, v = corner_u + 0.045, corner_v
        _both(
            draw,
            [
                [u - 0.012, v - 0.075],
                [u + 0.022, v - 0.025],
                [u + 0.022, v + 0.03],
                [u - 0.012, v + 0.08],
            ],
            0.042,
            depth[14],
        )
        _both(draw, [[u, v - 0.025], [u + 0.004, v + 0.03]], 0.06, depth[14])
    if a[15] > 0.05:
        u, v = corner_u, corner_v
        _both(
            draw,
            [
                [u + 0.005, v + 0.005],
                [u + 0.045, v + 0.06],
                [u + 0.06, v + 0.14],
                [u + 0.05, v + 0.2],
            ],
            0.03,
            depth[15],
        )
    if a[17] > 0.05:
        v = low + 0.055
        draw(
            curve(
                [[-0.16, v + 0.09], [-0.09, v + 0.025], [0, v], [0.09, v + 0.025], [0.16, v + 0.09]]
            ),
            0.032,
            depth[17],
        )
        rng = np.random.default_rng(who.texture_seed)
        for u, dv in rng.uniform([-0.12, 0.06], [0.12, 0.19], (13, 2)):
            draw(np.array([[u, v + dv], [u + 0.02, v + dv + 0.012]]), 0.028, 0.75 * depth[17])
    if a[20] > 0.05:
        u, v = corner_u, corner_v
        for rise in (-0.035, 0.045):
            points = [[u + 0.03, v + rise * 0.4], [u + 0.1, v + rise], [u + 0.17, v + 1.8 * rise]]
            _both(draw, points, 0.018, 0.75 * depth[20])
    if a[23] > 0.05:
        top = p[51, 1]
        for k in np.linspace(-0.7, 0.7, 5):
            u = k * corner_u
            shift = (corner_v - top) * abs(k) ** 2
            draw(
                np.array([[u, top + shift - 0.012], [u * 1.06, top + shift - 0.085]]),
                0.018,
                0.75 * depth[23],
            )
            shift = (corner_v - low) * abs(k) ** 2
            draw(
                np.array([[u, low + shift + 0.012], [u * 1.04, low + shift + 0.07]]),
                0.018,
                0.75 * depth[23],
            )
