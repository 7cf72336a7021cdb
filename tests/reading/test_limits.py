"""Small files that ask for gigabytes or for hours are refused by drr_jax/limits.py."""

import io
import resource
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drr_jax import files, limits
from drr_jax.errors import InputError
from tfds_reactionet.emotionet import spreadsheet
from tfds_reactionet.reading import (
    BadImageError,
    csv_rows,
    decode,
    numbered_lines,
    open_archive,
    read_text,
)
from tfds_reactionet.reading import mesh as meshes
from tfds_reactionet.reading.openface import OpenFaceFile

SIDE = 30_000
GIF = (
    b"GIF89a" + struct.pack("<HHBBB", SIDE, SIDE, 0x80, 0, 0) + bytes(6) + b","
    b"\0\0\0\0" + struct.pack("<HHB", SIDE, SIDE, 0) + b"\x02\x00;"
)


def claiming(kind: str) -> bytes:
    """A small image of a format, whose header then claims 30,000 x 30,000."""
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), (200, 100, 50)).save(buffer, kind)
    data = bytearray(buffer.getvalue())
    if kind == "BMP":
        data[18:26] = struct.pack("<ii", SIDE, SIDE)
    elif kind == "PPM":
        data = bytearray(b"P6 30000 30000 255\n" + bytes(100))
    elif kind == "PNG":
        data[16:24] = struct.pack(">II", SIDE, SIDE)
    elif kind == "JPEG":
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = struct.pack(">HH", SIDE, SIDE)
    elif kind == "TIFF":
        for tag in (256, 257):
            at = data.index(struct.pack("<HH", tag, 4)) + 8
            data[at : at + 4] = struct.pack("<I", SIDE)
    return bytes(data)


@pytest.mark.parametrize("kind", ["BMP", "PPM", "PNG", "JPEG", "TIFF", "GIF"])
def test_an_image_that_claims_a_vast_size_is_refused(kind: str) -> None:
    data = GIF if kind == "GIF" else claiming(kind)
    assert len(data) < 20_000
    with pytest.raises(BadImageError, match=r"megapixels.*; scale it down"):
        decode(data)


@pytest.mark.parametrize("kind", ["BMP", "PPM", "TIFF", "GIF", "WEBP", "JPEG2000"])
def test_honest_images_of_these_formats_are_read(kind: str) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), (200, 100, 50)).save(buffer, kind)
    pixels = decode(buffer.getvalue())
    assert pixels.shape == (48, 64, 3)
    np.testing.assert_allclose(pixels[20, 20], [200, 100, 50], atol=4)


BOMB = """
import resource, sys
from tfds_reactionet.reading import BadImageError, decode
decode(bytes.fromhex(sys.argv[1]))  # libraries are loaded
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    decode(bytes.fromhex(sys.argv[2]))
except BadImageError:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts kilobytes")
def test_a_gif_of_a_few_bytes_costs_no_memory() -> None:
    """It took 6 GB."""
    small = io.BytesIO()
    Image.new("RGB", (8, 8)).save(small, "GIF")
    arguments = [sys.executable, "-c", BOMB, small.getvalue().hex(), GIF.hex()]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert len(GIF) <= 35 and int(done.stdout) < 20_000  # kilobytes


def test_a_jpeg_of_endless_scans_is_refused() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48)).save(buffer, "JPEG", progressive=True)
    data = buffer.getvalue()
    last = data.rindex(b"\xff\xda")
    scan = data[last:-2]
    decode(data)
    with pytest.raises(BadImageError, match="more than 100 scans"):
        decode(data[:-2] + scan * 101 + data[-2:])


def test_meshes_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, vrml = tmp_path / "a.obj", tmp_path / "a.wrl"
    corners = " ".join(["1"] * 100)
    path.write_text(f"v 0 0 0\nf {corners}\n")
    with pytest.raises(BadImageError, match="a face of 100 corners"):
        meshes.read_obj(path)
    # Beginnings of blocks without an end: a pattern that looks for it from each takes hours.
    vrml.write_bytes(b"Coordinate{point[" * 500_000 + b"coordIndex[" * 500_000)
    with pytest.raises(BadImageError, match="no points and faces"):
        meshes.read_vrml(vrml)
    monkeypatch.setattr(limits, "MESH_NUMBERS", 10)
    vrml.write_bytes(b"Coordinate{point[" + b"1 " * 12 + b"]")
    with pytest.raises(BadImageError, match="12 numbers, more than 10"):
        meshes.read_vrml(vrml)
    path.write_text("v 1 2 3\n" * 4)
    with pytest.raises(BadImageError, match="12 numbers, more than 10"):
        meshes.read_obj(path)
    monkeypatch.setattr(limits, "MESH_BYTES", 10)
    with pytest.raises(BadImageError, match="more than 10 bytes"):
        meshes.read_obj(path)


def cells(path: Path) -> None:
    list(csv_rows(path))


def lines(path: Path) -> None:
    list(numbered_lines(path))


@pytest.mark.parametrize(
    ("read", "content", "said"),
    [
        (cells, b"," * 200, "line 1 is longer than 100 bytes"),
        (cells, b'"a\n",' * 40, "a row of more than 100 characters"),
        (lines, b"a" * 200, "line 1 is longer than 100 bytes"),
        (read_text, b"a" * 200, "more than 150 bytes, the limit for a file of its kind"),
        (OpenFaceFile, b"," * 140, "line 1 is longer than 100 characters"),
        (OpenFaceFile, b"\n" * 60, "more than 50 lines"),
        (OpenFaceFile, b"a" * 300, "more than 250 bytes"),
        (files.read_json, b"[" + b"[]," * 100, "more than 150 bytes"),
    ],
)
def test_text_is_bounded(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    read: Callable[..., object],
    content: bytes,
    said: str,
) -> None:
    monkeypatch.setattr(limits, "LINE", 100)
    monkeypatch.setattr(limits, "TABLE_LINES", 50)
    monkeypatch.setattr(limits, "TABLE_BYTES", 250)
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    how = {"most": 150} if read in (read_text, files.read_json) else {}
    with pytest.raises(InputError, match=said) as error:
        read(path, **how)
    assert str(path) in str(error.value)


def test_long_tables_are_read_a_line_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"frame,code\r\n" + b"1,2\n" * 200_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert sum(1 for _ in csv_rows(path)) == 200_001
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000
    path.write_bytes(b"\xef\xbb\xbfa\rb\r\nc\n")  # ends of lines of all systems
    assert list(numbered_lines(path)) == [(1, "a"), (2, "b"), (3, "c")]
    path.write_bytes(b"good\nb\xffd\n")
    with pytest.raises(InputError, match="not UTF-8 at byte 6"):
        list(numbered_lines(path))


def test_archives_of_millions_of_names_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as file:
        for number in range(100):
            file.writestr(str(number), b"")
    assert len(list(open_archive(path).names())) == 100
    monkeypatch.setattr(limits, "ARCHIVE_DIRECTORY_BYTES", 1000)
    path.touch()
    with pytest.raises(InputError, match="its list of members has 4790 bytes, expected at most"):
        open_archive(path.rename(tmp_path / "b.zip"))


def test_a_workbook_of_millions_of_styles_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("xl/styles.xml", b"<xf/>" * 300_000)
    with pytest.raises(InputError, match=r"member 'xl/styles\.xml' has 1500000 bytes, expected"):
        spreadsheet._check(path)
