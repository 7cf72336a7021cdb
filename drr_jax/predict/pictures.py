"""A picture to find faces in, and what gives pictures in order."""

import numbers
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from jaxtyping import UInt8

from drr_jax.errors import InputError

FASTEST = 10_000.0  # frames a second
Image = UInt8[np.ndarray, "height width 3"]


def check_rate(fps: Any, said: str) -> None:
    """Raises InputError, begun with `said`, unless `fps` is so many frames a second."""
    if not isinstance(fps, numbers.Real) or not 0 < float(fps) <= FASTEST:
        raise InputError(f"{said}{fps}: expected frames a second, as in {said}25")


@dataclass(frozen=True)
class Picture:
    """An image, or a frame of a video.

    name: its file's, as the table has it. frame counts from 1. timestamp: seconds. pixels: RGB;
    None for an image that does not decode, of which `problem` says why.
    """

    name: str
    frame: int
    timestamp: float
    pixels: Image | None
    problem: str = ""


class Input(Protocol):
    """Pictures in order. `video`: whether one follows the other in time."""

    name: str
    video: bool

    @property
    def length(self) -> int | None:
        """Number of pictures, None if unknown; a video's header may be wrong about it."""
        ...

    def stamp(self) -> dict[str, Any]:
        """What tells whether it is the same as before, as JSON values."""
        ...

    def pictures(self, first: int = 1) -> Iterator[Picture]:
        """The pictures from number `first` on. Raises InputError where a video is cut off."""
        ...


def readable(name: str) -> str:
    """A file's name as UTF-8, with an escape for every byte that is not."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
