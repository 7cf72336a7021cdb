"""Reaction frames of the demo release: a rendered head before a room, lit, partly hidden, noisy."""

from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from tfds_reactionet.demo.canvas import Canvas, curve, symmetric
from tfds_reactionet.demo.face import Identity, Light, Pose, render_head
from tfds_reactionet.demo.stimulus import Props

OCCLUSIONS = ("none", "hand", "microphone", "strand")


@dataclass(frozen=True)
class Studio:
    """What stays the same over one sequence: room, clothes, light, occlusion, pose and its sway."""

    wall: tuple[float, float, float]
    shirt: tuple[float, float, float]
    light: Light
    occlusion: str
    side: float  # -1 or 1: where the occlusion is
    pose: tuple[float, float, float]  # pitch, yaw, roll in radians
    place: tuple[float, float]  # head centre as a share of the image
    zoom: float  # canonical unit as a share of the image
    gaze: tuple[float, float]
    grain: float
    blur: float
    seed: int


def sample_studio(rng: np.random.Generator, quality: float = 1.0) -> Studio:
    """Draws room, person's clothes and camera; below a quality of 1 the camera loses the face."""
    tint = 1 + rng.uniform(-0.09, 0.09) * np.array([1.0, 0.1, -1.0])
    studio = Studio(
        wall=tuple(rng.uniform(40, 210) + rng.normal(0, 28, 3)),
        shirt=tuple(rng.uniform(20, 230, 3)),
        light=Light(
            (rng.uniform(-0.9, 0.9), rng.uniform(-0.9, -0.1), 1.0),
            rng.uniform(0.4, 0.6),
            tuple(tint * rng.uniform(0.82, 1.1)),
        ),
        occlusion=str(rng.choice(OCCLUSIONS, p=[0.8, 0.06, 0.07, 0.07])),
        side=float(rng.choice([-1, 1])),
        pose=tuple(np.clip(rng.normal([0.02, 0, 0], [0.1, 0.15, 0.08]), -0.36, 0.36)),
        place=(0.5 + rng.normal(0, 0.02), 0.545 + rng.normal(0, 0.012)),
        zoom=rng.uniform(0.345, 0.4),
        gaze=tuple(rng.uniform(-0.5, 0.5, 2)),
        grain=rng.uniform(1.5, 6.5),
        blur=rng.uniform(0.6, 1.3) if rng.uniform() < 0.2 else 0.0,
        seed=int(rng.integers(2**31)),
    )
    return studio if quality == 1 else _worse(rng, studio, 1 - quality)


def _worse(rng: np.random.Generator, studio: Studio, loss: float) -> Studio:
    """A camera that is further off, out of focus, darker, beside and often blocked; loss 0..1."""
    small, soft, dark = rng.uniform(0.5, 1, 3) * loss
    zoom = studio.zoom * (1 - 0.6 * small)
    blocked, hidden = rng.uniform() < 0.5 * loss, str(rng.choice(OCCLUSIONS[1:3]))
    light = studio.light
    (across, down, near), dim = light.direction, 1 - 0.6 * dark
    return replace(
        studio,
        light=replace(
            light,
            direction=(across * (1 + dark), down, near),
            tint=tuple(dim * t for t in light.tint),
        ),
        occlusion=hidden if blocked else studio.occlusion,
        pose=tuple(np.array(studio.pose) + loss * rng.normal([0, 0, 0], [0.08, 0.25, 0.05])),
        zoom=zoom,
        grain=studio.grain * (1 + dark),
        # of the face, not of the image: a 256th of it is the unit
        blur=studio.blur + 256 * zoom * 0.09 * soft,
    )


@dataclass(frozen=True)
class Take:
    """What one frame is drawn from."""

    who: Identity
    au: Float[np.ndarray, "17"]  # intensities 0..5
    studio: Studio
    frame: int
    startle: float  # 0..1, moves the head back
    size: int  # pixels
    lost: bool = False  # the face is hidden behind a hand
    lean: float = 0.0  # -1..1: how far AU12 and AU14 keep to one side of the image

    @property
    def pose(self) -> Pose:
        """The head's pose, which sways from frame to frame."""
        studio, frame = self.studio, self.frame
        sway = 0.035 * np.sin(frame * np.array([0.21, 0.17, 0.13]) + studio.seed % 7)
        back = np.array([-0.08, 0, 0.03]) * self.startle
        zoom = studio.zoom * (1 - 0.035 * self.startle) * self.size
        drift = 0.006 * np.sin(frame * np.array([0.19, 0.27]))
        x, y = ((np.array(studio.place) + drift) * self.size).tolist()
        pitch, yaw, roll = (np.array(studio.pose) + sway + back).tolist()
        return Pose(pitch, yaw, roll, (x, y), float(zoom))


