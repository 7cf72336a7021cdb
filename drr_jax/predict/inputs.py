"""What a model is put on: images, videos, a camera, arrays; each a stream of pictures."""

import glob
import hashlib
import math
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from jaxtyping import UInt8

from drr_jax import files, limits
from drr_jax.errors import InputError
from tfds_reactionet import reading

VIDEOS = reading.VIDEO_SUFFIXES
PHOTOS = (*reading.IMAGE_SUFFIXES, ".webp", ".gif", ".ppm", ".pgm", ".jp2")
COUNTED = (".mp4", ".avi", ".mov", ".m4v")  # whose headers say how many frames there are
# Frames from one key frame to the next, at most: a cut without encoding anew keeps those before its
# start in the file, counts them, and has them not shown.
HIDDEN = 300
UNSEEN = (
    0.05  # share of the length, 1 second at least, in which others may have no frames at their end
)
JOB = "predict.json"  # a folder that has it holds predictions: its pictures are no input
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
    if chosen := _once(file for file in found if file.suffix.lower() in PHOTOS):
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
    ours = {job.parent for job in path.rglob(JOB)} - {path}  # as with --out=photos/out before
    chosen = [file for file in path.rglob("*") if file.suffix.lower() in PHOTOS]
    chosen = [file for file in chosen if not file.is_dir() and ours.isdisjoint(file.parents)]
    chosen.sort(key=_natural)
    if not chosen:
        raise InputError(
            f"--input={what}: no image in this folder; expected files that end in "
            f"{', '.join(PHOTOS)}; a video is named itself"
        )
    return Images(chosen, path, what)


def _once(paths: Iterable[Path]) -> list[Path]:
    """The files among some paths, each once, by its shortest: links to folders may run in rings."""
    kept: dict[tuple[Path, str], Path] = {}
    for path in paths:
        if path.is_dir():
            continue
        place = path.parent.resolve(), path.name
        if place not in kept or len(path.parts) < len(kept[place].parts):
            kept[place] = path
    return sorted(kept.values(), key=_natural)


def _readable(name: str) -> str:
    """A file's name as UTF-8, with an escape for every byte that is not."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


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
        self.paths, self.name = list(paths), _readable(name)
        shown = [(path.relative_to(root) if root else path).as_posix() for path in paths]
        self.names = [_readable(name) for name in shown]

    @property
    def length(self) -> int:
        return len(self.paths)

    def stamp(self) -> dict[str, Any]:
        digest = hashlib.sha256()
        for path, name in zip(self.paths, self.names, strict=True):
            status = path.stat() if path.exists() else None
            said = (status.st_size, status.st_mtime_ns) if status else ()
            digest.update(f"{name!r} {said}\n".encode())
        return {"images": len(self.paths), "files": digest.hexdigest()[:16]}

    def pictures(self, first: int = 1) -> Iterator[Picture]:
        yield from map(self.picture, range(first, len(self.paths) + 1))

    def picture(self, number: int) -> Picture:
        """A picture by its number, from 1 on."""
        path, pixels, problem = self.paths[number - 1], None, ""
        try:
            pixels = reading.decode(files.read_at_most(path, limits.IMAGE_BYTES))
        except (reading.BadImageError, InputError) as error:
            problem = str(error)
        except OSError as error:
            problem = error.strerror or str(error)
        return Picture(self.names[number - 1], number, math.nan, pixels, problem)


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
        self.path, self.name = path, _readable(path.name)
        capture = self._open()
        claimed = float(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        rate = float(capture.get(cv2.CAP_PROP_FPS))
        self.rate = rate if math.isfinite(rate) and 0 < rate < 1000 else 25.0
        self._claimed = int(claimed) if 0 < claimed < 1e9 else None
        self._start = 0.0  # of the first frame by the file's clock; times are from it on
        capture.release()

    @property
    def length(self) -> int | None:
        return self._claimed

    @property
    def longest(self) -> int | None:
        """The most frames that it may have: not all headers count them."""
        claimed = self._claimed
        if claimed is None or self.path.suffix.lower() in COUNTED:
            return claimed
        return claimed + max(1, round(UNSEEN * claimed))

    def stamp(self) -> dict[str, Any]:
        status = self.path.stat()
        return {"video": str(self.path.absolute()), "bytes": status.st_size, "at": status.st_mtime}

    def pictures(self, first: int = 1) -> Iterator[Picture]:
        capture, number, last = self._open(), 0, -1.0
        try:
            while capture.grab():
                number += 1
                if number == 1:
                    self._start = max(_start(capture) / self.rate, 0.0)
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
        self._check_end(number, last)

    def _check_end(self, seen: int, last: float) -> None:
        """Raises InputError if frames are missing behind the last one, at `last` seconds."""
        claimed, kind = self._claimed, self.path.suffix.lower()
        if claimed is None or claimed - seen <= 1:
            return
        if kind in COUNTED:
            whole = kind != ".avi" and claimed - seen <= HIDDEN and _ends_well(self.path)
        else:  # the count is the length times the highest rate: if the rate varies, time tells
            seconds = claimed / self.rate
            whole = seconds - self._start - last <= max(1.0, UNSEEN * seconds)
        if not whole:
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


def _start(capture: cv2.VideoCapture) -> float:
    """When the frame just read is shown by the file's own clock, in frames; 0 if OpenCV is old."""
    return float(capture.get(getattr(cv2, "CAP_PROP_PTS", -1)))


def _ends_well(path: Path) -> bool:
    """Whether all boxes of a file of ISO 14496-12 are there whole."""
    at, size = 0, path.stat().st_size
    with open(path, "rb") as file:
        while at + 8 <= size:
            file.seek(at)
            head = file.read(16)
            length = int.from_bytes(head[:4], "big")
            if length == 1:  # 64 bits of it follow the name
                length = int.from_bytes(head[8:], "big")
            if length < 8:  # 0: to the end
                return length == 0
            at += length
    return at == size


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
