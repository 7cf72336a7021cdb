"""Shards of a data set as TFDS wants them: callables that yield (key, example)."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drr_jax import files, limits, stops
from tfds_reactionet.building.common import Tally
from tfds_reactionet.building.skipped import Skip

Example = tuple[int, dict[str, Any]]


@dataclass
class Built:
    """Records of a chunk as (key, TFDS example), their statistics, and what failed."""

    tally: Tally
    records: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)


def local_shard(
    results: Iterator[Built], chunks: int, record: Callable[[Built], None]
) -> Iterator[Example]:
    """The next `chunks` results of an iterator that all shards share and use up in order.

    `record` is told of each result.
    """
    for built in itertools.islice(results, chunks):
        stops.look()
        record(built)
        yield from built.records


def beam_shard(
    build: Callable[[Any], Built], chunks: Sequence[Any], target: Path, empty: Callable[[], Tally]
) -> Iterator[Example]:
    """A shard that a Beam worker builds by itself; its statistics go to the file `target`.

    The file's folder must be visible to all workers, as the data folder is. Building a shard twice,
    as Beam may, writes the same file again.
    """
    tally, skips = empty(), []
    for chunk in chunks:
        built = build(chunk)
        tally.add(built.tally)
        skips.extend(built.skips)
        yield from built.records
    target.parent.mkdir(parents=True, exist_ok=True)
    files.write_json(target, {"tally": tally.to_json(), "skips": skips})


def merge_tallies(scratch: Path, tallies: Mapping[str, Tally]) -> Iterator[list[Any]]:
    """Adds the statistics that Beam workers left to `tallies`; yields each shard's skips."""
    for path in sorted(scratch.glob("*.json")):
        state = files.read_json(path, limits.TABLE_BYTES)
        tallies[path.name.split("-")[0]].add(Tally.from_json(state["tally"]))
        yield state["skips"]
