"""Face renderer of the demo release: identity, AU intensities, pose and light -> image, landmarks.

A frontal texture is painted (albedo, creases, a height field), shaded by its normals, then carried
into the image through the head's depth, so that a depth map or another modality of the same
parameters needs only another texture. Nobody is shown: every face is drawn from numbers.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from tfds_reactionet.demo.face.paint import Gaze, paint_texture
from tfds_reactionet.demo.face.shape import (
    HALF,
    Identity,
    Pose,
    base_depth,
    build_face,
    project,
    relief,
)

TEXTURE = 1.3  # canonical texture's side over the image's


@dataclass(frozen=True)
class Light:
    """Direction towards the light (x right, y down, z to the viewer), ambient share and tint."""

    direction: tuple[float, float, float]
    ambient: float
    tint: tuple[float, float, float]


def shade(
    albedo: np.ndarray, crease: np.ndarray, height: np.ndarray, light: Light, pose: Pose
) -> UInt8[np.ndarray, "side side 3"]:
    """Lambert's law, a little gloss and reddish shadows; creases also darken as occlusion does."""
    side, half = albedo.shape[0], height.shape[0]
    unit = half / (2 * HALF) / 8  # Sobel's gain of 8 a pixel -> slope
    gx = cv2.resize(cv2.Sobel(height, cv2.CV_32F, 1, 0) * unit, (side, side))
    gy = cv2.resize(cv2.Sobel(height, cv2.CV_32F, 0, 1) * unit, (side, side))
    gx -= cv2.Sobel(crease, cv2.CV_32F, 1, 0) * 0.16
    gy -= cv2.Sobel(crease, cv2.CV_32F, 0, 1) * 0.16
    towards = np.array(light.direction) / np.linalg.norm(light.direction)
    lx, ly, lz = (pose.matrix().T @ towards).astype(np.float32)
    bright = (lz - lx * gx - ly * gy) / np.sqrt(1 + gx * gx + gy * gy)
    np.maximum(bright, 0, out=bright)
    gloss = bright**20 * 14
    bright = light.ambient + (1.12 - light.ambient) * bright
    bright *= 1 - 0.62 * np.minimum(crease, 1)
    out = np.empty_like(albedo)
    for channel, (warm, tint) in enumerate(zip((0.1, 0.035, 0.02), light.tint, strict=True)):
        level = (warm + (1 - warm) * bright) * tint
        out[..., channel] = np.clip(albedo[..., channel] * level + gloss * tint, 0, 255)
    return out


def inverse_map(
    pose: Pose, depth: np.ndarray, size: int, side: int
) -> tuple[np.ndarray, np.ndarray]:
    """For each image pixel the texture pixel it shows: fixed point of p = A^-1 (x - b depth(p))."""
    half, turn = size // 2, pose.matrix()
    axis = (np.arange(half, dtype=np.float32) + 0.5) * (size / half)
    x = ((axis - pose.centre[0]) / pose.scale)[None, :].astype(np.float32)
    y = ((axis - pose.centre[1]) / pose.scale)[:, None].astype(np.float32)
    back = np.linalg.inv(turn[:2, :2]).astype(np.float32)
    slope = (back @ turn[:2, 2]).astype(np.float32)
    u0, v0 = back[0, 0] * x + back[0, 1] * y, back[1, 0] * x + back[1, 1] * y
    z = np.zeros((half, half), np.float32)
    gain = depth.shape[0] / (2 * HALF)
    for _ in range(6):
        mu, mv = (u0 - slope[0] * z + HALF) * gain - 0.5, (v0 - slope[1] * z + HALF) * gain - 0.5
        z = cv2.remap(depth, mu, mv, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    gain = side / (2 * HALF)
    mu, mv = (u0 - slope[0] * z + HALF) * gain - 0.5, (v0 - slope[1] * z + HALF) * gain - 0.5
    return cv2.resize(mu, (size, size)), cv2.resize(mv, (size, size))


def render_head(
    who: Identity,
    au: Float[np.ndarray, "17"],
    pose: Pose,
    light: Light,
    gaze: Gaze,
    background: UInt8[np.ndarray, "size size 3"],
    lean: float = 0.0,
) -> tuple[UInt8[np.ndarray, "size size 3"], Float[np.ndarray, "68 2"]]:
    """Draws the head over `background`; gaze is right and down in -1..1; landmarks in pixels.

    `lean` -1..1: how far AU12 and AU14 keep to the image's left or right.
    """
    size = background.shape[0]
    side = 2 * (round(size * TEXTURE) // 2)
    face = build_face(who, au, lean)
    albedo, cover, crease = paint_texture(who, face, au, gaze, side)
    texture = np.empty((side, side, 4), np.uint8)
    texture[..., :3] = shade(albedo, crease, relief(who, face, au, side // 2), light, pose)
    texture[..., 3] = cover * 255
    depth = base_depth(side // 2)
    mu, mv = inverse_map(pose, depth, size, side)
    head = cv2.remap(texture, mu, mv, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    weight = head[..., 3:].astype(np.float32) * (1 / 255)
    image = background + (head[..., :3] - background.astype(np.float32)) * weight
    return image.astype(np.uint8), project(face.landmarks, pose, depth)
