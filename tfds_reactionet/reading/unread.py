"""What the bytes of an image are that cannot be read, in words."""

import io
from collections.abc import Sequence

from PIL import TiffImagePlugin

UNKNOWN = "not an image, or cut off"
_SAVE = "save it as JPEG or PNG"
_TIFFS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the last two: BigTIFF
_BITS, _CHANNELS, _FORMAT = 258, 277, 339  # tags of a TIFF
_NUMBERS = {1: "unsigned", 2: "signed", 3: "floating-point", 5: "complex", 6: "complex"}
_BRANDS = {b"avif": "an AVIF image", b"avis": "an AVIF image"} | dict.fromkeys(
    (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"), "a HEIC photo"
)
_KINDS = {
    b"%PDF": "a PDF",
    b"<svg": "an SVG drawing",
    b"v/1\x01": "an OpenEXR image",
    b"#?RADIANCE": "a Radiance HDR image",
    b"PF\n": "a PFM of floating-point numbers",
    b"8BPS": "a Photoshop file",
}


def reason(data: bytes) -> str:
    """Why an image that does not decode does not, as far as its first bytes tell."""
    if not data:
        return "the file is empty"
    if data.startswith(b"version https://git-lfs"):
        return "a pointer of Git LFS, not the image itself; git lfs pull fetches it"
    if data[:20].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return "a web page, not an image; download it again"
    if data[4:8] == b"ftyp" and data[8:12] in _BRANDS:
        return f"{_BRANDS[data[8:12]]}, which is not read; {_SAVE}"
    for magic, kind in _KINDS.items():
        if data.startswith(magic):
            return f"{kind}, which is not read; {_SAVE}"
    return _of_tiff(data) if data.startswith(_TIFFS) else UNKNOWN


def _of_tiff(data: bytes) -> str:
    try:
        file = io.BytesIO(data)
        tags = TiffImagePlugin.ImageFileDirectory_v2(data[: 16 if b"+" in data[:4] else 8])
        file.seek(tags.next)
        tags.load(file)
        bits, number = int(_first(tags.get(_BITS, 1))), int(_first(tags.get(_FORMAT, 1)))
        channels = int(_first(tags.get(_CHANNELS, 1)))
    except Exception:  # Pillow raises many kinds
        return UNKNOWN
    if number == 1 and bits in (1, 2, 4, 8, 16) and channels in (1, 3, 4):
        return UNKNOWN
    return (
        f"a TIFF of {channels} channel{'s' * (channels > 1)} of {bits}-bit "
        f"{_NUMBERS.get(number, 'unknown')} numbers; expected one or three channels of 8 or 16 "
        "bits, unsigned: scale it to 0 to 255 and save it so"
    )


def _first(value: int | Sequence[int]) -> int:
    return value if isinstance(value, int) else value[0]
