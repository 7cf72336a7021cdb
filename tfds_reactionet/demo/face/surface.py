"""The surface of a rendered head: canonical depth with the bulges and hollows of its AUs.

The frame is shape.py's: u to the right, v down, z to the viewer, a unit is about 100 mm.
Nothing here knows of light, skin or hair colour. FACS appearance changes are the source of the
displacements (reconstruction).
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import Float

from tfds_reactionet.demo.canvas import curve
from tfds_reactionet.demo.face import paint
from tfds_reactionet.demo.face.marks import draw_creases
from tfds_reactionet.demo.face.paint import head_mask, share
from tfds_reactionet.demo.face.shape import (
    HALF,
    OPEN,
    Face,
    Field,
    Identity,
    bell,
    bump,
    bumps,
    grid,
    nose_profile,
    relief,
    strengths,
)

BEHIND = -0.3  # depth of hair that hangs behind the head


@dataclass(frozen=True)
class Regions:
    """What lies where in the canonical frame, each 0..1."""

    skin: Field  # the head without ears and hair
    ears: Field
    hair: Field  # before the face
    hair_behind: Field
    mouth: Field  # the opening between the lips
    teeth: Field
    lips: Field
    eyes: Field  # the openings between the lids
    crease: Field

    @property
    def cover(self) -> Field:
        """Whatever is part of the head."""
        return np.maximum.reduce([self.skin, self.ears, self.hair, self.hair_behind])


def regions(who: Identity, face: Face, au: Float[np.ndarray, "17"], side: int) -> Regions:
    """Draws the outlines of a face under an AU vector (intensities 0..5) at `side` pixels."""
    names = ("skin", "ears", "mouth", "teeth", "lips", "eyes", "crease")
    on = {name: head_mask(side) for name in names}
    on["skin"].fill(paint.head_outline(who, face), 255)
    paint.draw_ears(on["ears"], who, 255)
    for outline in face.eyes:
        on["eyes"].fill(outline, 255)
    on["lips"].fill(curve(face.landmarks[48:60], closed=True), 255)
    if face.gap > OPEN:
        inner_top, inner_low = face.inner_lips()
        on["mouth"].fill(np.concatenate([inner_top, inner_low]), 255)
        low = inner_top[::-1] + np.array([0.0, min(0.055, 0.5 * face.gap)])
        on["teeth"].fill(np.concatenate([inner_top[2:-2], low[2:-2]]), 255)
    draw_creases(who, face, au, on["crease"])
    shown = {name: share(canvas) for name, canvas in on.items()}
    hair_behind, hair = _hair(who, side)
    return Regions(**shown, hair=hair, hair_behind=hair_behind)


@lru_cache(maxsize=4)
def _hair(who: Identity, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Masks of the hair behind and before the face, from the colour image's."""
    _, back, front = paint.hair_masks(who, 2 * side)
    half = [cv2.resize(mask, (side, side), interpolation=cv2.INTER_AREA) for mask in (back, front)]
    return half[0], half[1]


def blurred(field: Field, units: float) -> Field:
    """Gaussian blur by a deviation in canonical units."""
    return cv2.GaussianBlur(field, (0, 0), max(units * field.shape[0] / (2 * HALF), 0.3))


def depth_surface(who: Identity, face: Face, au: Float[np.ndarray, "17"], seen: Regions) -> Field:
    """Canonical depth of the head; where nothing is seen, some depth behind it."""
    side = seen.skin.shape[0]
    out = relief(who, face, au, side) + _skull(who, side)
    out += _features(who, face, au, seen)
    out -= 0.06 * blurred(seen.crease, 0.012)
    out += _edge(seen.skin)
    hair = _hair_height(who, side)
    out = np.where(seen.skin > 0.5, out, BEHIND)
    out = np.where((seen.ears > 0.5) & (seen.skin <= 0.5), _ears(who, side), out)
    # what is below the hair line shows through a thin edge, not a step of its whole height
    out = out + blurred(seen.hair, 0.02) * hair
    bare = (seen.skin <= 0.5) & (seen.ears <= 0.5)
    return np.where(bare & (seen.hair <= 0.5), BEHIND + 0.5 * hair, out).astype(np.float32)


@lru_cache(maxsize=4)
def _skull(who: Identity, side: int) -> Field:
    """What rounds off the shading relief to a head: a longer nose, sockets, temples, muzzle."""
    x = grid(side)
    profile = nose_profile(x, 0.30 + who.nose_length, 0.2, 1.15, 0.065)
    out = 0.1 * np.outer(profile, bell(x, 0, 0.55 * who.nose_width))
    out -= 0.07 * bumps(side, who.eye_distance - 0.03, -0.14, 0.15, 0.09)
    out += 0.05 * bumps(side, who.eye_distance, -0.125, 0.1, 0.07)  # the eyeballs
    out -= 0.06 * bumps(side, who.face_width - 0.02, -0.3, 0.1, 0.25)  # temples
    out += 0.07 * bump(side, 0, 0.62, 0.3, 0.22)  # teeth carry the lips
    return out.astype(np.float32)


