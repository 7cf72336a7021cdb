"""Face boxes that reach over the edge of their image."""

from functools import cached_property
from pathlib import Path

from PIL import Image

from tfds_reactionet.reading import Box


class ClippedBox(Box):
    """The part of a box that lies in its image, whose header is read when the face is cut out.

    Listing a data set must not open its images. A box beside the image has a width or height of 0.
    """

    def __init__(self, box: Box, image: Path):
        object.__setattr__(self, "_source", (box, image))

    @property
    def left(self) -> float:
        return self._clipped.left

    @property
    def top(self) -> float:
        return self._clipped.top

    @property
    def width(self) -> float:
        return self._clipped.width

    @property
    def height(self) -> float:
        return self._clipped.height

    @cached_property
    def _clipped(self) -> Box:
        box, path = self.__dict__["_source"]
        try:
            with Image.open(path) as image:
                return clip(box, *image.size)
        except Exception:  # Pillow raises many kinds; decoding will tell what is wrong
            return box


def clip(box: Box, width: int, height: int) -> Box:
    """The part of a box in an image of a width and height; of width or height 0 if none."""
    left, top = max(box.left, 0.0), max(box.top, 0.0)
    right = min(box.left + box.width, float(width))
    bottom = min(box.top + box.height, float(height))
    return Box(left, top, max(right - left, 0.0), max(bottom - top, 0.0))
