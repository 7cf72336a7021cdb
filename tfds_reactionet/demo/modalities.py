"""Depth and thermal images of the demo's reaction frames: the same head, seen by other cameras.

Pose, shape, AUs and what hides the face are those of the colour image (reaction.py); light,
skin and colours play no part. Depth is as the data sets' meshes give it (reading/mesh.py):
near is bright, 0 is nothing. In a thermal image warm is bright.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from tfds_reactionet.demo import face
from tfds_reactionet.demo.canvas import Canvas
from tfds_reactionet.demo.reaction import Studio, Take, occlude, torso

Image = Float[np.ndarray, "size size"]

FAR, NEAR = -0.45, 1.0  # canonical depths of the levels 1 and 255
NOTHING = np.float32(-np.inf)
DEPTH_NOISE = 0.004  # canonical: 0.4 mm
ROOM, SHIRT, NECK = 0.14, 0.4, 0.74  # warmth
HAND, MICROPHONE, STRAND = 0.66, 0.2, 0.4


@dataclass(frozen=True)
class Modalities:
    """A frame's depth and thermal image."""

    depth: UInt8[np.ndarray, "size size"]
    thermal: UInt8[np.ndarray, "size size"]


# What the cameras see before noise: depth in canonical units, towards the camera, from the middle
# of the head, -inf where nothing is; and warmth.
View = tuple[Image, Image]


def render_modalities(take: Take) -> Modalities:
    """Draws the depth and thermal image of the frame that `render_reaction` draws in colour."""
    studio, pose = take.studio, take.pose
    rng = np.random.default_rng([studio.seed, take.frame, 1])
    depth, cover, warm, landmarks = render_head(take.who, take.au, pose, take.size, take.lean)
    view = _over(_body(pose, studio, take.size), depth, cover, warm)
    if take.lost or studio.occlusion != "none":
        view = _hide(view, take, landmarks)
    return Modalities(_depth_levels(view[0], rng), _thermal_levels(view[1], studio, rng))