def _features(who: Identity, face: Face, au: np.ndarray, seen: Regions) -> Field:
    """Brow ridges, lids, nostrils, lips, mouth and chin, where the AUs have moved them to."""
    side, p, a = seen.skin.shape[0], face.landmarks, strengths(au)
    ridge, lids, out = head_mask(side), head_mask(side), np.zeros((side, side), np.float32)
    for points in face.brows:
        ridge.stroke(curve(points), 255, 0.09)
    out += 0.09 / 255 * blurred(ridge.image.astype(np.float32), 0.04)
    for line in (*face.upper_lid, *face.lower_lid):
        lids.stroke(line, 255, 0.035)
    out += 0.04 / 255 * blurred(lids.image.astype(np.float32), 0.014)
    out -= 0.06 * blurred(seen.eyes, 0.012)
    if a[5] > 0:  # the upper lid slides back under the brow
        out -= 0.07 * a[5] * bumps(side, who.eye_distance, p[43, 1] - 0.03, 0.15, 0.045)
    if a[7] > 0:  # the lower lid is pushed up and swells
        out += 0.06 * a[7] * bumps(side, who.eye_distance, p[46, 1] + 0.04, 0.14, 0.04)
    for nostril in (p[31], p[35]):
        out += 0.05 * bump(side, nostril[0], nostril[1] - 0.03, 0.04, 0.045)
        out -= 0.05 * bump(side, 0.55 * nostril[0], nostril[1] + 0.02, 0.035, 0.02)
    out += 0.085 * blurred(seen.lips, 0.03)
    seam = head_mask(side)  # where closed lips meet
    seam.stroke(face.inner_lips()[0], 255, 0.022)
    out -= 0.05 * blurred(seen.lips, 0.012) * blurred(share(seam), 0.01)
    out -= 0.4 * blurred(np.clip(seen.mouth - 0.7 * seen.teeth, 0, 1), 0.012)
    corner = p[54]
    out -= (0.03 + 0.05 * a[15]) * bumps(side, corner[0] + 0.02, corner[1] + 0.02, 0.035, 0.035)
    out += 0.05 * a[15] * bumps(side, corner[0] + 0.02, corner[1] + 0.17, 0.07, 0.06)
    out += 0.05 * a[17] * bump(side, 0, p[57, 1], 0.16, 0.05)
    if a[26] > 0:  # the jaw swings back as it drops, and the cheeks are drawn in
        down = np.clip((grid(side) - 0.35) / 0.75, 0, 1)[:, None] ** 2
        out -= a[26] * (0.18 * down + 0.08 * bumps(side, 0.52, 0.5, 0.1, 0.18))
    if a[20] > 0:  # stretched lips lie flat on the teeth
        out -= 0.05 * a[20] * bump(side, 0, 0.66, 0.3, 0.12)
        out += 0.04 * a[20] * bumps(side, corner[0] + 0.1, corner[1], 0.05, 0.1)
    return out


def _edge(skin: Field) -> Field:
    """Turns the rim of the head away from the viewer, by a quarter of an ellipse."""
    units = 2 * HALF / skin.shape[0]
    inside = cv2.distanceTransform((skin > 0.5).astype(np.uint8), cv2.DIST_L2, 0) * units
    reach = np.clip(1 - blurred(inside, 0.02) / 0.22, 0, 1)
    return 0.3 * (np.sqrt(1 - reach**2) - 1)


@lru_cache(maxsize=4)
def _ears(who: Identity, side: int) -> Field:
    """Ears: a raised rim around a hollow, turned outwards."""
    u = who.face_width + 0.015
    rim, hollow = bumps(side, u + 0.04, 0, 0.03, 0.16), bumps(side, u + 0.01, 0.02, 0.02, 0.08)
    return (-0.12 + 0.08 * rim - 0.05 * hollow).astype(np.float32)


@lru_cache(maxsize=4)
def _hair_height(who: Identity, side: int) -> Field:
    """How far hair stands off the skull, with the roughness of its locks; a cap is smooth."""
    rng = np.random.default_rng(who.texture_seed)
    thick = (0.0, 0.07, 0.1, 0.12, 0.2, 0.06, 0.11, 0.06)[who.hair_style]
    rough = np.zeros((side, side), np.float32)
    if who.hair_style != 7:
        for cells, spread in ((9, 0.4), (22, 0.35), (48, 0.25)):
            lumps = rng.normal(0, 1, (cells, cells)).astype(np.float32)
            rough += spread * cv2.resize(lumps, (side, side), interpolation=cv2.INTER_CUBIC)
    return (thick * (1 + 0.4 * rough)).astype(np.float32)


def glasses(who: Identity, side: int) -> Field:
    """The frame of the glasses, 0..1."""
    frame = head_mask(side)
    paint.draw_glasses(frame, who, 255)
    return share(frame)
