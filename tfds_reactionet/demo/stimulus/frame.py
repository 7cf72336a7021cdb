"""Stimulus frames of the demo release: the scene's drawing seen through a camera."""

import cv2
import numpy as np
from jaxtyping import UInt8

from tfds_reactionet.demo.stimulus import people, screen, stage, story
from tfds_reactionet.demo.stimulus.props import Props, Shot

# scene -> the module with a function for each of its sub-scenes, of its name
DRAWINGS = {
    **dict.fromkeys(("sport", "show"), stage),
    **dict.fromkeys(("animation", "film"), story),
    **dict.fromkeys(("game", "object"), screen),
    **dict.fromkeys(("self_made", "interview_public_speech"), people),
}


def render_stimulus(
    scene: str, sub_scene: str, shot: Shot, rng: np.random.Generator, size: int
) -> UInt8[np.ndarray, "size size 3"]:
    """One frame of a stimulus video, with a wandering camera, a colour cast and sensor noise."""
    # zeros: a drawing may leave an edge uncovered, and memory must not show through
    image = np.zeros((size, size, 3), np.uint8)
    getattr(DRAWINGS[scene], sub_scene)(Props(image, (0.0, 0.0), size), shot)
    zoom = 1.04 + 0.12 * shot.fixed[6]
    slack = (zoom - 1) / 2 * size
    dx, dy = slack * 0.8 * np.array([shot.swing(0.3), shot.swing(0.23, 0.4)])
    turn = np.array([[zoom, 0, -slack + dx], [0, zoom, -slack + dy]], np.float32)
    image = cv2.warpAffine(image, turn, (size, size), borderMode=cv2.BORDER_REPLICATE)
    if shot.fixed[7] < 0.12:
        image = cv2.GaussianBlur(image, (0, 0), 0.006 * size)
    cast = 0.86 + 0.28 * np.array(shot.fixed[8:11])
    noise = cv2.resize(rng.normal(0, 5, (size // 2, size // 2)).astype(np.float32), (size, size))
    return np.clip(image * cast.astype(np.float32) + noise[..., None], 0, 255).astype(np.uint8)
