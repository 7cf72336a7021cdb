"""Safe reading of zip files: nothing is ever unpacked to disk, and nothing hostile is read.

A member whose name is absolute or climbs out with "..", a link, an encrypted member, and a member
that is larger than allowed or packed more than 200 to 1 are refused with one line.
"""

import functools
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NoReturn

from drr_jax import limits
from drr_jax.errors import InputError
from tfds_reactionet.reading.tables import readable

_DAMAGED = (zipfile.BadZipFile, OSError, ValueError, RuntimeError)
_END = struct.Struct("<4s4H2LH")  # at the end of a zip file: where its directory is
_TAIL = _END.size + (1 << 16)  # a comment may follow


class Archive:
    """A zip file's members by name. Raises InputError if it is no zip file, or is cut off."""

    def __init__(self, path: Path):
        self.path = path
        _check_directory(path)
        try:
            self._zip = zipfile.ZipFile(path)
        except _DAMAGED as error:
            raise InputError(
                f"{path}: not a complete zip file ({error}); download or copy it again"
            ) from error
        self._members = {}
        for info in self._zip.infolist():
            if info.filename.endswith("/"):  # a folder; is_dir() fails for a name without a letter
                continue
            self._check_name(info)
            self._members[info.filename] = info

    def names(self) -> Iterator[str]:
        """Names of all files in it, as stored."""
        return iter(self._members)

    def read(self, name: str, most: int | None = None) -> bytes:
        """Contents of a member, of `most` bytes (limits.ARCHIVE_MEMBER_BYTES) or less.

        Raises InputError for one that is larger, damaged, encrypted or a bomb.
        """
        info = self._members.get(name)
        if info is None:
            raise InputError(f"{self.path}: no member {name[:80]!r}")
        self._check_size(info, most or limits.ARCHIVE_MEMBER_BYTES)
        try:
            with self._zip.open(info) as file:
                data = file.read(info.file_size + 1)
        except (*_DAMAGED, zlib.error, EOFError) as error:
            raise InputError(f"{self.path}: member {name[:80]!r} is damaged ({error})") from error
        if len(data) != info.file_size:
            raise InputError(f"{self.path}: member {name[:80]!r} is not as long as it says")
        return data

    def _check_name(self, info: zipfile.ZipInfo) -> None:
        name = info.filename
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if name.startswith(("/", "\\")) or ".." in parts or not parts or ":" in parts[0]:
            self._refuse(info, "leads out of the archive; it is not read")
        mode = info.external_attr >> 16
        if stat.S_IFMT(mode) and not stat.S_ISREG(mode):
            self._refuse(info, "is a link or device, not a file")
        if info.flag_bits & 1:
            self._refuse(info, "is encrypted; unpack it with its password")

    def _check_size(self, info: zipfile.ZipInfo, most: int) -> None:
        size, packed = info.file_size, max(info.compress_size, 1)
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            self._refuse(info, "is packed by a method other than deflate; unpack the archive")
        if size > most:
            self._refuse(info, f"has {size} bytes, expected at most {most}")
        ratio = limits.ARCHIVE_RATIO
        if size > limits.ARCHIVE_RATIO_FROM and size > ratio * packed:
            self._refuse(info, f"unpacks {size // packed} to 1, expected at most {ratio} to 1")

    def _refuse(self, info: zipfile.ZipInfo, why: str) -> NoReturn:
        raise InputError(f"{self.path}: member {info.filename[:80]!r} {why}")


def _check_directory(path: Path) -> None:
    """Raises InputError for a zip file with millions of members, each of which takes memory."""
    with readable(path), open(path, "rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
        tail = file.read()
    at = tail.rfind(b"PK\5\6")
    if at >= 0 and len(tail) >= at + _END.size:
        size = _END.unpack_from(tail, at)[5]
        if size == 0xFFFFFFFF:  # then it stands in the record of 64 bits before
            record = tail.rfind(b"PK\6\6", 0, at)
            size = int.from_bytes(tail[record + 40 : record + 48], "little") if record >= 0 else 0
        if size > limits.ARCHIVE_DIRECTORY_BYTES:
            raise InputError(
                f"{path}: its list of members has {size} bytes, expected at most "
                f"{limits.ARCHIVE_DIRECTORY_BYTES}; unpack it"
            )


def open_archive(path: Path) -> Archive:
    """An archive, kept open for the next call with the same unchanged file."""
    with readable(path):
        status = path.stat()
    return _opened(path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=4)
def _opened(path: Path, changed: int, size: int) -> Archive:
    del changed, size  # only part of the cache's key
    return Archive(path)