def render_head(
    who: face.Identity, au: Float[np.ndarray, "17"], pose: face.Pose, size: int, lean: float = 0.0
) -> tuple[Image, Image, Image, Float[np.ndarray, "68 2"]]:
    """Depth, coverage 0..1 and warmth of the head alone, [size, size], and its landmarks."""
    side = round(size * face.TEXTURE) // 2
    shape = face.build_face(who, au, lean)
    seen = face.regions(who, shape, au, side)
    height = face.depth_surface(who, shape, au, seen)
    if who.glasses:
        height += 0.05 * face.glasses(who, side)
    # skin that is turned away sends less heat to the camera
    slope = side / (2 * face.HALF) / 8
    gx, gy = (cv2.Sobel(height, cv2.CV_32F, dx, 1 - dx) * slope for dx in (1, 0))
    warm = face.skin_warmth(who, shape, au, seen)
    warm *= 0.86 + 0.14 / np.sqrt(1 + 0.5 * (gx * gx + gy * gy))
    right, down, near = pose.matrix()[2].astype(np.float32)
    towards = near * height + right * face.grid(side)[None, :] + down * face.grid(side)[:, None]
    base = face.base_depth(side)
    field, where = cv2.merge([towards, seen.cover, warm]), face.inverse_map(pose, base, size, side)
    shown = cv2.remap(field, *where, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    depth, cover, warm = cv2.split(shown)
    return depth, cover, warm, face.project(shape.landmarks, pose, base)


def _over(behind: View, depth: Image, cover: Image, warm: Image) -> View:
    """Something in front: depth has hard edges, as a mesh has, warmth mixes."""
    return np.where(cover > 0.5, depth, behind[0]), behind[1] + (warm - behind[1]) * cover


def _body(pose: face.Pose, studio: Studio, size: int) -> View:
    """Neck and shirt in an empty room that is not equally warm everywhere."""
    rng = np.random.default_rng([studio.seed, 1])
    spots = rng.normal(0, 0.035, (4, 4)).astype(np.float32)
    room = ROOM + cv2.resize(spots, (size, size), interpolation=cv2.INTER_CUBIC)
    view = np.full((size, size), NOTHING), room
    across = (np.arange(size, dtype=np.float32) + 0.5 - pose.centre[0])[None, :] / pose.scale
    fold = rng.normal(0, 0.02, (1, 12)).astype(np.float32)
    fold = cv2.resize(fold, (size, size), interpolation=cv2.INTER_CUBIC)
    neck = 0.4 * np.sqrt(np.clip(1 - (across / 0.56) ** 2, 0, 1)) - 0.3
    shirt = -0.2 - 0.1 * across**2 + fold
    parts = zip(torso(pose, size), (neck, shirt), (NECK, SHIRT + 2 * fold), strict=True)
    for outline, depth, warm in parts:
        mask = np.zeros((size, size), np.uint8)
        Canvas(mask, (0.0, 0.0), 1.0).fill(outline, 255)
        view = _over(view, depth, mask * np.float32(1 / 255), np.asarray(warm, np.float32))
    return view


def _hide(view: View, take: Take, landmarks: np.ndarray) -> View:
    """Puts what hides a part of the face before it."""
    # Drawn in white over black and over white: what differs is not covered.
    studio, scale, behind = take.studio, take.pose.scale, view[0]
    white = replace(take.who, skin=(255.0, 255.0, 255.0), hair=(255.0, 255.0, 255.0))
    plain = replace(studio, light=replace(studio.light, tint=(1.0, 1.0, 1.0)))
    white = replace(take, who=white, studio=plain)
    over = [np.full((*behind.shape, 3), level, np.uint8) for level in (0, 255)]
    for image in over:
        occlude(image, white, landmarks)
    black, bright = (image[..., 0].astype(np.float32) * (1 / 255) for image in over)
    cover = 1 - (bright - black)
    if not (cover > 0.5).any():
        return view
    under = behind[(cover > 0.5) & (behind > NOTHING)]
    front = float(np.percentile(under, 90)) if under.size else 0.5
    # 0 at the edge of the shape, 1 from some pixels inside on, round between
    inside = cv2.distanceTransform((cover > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    round_off = np.sqrt(1 - np.clip(1 - inside / (0.14 * scale), 0, 1) ** 2)
    if take.lost or studio.occlusion == "hand":
        between = blurred_pixels((black < 0.75 * cover) * cover, 0.01 * scale)  # of the fingers
        depth = front + 0.03 + 0.13 * round_off - 0.07 * between
        warm = HAND + 0.08 * round_off - 0.05 * between
    elif studio.occlusion == "microphone":
        depth, warm = front + 0.15 + 0.12 * round_off, np.full_like(cover, MICROPHONE)
    else:
        depth, warm = behind + 0.05 * round_off, np.full_like(cover, STRAND)
    return _over(view, depth, cover, warm)


def blurred_pixels(image: Image, deviation: float) -> Image:
    """Gaussian blur by a deviation in pixels."""
    return cv2.GaussianBlur(image, (0, 0), max(deviation, 0.3))


def _depth_levels(depth: Image, rng: np.random.Generator) -> UInt8[np.ndarray, "size size"]:
    size = depth.shape[0]
    coarse = rng.normal(0, DEPTH_NOISE, (size // 8, size // 8)).astype(np.float32)
    noise = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    noise += rng.standard_normal((size, size), np.float32) * np.float32(DEPTH_NOISE / 2)
    level = 1 + (depth + noise - FAR) * (254 / (NEAR - FAR))
    return np.where(depth > NOTHING, np.clip(np.rint(level), 1, 255), 0).astype(np.uint8)


def _thermal_levels(
    warm: Image, studio: Studio, rng: np.random.Generator
) -> UInt8[np.ndarray, "size size"]:
    """A sensor of half the pixels, soft, with noise of each pixel and column, and its own gain."""
    size, half = warm.shape[0], warm.shape[0] // 2
    fixed = np.random.default_rng([studio.seed, 2])
    gain, shift = fixed.uniform(0.9, 1.06), fixed.uniform(-0.04, 0.04)
    small = cv2.resize(warm, (half, half), interpolation=cv2.INTER_AREA)
    small = blurred_pixels(small, 0.7 * size / 256) * np.float32(gain) + np.float32(shift)
    small += rng.standard_normal((half, half), np.float32) * np.float32(0.009)
    small += fixed.normal(0, 0.005, half).astype(np.float32)[None, :]
    image = cv2.resize(small, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.clip(np.rint(image * 255), 0, 255).astype(np.uint8)
