"""The part of every builder that is not about its data set: shards, workers, skips, metadata."""

import abc
import contextlib
import functools
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, cast

import tensorflow_datasets as tfds
from tensorflow_datasets.core.splits import SplitDict
from tqdm import tqdm

from drr_jax import files
from drr_jax.errors import InputError
from drr_jax.machine import cores
from tfds_reactionet.building.catalog import DataSet, checked_options, defaults, find_data_set
from tfds_reactionet.building.common import Tally, file_digests, fingerprint
from tfds_reactionet.building.parallel import ordered_map
from tfds_reactionet.building.shards import Built, beam_shard, local_shard, merge_tallies
from tfds_reactionet.building.skipped import Skip, SkipList
from tfds_reactionet.building.staging import check_space, is_complete
from tfds_reactionet.building.summary import check_options

Shard = Callable[[], Iterator[tuple[int, Any]]]
Shards = Mapping[str, Sequence[Shard]]

# Most records of a file, unless one chunk has more: about 100 MB of image pairs at 256 pixels.
SHARD_RECORDS = 2048


@dataclass(frozen=True)
class Plan:
    """What a builder will write, known before any image is read.

    `parts` maps each split, in order, to its chunks: picklable pieces of work with a number of
    `frames`, which `build(chunk) -> Built` turns into records in a worker process.
    """

    parts: Mapping[str, Sequence[Any]]
    build: Callable[[Any], Built]
    tally: Callable[[], Tally]  # an empty one for this data set
    image_bytes: int  # low estimate of a record's size
    stamp: str  # of the raw release, see `FaceBuilder.release_stamp`
    metadata: Mapping[str, Any]  # entries of this data set

    @property
    def frames(self) -> int:
        return sum(chunk.frames for chunks in self.parts.values() for chunk in chunks)


