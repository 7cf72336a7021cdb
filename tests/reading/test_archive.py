"""Zip files that are hostile, damaged or encrypted are refused in one line; others are read."""

import io
import stat
import struct
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drr_jax import limits
from drr_jax.errors import InputError
from tfds_reactionet.reading.archive import Archive, open_archive
from tfds_reactionet.reading.images import BadImageError, decode

CONTENT = {"F001/T1/0000.jpg": b"first" * 50, "F001/T1/0001.jpg": bytes(range(256))}


def write(path: Path, members: dict[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", packing) as file:
        file.writestr("F001/", b"")
        for name, data in members.items():
            file.writestr(name, data)
    return path


def test_members_are_read_whole(tmp_path: Path) -> None:
    path = write(tmp_path / "good.zip", CONTENT)
    opened = open_archive(path)
    assert {name: opened.read(name) for name in opened.names()} == CONTENT
    assert open_archive(path) is opened  # kept open for the next frame
    with pytest.raises(InputError, match=r"good\.zip: no member 'F001/T1/0002\.jpg'"):
        opened.read("F001/T1/0002.jpg")


@pytest.mark.parametrize(
    "name",
    [
        "../outside.jpg",
        "F001/../../x.jpg",
        "/etc/passwd",
        "\\\\host\\x",
        "a\\..\\..\\x",
        "C:/x",
        "..",
    ],
)
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "evil.zip", {**CONTENT, name: b"x"})
    with pytest.raises(InputError, match="leads out of the archive"):
        Archive(path)
    assert [p.name for p in tmp_path.iterdir()] == ["evil.zip"]


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_are_refused(tmp_path: Path, kind: int) -> None:
    path = tmp_path / "link.zip"
    with zipfile.ZipFile(path, "w") as file:
        info = zipfile.ZipInfo("0000.jpg")
        info.create_system, info.external_attr = 3, (kind | 0o777) << 16
        file.writestr(info, "/etc/passwd")
    with pytest.raises(InputError, match="is a link or device"):
        Archive(path)


def test_bombs_are_refused_before_they_are_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = Archive(write(tmp_path / "bomb.zip", {"0000.jpg": b"\0" * (4 << 20)}))
    with pytest.raises(InputError, match=r"unpacks 1\d\d\d to 1, expected at most 200 to 1"):
        bomb.read("0000.jpg")
    monkeypatch.setattr(limits, "ARCHIVE_MEMBER_BYTES", 200)
    large = Archive(write(tmp_path / "large.zip", CONTENT))
    with pytest.raises(InputError, match="has 256 bytes, expected at most 200"):
        large.read("F001/T1/0001.jpg")


def test_a_member_that_lies_about_its_size_stops_there(tmp_path: Path) -> None:
    path = write(tmp_path / "liar.zip", {"0000.jpg": b"\0" * (4 << 20)})
    data = bytearray(path.read_bytes())
    central = data.rfind(b"PK\x01\x02")
    struct.pack_into("<I", data, central + 24, 100)  # the size in the central directory
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"liar\.zip: member '0000\.jpg' is (damaged|not as long)"):
        Archive(path).read("0000.jpg")


def test_encrypted_members_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "locked.zip", CONTENT)
    data = bytearray(path.read_bytes())
    at = data.rfind(b"PK\x01\x02")
    data[at + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"'F001/T1/0001\.jpg' is encrypted; unpack it with its"):
        Archive(path)


def test_other_packing_methods_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "lzma.zip", CONTENT, zipfile.ZIP_LZMA)
    with pytest.raises(InputError, match="packed by a method other than deflate"):
        Archive(path).read("F001/T1/0000.jpg")


def test_files_that_are_cut_off_or_no_zip(tmp_path: Path) -> None:
    path = write(tmp_path / "cut.zip", CONTENT)
    path.write_bytes(path.read_bytes()[:-40])
    for bad in (path, tmp_path / "text.zip"):
        bad.touch()
        with pytest.raises(InputError, match=rf"{bad.name}: not a complete zip file"):
            open_archive(bad)
    with pytest.raises(InputError, match=r"absent\.zip: cannot be read"):
        open_archive(tmp_path / "absent.zip")


def test_images_that_claim_a_vast_size_are_not_decoded() -> None:
    small = np.zeros((8, 8, 3), np.uint8)
    png = bytearray(cv2.imencode(".png", small)[1].tobytes())
    struct.pack_into(">II", png, 16, 60_000, 60_000)
    jpeg = bytearray(cv2.imencode(".jpg", small)[1].tobytes())
    at = jpeg.find(b"\xff\xc0")
    struct.pack_into(">HH", jpeg, at + 5, 60_000, 60_000)
    for data in (png, jpeg):
        with pytest.raises(BadImageError, match="60000 x 60000 pixels"):
            decode(bytes(data))
    with pytest.raises(BadImageError):
        decode(bytes(png[:12]))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_bytes_give_the_content_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    buffer = io.BytesIO()
    rng = np.random.default_rng(0)
    members = {"a/0.jpg": rng.bytes(300), "a/1.jpg": b"text " * 40}
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    damaged = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("zip") / "x.zip"
    path.write_bytes(damaged)
    try:
        opened = Archive(path)
        for name in list(opened.names()):
            content = opened.read(name)
            assert content in members.values()  # the checksum of a member holds
    except InputError as error:
        assert str(path) in str(error) and "\n" not in str(error)
