"""safetensors files, read strictly and a tensor at a time, and written.

Eight bytes give the length of a JSON header {name: {dtype, shape, data_offsets}}, then come the
tensors' bytes without gaps. Nothing in such a file can run code; what is wrong in one is said in
one line, before any tensor is read. https://github.com/huggingface/safetensors has the format.
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

from drr_jax.errors import InputError

MAX_HEADER = 16 << 20  # bytes; a model of a thousand layers needs a tenth of it
MAX_DIMENSIONS = 32
FILE, INDEX = "model.safetensors", "model.safetensors.index.json"
DTYPES = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U64": np.dtype("<u8"),
    "U32": np.dtype("<u4"),
    "U16": np.dtype("<u2"),
    "U8": np.dtype("u1"),
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

    def read(self) -> np.ndarray:
        """Its values. Raises InputError if the file has become shorter since it was opened."""
        values = np.empty(self.shape, self.dtype)
        with open(self.file, "rb") as file:
            file.seek(self.offset)
            got = file.readinto(values.reshape(-1).view(np.uint8).data)
        if got != values.nbytes:
            raise InputError(
                f"weights {self.file}: {shown(self.name)} ends after {got} of {values.nbytes} "
                "bytes: the file was cut short, copy or download it again"
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
        shards = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        pairs = [(str(name), str(shard)) for name, shard in shards.items()]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"weights {index}: not an index of shards ({_reason(error)})") from None
    tensors: Tensors = {}
    for shard in sorted({shard for _, shard in pairs}):
        if shard != os.path.basename(shard):
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
    start, header = _header(path)
    size = path.stat().st_size - start
    tensors: Tensors = {}
    spans = []
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        dtype, shape, (begin, end) = _entry(path, name, entry)
        expected = math.prod(shape) * dtype.itemsize
        if end - begin != expected:
            raise InputError(
                f"weights {path}: {shown(name)} has {end - begin} bytes, its shape and type need "
                f"{expected}"
            )
        if end > size:
            raise InputError(
                f"weights {path}: {shown(name)} ends at byte {end} of {size}: the file was cut "
                "short, copy or download it again"
            )
        spans.append((begin, end, name))
        tensors[name] = Tensor(path, name, dtype, shape, start + begin)
    last = 0
    for begin, end, name in sorted(spans):
        if begin != last:
            what = "overlaps the one before" if begin < last else "leaves a gap before it"
            raise InputError(f"weights {path}: {shown(name)} {what} (byte {begin}, not {last})")
        last = end
    if last != size:
        raise InputError(f"weights {path}: {size - last} bytes follow the last tensor")
    return tensors


def metadata(path: Path) -> dict[str, str]:
    """The free text that a file's header holds. Raises InputError as `open_file` does."""
    found = _header(path)[1].get("__metadata__", {})
    return {str(key): str(value) for key, value in found.items()}


def _header(path: Path) -> tuple[int, dict[str, Any]]:
    """Returns (where the tensors' bytes begin, the header)."""
    if not path.is_file():
        what = "not a file" if path.exists() else "no such file"
        raise InputError(f"weights {path}: {what}, expected a safetensors file")
    size = path.stat().st_size
    with open(path, "rb") as file:
        first = file.read(8)
        length = int.from_bytes(first, "little")
        if len(first) < 8 or not 2 <= length <= size - 8:
            # Not before: a header of 19,280 bytes begins with PK, too.
            if first[:2] in (b"PK", b"\x80\x02", b"\x80\x04"):
                raise InputError(
                    f"weights {path}: a pickle of PyTorch, which is never opened because it can "
                    "run code; get the model's safetensors file"
                )
            raise InputError(
                f"weights {path}: not a safetensors file, or cut short: its header should have "
                f"{length} bytes, the file has {max(size - 8, 0)} behind its first eight"
            )
        if length > MAX_HEADER:
            raise InputError(
                f"weights {path}: its header has {length} bytes, expected at most {MAX_HEADER}"
            )
        text = file.read(length)
    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=_once)
        if not isinstance(header, dict) or not isinstance(header.get("__metadata__", {}), dict):
            raise ValueError("no JSON object of tensors")
    except (ValueError, RecursionError) as error:
        raise InputError(f"weights {path}: its header is damaged ({_reason(error)})") from None
    return 8 + length, header


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, whose names may not repeat: parsers differ on which one counts."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{shown(name)} is there twice")
        found[name] = value
    return found


def _entry(path: Path, name: str, entry: Any) -> tuple[np.dtype, tuple[int, ...], tuple[int, int]]:
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise InputError(
            f"weights {path}: {shown(name)} is described by {shown(json.dumps(entry))}, expected "
            "dtype, shape and data_offsets"
        )
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise InputError(
            f"weights {path}: {shown(name)} has the type {shown(str(dtype))}, expected one of "
            f"{', '.join(DTYPES)}"
        )
    if not _sizes(shape) or len(shape) > MAX_DIMENSIONS:
        raise InputError(f"weights {path}: {shown(name)} has the shape {shown(str(shape))}")
    if not _sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise InputError(
            f"weights {path}: {shown(name)} has the data_offsets {shown(str(offsets))}, expected "
            "[first, last + 1]"
        )
    return DTYPES[dtype], tuple(shape), (offsets[0], offsets[1])


def _sizes(value: Any) -> bool:
    return isinstance(value, list) and all(type(size) is int and size >= 0 for size in value)


def _reason(error: BaseException) -> str:
    return shown(f"{type(error).__name__}: {error}")


def write_file(path: Path, tensors: Mapping[str, Any], metadata: Mapping[str, str]) -> None:
    """Writes arrays (NumPy's or JAX's) as a safetensors file, one after the other.

    Each is brought to the host when its turn comes. Raises KeyError for a type without a name.
    """
    names = {dtype: name for name, dtype in DTYPES.items()}
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    end = 0
    for name, array in tensors.items():
        begin, end = end, end + math.prod(array.shape) * array.dtype.itemsize
        header[name] = {
            "dtype": names[np.dtype(array.dtype)],
            "shape": list(array.shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in tensors.values():
            file.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
        file.flush()
        os.fsync(file.fileno())
