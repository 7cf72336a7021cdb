"""The manifest stored beside a checkpoint: every leaf's shape, type and its shards' CRC-32.

Orbax does not notice most flipped bytes in array data: 24 of 35 flips gave silently wrong weights.
"""

import json
import zlib
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from drr_jax import files

METADATA, SHARDS = "metadata", "shards-"  # its files: of process 0, and of others by their number
Manifest = dict[str, Any]


def leaf_name(path: tuple[Any, ...]) -> str:
    """Returns "params/Conv_0/kernel" for the path of a leaf in its tree."""
    return jax.tree_util.keystr(path, simple=True, separator="/")


def describe_leaves(state: Any) -> dict[str, dict[str, Any]]:
    """Returns {leaf name: {"shape": [..], "dtype": ".."}} of arrays or jax.ShapeDtypeStructs."""
    return {
        leaf_name(path): {"shape": list(leaf.shape), "dtype": str(leaf.dtype)}
        for path, leaf in jax.tree_util.tree_leaves_with_path(state)
    }


def crc32(leaf: Any) -> str:
    """CRC-32 of an array's bytes in C order, whatever the sharding.

    Where it is split over processes all of them must call this: it is gathered.
    """
    if isinstance(leaf, jax.Array) and not (leaf.is_fully_addressable or leaf.is_fully_replicated):
        leaf = multihost_utils.process_allgather(leaf, tiled=True)
    array = np.ascontiguousarray(np.atleast_1d(np.asarray(leaf)))
    return f"{zlib.crc32(array.view(np.uint8).data):08x}"


def digested_leaves(state: Any) -> dict[str, dict[str, Any]]:
    """Returns `describe_leaves` of arrays, with the digest of each as its "crc32"."""
    leaves = describe_leaves(state)
    for path, leaf in jax.tree_util.tree_leaves_with_path(state):
        leaves[leaf_name(path)]["crc32"] = crc32(leaf)
    return leaves


class Copy:
    """This process's shards of a state, each once over all processes, copied to the host.

    What digests are made of beside the next steps, which overwrite the state itself.
    """

    def __init__(self, state: Any) -> None:
        shards = {
            leaf_name(path): _shards(leaf)
            for path, leaf in jax.tree_util.tree_leaves_with_path(state)
        }
        for shard in (shard for leaf in shards.values() for shard in leaf.values()):
            if isinstance(shard, jax.Array):  # all on their way before the first is waited for
                shard.copy_to_host_async()
        self._leaves = describe_leaves(state)
        self._shards = {
            name: {place: np.array(shard) for place, shard in leaf.items()}  # no view: see above
            for name, leaf in shards.items()
        }

    def manifest(self, facts: dict[str, Any]) -> Manifest:
        """The manifest of process 0; `facts` (JSON values) travel with it.

        A leaf that is whole here has its "crc32", one that is split over devices that of each of
        its "shards" by where it lies, as in "0:64,8:16". Covered by a CRC-32 of its own.
        """
        leaves = {name: leaf | self._digests(name) for name, leaf in self._leaves.items()}
        return {"facts": facts, "leaves": leaves, "crc32": seal(facts, leaves)}

    def others(self) -> Manifest:
        """What a process other than 0 adds: the digests of the shards that are there alone."""
        leaves = {name: self._digests(name) for name, shards in self._shards.items() if shards}
        return {"facts": {}, "leaves": leaves, "crc32": seal({}, leaves)}

    def _digests(self, name: str) -> dict[str, Any]:
        shards, shape = self._shards[name], tuple(self._leaves[name]["shape"])
        if list(shards) == [place_of((slice(None),) * len(shape), shape)]:
            return {"crc32": crc32(*shards.values())}
        return {"shards": {place: crc32(shard) for place, shard in shards.items()}}


def _shards(leaf: Any) -> dict[str, Any]:
    """This process's shards by where they lie, each once over all processes."""
    if not isinstance(leaf, jax.Array):
        return {place_of((slice(None),) * np.ndim(leaf), np.shape(leaf)): leaf}
    shards = (shard for shard in leaf.addressable_shards if shard.replica_id == 0)
    return {place_of(shard.index, leaf.shape): shard.data for shard in shards}


def place_of(index: tuple[slice, ...], shape: tuple[int, ...]) -> str:
    """Where a shard lies in its array: "0:64,8:16"; "" in one without axes."""
    bounds = (part.indices(size)[:2] for part, size in zip(index, shape, strict=True))
    return ",".join(f"{first}:{last}" for first, last in bounds)


def _index_of(place: str) -> tuple[slice, ...]:
    parts = (part.split(":") for part in place.split(",") if part)
    return tuple(slice(int(first), int(last)) for first, last in parts)


def seal(facts: Any, leaves: Any) -> str:
    """The CRC-32 of a manifest."""
    text = json.dumps([facts, leaves], sort_keys=True)
    return f"{zlib.crc32(text.encode()):08x}"


def read_manifest(folder: Path) -> Manifest:
    """Reads the manifest of process 0 and what others added to it.

    Raises ValueError or OSError if it is missing, unreadable, changed or does not cover a leaf.
    """
    stored = _read(folder / METADATA)
    for path in sorted(folder.glob(f"{SHARDS}*")):
        for name, leaf in _read(path)["leaves"].items():
            if name not in stored["leaves"]:
                raise ValueError(f"its manifest has {path.name} of something else")
            stored["leaves"][name].setdefault("shards", {}).update(leaf["shards"])
    for name, leaf in stored["leaves"].items():
        if "crc32" not in leaf and _volume(leaf.get("shards", {})) != int(np.prod(leaf["shape"])):
            raise ValueError(f"its manifest lacks digests of {name}")
    return stored | {"crc32": seal(stored["facts"], stored["leaves"])}


def _read(path: Path) -> Manifest:
    stored = files.read_json(path)
    if stored.keys() != {"facts", "leaves", "crc32"}:
        raise ValueError("its manifest is not a manifest")
    if seal(stored["facts"], stored["leaves"]) != stored["crc32"]:
        raise ValueError("its manifest was changed")
    return stored


def _volume(shards: dict[str, str]) -> int:
    """Numbers in shards, none of which lies in another."""
    sizes = ([part.stop - part.start for part in _index_of(place)] for place in shards)
    return sum(int(np.prod(size)) for size in sizes)


def damage(state: Any, stored: Manifest) -> str:
    """Names the first leaf whose bytes are not those of the manifest; "" if there is none.

    On many processes all call it, and each looks at its own shards; a leaf that is split otherwise
    than it was when it was saved is gathered, one at a time.
    """
    for path, leaf in jax.tree_util.tree_leaves_with_path(state):
        name = leaf_name(path)
        known = stored["leaves"][name]
        if "crc32" in known:
            whole = crc32(leaf) == known["crc32"]
        else:
            parts = _parts(leaf, list(known["shards"]))
            whole = all(crc32(part) == known["shards"][place] for place, part in parts.items())
        if not whole:
            return f"{name} does not match its digest"
    return ""


def _parts(leaf: Any, places: list[str]) -> dict[str, Any]:
    """The parts of an array at `places`, as far as this process is to look at them."""
    if isinstance(leaf, jax.Array) and not (leaf.is_fully_addressable or leaf.is_fully_replicated):
        indices = leaf.sharding.devices_indices_map(leaf.shape).values()
        if {place_of(index, leaf.shape) for index in indices} == set(places):
            return _shards(leaf)
        leaf = multihost_utils.process_allgather(leaf, tiled=True)
    whole = np.asarray(leaf)
    return {place: whole[_index_of(place)] for place in places}
