"""Shards of a data set as TFDS wants them: callables that yield (key, example)."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drr_jax import files
from tfds_reactionet.building.common import Tally
from tfds_reactionet.building.skipped import Skip

Example = tuple[int, dict[str, Any]]


@dataclass
class Built:
    """Records of a chunk as (key, TFDS example), their statistics, and what failed."""

    tally: Tally
    records: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)


@dataclass(frozen=True)
class LocalShard:
    """The next `chunks` results of an iterator that all shards share and use up in order."""

    results: Iterator[Built]
    chunks: int
    record: Callable[[Built], None]  # told of each result, in order

    def __call__(self) -> Iterator[Example]:
        for built in itertools.islice(self.results, self.chunks):
            self.record(built)
            yield from built.records


@dataclass(frozen=True)
class BeamShard:
    """A shard that a Beam worker builds by itself; its statistics go to a file in `scratch`.

    The folder must be visible to all workers, as the data folder is. Building a shard twice, as
    Beam may, writes the same file again.
    """

    build: Callable[[Any], Built]
    chunks: tuple[Any, ...]
    scratch: Path
    part: str
    number: int
    tally: Callable[[], Tally]  # an empty one

    def __call__(self) -> Iterator[Example]:
        tally, skips = self.tally(), []
        for chunk in self.chunks:
            built = self.build(chunk)
            tally.add(built.tally)
            skips.extend(built.skips)
            yield from built.records
        self.scratch.mkdir(parents=True, exist_ok=True)
        target = self.scratch / f"{self.part}-{self.number:06d}.json"
        files.write_json(target, {"tally": tally.to_json(), "skips": skips})


def merge_tallies(scratch: Path, tallies: Mapping[str, Tally]) -> Iterator[list[Any]]:
    """Adds the statistics that Beam workers left to `tallies`; yields each shard's skips."""
    for path in sorted(scratch.glob("*.json")):
        state = files.read_json(path)
        tallies[path.name.split("-")[0]].add(Tally.from_json(state["tally"]))
        yield state["skips"]
