"""A video file, or a camera, as pictures with their times."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2

from drr_jax import limits
from drr_jax.errors import InputError
from drr_jax.predict import opencv
from drr_jax.predict.pictures import Picture, readable
from tfds_reactionet import reading

VIDEOS = reading.VIDEO_SUFFIXES
COUNTED = (".mp4", ".avi", ".mov", ".m4v")  # whose headers say how many frames there are
# Frames from one key frame to the next, at most: a cut without encoding anew keeps those before its
# start in the file, counts them, and has them not shown.
HIDDEN = 300
UNSEEN = (
    0.05  # share of the length, 1 second at least, in which others may have no frames at their end
)


class Video:
    """A video file, upright as its header says it is to be shown, with the times of its frames."""

    video = True

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, readable(path.name)
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
        held: Picture | None = None  # the last frame of a video that is cut off is half there
        try:
            while capture.grab():
                if held is not None:
                    yield held
                    held = None
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
                held = Picture(self.name, number, time, cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
        finally:
            capture.release()
        self._check_end(number, last)
        if held is not None:
            yield held

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
                f"{self.path}: not a video that OpenCV can read, or cut off (an .mp4 has its index "
                "at its end); expected one as ffmpeg writes it"
            )
        if width * height > limits.IMAGE_PIXELS:
            raise InputError(
                f"{self.path}: {width} x {height} pixels, where the limit is "
                f"{limits.IMAGE_PIXELS / 1e6:.0f} megapixels; scale it down"
            )
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
        with opencv.quiet():
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
