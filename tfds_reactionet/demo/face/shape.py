"""Parametric face geometry: identity and AU intensities -> 68 landmarks, height field and pose.

Everything lives in a frontal canonical frame: u to the image's right, v down, z to the viewer, in
units of about half a face height; the head fills [-HALF, HALF]^2. FACS appearance changes are the
source of the displacements (reconstruction, chosen so that every AU shows at 96 pixels).
"""

from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float

from drr_jax.facs import REACTIONET_AUS
from tfds_reactionet.demo.canvas import curve, symmetric

Field = Float[np.ndarray, "side side"]
Levels = dict[int, float]  # AU number -> visible strength 0..1
HALF = 1.4  # half the side of the canonical square
ONE_SIDED = (12, 14)  # AUs that a face may show on one side
OPEN = 0.012  # gap between the lips from which the mouth's inside shows
LIGHT_SKIN, DARK_SKIN = np.array([244.0, 206, 180]), np.array([108.0, 70, 50])


def _between(low: float, high: float) -> Any:
    """A field that `sample_identity` draws evenly from low to high, in the order of the class."""
    return field(metadata={"between": (low, high)})


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What stays the same over all videos of one rendered subject; lengths in canonical units."""

    skin: tuple[float, float, float]
    hair: tuple[float, float, float]
    iris: tuple[float, float, float]
    face_width: float = _between(0.74, 0.86)
    jaw_power: float = _between(0.72, 1.05)
    chin: float = _between(1.05, 1.17)
    eye_distance: float = _between(0.355, 0.395)
    eye_width: float = _between(0.185, 0.21)
    eye_height: float = _between(0.9, 1.12)
    eye_tilt: float = _between(-0.015, 0.03)
    brow_height: float = _between(-0.02, 0.02)
    brow_thickness: float = _between(0.045, 0.075)
    brow_arch: float = _between(-0.01, 0.02)
    nose_width: float = _between(0.145, 0.195)
    nose_length: float = _between(-0.03, 0.03)
    mouth_width: float = _between(0.32, 0.375)
    upper_lip: float = _between(0.065, 0.1)
    lower_lip: float = _between(0.085, 0.125)
    lip_redness: float = _between(0.25, 1.0)
    hair_style: int  # 0 shaved, 1 short, 2 parted, 3 long, 4 curly, 5 tied, 6 fringe, 7 cap
    beard: int  # 0 none, 1 stubble, 2 moustache, 3 full
    glasses: int  # 0 none, 1 thin, 2 thick
    age: int
    texture_seed: int


def sample_identity(rng: np.random.Generator) -> Identity:
    """Draws a face; about a quarter wear glasses and a quarter a beard of some kind."""
    tone = rng.uniform(0, 1)
    skin = (LIGHT_SKIN * (1 - tone) + DARK_SKIN * tone) * rng.uniform(0.93, 1.05)
    skin += rng.normal(0, 2.5, 3)
    age = int(rng.choice([22, 27, 32, 37, 43, 48, 55]) + rng.integers(0, 5))
    hairs = [(34, 26, 24), (58, 40, 30), (96, 64, 40), (190, 150, 95), (140, 66, 38)]
    hairs.append((120, 118, 118))
    weights = [0.34, 0.24, 0.16, 0.12, 0.08, 0.06 if age < 45 else 0.5]
    hair = np.array(hairs[rng.choice(6, p=np.array(weights) / sum(weights))])
    irises = [(70, 45, 30), (96, 66, 36), (70, 105, 80), (74, 110, 150)]
    beard = int(rng.choice(4, p=[0.76, 0.1, 0.07, 0.07]))
    styles = [0, 1, 2, 4, 6, 7] if beard else [1, 2, 3, 3, 4, 5, 5, 6]
    hair = np.clip(hair * rng.uniform(0.8, 1.15) + rng.normal(0, 1.5, 3), 8, 240)
    iris = irises[rng.choice(4, p=[0.45, 0.25, 0.12, 0.18])]
    drawn = [length for length in fields(Identity) if length.metadata]
    return Identity(
        skin=tuple(np.clip(skin, 30, 250)),
        hair=tuple(hair),
        iris=iris,
        **{length.name: rng.uniform(*length.metadata["between"]) for length in drawn},
        hair_style=int(rng.choice(styles)),
        beard=beard,
        glasses=int(rng.choice(3, p=[0.77, 0.13, 0.10])),
        age=age,
        texture_seed=int(rng.integers(2**31)),
    )


@dataclass(frozen=True)
class Face:
    """One face's canonical shape under an AU vector; curves are [points, 2]."""

    landmarks: Float[np.ndarray, "68 2"]
    upper_lid: tuple[np.ndarray, np.ndarray]  # image-left eye, image-right eye
    lower_lid: tuple[np.ndarray, np.ndarray]
    eye_centre: np.ndarray  # [2, 2]
    lid_line: float  # canonical v by which the crease above the upper lid moves
    levels: tuple[Levels, Levels]  # visible strengths on the image's left and right

    @property
    def eyes(self) -> list[np.ndarray]:
        """The outlines of both openings between the lids."""
        lids = zip(self.upper_lid, self.lower_lid, strict=True)
        return [np.concatenate([upper, lower[::-1]]) for upper, lower in lids]

    @property
    def brows(self) -> tuple[np.ndarray, np.ndarray]:
        """Both brows, image-left to image-right."""
        return self.landmarks[17:22], self.landmarks[22:27]

    @property
    def gap(self) -> float:
        """How far the lips are apart; they are open from OPEN on."""
        return float(self.landmarks[66, 1] - self.landmarks[62, 1])

    def inner_lips(self) -> tuple[np.ndarray, np.ndarray]:
        """The edges of the mouth's opening: above from left to right, below and back."""
        p = self.landmarks
        return curve(p[60:65]), curve(np.concatenate([p[64:68], p[60:61]]))


