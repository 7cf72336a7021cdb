"""Paints the frontal face texture: skin, hair, eyes, brows, nose, mouth, beard and glasses."""

from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from tfds_reactionet.demo.canvas import Canvas, blend, curve, symmetric
from tfds_reactionet.demo.face.marks import draw_creases
from tfds_reactionet.demo.face.shape import HALF, OPEN, Face, Field, Identity, Levels, strengths

HAIR_LINES = (0.0, -0.80, -0.82, -0.80, -0.78, -0.84, -0.64, -0.66)  # by style; none is shaved
Gaze = tuple[float, float]  # right and down, -1..1
LENS_HEIGHT, LENS_RADII = -0.11, (0.25, 0.2)  # of glasses, canonical


def head_canvas(image: np.ndarray) -> Canvas:
    """A canvas over a square image of the whole canonical frame."""
    return Canvas(image, (-HALF, -HALF), image.shape[0] / (2 * HALF))


def head_mask(side: int) -> Canvas:
    """A canvas over an empty 8-bit image of the whole canonical frame; 255 is all."""
    return head_canvas(np.zeros((side, side), np.uint8))


def share(mask: Canvas) -> Field:
    """What is drawn on a mask, 0..1."""
    return mask.image.astype(np.float32) * (1 / 255)


def head_outline(who: Identity, face: Face) -> Float[np.ndarray, "points 2"]:
    """The closed edge of skin: jaw and skull, without the ears."""
    return np.concatenate([curve(face.landmarks[:17], 3), _skull(who)])


def draw_ears(canvas: Canvas, who: Identity, value: object) -> None:
    """Both ears, as ellipses that the head covers in part."""
    for sign in (-1, 1):
        canvas.ellipse((sign * (who.face_width + 0.015), 0.0), (0.085, 0.2), value)


def _skull(who: Identity, grow: float = 0.0, top: float = 1.1) -> np.ndarray:
    """The arc over the head from image-right to image-left at ear height."""
    phi = np.linspace(0, np.pi, 25)
    width = who.face_width + grow
    return np.stack([width * np.cos(phi), -0.08 - (top + grow) * np.sin(phi) ** 0.85], 1)


