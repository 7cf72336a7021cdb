"""What cannot be read is named: a photo of a telephone, numbers that are no bytes, no image."""

import re

import cv2
import numpy as np
import pytest

from tfds_reactionet import reading


def tiff(kind: type, *shape: int) -> bytes:
    image = np.linspace(0, 1, int(np.prod(shape))).reshape(shape)
    return cv2.imencode(".tiff", image.astype(kind))[1].tobytes()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            tiff(np.float32, 8, 8, 3),
            "a TIFF of 3 channels of 32-bit floating-point numbers; expect",
        ),
        (tiff(np.float64, 8, 8), "a TIFF of 1 channel of 64-bit floating-point numbers; expected"),
        (tiff(np.int32, 8, 8), "a TIFF of 1 channel of 32-bit signed numbers; expected one or"),
        (tiff(np.uint8, 8, 8, 3)[:40], "not an image, or cut off"),
        (b"II*\0", "not an image, or cut off"),
        (b"II+\0\xff\xff\xff\xff", "not an image, or cut off"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC photo, which is not read; save it as JPEG"),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1avif", "an AVIF image, which is not read; save it as"),
        (b"%PDF-1.7", "a PDF, which is not read; save it as JPEG or PNG"),
        (b"\n<!DOCTYPE html><p>404", "a web page, not an image; download it again"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS, not the image"),
        (b"", "the file is empty"),
        (b"thesis", "not an image, or cut off"),
    ],
)
def test_what_is_no_image_is_named(data, said):
    with pytest.raises(reading.BadImageError, match=f"^{re.escape(said)}"):
        reading.decode(data)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_eight_and_sixteen_bits_are_read(kind):
    image = np.full((8, 8, 3), np.iinfo(kind).max // 2, kind)
    shown = reading.decode(cv2.imencode(".tiff", image)[1].tobytes())
    assert np.abs(shown.astype(int) - 127).max() <= 1
