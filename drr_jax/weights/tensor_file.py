"""safetensors files, read strictly and a tensor at a time, and written.

The library reads and writes them, and lets nothing run. Here is what it lacks: it takes names that
are there twice and endless shapes, knows no shards, and its errors name no tensor. So the header,
JSON {name: {dtype, shape, data_offsets}} behind its length in eight bytes, is looked through first;
what is wrong is said in one line, before any tensor is read.
https://github.com/huggingface/safetensors has the format.
"""

import dataclasses
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from drr_jax import files, json_text, limits, runs
from drr_jax.errors import InputError

_CUT = "the file was cut short, copy or download it again"
FILE, INDEX = "model.safetensors", "model.safetensors.index.json"
DTYPES = {
    **{f"F{8 * size}": np.dtype(f"<f{size}") for size in (8, 4, 2)},
    "BF16": np.dtype(ml_dtypes.bfloat16),
    **{f"I{8 * size}": np.dtype(f"<i{size}") for size in (8, 4, 2, 1)},
    **{f"U{8 * size}": np.dtype(f"<u{size}") for size in (8, 4, 2, 1)},
    "BOOL": np.dtype("?"),
}


@dataclasses.dataclass(frozen=True)
class Tensor:
    """Where one tensor lies in a file."""

    file: Path
    name: str
    dtype: np.dtype
    shape: tuple[int, ...]
    offset: int  # of its first byte in the file
    crc32: str = ""  # of its bytes, if that is known

    def read(self) -> np.ndarray:
        """Its values. Raises InputError if the file has become shorter since it was opened.

        And if they are not those that were written, where their digest is known.
        """
        try:
            with safe_open(self.file, "np", backend="pread") as file:
                values = file.get_tensor(self.name)
        except (SafetensorError, OSError):
            got = max(0, self.file.stat().st_size - self.offset)
            raise InputError(
                f"weights {self.file}: {shown(self.name)} ends after {got} of "
                f"{math.prod(self.shape) * self.dtype.itemsize} bytes: {_CUT}"
            ) from None
        if self.crc32 not in ("", runs.crc32(values)):
            raise InputError(
                f"weights {self.file}: {shown(self.name)} is not what was exported: the file is "
                "damaged, copy it or export it again"
            )
        return values


Tensors = dict[str, Tensor]


def shown(name: str) -> str:
    """A tensor's name as an error may show it: on one line, and not endless."""
    text = name if name.isprintable() else repr(name)
    return text if len(text) <= 80 else text[:77] + "..."


def open_weights(path: Path) -> Tensors:
    """The tensors of a safetensors file, or of a folder with model.safetensors or its shards.

    Reads headers only. Raises InputError for anything that is not such a file, and for shards that
    do not hold what their index says.
    """
    if not path.is_dir():
        return open_file(path)
    if (path / FILE).is_file() or not (path / INDEX).is_file():
        return open_file(path / FILE)
    index = path / INDEX
    try:
        shards = files.read_json(index, limits.SAFETENSORS_HEADER)["weight_map"]
        pairs = [(str(name), str(shard)) for name, shard in shards.items()]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"weights {index}: not an index of shards ({_reason(error)})") from None
    tensors: Tensors = {}
    for shard in sorted({shard for _, shard in pairs}):
        if not files.is_name(shard):
            raise InputError(f"weights {index}: shard {shown(shard)} is not a file beside it")
        held, said = open_file(path / shard), {name for name, file in pairs if file == shard}
        if different := sorted(said.symmetric_difference(held)):
            raise InputError(
                f"weights {path / shard}: {shown(different[0])} is in only one of the file and "
                f"{INDEX}: the files are of different downloads"
            )
        tensors |= held
    return tensors


