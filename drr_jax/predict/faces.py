"""What a face detector says: boxes, five points and how sure it is."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float, UInt8

from tfds_reactionet.reading import Box

# The smallest face that is looked for, as a share of the image's shorter side.
SMALLEST = 1 / 12


@dataclass(frozen=True)
class Face:
    """A face in an image.

    box: its edges in pixels of the image; it may reach beyond the image.
    points: eye on the image's left, other eye, nose, corners of the mouth from left to right, in
      pixels (x, y) whose centres are integers: what `reading.face_transform` takes; or None.
    confidence: 0 to 1, the detector's own measure; those of two detectors do not compare.
    """

    box: Box
    points: Float[np.ndarray, "5 2"] | None
    confidence: float


@dataclass(frozen=True)
class Found:
    """A face of a picture, as it is cut out and written down.

    box and points as in `Face`, in pixels of the picture; both None: the picture is the face.
    """

    box: Box | None = None
    points: Float[np.ndarray, "points 2"] | None = None
    confidence: float = 1.0
    face: int = 0  # face_id


class Detector(Protocol):
    """Finds faces. One object serves one thread: OpenCV's networks hold the image they work on."""

    def find(self, image: UInt8[np.ndarray, "height width 3"]) -> list[Face]:
        """The faces of an RGB image of any size, the largest first."""
        ...


def by_size(faces: list[Face]) -> list[Face]:
    """Faces from the largest box to the smallest; equal ones by confidence, then by place."""
    return sorted(
        faces,
        key=lambda face: (
            -face.box.area,
            -face.confidence,
            face.box.left,
            face.box.top,
        ),
    )