@lru_cache(maxsize=2)  # the same in all frames of a sequence
def _room(studio: Studio, size: int) -> UInt8[np.ndarray, "size size 3"]:
    """Wall, a shelf or a lamp or posters, out of focus; to be read."""
    image, rng = np.zeros((size, size, 3), np.uint8), np.random.default_rng(studio.seed)
    c, wall = Props(image, (0.0, 0.0), size), np.array(studio.wall)
    c.gradient(np.clip(wall * 1.08, 0, 255), np.clip(wall * 0.82, 0, 255))
    for _ in range(int(rng.integers(3, 9))):
        x, y, w, h = rng.uniform([0, 0, 0.08, 0.08], [1, 0.9, 0.4, 0.4])
        colour = np.clip(wall + rng.normal(0, 50, 3), 5, 250)
        if rng.uniform() < 0.3:
            c.ellipse((x, y), (w / 2, w / 2), colour)
        else:
            c.box(x - w / 2, y - h / 2, x + w / 2, y + h / 2, colour)
    return cv2.GaussianBlur(image, (0, 0), 0.014 * size)


def torso(pose: Pose, size: int) -> tuple[list[list[float]], Float[np.ndarray, "points 2"]]:
    """Outlines of neck and shirt in pixels."""
    (x, y), s = pose.centre, pose.scale
    y += 0.9 * s
    neck = [[x - 0.5 * s, y - 0.6 * s], [x + 0.5 * s, y - 0.6 * s]]
    neck += [[x + 0.56 * s, size + 4], [x - 0.56 * s, size + 4]]
    half = [[1.7 * s, size + 9], [1.4 * s, y + 0.42 * s], [0.5 * s, y + 0.2 * s], [0, y + 0.42 * s]]
    return neck, curve(symmetric(x, half))


def occlude(image: np.ndarray, take: Take, landmarks: np.ndarray) -> None:
    """Draws the hand, microphone or strand of hair that hides a part of the face, if any."""
    c, who, studio, lost = Props(image, (0.0, 0.0), 1.0), take.who, take.studio, take.lost
    scale = take.pose.scale
    side, skin = studio.side, np.array(who.skin) * 0.9 * np.array(studio.light.tint)
    if lost or studio.occlusion == "hand":
        x, y = landmarks[12 if side > 0 else 4] if not lost else landmarks[30]
        grow = (1.0 if not lost else 2.2) * scale
        c.ellipse((x + 0.1 * grow * side, y + 0.25 * grow), (0.3 * grow, 0.34 * grow), skin * 0.92)
        for k in range(4):
            tip = np.array([x + (0.12 - 0.16 * k) * grow * side, y - (0.22 - 0.03 * k) * grow])
            base = np.array([x + (0.26 - 0.13 * k) * grow * side, y + 0.25 * grow])
            c.stroke([base, tip], skin * 0.72, 0.165 * grow)
            c.stroke([base, tip], skin * (0.98 - 0.02 * k), 0.14 * grow)
    elif studio.occlusion == "microphone":
        x, y = landmarks[8] + np.array([0.34 * scale * side, -0.12 * scale])
        c.microphone(x, y, 0.15 * scale)
    elif studio.occlusion == "strand" and who.hair_style in (2, 3, 5, 6):
        top = landmarks[24 if side > 0 else 19] + np.array([0.05 * scale * side, -0.5 * scale])
        low = landmarks[14 if side > 0 else 2]
        line = curve([top, (top + low) / 2 + np.array([0.12 * scale * side, 0]), low])
        for k in range(4):
            colour = np.array(who.hair) * (0.8 + 0.1 * k)
            c.stroke(line + np.array([0.03 * scale * k * side, 0]), colour, 0.03 * scale)


@dataclass(frozen=True)
class Reaction:
    """A frame and what a face tracker would measure: pixels, radians, millimetres."""

    image: UInt8[np.ndarray, "size size 3"]
    landmarks: Float[np.ndarray, "68 2"]
    head_pose: Float[np.ndarray, "6"]  # Tx Ty Tz mm, Rx Ry Rz rad
    gaze_angle: tuple[float, float]


def render_reaction(take: Take) -> Reaction:
    """Draws one frame in colour."""
    who, studio, size, pose = take.who, take.studio, take.size, take.pose
    rng = np.random.default_rng([studio.seed, take.frame])
    right, down = np.clip(np.array(studio.gaze) + rng.normal(0, 0.05, 2), -1, 1).tolist()
    image = _room(studio, size).copy()
    c, (neck, shirt) = Canvas(image, (0.0, 0.0), 1.0), torso(pose, size)
    c.fill(neck, np.array(who.skin) * 0.62 * np.array(studio.light.tint))
    c.fill(shirt, np.array(studio.shirt) * 0.9)
    c.stroke(shirt[8:24], np.array(studio.shirt) * 0.7, 0.05 * pose.scale)
    gaze = (right, down)
    image, landmarks = render_head(who, take.au, pose, studio.light, gaze, image, take.lean)
    occlude(image, take, landmarks)
    if studio.blur:
        image = cv2.GaussianBlur(image, (0, 0), studio.blur * size / 256)
    noise = rng.integers(-128, 128, (size, size), np.int8).astype(np.float32)
    noise *= np.float32(studio.grain / 74)
    image = np.clip(image + noise[..., None], 0, 255).astype(np.uint8)
    focal, unit = 1.17 * size, 100.0  # OpenFace's default focal length; a canonical unit is ~100 mm
    depth = focal * unit / pose.scale
    shift = (np.array(pose.centre) - size / 2) * depth / focal
    head = np.array([*shift, depth, pose.pitch, pose.yaw, pose.roll])
    angle = (pose.yaw * 0.4 + 0.35 * right, pose.pitch * 0.4 + 0.25 * down)
    return Reaction(image, landmarks, head, angle)
