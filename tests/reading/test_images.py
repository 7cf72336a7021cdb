"""Images as they are shown and stored: EXIF orientations, letterboxes, central squares."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps
from prepared_faces import letterboxed, pixels

from tfds_reactionet.reading.crop import move
from tfds_reactionet.reading.images import BadImageError, Format, decode, to_stored
from tfds_reactionet.reading.placing import Fit, Placement, full_transform


def photograph(height: int, width: int, kind: str, orientation: int) -> tuple[bytes, np.ndarray]:
    """An image of a coarse pattern with an EXIF orientation, and what Pillow shows of it."""
    coarse = np.random.default_rng(height + width).integers(0, 256, (4, 6, 3), np.uint8)
    image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BILINEAR)
    exif = image.getexif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    image.save(file, kind, exif=exif)
    return file.getvalue(), np.asarray(ImageOps.exif_transpose(Image.open(file)).convert("RGB"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_turned_as_their_exif_says(kind: str, orientation: int) -> None:
    data, shown = photograph(40, 60, kind, orientation)
    found = decode(data)
    assert found.shape == shown.shape == ((40, 60, 3) if orientation < 5 else (60, 40, 3))
    assert np.abs(found.astype(int) - shown).mean() < 3


def test_bytes_may_fill_what_is_before_a_marker() -> None:
    data, shown = photograph(40, 60, "JPEG", 6)
    at = data.index(b"\xff\xe1")
    assert decode(data[:at] + b"\xff\xff" + data[at:]).shape == shown.shape == (60, 40, 3)


@pytest.mark.parametrize("tag", [b"\0\0", b"\0\x09", b"\xff\xff"])
def test_a_damaged_orientation_is_none(tag: bytes) -> None:
    data, _ = photograph(40, 60, "JPEG", 6)
    at = data.index(b"\x01\x12", data.index(b"Exif")) + 8  # value of the tag, big-endian
    broken = data[:at] + tag + data[at + 2 :]
    assert decode(broken).shape == (40, 60, 3)


@pytest.mark.parametrize(("kind", "stored"), [("JPEG", "jpeg"), ("PNG", "grey")])
def test_bytes_are_kept_of_upright_images_only(kind: str, stored: Format) -> None:
    for orientation in (1, 6):
        data, shown = photograph(32, 32, kind, orientation)
        if stored == "grey":
            grey = Image.open(io.BytesIO(data)).convert("L")
            file, exif = io.BytesIO(), grey.getexif()
            if orientation > 1:
                exif[0x0112] = orientation
            grey.save(file, "PNG", **({"exif": exif} if orientation > 1 else {}))
            data = file.getvalue()
            shown = np.asarray(Image.fromarray(shown).convert("L"))
        kept, shape = to_stored(data, 32, stored)
        assert (kept == data) == (orientation == 1) and shape == (32, 32)
        assert np.abs(pixels(kept).astype(int) - shown).mean() < 3


@pytest.mark.parametrize(("height", "width"), [(60, 90), (91, 60), (48, 48), (20, 31), (3, 400)])
def test_whole_images_keep_their_shape(height: int, width: int) -> None:
    image = np.full((height, width, 3), 40, np.uint8)
    stored = pixels(to_stored(image, 32, "png")[0])
    filled = np.argwhere(stored[..., 0] > 0)
    span = filled.max(axis=0) - filled.min(axis=0) + 1
    shape = 32 * np.array([height, width]) / max(height, width)
    np.testing.assert_allclose(span, np.maximum(1, np.round(shape)))
    centre = pixels(to_stored(image, 32, "png", "centre")[0])
    assert (centre == 40).all()


@pytest.mark.parametrize("fit", ["letterbox", "centre"])
@pytest.mark.parametrize(("height", "width"), [(96, 160), (160, 96), (64, 64), (75, 101)])
def test_points_follow_whole_images(fit: Fit, height: int, width: int) -> None:
    rows, columns = np.mgrid[:height, :width].astype(np.float64)
    at = np.array([width * 0.45, height * 0.55])
    spot = 255 * np.exp(-((columns - at[0]) ** 2 + (rows - at[1]) ** 2) / 40)
    image = np.repeat(spot[..., None], 3, axis=2).round().astype(np.uint8)
    stored = pixels(to_stored(image, 32, "png", fit)[0])[..., 0].astype(np.float64)
    rows, columns = np.mgrid[:32, :32]
    found = [(stored * axis).sum() / stored.sum() for axis in (columns, rows)]
    expected = move(at[None], full_transform(height, width, 32, fit))[0]
    np.testing.assert_allclose(found, expected, atol=0.12)


def test_a_letterbox_is_the_image_in_black() -> None:
    data, shown = photograph(40, 60, "PNG", 1)
    stored = pixels(to_stored(data, 32, "png")[0])
    assert np.abs(stored.astype(int) - letterboxed(shown)).max() <= 1
    square = photograph(64, 64, "PNG", 1)[1]
    assert np.array_equal(Placement.of(64, 64, 32, "centre").apply(square), letterboxed(square))


def test_a_tiff_with_damaged_strips_is_no_image() -> None:
    """OpenCV gives what it can of one, and black for the rest."""
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 48, 3), np.uint8)
    Image.fromarray(noise).save(buffer, "TIFF", compression="tiff_adobe_deflate")
    data = bytearray(buffer.getvalue())
    np.testing.assert_array_equal(decode(bytes(data)), noise)
    data[len(data) // 2 : len(data) // 2 + 20] = bytes(20)
    with pytest.raises(BadImageError):
        decode(bytes(data))