@lru_cache(maxsize=4)
def hair_masks(who: Identity, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Behind the face and before it: (rgb [T, T, 3], back mask, front mask); masks float 0..1."""
    rng = np.random.default_rng(who.texture_seed)
    behind, before = head_mask(side), head_mask(side)
    w, style = who.face_width, who.hair_style
    if style:
        line, grow = HAIR_LINES[style], {4: 0.24, 3: 0.13, 7: 0.09}.get(style, 0.1)
        half = [[w + 0.02, -0.12], [w - 0.05, -0.42], [0.62 * w, line + 0.1], [0, line]]
        if style == 6:
            half[1:] = [[w - 0.03, -0.4], [0.55 * w, line - 0.02], [0, line - 0.05]]
        edge = symmetric(0, half)
        if style == 2:
            edge[2:5] = [[-0.5 * w, line - 0.05], [-0.1, line - 0.02], [0.6 * w, line + 0.12]]
        before.fill(np.concatenate([_skull(who, grow), curve(edge)]), 255)
        if style == 4:
            for angle in np.linspace(0, np.pi, 19):
                where = ((w + 0.17) * np.cos(angle), -0.1 - 1.28 * np.sin(angle) ** 0.85)
                before.ellipse(where, (0.13, 0.13), 255)
        if style == 3:
            half = [[w + 0.1, -0.5], [w + 0.2, 0.2], [w + 0.14, 0.9], [0.5, 1.38]]
            behind.fill(curve(symmetric(0, half)), 255)
        if style == 5:
            behind.ellipse((0.0, -1.2), (0.3, 0.2), 255)
    rgb = np.empty((side, side, 3), np.uint8)
    rgb[:] = who.hair
    strands = head_canvas(rgb)
    for _ in range(150 if style != 7 else 0):
        angle = rng.uniform(-0.3, np.pi + 0.3)
        r0, r1 = rng.uniform(0.6, 1.0), rng.uniform(1.1, 1.4)
        way = np.array([np.cos(angle), -1.1 * np.sin(angle)])
        points = curve([way * r0, way * (r0 + r1) / 2 + rng.normal(0, 0.03, 2), way * r1])
        colour = np.array(who.hair) * rng.choice([0.72, 0.86, 1.22]) + rng.choice([0, 6])
        strands.stroke(points, colour, 0.018)
    if style == 7:
        rgb[:] = rng.choice([[40, 60, 110], [130, 40, 45], [60, 90, 70], [90, 90, 95]])
        for u in np.linspace(-0.9, 0.9, 19):
            strands.stroke([[u, -1.4], [1.1 * u, -0.4]], rgb[0, 0] * 0.82, 0.02)
    return rgb, behind.image.astype(np.float32) / 255, before.image.astype(np.float32) / 255


def _paint_eyes(canvas: Canvas, who: Identity, face: Face, a: Levels, gaze: Gaze) -> None:
    skin, lashes = np.array(who.skin), (30, 22, 22)
    for k, (side, outline) in enumerate(zip((-1, 1), face.eyes, strict=True)):
        upper, lower = face.upper_lid[k], face.lower_lid[k]
        crease = upper + np.array([0.012 * side, face.lid_line * 0.4 - 0.042])
        fold = -0.185 + 0.08 * np.abs(np.linspace(-1, 1, 17)) ** 2 + face.lid_line
        crease[:, 1] = np.minimum(crease[:, 1], fold)
        canvas.stroke(crease[1:-1], skin * 0.66, 0.016)
        x0, y0 = (canvas.pixels(outline).min(0) >> 4) - 3
        x1, y1 = (canvas.pixels(outline).max(0) >> 4) + 4
        patch = canvas.image[y0:y1, x0:x1].copy()
        local = Canvas(patch, canvas.origin + np.array([x0, y0]) / canvas.scale, canvas.scale)
        mask = np.zeros(patch.shape[:2], np.uint8)
        Canvas(mask, local.origin, local.scale).fill(outline, 255)
        patch[:] = (238, 234, 230)
        centre = face.eye_centre[k] + np.array([0.07 * gaze[0], 0.05 * gaze[1] + 0.012])
        local.ellipse(centre, (0.094, 0.094), np.array(who.iris) * 0.55)
        local.ellipse(centre, (0.08, 0.08), who.iris)
        local.ellipse(centre, (0.042, 0.042), (14, 12, 12))
        local.ellipse(centre + np.array([0.026, -0.03]), (0.018, 0.018), (255, 255, 255))
        local.stroke(upper + np.array([0, 0.014]), (150, 140, 138), 0.018)
        weight = (mask.astype(np.float32) / 255)[..., None]
        region = canvas.image[y0:y1, x0:x1]
        region[:] = region + (patch.astype(np.float32) - region) * weight
        canvas.stroke(lower, skin * 0.6, 0.013)
        canvas.stroke(upper, lashes, 0.03)
        if a[45] > 0.4:  # lashes over the closed line
            for i in range(2, 16, 3):
                tip = upper[i] + np.array([0.012 * side, 0.035])
                canvas.stroke([upper[i], tip], lashes, 0.012)


def _paint_brows(canvas: Canvas, who: Identity, face: Face) -> None:
    colour = np.array(who.hair) * 0.75
    thick = who.brow_thickness * np.array([0.75, 1.0, 0.95, 0.7, 0.25])
    half = np.stack([0 * thick, thick / 2], 1)
    left, right = face.brows
    for points in (right, left[::-1]):
        upper, lower = curve(points - half), curve(points + half)
        canvas.fill(np.concatenate([upper, lower[::-1]]), colour)
        for i in range(0, len(upper) - 4, 2):
            canvas.stroke([lower[i] * 0.8 + upper[i] * 0.2, upper[i + 4]], colour * 0.75, 0.01)


def _paint_nose(canvas: Canvas, who: Identity, face: Face) -> None:
    skin, p = np.array(who.skin), face.landmarks
    wing = p[35]
    for side in (-1, 1):
        flip = np.array([side, 1.0])
        nostril = np.array([0.52 * wing[0], p[34, 1] - 0.012]) * flip
        canvas.ellipse(nostril, (0.042, 0.022), skin * 0.32, 14 * side)
        edge = np.array([[-0.03, -0.075], [0.008, -0.035], [0.002, 0.012], [-0.04, 0.028]]) + wing
        canvas.stroke(curve(edge * flip), skin * 0.66, 0.02)
    below = p[32:35] + np.array([[0, 0.01], [0, 0.018], [0, 0.01]])
    canvas.stroke(curve(below), skin * 0.62, 0.018)


def _paint_mouth(canvas: Canvas, who: Identity, face: Face, a: Levels) -> None:
    p, skin = face.landmarks, np.array(who.skin)
    red = skin * (1 - 0.55 * who.lip_redness) + np.array([176, 62, 70]) * 0.55 * who.lip_redness
    red = (red * 0.86) * (1 - 0.25 * a[23]) + skin * 0.25 * a[23] * 0.9
    (inner_top, inner_low), gap = face.inner_lips(), face.gap
    if gap > OPEN:
        canvas.fill(np.concatenate([inner_top, inner_low]), (58, 16, 20))
        lift = (p[67:64:-1] - p[61:64]) * np.array([0, 1.0])
        left, right = p[60:61], p[64:65]
        if gap > 0.1:
            ends = (left * 0.7 + p[66] * 0.3, right * 0.7 + p[66] * 0.3)
            tongue = np.concatenate([ends[0], p[67:64:-1] - 0.34 * lift, ends[1]])
            canvas.fill(np.concatenate([curve(tongue), p[65:68]]), (176, 84, 88))
        ends = (left * 0.85 + p[62] * 0.15, right * 0.85 + p[62] * 0.15)
        drop = min(1.0, 0.075 / gap) * 0.72
        teeth = np.concatenate([ends[0], p[61:64] + drop * lift, ends[1]])
        canvas.fill(np.concatenate([curve(teeth), inner_top[::-1][2:-2]]), (236, 232, 222))
    upper = np.concatenate([curve(p[48:55]), inner_top[::-1]])
    outer_low = curve(np.concatenate([p[54:60], p[48:49]]))
    back = curve(np.concatenate([p[60:61], p[67:63:-1]]))
    canvas.fill(np.concatenate([outer_low, back]), np.minimum(red * 1.06, 255))
    canvas.fill(upper, red * 0.9)
    shine = p[57] * 0.55 + p[66] * 0.45
    line = shine + np.array([[-0.08, 0.003], [0.08, 0.003]])
    canvas.stroke(line, np.minimum(red * 1.16 + 10, 255), 0.016)
    canvas.stroke(inner_top, (70, 26, 28) if gap > OPEN else red * 0.42, 0.017)
    for point in (p[48], p[54]):
        canvas.ellipse(point, (0.018, 0.014), skin * 0.42)


def beard_mask(who: Identity, face: Face, side: int) -> Field:
    """Where a beard covers the skin, 0..1 times its density; soft at the edges."""
    canvas, p = head_mask(side), face.landmarks
    if who.beard in (1, 3):
        jaw = p[2:15] * np.array([[0.97, 1], *[[0.99, 1]] * 11, [0.97, 1]])
        top = [[0.62, 0.42], [p[54, 0] + 0.1, 0.52], [0, 0.5], [p[48, 0] - 0.1, 0.52]]
        canvas.fill(np.concatenate([jaw, top, [[-0.62, 0.42]]]), 255)
        canvas.fill(curve(p[48:60] * [1.06, 1.0], closed=True), 0)
    if who.beard in (2, 3):
        v = (p[33, 1] + p[51, 1]) / 2
        corner = p[54] + [0.03, -0.01]
        lash = [[0, v - 0.02], [0.16, v], corner, p[53] + [0, -0.01], p[51] + [0, -0.015]]
        canvas.fill(np.array(lash), 255)
        canvas.fill(np.array(lash) * [-1.0, 1.0], 255)
    soft = cv2.GaussianBlur(canvas.image, (0, 0), 0.011 * side).astype(np.float32)
    return soft * ({0: 0.0, 1: 0.3, 2: 0.8, 3: 0.72}[who.beard] / 255)


def draw_glasses(canvas: Canvas, who: Identity, value: object) -> None:
    """The frame of the glasses, if there are any."""
    if who.glasses == 0:
        return
    width = 0.018 if who.glasses == 1 else 0.04
    d = who.eye_distance
    for side in (-1, 1):
        canvas.ellipse((d * side, LENS_HEIGHT), LENS_RADII, value, width=width)
        arm = [[side * (d + 0.25), -0.14], [side * (who.face_width + 0.02), -0.2]]
        canvas.stroke(arm, value, width)
    canvas.stroke(curve(symmetric(0, [[d - 0.25, -0.13], [0, -0.17]])), value, width)


def paint_texture(
    who: Identity, face: Face, au: Float[np.ndarray, "17"], gaze: Gaze, side: int
) -> tuple[UInt8[np.ndarray, "side side 3"], Field, Field]:
    """Albedo, coverage 0..1 and crease depth 0..1 of the frontal head."""
    a = strengths(au)
    hair, back, front = hair_masks(who, side)
    rgb = _bare_skin(who, side).copy()
    canvas, cover, crease = head_canvas(rgb), head_mask(side), head_mask(side)
    cover.fill(head_outline(who, face), 255)
    draw_ears(cover, who, 255)
    draw_creases(who, face, au, crease)
    if who.beard:
        blend(rgb, np.array(who.hair) * 0.9, beard_mask(who, face, side))
    _paint_nose(canvas, who, face)
    _paint_eyes(canvas, who, face, a, gaze)
    _paint_mouth(canvas, who, face, a)
    solid = cover.image.astype(np.float32) / 255
    coverage = np.maximum(solid, np.maximum(back, front))
    behind = np.clip(back - solid, 0, 1)
    hairy = np.maximum(front, behind)[..., None]
    rgb = (rgb + (hair.astype(np.float32) - rgb) * hairy).astype(np.uint8)
    _paint_brows(head_canvas(rgb), who, face)
    draw_glasses(head_canvas(rgb), who, (70, 70, 78) if who.glasses == 1 else (24, 22, 26))
    soft = cv2.GaussianBlur(crease.image, (0, 0), 0.0042 * side).astype(np.float32) * (1 / 255)
    return rgb, coverage, soft * (1 - front)


@lru_cache(maxsize=4)
def _bare_skin(who: Identity, side: int) -> np.ndarray:
    """What of the albedo no AU changes: complexion and ears; uint8 [side, side, 3]."""
    skin, rgb = np.array(who.skin), np.empty((side, side, 3), np.uint8)
    rgb[:] = skin
    for sign in (-1, 1):
        ear = sign * (who.face_width + 0.015)
        head_canvas(rgb).ellipse((ear, 0.0), (0.1, 0.21), skin * 0.93)
        head_canvas(rgb).ellipse((ear + 0.012 * sign, 0.0), (0.045, 0.12), skin * 0.74)
    blend(rgb, skin * np.array([1.0, 0.74, 0.72]), cv2.resize(_flush(side // 4), (side, side)))
    return rgb


@lru_cache(maxsize=4)
def _flush(side: int) -> np.ndarray:
    """Where blood shows: cheeks, nose tip, around the eyes; float [side, side]."""
    x = ((np.arange(side) + 0.5) / side * 2 - 1) * HALF
    cheek = np.exp(-(((np.abs(x) - 0.45) / 0.17) ** 2))
    out = 0.35 * np.outer(np.exp(-(((x - 0.22) / 0.17) ** 2)), cheek)
    out += 0.3 * np.outer(np.exp(-(((x - 0.33) / 0.09) ** 2)), np.exp(-((x / 0.12) ** 2)))
    return out.astype(np.float32)
