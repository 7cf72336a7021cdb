"""Rendered faces whose points are known, in images of any size."""

import functools

import cv2
import numpy as np

from tfds_reactionet.demo.reaction import Take, render_reaction, sample_studio
from tfds_reactionet.demo.sequence import Release, write_script


@functools.cache
def rendered_face(index: int, size: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """A face of the demo release, size x size x 3, and its points 5 x 2; to be read.

    Eye on the image's left, other eye, tip of the nose, corners of the mouth, in pixels. A 20th of
    a second.
    """
    release = Release(tuples=9 * 180, size=size, seed=0)
    script, studio = write_script(release, index), sample_studio(release.rng(6, index))
    shot = render_reaction(Take(script.who, script.course.intensity[-1], studio, 0, 0.0, size))
    marks = shot.landmarks
    eyes = [marks[36:42].mean(axis=0), marks[42:48].mean(axis=0)]
    return shot.image, np.array([*eyes, marks[30], marks[48], marks[54]])


def put(images: list[tuple[np.ndarray, tuple[int, int], int]], height: int, width: int):
    """A grey image with square ones on it: each with its left top corner (x, y) and its side."""
    whole = np.full((height, width, 3), 110, np.uint8)
    for image, (x, y), side in images:
        interpolation = cv2.INTER_AREA if side < len(image) else cv2.INTER_LINEAR
        whole[y : y + side, x : x + side] = cv2.resize(
            image, (side, side), interpolation=interpolation
        )
    return whole
