"""Images and videos of a raw release as images of one size."""

import io
import math
import struct
import warnings
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import simplejpeg
from jaxtyping import UInt8
from PIL import Image, TiffImagePlugin

from drr_jax import limits
from drr_jax.errors import InputError
from tfds_reactionet.reading.placing import Fit, Placement
from tfds_reactionet.reading.unread import reason

JPEG_QUALITY = 95
_JPEG = b"\xff\xd8\xff"
_SCAN = b"\xff\xda"  # what begins one; in the data of pixels 0 follows every 255
_PNG = b"\x89PNG\r\n\x1a\n"
# What OpenCV and Pillow both read; without headers that only one of them knows.
_FORMATS = ("BMP", "DIB", "GIF", "JPEG2000", "PPM", "SUN", "TIFF", "WEBP")
_TILE_WIDTH, _TILE_LENGTH = 322, 323  # of a TIFF
_COLOUR = ("YCbCr", "RGB")  # of a JPEG's header

_ORIENTATION = 0x0112  # EXIF's tag: how the stored rows and columns are to be shown
_TURNED = {  # from stored pixels to shown ones, by the tag's value; 1 is upright
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: image.swapaxes(0, 1)[:, ::-1],
    7: lambda image: image.swapaxes(0, 1)[::-1, ::-1],
    8: lambda image: image.swapaxes(0, 1)[::-1],
}

Format = Literal["jpeg", "png", "grey"]  # "grey": a PNG of one channel


class BadImageError(ValueError):
    """An image or video frame that does not decode completely."""


def decode(data: bytes) -> UInt8[np.ndarray, "height width 3"]:
    """RGB pixels of an encoded image, as its EXIF orientation says it is to be shown.

    Raises BadImageError if it is cut off, damaged, or no image, or claims a vast size.
    """
    try:
        if data.startswith(_JPEG):
            height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
            _check_pixels(int(height), int(width))
            if data.count(_SCAN) > limits.JPEG_SCANS:
                raise BadImageError(f"more than {limits.JPEG_SCANS} scans of its pixels")
            if colours != "CMYK":
                image = simplejpeg.decode_jpeg(data, "RGB")
                turned = _TURNED.get(_orientation(data))
                return np.ascontiguousarray(turned(image)) if turned else image
        elif data.startswith(_PNG):
            _check_pixels(*struct.unpack(">8xII", data[8:24].ljust(16, b"\0")))
        else:
            _check_header(data)
    except ValueError as error:
        raise BadImageError(str(error)) from error
    try:  # OpenCV turns images itself
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    except cv2.error as error:
        raise BadImageError(str(error)) from error
    if image is None:
        raise BadImageError(reason(data))
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _orientation(data: bytes) -> int:
    """The orientation in a JPEG's EXIF, 1 to 8; 1 if it has none, or a damaged one."""
    at = 2
    while data[at : at + 1] == b"\xff" and data[at + 1 : at + 2] != b"\xda":  # the pixels
        if data[at + 1 : at + 2] == b"\xff":  # any number of them may stand before a marker
            at += 1
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        if data[at + 1 : at + 2] == b"\xe1" and data[at + 4 : at + 10] == b"Exif\0\0":
            exif = Image.Exif()
            try:
                exif.load(data[at + 4 : end])
                return int(exif.get(_ORIENTATION, 1))
            except Exception:  # Pillow raises many kinds
                return 1
        at = end
    return 1


def rgb(raw: bytes | UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "height width 3"]:
    """RGB pixels of what `Pixels.read` gives. Raises BadImageError as `decode` does."""
    return decode(raw) if isinstance(raw, bytes) else raw


