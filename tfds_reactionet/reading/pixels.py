"""Where the pixels of a frame come from: an image file, a zip member, a video frame, an array.

Each source is a small picklable description; `read()` gives the encoded bytes, or RGB pixels, and
raises BadImageError (a skipped frame) if they cannot be had. Archives and videos stay open between
the frames of a worker process. A video is never sought: its frames are counted by decoding them.
"""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from jaxtyping import UInt8

from drr_jax import files, limits
from drr_jax.errors import InputError
from tfds_reactionet.reading.archive import open_archive
from tfds_reactionet.reading.images import BadImageError, VideoFrames

ROTATIONS = {
    0: None,
    90: cv2.ROTATE_90_CLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_COUNTERCLOCKWISE,
}


class Pixels(Protocol):
    """A source of one image."""

    @property
    def file(self) -> str:
        """What to name in the list of skipped frames."""
        ...

    def read(self) -> bytes | UInt8[np.ndarray, "height width 3"]:
        """The encoded image or its RGB pixels. Raises BadImageError."""
        ...


@dataclass(frozen=True)
class ImageFile:
    """An image file of any format that OpenCV reads."""

    path: Path

    @property
    def file(self) -> str:
        return str(self.path)

    def read(self) -> bytes:
        try:
            return files.read_at_most(self.path, limits.IMAGE_BYTES)
        except (OSError, InputError) as error:
            raise BadImageError(str(error)) from error


@dataclass(frozen=True)
class ZipImage:
    """An image in a zip file. A hostile or damaged archive ends the build with its one line."""

    archive: Path
    member: str

    @property
    def file(self) -> str:
        return f"{self.archive}/{self.member}"

    def read(self) -> bytes:
        return open_archive(self.archive).read(self.member)


@dataclass(frozen=True)
class VideoImage:
    """Frame `number` of a video, the first being 0.

    Cheap only if a reader asks for rising numbers of one video, as chunks of a unit do.
    """

    video: Path
    number: int

    @property
    def file(self) -> str:
        return str(self.video)

    def read(self) -> UInt8[np.ndarray, "height width 3"]:
        return open_video(self.video).frame(self.number + 1)


def rotated(
    image: UInt8[np.ndarray, "height width 3"], degrees: int
) -> UInt8[np.ndarray, "rows columns 3"]:
    """An image turned clockwise by 0, 90, 180 or 270 degrees."""
    how = ROTATIONS[degrees % 360]
    return image if how is None else cv2.rotate(image, how)


@functools.lru_cache(maxsize=4)  # a sequence's reaction, stimulus, depth and thermal videos
def open_video(path: Path) -> VideoFrames:
    """A video that stays open in this process, where its last reader left it."""
    return VideoFrames(path)