def strengths(au: Float[np.ndarray, "17"]) -> Levels:
    """AU number -> visible strength 0..1: a trace is much fainter than B, C to E are evident."""
    level = np.clip(au, 0, 5)
    shown = np.interp(level, range(6), (0.0, 0.16, 0.42, 0.66, 0.85, 1.0))
    return {int(name[2:]): float(s) for name, s in zip(REACTIONET_AUS, shown, strict=True)}


def leaning(a: Levels, lean: float) -> tuple[Levels, Levels]:
    """Strengths on the image's left and right: AU12 and AU14 keep to the side of `lean` (-1..1)."""
    weak = {**a, **{number: a[number] * (1 - abs(lean)) for number in ONE_SIDED}}
    return (weak, a) if lean > 0 else (a, weak)


def _lids(who: Identity, a: Levels, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Upper and lower lid of the image-right eye at `samples` in -1 (inner) .. 1 (outer)."""
    wide = 1 + 1.0 * a[5] + 0.15 * a[2] - 0.54 * a[7] - 0.05 * a[6] - 0.1 * a[9]
    up = 0.085 * who.eye_height * wide
    low = 0.066 * who.eye_height * (1 + 0.15 * a[5] - 0.3 * a[6] - 0.85 * a[7] - 0.1 * a[9])
    closed = min(1.0, 1.2 * a[45] ** 2.6)  # a blink: its lower levels leave the eye open
    up, low = max(up, 0.014), max(low, 0.004)
    up = up * (1 - closed) - 0.035 * closed  # closing lids meet low
    low = low * (1 - closed) + 0.04 * closed
    u = who.eye_distance + samples * who.eye_width
    line = -0.13 + 0.012 - samples * (0.012 + who.eye_tilt)
    arch = np.clip(1 - np.abs(samples + 0.08) ** 2.3 / 1.08**2.3, 0, 1)
    sag = np.clip(1 - np.abs(samples - 0.1) ** 2.3 / 1.1**2.3, 0, 1)
    return np.stack([u, line - up * arch], 1), np.stack([u, line + low * sag], 1)


def _mouth(who: Identity, left: Levels, right: Levels) -> np.ndarray:
    """The 20 mouth points 48..67, where both sides may differ."""
    ours, theirs = _even_mouth(who, right), _even_mouth(who, left)
    side = np.sign(ours[:, :1].round(9))
    return np.where(side > 0, ours, np.where(side < 0, theirs, (ours + theirs) / 2))


def _even_mouth(who: Identity, a: Levels) -> np.ndarray:
    """The 20 mouth points of equal sides."""
    width = who.mouth_width + 0.1 * a[12] + 0.2 * a[20] + 0.03 * a[14] + 0.02 * a[15]
    width -= 0.085 * a[23] + 0.05 * a[26] + 0.03 * a[17]
    corner = 0.656 - 0.22 * a[12] + 0.14 * a[15] + 0.03 * a[20] + 0.05 * a[26] - 0.01 * a[14]
    thin = 1 - 0.8 * a[23] - 0.42 * a[20] - 0.2 * a[12] - 0.12 * a[14]
    gap = 0.125 * a[25] ** 0.8 + 0.27 * a[26]
    raised = 0.12 * a[10] + 0.1 * a[9]
    middle = 0.66 - 0.02 * a[12] - 0.065 * a[17] + 0.02 * a[15]
    top_in = middle - 0.22 * gap - raised * (0.6 if gap > 0.02 else 0.45)
    low_in = middle + 0.78 * gap + 0.004 - (0.02 * a[10])
    low_in = max(low_in, top_in + 0.004)
    top_out = top_in - who.upper_lip * max(thin, 0.12) * (1 + 0.2 * a[10])
    top_out -= 0.02 * a[10] + 0.015 * a[9]
    low_out = low_in + who.lower_lip * max(thin, 0.12) * (1 + 0.35 * a[17] - 0.15 * a[26])

    def row(centre: float, knots: list[float], flat: float) -> list[list[float]]:
        return [[k * width, centre + (corner - centre) * abs(k) ** flat] for k in knots]

    square = 2.0 + 2.2 * a[10]  # AU10 squares the upper lip
    upper = row(top_out, [-0.62, -0.22, 0.0, 0.22, 0.62], square)
    upper[2][1] += 0.014 * thin  # cupid's bow
    lower = row(low_out, [0.62, 0.3, 0.0, -0.3, -0.62], 2.3)
    inner_top = row(top_in, [-0.42, 0.0, 0.42], square)
    inner_low = row(low_in, [0.42, 0.0, -0.42], 2.2)
    outer = [[-width, corner], *upper, [width, corner], *lower]
    inner = [[-0.88 * width, corner], *inner_top, [0.88 * width, corner], *inner_low]
    return np.array(outer + inner)


def build_face(who: Identity, au: Float[np.ndarray, "17"], lean: float = 0.0) -> Face:
    """Places the 68 points (iBUG / OpenFace order) and the lid curves for intensities 0..5.

    `lean` -1..1: how far AU12 and AU14 keep to the image's left or right.
    """
    a = strengths(au)
    levels = leaning(a, lean)
    theta = np.linspace(-1, 1, 17) * np.deg2rad(93)
    sine, cosine = np.sin(theta), np.clip(np.cos(theta), 0, 1)
    drop = 0.2 * a[26] - 0.03 * a[17]
    across = who.face_width * np.sign(sine) * np.abs(sine) ** who.jaw_power
    across *= 1 - 0.05 * a[26] * cosine
    jaw = np.stack([across, -0.08 + (who.chin + 0.08 + drop) * cosine**0.92], 1)
    brow = np.array([[0.13, -0.39], [0.25, -0.425], [0.38, -0.435], [0.51, -0.42], [0.63, -0.365]])
    brow[:, 0] += who.eye_distance - 0.36
    brow[:, 1] += who.brow_height - who.brow_arch * np.array([0, 0.5, 1, 0.9, 0.1])
    brow[:, 1] -= 0.17 * a[1] * np.array([1.0, 0.72, 0.25, 0.0, 0.0])
    brow[:, 1] -= 0.17 * a[2] * np.array([0.1, 0.42, 0.85, 1.0, 0.8])
    brow[:, 1] += 0.13 * a[4] * np.array([1.0, 0.75, 0.45, 0.2, 0.05])
    wrinkled, squeezed = np.array([1.0, 0.6, 0.2, 0.0, 0.0]), np.array([0, 0, 0, 1, 1])
    brow[:, 1] += 0.05 * a[9] * wrinkled + 0.02 * a[6] * squeezed
    brow[:, 0] -= (0.065 * a[4] + 0.015 * a[9]) * np.array([1.0, 0.8, 0.5, 0.25, 0.1])
    tip = who.nose_length - 0.035 * a[9] - 0.01 * a[10]
    bridge = np.array([[0, -0.14], [0, 0.02 + tip / 3], [0, 0.17 + tip / 1.5], [0, 0.31 + tip]])
    wing = who.nose_width + 0.015 * a[9] + 0.012 * a[10] + 0.015 * a[12] + 0.012 * a[20]
    flare = 0.06 * a[9] + 0.035 * a[10]
    half = [[wing, 0.385 - flare], [wing / 2, 0.41 - flare / 3], [0, 0.425]]
    nostrils = symmetric(0, half) + np.array([0, tip])
    upper, lower = _lids(who, a, np.linspace(-1, 1, 17))
    coarse_up, coarse_low = _lids(who, a, np.array([-1.0, -0.35, 0.38, 1.0]))
    right = np.concatenate([coarse_up, coarse_low[2:0:-1]])
    flip = np.array([-1.0, 1.0])
    left = right[[3, 2, 1, 0, 5, 4]] * flip
    points = [jaw, brow[::-1] * flip, brow, bridge, nostrils, left, right, _mouth(who, *levels)]
    return Face(
        landmarks=np.concatenate(points),
        upper_lid=(upper * flip, upper),
        lower_lid=(lower * flip, lower),
        eye_centre=np.array([[-who.eye_distance, -0.135], [who.eye_distance, -0.135]]),
        lid_line=-0.03 * a[5] + 0.03 * a[4] - 0.025 * a[2],
        levels=levels,
    )


def grid(side: int) -> Float[np.ndarray, "side"]:
    """Canonical coordinates of `side` pixel centres along one axis."""
    return ((np.arange(side, dtype=np.float32) + 0.5) / side * 2 - 1) * HALF


def bump(side: int, u: float, v: float, su: float, sv: float) -> Field:
    """A separable Gaussian of height 1 at (u, v) with the deviations su, sv."""
    x = grid(side)
    return np.outer(bell(x, v, sv), bell(x, u, su)).astype(np.float32)


def bumps(side: int, u: float, v: float, su: float, sv: float) -> Field:
    """Two such Gaussians, at u and -u."""
    x = grid(side)
    return np.outer(bell(x, v, sv), bell(x, u, su) + bell(x, -u, su)).astype(np.float32)


def bell(x: np.ndarray, middle: float, deviation: float) -> np.ndarray:
    """A Gaussian of height 1."""
    return np.exp(-(((x - middle) / deviation) ** 2) / 2)


@lru_cache(maxsize=4)
def base_depth(side: int) -> Field:
    """The head's smooth depth, gentle enough for the pose inversion of `inverse_map`."""
    x = grid(side)
    radius = np.minimum((x / 0.95) ** 2, 1.5)[None, :]
    radius = radius + np.minimum(((x + 0.1) / 1.4) ** 2, 1.2)[:, None]
    nose = 0.17 * np.outer(nose_profile(x, 0.30, 0.22, 1.3, 0.07), bell(x, 0, 0.13))
    return (0.72 * (1 - radius) + nose).astype(np.float32)


def nose_profile(v: np.ndarray, tip: float, root: float, bend: float, end: float) -> np.ndarray:
    """Height 0..1 along a nose: it rises from -root to `tip` and ends below it."""
    rise = np.clip((v + root) / (tip + root), 0, 1) ** bend
    return np.where(v < tip, rise, bell(v, tip, end))


@lru_cache(maxsize=8)
def _neutral_relief(who: Identity, side: int) -> np.ndarray:
    """Shading relief that no AU changes: skull, sockets, nose, cheekbones, chin."""
    x = grid(side)
    radius = (x / (who.face_width + 0.16))[None, :] ** 2 + ((x + 0.1) / 1.45)[:, None] ** 2
    relief = 0.62 * (1 - radius)
    profile = nose_profile(x, 0.30 + who.nose_length, 0.22, 1.3, 0.07)
    relief += 0.15 * np.outer(profile, bell(x, 0, 0.42 * who.nose_width))
    v = 0.335 + who.nose_length
    relief += 0.05 * bumps(side, 0.68 * who.nose_width, v, 0.05, 0.055)
    relief += 0.05 * bump(side, 0, v - 0.03, 0.07, 0.06)
    relief -= 0.065 * bumps(side, who.eye_distance - 0.02, -0.17, 0.17, 0.09)
    relief += 0.03 * bumps(side, who.eye_distance, -0.135, 0.11, 0.06)
    relief += 0.04 * bumps(side, 0.5, 0.16, 0.17, 0.14) + 0.03 * bump(side, 0, -0.36, 0.4, 0.07)
    relief -= 0.018 * bump(side, 0, 0.5, 0.028, 0.06)
    return relief.astype(np.float32)


def relief(who: Identity, face: Face, au: np.ndarray, side: int) -> Field:
    """Height field for shading (canonical units), with the bulges that AUs raise."""
    a = strengths(au)
    points = face.landmarks
    out = _neutral_relief(who, side).copy()
    mouth_top, mouth_low, chin = points[51, 1], points[57, 1], points[8, 1]
    out += 0.028 * bump(side, 0, mouth_top + 0.035, 0.2, 0.03)
    out += 0.035 * bump(side, 0, mouth_low - 0.05, 0.17, 0.035)
    out -= 0.03 * bump(side, 0, mouth_low + 0.055, 0.16, 0.035)
    out += (0.045 + 0.05 * a[17]) * bump(side, 0, chin - 0.16 - 0.03 * a[17], 0.15, 0.1)
    if a[6] > 0:
        out += 0.1 * a[6] * bumps(side, 0.44, 0.12 - 0.04 * a[6], 0.14, 0.09)
    if a[10] > 0:
        out += 0.03 * a[10] * bumps(side, 0.42, 0.35, 0.11, 0.12)
    if a[7] > 0:
        out += 0.05 * a[7] * bumps(side, who.eye_distance, -0.065, 0.12, 0.022)
    if a[4] > 0:
        out += 0.05 * a[4] * bumps(side, 0.13, points[22, 1] - 0.03, 0.07, 0.06)
    corners = (points[48] - [0.05, 0], points[54] + [0.05, 0])
    for sign, corner, b in zip((-1, 1), corners, face.levels, strict=True):
        if b[12] > 0:
            out += 0.04 * b[12] * bump(side, 0.44 * sign, 0.12 - 0.04 * a[6], 0.14, 0.09)
            out += 0.06 * b[12] * bump(side, 0.42 * sign, 0.35, 0.11, 0.12)
        if b[14] > 0:
            out -= 0.07 * b[14] * bump(side, corner[0], corner[1], 0.035, 0.06)
    return out


@dataclass(frozen=True)
class Pose:
    """Radians, and the image position (pixels) and scale (pixels per canonical unit)."""

    pitch: float
    yaw: float
    roll: float
    centre: tuple[float, float]
    scale: float

    def matrix(self) -> Float[np.ndarray, "3 3"]:
        """Head rotation in OpenFace's order Rx, Ry, Rz (x right, y down)."""
        (cx, cy, cz), (sx, sy, sz) = (
            f([self.pitch, self.yaw, self.roll]) for f in (np.cos, np.sin)
        )
        about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
        about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
        return about_z @ about_y @ about_x


def project(points: Float[np.ndarray, "n 2"], pose: Pose, depth: np.ndarray) -> np.ndarray:
    """Canonical points -> image pixels [n, 2], with their depth read from the field `depth`."""
    side = depth.shape[0]
    where = np.clip((points + HALF) / (2 * HALF) * side, 0, side - 1).astype(int)
    solid = np.concatenate([points, depth[where[:, 1], where[:, 0]][:, None]], 1)
    return solid @ pose.matrix()[:2].T * pose.scale + np.array(pose.centre)
