"""MATLAB 5 to 7.2 files of landmarks: numbers, texts, cells and structs, in plain Python.

scipy.io.loadmat reads them too, but a damaged file can end the process with a segmentation fault.
Here every length is checked against the bytes that are there, so any file gives values or one line.
Source: MathWorks, "MAT-File Format", level 5.
"""

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from drr_jax.errors import InputError

MAX_BYTES = 128 << 20  # of a file, and of a variable when it is unpacked
_HEADER = 128  # bytes
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8"}
_NUMBERS |= {13: "u8", 16: "u1", 17: "u2"}  # UTF-8 and UTF-16 text
_MATRIX, _COMPRESSED = 14, 15
_CELL, _STRUCT, _CHAR, _NUMERIC = 1, 2, 4, range(6, 16)
_DEPTH = 6  # of structs in cells in structs


class _DefectError(ValueError):
    """Why a file cannot be read."""


@dataclass
class _Bytes:
    """A piece of a file with a place up to which it was read."""

    data: memoryview
    order: str  # "<" or ">"
    at: int = 0

    @property
    def left(self) -> int:
        return len(self.data) - self.at

    def take(self, count: int) -> memoryview:
        if count > self.left:
            raise _DefectError("cut off")
        self.at += count
        return self.data[self.at - count : self.at]

    def element(self) -> tuple[int, memoryview]:
        """(type, content) of the next element; a tag of eight bytes, or of four and its data."""
        kind, size = struct.unpack(self.order + "II", self.take(8))
        if kind >> 16:
            if kind >> 16 > 4:
                raise _DefectError("an element of more than four bytes in a short tag")
            return kind & 0xFFFF, self.data[self.at - 4 : self.at - 4 + (kind >> 16)]
        content = self.take(size)
        if kind != _COMPRESSED:
            self.at += min(-size % 8, self.left)
        return kind, content

    def numbers(self) -> np.ndarray:
        """The next element, which must be an array of numbers."""
        kind, content = self.element()
        if kind not in _NUMBERS:
            raise _DefectError(f"an element of type {kind} where numbers were expected")
        dtype = np.dtype(self.order + _NUMBERS[kind])
        if len(content) % dtype.itemsize:
            raise _DefectError("half a number")
        return np.frombuffer(content, dtype)


def read_variable(path: Path, name: str) -> Any:
    """A variable: an array of numbers, a text, a list (cells), or a list of dicts (structs).

    Raises InputError if the file cannot be read or does not hold the variable.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _DefectError(f"larger than {MAX_BYTES} bytes")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except _DefectError as error:
        raise InputError(f"{path}: {error}") from error
    try:
        found, others = _find(data, name)
    except (_DefectError, struct.error, ValueError, zlib.error) as error:
        raise InputError(
            f"{path}: not a readable MATLAB file ({' '.join(str(error).split())}); expected "
            "version 5 to 7 (in MATLAB: save -v7)"
        ) from error
    if found is None:
        raise InputError(f"{path}: no variable {name!r} in it; found {', '.join(others)[:80]}")
    return found


def points(array: Any, count: int, path: Path, where: str) -> np.ndarray | None:
    """Landmarks float32 [count, 2]; None for an empty array or one with NaN (tracking lost).

    Raises InputError for another shape, or for what is no array.
    """
    if not isinstance(array, np.ndarray):
        raise InputError(f"{path}: {where}: landmarks are not numbers")
    if array.size == 0:
        return None
    if array.shape != (count, 2):
        raise InputError(f"{path}: {where}: shape {array.shape}, expected ({count}, 2)")
    with np.errstate(over="ignore"):
        landmarks = array.astype(np.float32)
    return landmarks if np.isfinite(landmarks).all() else None


def _find(data: bytes, name: str) -> tuple[Any, list[str]]:
    """The value of a variable (None if it is not there), and the names of the others."""
    order = {b"IM": "<", b"MI": ">"}.get(data[126:128])
    if order is None or len(data) < _HEADER:
        raise _DefectError("no MATLAB 5 header")
    if data[124:126] not in (b"\x00\x01", b"\x01\x00"):
        raise _DefectError("another version")
    file = _Bytes(memoryview(data), order, _HEADER)
    others = []
    while file.left >= 8:
        kind, content = file.element()
        if kind == _COMPRESSED:
            kind, content = _Bytes(memoryview(_unpacked(content)), order).element()
        if kind != _MATRIX:
            raise _DefectError(f"an element of type {kind} where a variable was expected")
        variable, value = _matrix(content, order, 0, name)
        if variable == name:
            return value, others
        others.append(variable)
    return None, others


def _unpacked(content: memoryview) -> bytes:
    unpacker = zlib.decompressobj()
    data = unpacker.decompress(content, MAX_BYTES)
    if not unpacker.eof:
        raise _DefectError("a packed variable is cut off or too large")
    return data


def _matrix(content: memoryview, order: str, depth: int, wanted: str | None) -> tuple[str, Any]:
    """(name, value) of an array; the value is read only if the name is `wanted`, or that is None.

    An array without bytes is empty.
    """
    if not len(content):
        return "", np.zeros((0, 0))
    if depth > _DEPTH:
        raise _DefectError("arrays in arrays without end")
    body = _Bytes(content, order)
    flags = body.numbers()
    if not len(flags):
        raise _DefectError("an array without a class")
    kind = int(flags[0]) & 0xFF
    if wanted is not None and kind not in (_CELL, _STRUCT, _CHAR, *_NUMERIC):
        return "an object", None  # its layout is another, and nobody wants it
    shape = [int(length) for length in body.numbers()]
    name = bytes(body.element()[1]).decode("ascii", "replace")
    if wanted is not None and name != wanted:
        return name, None
    if not 2 <= len(shape) <= 8 or min(shape) < 0:
        raise _DefectError(f"an array of shape {shape[:9]}")
    count = 1
    for length in shape:
        count *= length
    if kind in _NUMERIC or kind == _CHAR:
        values = body.numbers()
        if len(values) != count:
            raise _DefectError(f"{len(values)} values in an array of shape {shape}")
        if kind == _CHAR:
            return name, "".join(map(chr, values.tolist()))
        return name, values.reshape(shape, order="F").astype(np.float64)
    if kind == _STRUCT:
        width = body.numbers()
        names = bytes(body.element()[1])
        if len(width) != 1 or not 0 < width[0] <= 64 or len(names) % int(width[0]):
            raise _DefectError("names of a struct's fields")
        starts = range(0, len(names), int(width[0]))
        fields = [names[at : at + int(width[0])].split(b"\0")[0].decode("ascii") for at in starts]
    elif kind == _CELL:
        fields = [""]
    else:
        raise _DefectError(f"an array of class {kind}, expected numbers, text, cells or structs")
    if count * len(fields) * 8 > body.left:
        raise _DefectError("fewer cells than an array's shape needs")
    rows = [{field: _inner(body, depth) for field in fields} for _ in range(count)]
    return name, rows if kind == _STRUCT else [row[""] for row in rows]


def _inner(body: _Bytes, depth: int) -> Any:
    kind, content = body.element()
    if kind != _MATRIX:
        raise _DefectError(f"an element of type {kind} in a cell or struct")
    return _matrix(content, body.order, depth + 1, None)[1]
