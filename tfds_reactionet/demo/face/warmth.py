"""How warm a rendered head looks to a thermal camera: 0 (coldest) to 1, in the canonical frame.

Skin is warm where vessels lie close below it (the inner corners of the eyes, forehead, neck),
cooler on nose, ears and chin; hair, brows and glasses are nearly as cold as the room, and the open
mouth is warmest. AUs act through the moved outlines and, weakly, through blood: a smile and raised
cheeks warm the cheeks, fear cools the nose (a reconstruction after reports on facial thermography;
the amounts are made up).
"""

from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import Float

from tfds_reactionet.demo.canvas import curve
from tfds_reactionet.demo.face.paint import LENS_HEIGHT, LENS_RADII, beard_mask, head_mask, share
from tfds_reactionet.demo.face.shape import Face, Field, Identity, bump, bumps, strengths
from tfds_reactionet.demo.face.surface import Regions, blurred, glasses

SKIN, HAIR, CAP, GLASS = 0.70, 0.34, 0.30, 0.16


@lru_cache(maxsize=4)
def _complexion(who: Identity, side: int) -> Field:
    """The warmth of bare skin that no AU changes, with a pattern of vessels of one's own."""
    rng = np.random.default_rng([who.texture_seed, 1])
    out = np.full((side, side), SKIN, np.float32)
    for cells, spread in ((5, 0.022), (11, 0.018), (23, 0.012)):
        spots = rng.normal(0, spread, (cells, cells)).astype(np.float32)
        out += cv2.resize(spots, (side, side), interpolation=cv2.INTER_CUBIC)
    cool = rng.uniform(0.08, 0.18)  # noses differ most
    out += 0.09 * bump(side, 0, -0.55, 0.5, 0.3)  # forehead
    out += 0.15 * bumps(side, who.eye_distance - 0.2, -0.1, 0.07, 0.08)  # inner corners of the eyes
    out += 0.05 * bumps(side, who.eye_distance, -0.13, 0.18, 0.1)
    out -= cool * bump(side, 0, 0.3 + who.nose_length, 0.13, 0.13)
    out -= 0.07 * bumps(side, 0.5, 0.25, 0.2, 0.22)  # cheeks
    out -= 0.05 * bump(side, 0, 0.98, 0.25, 0.14)  # chin
    out += 0.06 * bumps(side, who.face_width - 0.1, -0.2, 0.08, 0.3)  # temples
    return out


def skin_warmth(who: Identity, face: Face, au: Float[np.ndarray, "17"], seen: Regions) -> Field:
    """Warmth of the head's surface under an AU vector (intensities 0..5)."""
    side, p, a = seen.skin.shape[0], face.landmarks, strengths(au)
    out = _complexion(who, side).copy()
    out += 0.08 * (a[6] + 0.6 * a[12]) * bumps(side, 0.44, 0.1 - 0.06 * a[6], 0.15, 0.1)
    out += 0.06 * a[4] * bump(side, 0, p[22, 1], 0.16, 0.08)
    out += 0.05 * (a[1] + a[2]) * bump(side, 0, -0.62, 0.45, 0.12)
    out += 0.06 * a[9] * bump(side, 0, 0.0, 0.12, 0.1)
    out += 0.06 * a[17] * bump(side, 0, p[8, 1] - 0.17, 0.14, 0.08)
    fear = (a[1] + a[4] + a[5] + a[20]) / 4
    out -= 0.1 * fear * bump(side, 0, p[33, 1] - 0.08, 0.14, 0.12)
    out += 0.06 * seen.crease  # folds radiate more, as every cavity does
    out += 0.07 * seen.lips
    out -= 0.1 * seen.eyes  # the cornea is wet
    brows = head_mask(side)
    for points in face.brows:
        brows.stroke(curve(points), 255, 1.2 * who.brow_thickness)
    out -= 0.17 / 255 * brows.image
    out += (1.0 - out) * seen.mouth * 0.9
    out -= 0.1 * seen.teeth * seen.mouth
    out += (HAIR + 0.1 - out) * beard_mask(who, face, side)
    only_ear = seen.ears * (1 - seen.skin)
    out += (0.5 - out) * only_ear
    hair = np.maximum(seen.hair, seen.hair_behind * (1 - np.maximum(seen.skin, seen.ears)))
    out += ((CAP if who.hair_style == 7 else HAIR) - out) * hair
    if who.glasses:  # glass is opaque to the far infrared
        lenses = head_mask(side)
        for sign in (-1, 1):
            lenses.ellipse((sign * who.eye_distance, LENS_HEIGHT), LENS_RADII, 255)
        out += (GLASS - out) * np.maximum(share(lenses), glasses(who, side))
    return blurred(out, 0.012)
