"""Creases that action units draw on a face: FACS appearance changes as curves (reconstruction)."""

import numpy as np

from tfds_reactionet.demo.canvas import Canvas, curve, symmetric
from tfds_reactionet.demo.face.shape import Face, Identity, Levels, strengths

SEEN = 0.05  # strength from which an AU leaves marks


def draw_creases(who: Identity, face: Face, au: np.ndarray, canvas: Canvas) -> None:
    """Draws every crease of the AU vector (intensities 0..5) and of the age; deep is bright."""
    a, p = strengths(au), face.landmarks
    old = max(0.0, (who.age - 34) / 22) * 0.3
    _draw_upper(canvas, who, p, a, old)
    _draw_lower(canvas, who, p, a, old)
    for sign, levels in zip((-1.0, 1.0), face.levels, strict=True):
        _draw_corner(canvas, p * [sign, 1.0], sign, levels)


def _one(canvas: Canvas, points: np.ndarray, width: float, depth: float) -> None:
    """A crease of a width in canonical units and a depth 0..1."""
    canvas.stroke(points, 255 * depth, width)


def _both(canvas: Canvas, origin: object, points: list, width: float, depth: float) -> None:
    """A curve on both sides; `points` lie relative to `origin` on the image's right."""
    line = curve(np.array(points) + np.array(origin))
    _one(canvas, line, width, depth)
    _one(canvas, line * np.array([-1.0, 1.0]), width, depth)


def _draw_upper(canvas: Canvas, who: Identity, p: np.ndarray, a: Levels, old: float) -> None:
    """Forehead, brows, eyes and the bridge of the nose."""
    brow, (eye_u, eye_v), mid = p[22, 1], p[45], who.eye_distance
    if a[1] > SEEN or old > SEEN:
        for k, reach in enumerate((0.2, 0.26, 0.2)):
            v = brow - 0.1 - 0.095 * k
            wave = [[reach, v + 0.035], [reach / 2, v - 0.012], [0, v + 0.012]]
            _one(canvas, curve(symmetric(0, wave)), 0.02, max(a[1], 0.7 * old))
    if a[2] > SEEN:
        for k in range(3):
            arch = [[0.3, 0.01], [0.42, -0.025], [0.54, 0.005], [0.63, 0.06]]
            _both(canvas, (0, p[24, 1] - 0.075 - 0.08 * k), arch, 0.02, a[2])
    if a[4] > SEEN:
        top, bottom = brow - 0.12, brow + 0.09
        frown = [[0.07, top], [0.045, (top + bottom) / 2], [0.055, bottom]]
        _both(canvas, 0, frown, 0.026, a[4])
        _both(canvas, 0, [[0.015, top + 0.05], [0.012, bottom - 0.04]], 0.018, 0.6 * a[4])
    if a[6] > SEEN or old > 0.1:
        for angle in (-0.65, -0.12, 0.42):  # crow's feet
            start = np.array([eye_u + 0.045, eye_v + 0.05 * angle])
            step = np.array([np.cos(angle), np.sin(angle)]) * 0.085
            ray = [start, start + step + np.array([0, 0.012]), start + 2 * step]
            _both(canvas, 0, ray, 0.02, max(a[6], 0.7 * old))
    if a[6] > SEEN:
        pouch = [[0.17, -0.035], [0.28, 0.02], [0.42, 0.03], [0.57, -0.03]]
        _both(canvas, (0, eye_v + 0.155 - 0.03 * a[6]), pouch, 0.024, 0.85 * a[6])
    if a[7] > SEEN:
        for shift, weight in ((0.0, 1.0), (0.035, 0.6)):
            line = [[-0.15, -0.022], [-0.03, 0.0], [0.1, -0.004], [0.17, -0.04]]
            _both(canvas, (mid, p[46, 1] + 0.042 + shift), line, 0.022, weight * a[7])
        line = [[-0.13, 0.012], [0, -0.004], [0.14, 0.016]]  # the fold of the upper lid comes down
        _both(canvas, (mid, p[43, 1] - 0.035), line, 0.024, 0.9 * a[7])
    if a[9] > SEEN:
        for k in range(3):
            line = [[0.02, 0.01], [0.075, -0.005], [0.135, 0.05]]
            _both(canvas, (0, -0.15 + 0.075 * k), line, 0.021, a[9])
        for v in (-0.235, -0.195):
            _one(canvas, curve(symmetric(0, [[0.08, v], [0, v - 0.015]])), 0.02, 0.9 * a[9])


def _draw_lower(canvas: Canvas, who: Identity, p: np.ndarray, a: Levels, old: float) -> None:
    """From the wings of the nose to the chin."""
    wing, corner, low, fold = p[35], p[54], p[57, 1], max(0.8 * old, 0.0)
    if a[10] > SEEN or fold > SEEN:
        line = [[0, -0.09], [0.065, -0.04], [0.115, 0.07], [0.15, 0.16]]
        _both(canvas, wing, line, 0.032, max(a[10], fold))
    if a[15] > SEEN:
        line = [[0.005, 0.005], [0.045, 0.06], [0.06, 0.14], [0.05, 0.2]]
        _both(canvas, corner, line, 0.03, a[15])
    if a[17] > SEEN:
        v = low + 0.055
        arch = symmetric(0, [[0.16, v + 0.09], [0.09, v + 0.025], [0, v]])
        _one(canvas, curve(arch), 0.032, a[17])
        rng = np.random.default_rng(who.texture_seed)
        for u, dv in rng.uniform([-0.12, 0.06], [0.12, 0.19], (13, 2)):
            _one(canvas, np.array([[u, v + dv], [u + 0.02, v + dv + 0.012]]), 0.028, 0.75 * a[17])


def _draw_corner(canvas: Canvas, p: np.ndarray, sign: float, a: Levels) -> None:
    """What AU12 and AU14 draw beside one corner of the mouth; `p` has it on positive u."""
    wing, corner, flip = p[35 if sign > 0 else 31], p[54 if sign > 0 else 48], [sign, 1.0]
    if a[12] > SEEN:
        cheek = np.array([[0.02, -0.18], [0.095, -0.06], [0.1, 0.06], [0.07, 0.13]]) + corner
        line = curve(np.array([wing + np.array([0.07, -0.01]), *cheek]))
        _one(canvas, line * flip, 0.026, 0.65 * a[12])
    if a[14] > SEEN:
        dimple = corner + np.array([0.045, 0])
        line = [[-0.012, -0.075], [0.022, -0.025], [0.022, 0.03], [-0.012, 0.08]]
        _one(canvas, (curve(np.array(line)) + dimple) * flip, 0.042, a[14])
        pit = curve(np.array([[0, -0.025], [0.004, 0.03]]))
        _one(canvas, (pit + dimple) * flip, 0.06, a[14])
