"""TFDS builder for ReactioNet (ICCV 2023): stimulus, reaction and caption with action units."""

import contextlib
import dataclasses
import functools
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import tensorflow_datasets as tfds
from tensorflow_datasets.core.splits import SplitDict
from tqdm import tqdm

from drr_jax.errors import InputError
from drr_jax.facs import EXPRESSIONS, REACTIONET_AUS, SCENES
from tfds_reactionet.common import Tally, file_digests, fingerprint, record_features
from tfds_reactionet.folds import PARTS, Unit, balanced_parts, read_folds
from tfds_reactionet.parallel import cores, ordered_map
from tfds_reactionet.reactionet import layout, records
from tfds_reactionet.reactionet.labels import read_demographics, read_keyframes
from tfds_reactionet.shards import BeamShard, LocalShard, merge_tallies
from tfds_reactionet.skipped import Skip, SkipList

Plan = dict[str, list[list[records.Chunk]]]  # part -> shards -> chunks
Shards = Mapping[str, Sequence[Callable[[], Iterator[tuple[int, Any]]]]]

SHARD_RECORDS = 4 * records.CHUNK_FRAMES  # about 100 MB at 256 pixels


@dataclasses.dataclass(eq=False)
class ReactioNetConfig(tfds.core.BuilderConfig):
    """keyframes_only: only hand-labelled frames. rendered: the demo release, not recordings."""

    keyframes_only: bool = False
    rendered: bool = False


