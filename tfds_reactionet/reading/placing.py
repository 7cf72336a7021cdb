"""Whole images in a square: letterboxed, or their central square. Shapes are never changed."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Float, UInt8

Fit = Literal["letterbox", "centre"]


@dataclass(frozen=True)
class Placement:
    """A rectangle of an image, in pixels, and the rectangle of the stored one that it fills."""

    left: int
    top: int
    width: int
    height: int
    to_left: int
    to_top: int
    to_width: int
    to_height: int
    size: int

    @classmethod
    def of(cls, height: int, width: int, size: int, fit: Fit) -> "Placement":
        """letterbox: the image's longer side fills the square, with black beside the other.

        centre: the square in the middle of the image fills it.
        """
        if fit == "centre":
            side = min(height, width)
            return cls(
                (width - side) // 2, (height - side) // 2, side, side, 0, 0, size, size, size
            )
        longer = max(height, width)
        across, down = (max(1, round(size * side / longer)) for side in (width, height))
        return cls(
            0, 0, width, height, (size - across) // 2, (size - down) // 2, across, down, size
        )

    def apply(
        self, image: UInt8[np.ndarray, "height width *channels"]
    ) -> UInt8[np.ndarray, "size size *channels"]:
        """The stored image."""
        part = image[self.top : self.top + self.height, self.left : self.left + self.width]
        shape = (self.to_height, self.to_width)
        if part.shape[:2] != shape:
            shrinks = min(part.shape[:2]) >= min(shape)
            how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
            part = cv2.resize(part, shape[::-1], interpolation=how)
        if shape == (self.size, self.size):
            return part
        stored = np.zeros((self.size, self.size, *image.shape[2:]), np.uint8)
        bottom, right = self.to_top + self.to_height, self.to_left + self.to_width
        stored[self.to_top : bottom, self.to_left : right] = part
        return stored

    @property
    def transform(self) -> Float[np.ndarray, "2 3"]:
        """From pixels of the image to pixels of the stored one; pixel centres are integers."""
        across, down = self.to_width / self.width, self.to_height / self.height
        shift_x = (0.5 - self.left) * across + self.to_left - 0.5
        shift_y = (0.5 - self.top) * down + self.to_top - 0.5
        return np.array([[across, 0, shift_x], [0, down, shift_y]])


def full_transform(
    height: int, width: int, size: int, fit: Fit = "letterbox"
) -> Float[np.ndarray, "2 3"]:
    """The transform of storing the whole image; pixel centres are integers."""
    return Placement.of(height, width, size, fit).transform