def _check_header(data: bytes) -> None:
    """Raises BadImageError for an image of another format that OpenCV would need gigabytes for.

    OpenCV itself refuses no image below 2^30 pixels, however few bytes it has. Pillow reads no more
    than the header, but of a TIFF, whose pixels OpenCV does not check.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # about sizes, and metadata
            image = Image.open(io.BytesIO(data), formats=_FORMATS)
            _check_pixels(image.height, image.width)
            if isinstance(image, TiffImagePlugin.TiffImageFile):
                tiles = [image.tag_v2.get(tag, 0) for tag in (_TILE_WIDTH, _TILE_LENGTH)]
                _check_pixels(*(int(side) for side in tiles))
                image.load()  # OpenCV gives black where strips are damaged or missing
    except BadImageError:
        raise
    except Image.DecompressionBombError as error:  # Pillow's own limit, which is higher
        raise BadImageError(
            f"more than {limits.IMAGE_PIXELS / 1e6:.0f} megapixels ({error}); scale it down"
        ) from error
    except Exception as error:  # Pillow raises many kinds
        raise BadImageError(reason(data)) from error


def _check_pixels(height: int, width: int) -> None:
    if height * width > limits.IMAGE_PIXELS:
        raise BadImageError(
            f"{height} x {width} pixels, {height * width / 1e6:.0f} megapixels, where the limit is "
            f"{limits.IMAGE_PIXELS / 1e6:.0f}; scale it down"
        )


def encode(image: UInt8[np.ndarray, "height width *channels"], kind: Format = "jpeg") -> bytes:
    """JPEG or PNG of RGB pixels; "grey": the PNG of grey ones [height, width]."""
    if kind == "jpeg":
        image = np.ascontiguousarray(image)
        return simplejpeg.encode_jpeg(image, JPEG_QUALITY, "RGB", colorsubsampling="420")
    if kind == "png":
        image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 3])[1].tobytes()


def to_stored(
    raw: bytes | UInt8[np.ndarray, "height width 3"],
    size: int,
    kind: Format = "jpeg",
    fit: Fit = "letterbox",
) -> tuple[bytes, tuple[int, int]]:
    """The size x size image to store for a whole one, encoded or not, and its original shape.

    A colour JPEG that already has the size keeps its bytes, after it was decoded in full; as
    "grey", so does an 8-bit grey PNG.
    """
    image = rgb(raw)
    shape = (image.shape[0], image.shape[1])
    if isinstance(raw, bytes) and shape == (size, size) and _is_stored(raw, kind):
        return raw, shape
    if kind == "grey":
        image = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return encode(Placement.of(*shape, size, fit).apply(image), kind), shape


def _is_stored(data: bytes, kind: Format) -> bool:
    """Whether an image is of a kind, and upright as it is."""
    if kind == "jpeg" and data.startswith(_JPEG):
        return simplejpeg.decode_jpeg_header(data)[2] in _COLOUR and _orientation(data) == 1
    # bit depth and colour type
    grey = data.startswith(_PNG) and data[24:26] == b"\x08\x00"
    return kind == "grey" and grey and b"eXIf" not in data


class VideoFrames:
    """Frames of a video by number, the first being 1. Cheap if asked for in rising order.

    Frames are counted by grabbing them, since seeking lands on key frames in many containers; for
    an earlier frame the video is read again from its start.
    """

    def __init__(self, path: Path):
        self.path = path
        self._open()

    def frame(self, number: int) -> UInt8[np.ndarray, "height width 3"]:
        """RGB pixels of a frame. Raises BadImageError if it cannot be decoded."""
        if number < self._next:
            self._open()
        while self._next < number:
            if not self._capture.grab():
                raise BadImageError(f"video ends before frame {number}")
            self._next += 1
        ok, image = self._capture.read()
        self._next += 1
        if not ok:
            raise BadImageError(f"frame {number} does not decode")
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)

    def _open(self) -> None:
        self._capture = cv2.VideoCapture(str(self.path))
        sides = cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FRAME_WIDTH
        _check_pixels(*(int(self._capture.get(side)) for side in sides))
        self._next = 1


def video_length(path: Path) -> int:
    """Number of frames a video's header claims; 0 if it cannot be opened."""
    capture = cv2.VideoCapture(str(path))
    return max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT))) if capture.isOpened() else 0


def frame_rate(path: Path, option: str) -> float:
    """Frames a second of a video, as its header says.

    Raises InputError if that cannot be; a builder's `option` says it instead.
    """
    fps = cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FPS)
    if not (math.isfinite(fps) and 0 < fps <= 1000):
        raise InputError(f"{path}: its header says {fps:g} frames a second; pass --{option}=25")
    return fps
