"""What a model is put on: images, videos, a camera, arrays; each a stream of pictures."""

import glob
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from jaxtyping import UInt8

from drr_jax import files, limits
from drr_jax.errors import InputError
from tfds_reactionet import reading

VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".ts", ".ogv")
PHOTOS = (*reading.IMAGE_SUFFIXES, ".webp", ".gif", ".ppm", ".pgm", ".jp2")
COUNTED = (".mp4", ".avi", ".mov", ".m4v")  # whose headers say how many frames there are
ESTIMATE = 0.05  # by how much the count of another may be wrong: duration times rate
Image = UInt8[np.ndarray, "height width 3"]


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


def open_input(what: str) -> Input:
    """The images or the video that a path, a pattern of names or a camera's number stands for.

    Raises InputError for what is not there and for what is neither.
    """
    if re.fullmatch("[0-9]{1,3}", what) and not Path(what).exists():
        return Camera(int(what))
    path = Path(what).expanduser()
    if path.is_dir():
        return _of_folder(path, what)
    if path.is_file():
        if path.suffix.lower() in VIDEOS:
            return Video(path)
        return Images([path], path.parent, what)
    found = sorted(map(Path, glob.glob(str(path), recursive=True)), key=_natural)
    if chosen := [file for file in found if file.suffix.lower() in PHOTOS]:
        return Images(chosen, _common(chosen), what)
    if found:
        raise InputError(
            f"--input={what}: it fits {len(found)} files and folders, and none is an image; "
            f"expected names that end in {', '.join(PHOTOS)}"
        )
    raise InputError(
        f"--input={what}: no such file or folder; expected an image, a folder of images, a pattern "
        "of names, a video, a camera's number, or SET:PART of a prepared data set"
    )


def _of_folder(path: Path, what: str) -> "Images":
    suffixes = PHOTOS
    chosen = [file for file in path.rglob("*") if file.suffix.lower() in suffixes]
    chosen = sorted((file for file in chosen if file.is_file()), key=_natural)
    if not chosen:
        raise InputError(
            f"--input={what}: no image in this folder; expected files that end in "
            f"{', '.join(suffixes)}; a video is named itself"
        )
    return Images(chosen, path, what)


def _natural(path: Path) -> list[Any]:
    """A key by which image2 comes before image10."""
    parts = re.split("([0-9]+)", str(path))
    return [(int(part), part) if k % 2 else (0, part) for k, part in enumerate(parts)]


def _common(paths: Sequence[Path]) -> Path:
    first, *others = [path.parent for path in paths]
    while not all(first in (other, *other.parents) for other in others):
        first = first.parent
    return first


class Images:
    """Image files; no one follows another."""

    video = False

    def __init__(self, paths: Sequence[Path], root: Path | None, name: str) -> None:
        """Pictures are named by their paths from `root` on, without one by the whole paths."""
        self.paths, self.name = list(paths), name
        self.names = [(path.relative_to(root) if root else path).as_posix() for path in paths]

    @property
    def length(self) -> int:
        return len(self.paths)

    def stamp(self) -> dict[str, Any]:
        return {"images": len(self.paths), "first": self.names[0], "last": self.names[-1]}

    def pictures(self, first: int = 1) -> Iterator[Picture]:
        for number, (path, name) in enumerate(zip(self.paths, self.names, strict=True), 1):
            if number < first:
                continue
            pixels, problem = None, ""
            try:
                pixels = reading.decode(files.read_at_most(path, limits.IMAGE_BYTES))
            except (reading.BadImageError, InputError) as error:
                problem = str(error)
            except OSError as error:
                problem = error.strerror or str(error)
            yield Picture(name, number, math.nan, pixels, problem)


class Arrays:
    """Pictures in memory."""

    video = False

    def __init__(self, images: Sequence[Image]) -> None:
        self.images, self.name = images, "arrays"

    @property
    def length(self) -> int:
        return len(self.images)

    def stamp(self) -> dict[str, Any]:
        return {"arrays": len(self.images)}

    def pictures(self, first: int = 1) -> Iterator[Picture]:
        for number in range(first, len(self.images) + 1):
            yield Picture("", number, math.nan, np.asarray(self.images[number - 1]))


class Video:
    """A video file, upright as its header says it is to be shown, with the times of its frames."""

    video = True

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.name
        capture = self._open()
        claimed = float(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        rate = float(capture.get(cv2.CAP_PROP_FPS))
        self.rate = rate if math.isfinite(rate) and 0 < rate < 1000 else 25.0
        self._claimed = int(claimed) if 0 < claimed < 1e9 else None
        capture.release()

    @property
    def length(self) -> int | None:
        return self._claimed

    def stamp(self) -> dict[str, Any]:
        status = self.path.stat()
        return {"video": str(self.path.absolute()), "bytes": status.st_size, "at": status.st_mtime}

    def pictures(self, first: int = 1) -> Iterator[Picture]:
        capture, number, last = self._open(), 0, -1.0
        try:
            while capture.grab():
                number += 1
                # Whatever a damaged stream says, time goes on.
                said = float(capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000
                time = said if said > last else max(last + 1 / self.rate, (number - 1) / self.rate)
                last = time
                if number < first:
                    continue
                ok, image = capture.retrieve()
                if not ok:
                    raise InputError(f"{self.path}: frame {number} does not decode")
                yield Picture(self.name, number, time, cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
        finally:
            capture.release()
        self._check_end(number)

    def _check_end(self, seen: int) -> None:
        claimed = self._claimed
        if claimed is None:
            return
        slack = 1 if self.path.suffix.lower() in COUNTED else max(1, round(ESTIMATE * claimed))
        if claimed - seen > slack:
            raise InputError(
                f"{self.path}: the stream ends at frame {seen}, and its header says {claimed} "
                f"frames; cut off or damaged, expected the whole video"
            )

    def _open(self) -> cv2.VideoCapture:
        capture = cv2.VideoCapture(str(self.path))
        width, height = (
            int(capture.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
        if not capture.isOpened() or width * height <= 0:
            raise InputError(
                f"{self.path}: not a video that OpenCV can read, or cut off at its start; expected "
                "one as ffmpeg writes it"
            )
        if width * height > limits.IMAGE_PIXELS:
            raise InputError(f"{self.path}: {width} x {height} pixels, the limit is 2^26")
        return capture


class Camera:
    """A camera of this machine, until Ctrl-C."""

    video = True
    length = None

    def __init__(self, number: int) -> None:
        self.number, self.name = number, f"camera {number}"
        self._capture = cv2.VideoCapture(number)
        if not self._capture.isOpened():
            raise InputError(
                f"--input={number}: no camera of this number, and no file of this name; expected "
                "0 for the first camera, or a path"
            )

    def stamp(self) -> dict[str, Any]:
        return {}

    def pictures(self, first: int = 1) -> Iterator[Picture]:
        start, number = cv2.getTickCount(), first - 1
        try:
            while True:
                ok, image = self._capture.read()
                if not ok:
                    return
                number += 1
                time = (cv2.getTickCount() - start) / cv2.getTickFrequency()
                yield Picture(self.name, number, time, cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
        finally:
            self._capture.release()