class Builder(tfds.core.ShardBasedBuilder):
    """ReactioNet's three cross-validation parts as ArrayRecord files.

    Shards are streamed one after the other: TFDS's GeneratorBasedBuilder would hold a gigabyte in
    memory and then need TensorFlow for its temporary files.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "First version."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Ask the authors of ReactioNet for the data and unpack it so that manual_dir holds "
        "<scene>/<sub_scene>/<task>/<sequence>/; see the README beside this builder."
    )
    BUILDER_CONFIGS: ClassVar[list[ReactioNetConfig]] = [
        ReactioNetConfig(name="full", description="Every frame with a face or a manual label."),
        ReactioNetConfig(
            name="keyframes", description="Hand-labelled key frames only.", keyframes_only=True
        ),
        ReactioNetConfig(
            name="demo", description="A rendered release, bundled; no recordings.", rendered=True
        ),
    ]

    def __init__(
        self,
        *,
        size: int = 256,
        stimulus_delay_frames: int = 0,
        max_skipped: float = 0.01,
        jobs: int | None = None,
        progress: bool = True,
        **kwargs: Any,
    ):
        """size: side of the stored images in pixels. stimulus_delay_frames: reaction frame f goes
        with stimulus frame f - delay. max_skipped: share of frames that may be unusable.
        jobs: processes (default: all cores).
        """
        mine = {
            "size": size,
            "stimulus_delay_frames": stimulus_delay_frames,
            "max_skipped": max_skipped,
            "jobs": jobs,
            "progress": progress,
        }
        super().__init__(**{"file_format": "array_record", **kwargs})
        self._original_state.update(mine)
        self._options = records.Options(
            size, stimulus_delay_frames, self._release_config.keyframes_only
        )
        self._max_skipped = max_skipped
        self._jobs = jobs or cores()
        self._progress = progress

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=record_features(),
            supervised_keys=None,
            homepage="https://openaccess.thecvf.com/ICCV2023",
            disable_shuffling=True,
            metadata=tfds.core.MetadataDict(),
        )

    def _log_download_bytes(self) -> None:
        """Keeps TFDS from printing sizes it does not know."""

    def _log_download_done(self) -> None:
        """The command prints a summary instead."""

    @property
    def _release_config(self) -> ReactioNetConfig:
        return cast(ReactioNetConfig, self.builder_config)

    @property
    def skipped_path(self) -> Path:
        """The list of skipped frames: key, reason, file."""
        return Path(self.data_dir_root, self.name, f"skipped-{self._release_config.name}.csv")

    @property
    def scratch_path(self) -> Path:
        """Where Beam workers leave the statistics of their shards during a build."""
        return self.skipped_path.with_name(f".tallies-{self._release_config.name}")

    def _download_and_prepare(self, dl_manager: Any, download_config: Any = None) -> None:
        manual_dir = Path(dl_manager.manual_dir).resolve()
        root = layout.release_root(manual_dir)
        sequences = layout.find_sequences(root)
        beam = download_config is not None and download_config.beam_runner is not None
        with SkipList(self.skipped_path, self._max_skipped, records.EXPECTED_REASONS) as skips:
            works = self._works(root, sequences, skips)
            scans = self._scan(works, skips)
            planned = sum(scan.records for scan in scans)
            candidates = planned + skips.lost
            skips.check(candidates)
            parts, fold_source = self._parts(root, works, scans)
            shards = self._shards(works, scans, parts)
            tallies = {part: Tally() for part in PARTS}
            ordered = (c for part in shards.values() for chunks in part for c in chunks)
            with (
                self._progress_bar("building", planned, "frames") as bar,
                contextlib.closing(ordered_map(records.build, ordered, self._jobs)) as results,
            ):

                def record(part: str, built: records.Built) -> None:
                    tallies[part].add(built.tally)
                    skips.add(built.skips)
                    skips.check(candidates)
                    bar.update(len(built.records) + len(built.skips))

                local = functools.partial(self._local_shards, results, record)
                make = self._beam_shards if beam else local
                self._write_parts(dl_manager, download_config, make(shards))
            if beam:
                for skipped in merge_tallies(self.scratch_path, tallies):
                    skips.add(Skip(*fields) for fields in skipped)
                shutil.rmtree(self.scratch_path)
                skips.check(candidates)
            for part, tally in tallies.items():
                if not tally.records:
                    raise InputError(f"no image of {part} decodes; see {self.skipped_path}")
        stamp = layout.stamp(root, sequences)
        cast(dict[str, Any], self.info.metadata).update(
            {
                **self._names(sequences),
                "fold_source": fold_source,
                "fingerprint": fingerprint(tallies),
                "built_from": {"manual_dir": str(manual_dir), "stamp": stamp},
                "parts": {part: tally.to_json() for part, tally in tallies.items()},
                "skipped": dict(skips.counts),
                "files": file_digests(Path(self.data_dir)),  # still the folder in the making
            }
        )

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

    def _works(
        self, root: Path, sequences: list[layout.Sequence], skips: SkipList
    ) -> list[records.Work]:
        subjects = read_demographics(root / layout.DEMOGRAPHICS)
        keyframes = read_keyframes(root / layout.KEYFRAMES)
        keys = {sequence.key for sequence in sequences}
        if self._options.keyframes_only and not keyframes:
            raise InputError(
                f"{root / layout.KEYFRAMES}: missing or empty; config keyframes needs it"
            )
        if subjects and not keys & set(subjects):
            raise InputError(
                f"{root / layout.DEMOGRAPHICS}: no sequence of it is on disk, e.g. "
                f"{next(iter(subjects))}; expected paths such as {sequences[0].key}"
            )
        for key in keyframes.keys() - keys:
            skips.add(
                Skip(f"{key}/{frame}", records.NO_REACTION, str(root / layout.KEYFRAMES))
                for frame in keyframes[key].frames.tolist()
            )
        return [
            records.Work(s, subjects.get(s.key, ()), keyframes.get(s.key), self._options)
            for s in sequences
        ]

    def _scan(self, works: list[records.Work], skips: SkipList) -> list[records.Scan]:
        scans = []
        with self._progress_bar("reading labels", len(works), "sequences") as bar:
            for scan in ordered_map(records.scan, works, self._jobs):
                skips.add(scan.skips)
                scans.append(dataclasses.replace(scan, skips=[]))
                bar.update()
        return scans

    def _parts(
        self, root: Path, works: list[records.Work], scans: list[records.Scan]
    ) -> tuple[dict[str, int], str]:
        keys = [work.sequence.key for work in works]
        parts = read_folds([root / path for path in layout.FOLDS], keys)
        if parts is not None:
            return parts, "release"
        units = [
            Unit(key, work.subjects, scan.balance_frames, scan.balance_positives)
            for key, work, scan in zip(keys, works, scans, strict=True)
        ]
        return balanced_parts(units), "components"

    def _shards(
        self, works: list[records.Work], scans: list[records.Scan], parts: dict[str, int]
    ) -> Plan:
        """The chunks of each shard of each part; keys number the planned records of a part."""
        shards: Plan = {part: [[]] for part in PARTS}
        planned = dict.fromkeys(PARTS, 0)
        for work, scan in zip(works, scans, strict=True):
            part = PARTS[parts[work.sequence.key]]
            for chunk in records.chunks(work, scan.records, planned[part]):
                last = shards[part][-1]
                if last and chunk.stop - chunk.start + _frames(last) > SHARD_RECORDS:
                    shards[part].append([])
                shards[part][-1].append(chunk)
            planned[part] += scan.records
        for part, count in planned.items():
            if not count:
                counts = ", ".join(f"{name} {n}" for name, n in planned.items())
                raise InputError(
                    f"no usable frame for {part} (frames: {counts}); "
                    f"{self.skipped_path} lists what was skipped and why"
                )
        return shards

    def _local_shards(
        self,
        results: Iterator[records.Built],
        record: Callable[[str, records.Built], None],
        plan: Plan,
    ) -> Shards:
        return {
            part: [
                LocalShard(results, len(chunks), functools.partial(record, part))
                for chunks in shards
            ]
            for part, shards in plan.items()
        }

    def _beam_shards(self, plan: Plan) -> Shards:
        shutil.rmtree(self.scratch_path, ignore_errors=True)
        return {
            part: [
                BeamShard(records.build, tuple(chunks), self.scratch_path, part, number)
                for number, chunks in enumerate(shards)
            ]
            for part, shards in plan.items()
        }

    def _progress_bar(self, what: str, total: int, unit: str) -> tqdm:
        return tqdm(total=total, desc=what, unit=f" {unit}", disable=not self._progress)

    def _names(self, sequences: list[layout.Sequence]) -> dict[str, Any]:
        return {
            "au_names": list(REACTIONET_AUS),
            "expression_names": list(EXPRESSIONS),
            "scene_names": list(SCENES),
            "sub_scene_names": sorted({"/".join(s.key.split("/")[:2]) for s in sequences}),
            "rendered": self._release_config.rendered,
            "size": self._options.size,
            "stimulus_delay_frames": self._options.stimulus_delay_frames,
        }


def _frames(chunks: Iterable[records.Chunk]) -> int:
    return sum(chunk.stop - chunk.start for chunk in chunks)


def release_stamp(manual_dir: Path) -> str:
    """The stamp of a raw release, to compare with the one a prepared set was built from."""
    root = layout.release_root(manual_dir)
    return layout.stamp(root, layout.find_sequences(root))


def check_release(manual_dir: Path) -> None:
    """Raises InputError if a folder is no raw release at first sight."""
    layout.find_sequences(layout.release_root(manual_dir))


def least_bytes(manual_dir: Path, size: int) -> int:
    """A low estimate of the prepared set's size: two images of 0.05 byte a pixel for each frame."""
    sequences = layout.find_sequences(layout.release_root(manual_dir))
    return sum(layout.find_frames(s, "reaction").length for s in sequences) * size * size // 10