def open_file(path: Path) -> Tensors:
    """The tensors of one safetensors file; checks all of its header and reads nothing else.

    Raises InputError for a missing or truncated file and for a header that is no header: too long,
    not JSON, names twice, unknown types, tensors that overlap, leave gaps or end outside.
    """
    if not path.is_file():
        what = "not a file" if path.exists() else "no such file"
        raise InputError(f"weights {path}: {what}, expected a safetensors file")
    size = path.stat().st_size - 8
    with open(path, "rb") as file:
        first = file.read(8)
        length = int.from_bytes(first, "little")
        if 2 <= length <= min(size, limits.SAFETENSORS_HEADER):
            text = file.read(length)
            try:
                return _tensors(path, _header(text), 8 + length, size - length)
            except InputError as error:
                raise InputError(f"weights {path}: {error}") from None
    if 2 <= length <= size:
        said = f"its header has {length} bytes, expected at most {limits.SAFETENSORS_HEADER}"
    # Not before: a header of 19,280 bytes begins with PK, too.
    elif first[:2] in (b"PK", b"\x80\x02", b"\x80\x04"):
        said = (
            "a pickle of PyTorch, which is never opened because it can run code; get the model's "
            "safetensors file"
        )
    else:
        said = (
            f"not a safetensors file, or cut short: its header should have {length} bytes, the "
            f"file has {max(size, 0)} behind its first eight"
        )
    raise InputError(f"weights {path}: {said}")


def _header(text: bytes) -> dict[str, Any]:
    try:
        header = json_text.parse(text)
        said = header.pop("__metadata__", {}) if isinstance(header, dict) else None
        if not isinstance(said, dict) or not all(isinstance(text, str) for text in said.values()):
            raise ValueError("no JSON object of tensors")
    except ValueError as error:
        raise InputError(f"its header is damaged ({error})") from None
    return header


def _tensors(path: Path, header: dict[str, Any], start: int, size: int) -> Tensors:
    """The tensors of a header, whose `size` bytes begin at `start`, in the order of their bytes."""
    entries = {name: _entry(shown(name), entry) for name, entry in header.items()}
    tensors: Tensors = {}
    last = 0
    for name, (dtype, shape, begin, end) in sorted(entries.items(), key=lambda item: item[1][2:]):
        expected = math.prod(shape) * dtype.itemsize
        if end - begin != expected:
            raise InputError(
                f"{shown(name)} has {end - begin} bytes, its shape and type need {expected}"
            )
        if end > size:
            raise InputError(f"{shown(name)} ends at byte {end} of {size}: {_CUT}")
        if begin != last:
            what = "overlaps the one before" if begin < last else "leaves a gap before it"
            raise InputError(f"{shown(name)} {what} (byte {begin}, not {last})")
        tensors[name] = Tensor(path, name, dtype, shape, start + begin)
        last = end
    if last != size:
        raise InputError(f"{size - last} bytes follow the last tensor")
    return tensors


def _entry(name: str, entry: Any) -> tuple[np.dtype, tuple[int, ...], int, int]:
    """(type, shape, first byte, last byte + 1) of a tensor."""
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise InputError(
            f"{name} is described by {shown(json.dumps(entry))}, expected dtype, shape and "
            "data_offsets"
        )
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise InputError(
            f"{name} has the type {shown(str(dtype))}, expected one of {', '.join(DTYPES)}"
        )
    if not _sizes(shape) or len(shape) > limits.SAFETENSORS_DIMENSIONS:
        raise InputError(f"{name} has the shape {shown(str(shape))}")
    if not _sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise InputError(
            f"{name} has the data_offsets {shown(str(offsets))}, expected [first, last + 1]"
        )
    return DTYPES[dtype], tuple(shape), *offsets


def _sizes(value: Any) -> bool:
    return isinstance(value, list) and all(type(size) is int and size >= 0 for size in value)


def _reason(error: BaseException) -> str:
    return shown(f"{type(error).__name__}: {error}")


def write_file(path: Path, tensors: Mapping[str, Any], metadata: Mapping[str, str]) -> None:
    """Writes arrays (NumPy's or JAX's) as a safetensors file, and waits until it is on disk.

    Raises InputError if the disk is full or cannot be written.
    """
    arrays = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    with open(path, "wb") as file:
        mode = os.fstat(file.fileno()).st_mode  # as the umask has it; the library's is 0600
    try:
        save_file(arrays, path, dict(metadata))
    except SafetensorError as error:
        path.unlink()
        raise InputError(f"{path} cannot be written: {_reason(error)}; make room") from error
    path.chmod(mode)
    with open(path, "rb") as file:
        os.fsync(file.fileno())