class ShardedBuilder(tfds.core.ShardBasedBuilder, skip_registration=True):
    """Writes the records of a `Plan` as ArrayRecord files, in order, over processes or Beam.

    Shards are streamed one after the other: TFDS's GeneratorBasedBuilder would hold a gigabyte in
    memory and then need TensorFlow for its temporary files.
    """

    OPTIONS: ClassVar[Mapping[str, Any]] = {}  # names and defaults, see catalog.Option
    EXPECTED_REASONS: ClassVar[tuple[str, ...]] = ()  # skips by the protocol itself
    HOMEPAGE: ClassVar[str]

    def __init_subclass__(cls, data_set: DataSet | None = None, **kwargs: Any):
        """Gives TFDS, as attributes of the class, what the builder's data set declares."""
        super().__init_subclass__(**kwargs)
        if data_set is None:
            return
        cls.VERSION = tfds.core.Version(data_set.version)
        cls.BUILDER_CONFIGS = [
            tfds.core.BuilderConfig(name=name, description=description)
            for name, description in data_set.configs.items()
        ]
        cls.RELEASE_NOTES = dict(data_set.notes)
        cls.OPTIONS = defaults(data_set)
        cls.HOMEPAGE = data_set.homepage
        if data_set.access:
            readme = f"tfds_reactionet/{cls.name}/README.md"
            cls.MANUAL_DOWNLOAD_INSTRUCTIONS = f"{data_set.access}; see {readme}"

    def __init__(
        self,
        *,
        max_skipped: float = 0.01,
        jobs: int | None = None,
        progress: bool = True,
        options: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ):
        """options: those of the data set that differ from their defaults. max_skipped: share of
        frames that may be unusable. jobs: processes (default: all cores).
        """
        mine = {"max_skipped": max_skipped, "jobs": jobs, "progress": progress, "options": options}
        known = find_data_set(self.name).options
        for option in known:
            if option.name in kwargs:
                raise InputError(
                    f"{option.name}={kwargs[option.name]}: an option of the records, not of TFDS; "
                    f"pass options={{{option.name!r}: {kwargs[option.name]!r}}}"
                )
        chosen = checked_options(self.name, options or {})
        self.options: dict[str, Any] = {**self.OPTIONS, **chosen}
        super().__init__(**{"file_format": "array_record", **kwargs})
        self._original_state.update(mine)
        self._max_skipped = max_skipped
        self._jobs = jobs or cores()
        self._progress = progress
        prepared = Path(self.data_dir)
        if is_complete(prepared):
            check_options(prepared, chosen, self.OPTIONS)

    @abc.abstractmethod
    def _plan(self, manual_dir: Path, skips: SkipList) -> Plan:
        """Reads all labels. Raises InputError for a defect of the raw release."""

    def _log_download_bytes(self) -> None:
        """Keeps TFDS from printing sizes it does not know."""

    def _log_download_done(self) -> None:
        """The command prints a summary instead."""

    @property
    def config_name(self) -> str:
        return cast(tfds.core.BuilderConfig, self.builder_config).name

    @property
    def skipped_path(self) -> Path:
        """The list of skipped frames: key, reason, file."""
        return Path(self.data_dir_root, self.name, f"skipped-{self.config_name}.csv")

    @property
    def scratch_path(self) -> Path:
        """Where Beam workers leave the statistics of their shards during a build."""
        return self.skipped_path.with_name(f".tallies-{self.config_name}")

    def _download_and_prepare(self, dl_manager: Any, download_config: Any = None) -> None:
        manual_dir = Path(dl_manager.manual_dir).resolve()
        with SkipList(self.skipped_path, self._max_skipped, self.EXPECTED_REASONS) as skips:
            plan = self._plan(manual_dir, skips)
            tallies = self._write(plan, skips, dl_manager, download_config)
        folder = Path(self.data_dir)  # still the one in the making
        cast(Any, self.info.features).save_config(folder)  # as TFDS will, once more
        metadata = {
            **plan.metadata,
            "fingerprint": fingerprint(tallies),
            "built_from": {"manual_dir": str(manual_dir), "stamp": plan.stamp},
            "parts": {part: tally.to_json() for part, tally in tallies.items()},
            "skipped": dict(skips.counts),
            "files": file_digests(folder),
            files.DESCRIBED: files.described_digests(folder),
            "shards": {part: list(self.info.splits[part].shard_lengths) for part in tallies},
        }
        cast(dict[str, Any], self.info.metadata).update(files.sealed(metadata))

    def _write(
        self, plan: Plan, skips: SkipList, dl_manager: Any, download_config: Any
    ) -> dict[str, Tally]:
        """Writes all records; returns the tally of each part. Raises InputError."""
        beam = download_config is not None and download_config.beam_runner is not None
        candidates = plan.frames + skips.lost
        skips.check(candidates)
        shards = self._shards(plan)
        check_space(Path(self.data_dir_root), plan.frames * plan.image_bytes)
        tallies = {part: plan.tally() for part in plan.parts}
        ordered = (c for part in shards.values() for chunks in part for c in chunks)
        if beam:
            shutil.rmtree(self.scratch_path, ignore_errors=True)
        with (
            self._progress_bar("building", plan.frames, "frames") as bar,
            contextlib.closing(ordered_map(plan.build, ordered, self._jobs)) as results,
        ):

            def record(part: str, built: Built) -> None:
                tallies[part].add(built.tally)
                skips.add(built.skips)
                skips.check(candidates)
                bar.update(len(built.records) + len(built.skips))

            def shard(part: str, number: int, chunks: list[Any]) -> Shard:
                if beam:
                    target = self.scratch_path / f"{part}-{number:06d}.json"
                    return functools.partial(beam_shard, plan.build, chunks, target, plan.tally)
                told = functools.partial(record, part)
                return functools.partial(local_shard, results, len(chunks), told)

            made = {
                part: [shard(part, number, chunks) for number, chunks in enumerate(pieces)]
                for part, pieces in shards.items()
            }
            self._write_parts(dl_manager, download_config, made)
        if beam:
            for skipped in merge_tallies(self.scratch_path, tallies):
                skips.add(Skip(*fields) for fields in skipped)
            shutil.rmtree(self.scratch_path)
            skips.check(candidates)
        for part, tally in tallies.items():
            if not tally.records:
                raise InputError(
                    f"no frame of {part} became a record; {self.skipped_path} lists why"
                )
        return tallies

    def _write_parts(self, dl_manager: Any, download_config: Any, shards: Shards) -> None:
        """Lets TFDS write one part at a time: its Beam pipeline would run again, with everything
        before, for each further split.
        """
        infos = []
        for part, callables in shards.items():
            self._current = {part: callables}
            super()._download_and_prepare(dl_manager, download_config)
            infos.append(self.info.splits[part])
            Path(self.data_dir, f"{self.name}-{part}.shard_infos.json").unlink(missing_ok=True)
        self.info.set_splits(SplitDict(infos))

    def _shard_iterators_per_split(self, dl_manager: Any) -> Shards:
        return self._current

    def _shards(self, plan: Plan) -> dict[str, list[list[Any]]]:
        """The chunks of each shard of each part. Raises InputError for a part without any."""
        planned = {part: _frames(chunks) for part, chunks in plan.parts.items()}
        for part, count in planned.items():
            if not count:
                counts = ", ".join(f"{name} {n}" for name, n in planned.items())
                raise InputError(
                    f"no usable frame for {part} (frames: {counts}); {self.skipped_path} lists "
                    "what was skipped and why; other folds: --folds"
                )
        shards: dict[str, list[list[Any]]] = {part: [[]] for part in plan.parts}
        for part, chunks in plan.parts.items():
            for chunk in chunks:
                last = shards[part][-1]
                if last and chunk.frames + _frames(last) > SHARD_RECORDS:
                    shards[part].append([])
                shards[part][-1].append(chunk)
        return shards

    def _progress_bar(self, what: str, total: int, unit: str) -> tqdm:
        return tqdm(total=total, desc=what, unit=f" {unit}", disable=not self._progress)


def _frames(chunks: Iterable[Any]) -> int:
    return sum(chunk.frames for chunk in chunks)
