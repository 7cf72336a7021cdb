"""TFDS builder for ReactioNet (ICCV 2023): stimulus, reaction and caption with action units."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, cast

import tensorflow_datasets as tfds

from drr_jax.errors import InputError
from drr_jax.facs import EXPRESSIONS, REACTIONET_AUS, SCENES
from tfds_reactionet.building import (
    Plan,
    ShardedBuilder,
    Skip,
    SkipList,
    Tally,
    defaults,
    ordered_map,
    record_features,
)
from tfds_reactionet.reactionet import DATA_SET, layout, records
from tfds_reactionet.reactionet.labels import read_demographics, read_keyframes
from tfds_reactionet.reading import PARTS, FoldUnit, balanced_parts, read_folds

SHARD_RECORDS = 4 * records.CHUNK_FRAMES  # about 100 MB at 256 pixels


@dataclasses.dataclass(eq=False)
class ReactioNetConfig(tfds.core.BuilderConfig):
    """keyframes_only: only hand-labelled frames. rendered: the demo release, not recordings.
    modalities: further images of the reaction, among depth and thermal.
    """

    keyframes_only: bool = False
    rendered: bool = False
    modalities: tuple[str, ...] = ()


class Builder(ShardedBuilder):
    """ReactioNet's three cross-validation parts as ArrayRecord files."""

    VERSION = tfds.core.Version(DATA_SET.version)
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
        ReactioNetConfig(
            name="demo_keyframes",
            description="The rendered release's hand-labelled key frames only.",
            keyframes_only=True,
            rendered=True,
        ),
        ReactioNetConfig(
            name="demo_multimodal",
            description="The rendered release with depth and thermal images of the same faces.",
            rendered=True,
            modalities=layout.MODALITIES,
        ),
    ]

    OPTIONS = defaults(DATA_SET)
    EXPECTED_REASONS = records.EXPECTED_REASONS

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=record_features(self._images),
            supervised_keys=None,
            homepage="https://openaccess.thecvf.com/ICCV2023",
            disable_shuffling=True,
            metadata=tfds.core.MetadataDict(),
        )

    @property
    def _release_config(self) -> ReactioNetConfig:
        return cast(ReactioNetConfig, self.builder_config)

    @property
    def _images(self) -> tuple[str, ...]:
        return ("reaction", "stimulus", *self._release_config.modalities)

    @property
    def _record_options(self) -> records.Options:
        config = self._release_config
        return records.Options(
            **self.options, keyframes_only=config.keyframes_only, modalities=config.modalities
        )

    @property
    def shard_records(self) -> int:
        return SHARD_RECORDS

    @classmethod
    def check_release(cls, manual_dir: Path, config: str) -> None:
        layout.find_sequences(layout.release_root(manual_dir))

    @classmethod
    def release_stamp(cls, manual_dir: Path, config: str, options: Mapping[str, Any]) -> str:
        root = layout.release_root(manual_dir)
        return layout.stamp(root, layout.find_sequences(root))

    def _plan(self, manual_dir: Path, skips: SkipList) -> Plan:
        root = layout.release_root(manual_dir)
        sequences = layout.find_sequences(root)
        works = self._works(root, sequences, skips)
        scans = self._scan(works, skips)
        skips.check(sum(scan.records for scan in scans) + skips.lost)
        parts, fold_source = self._parts(root, works, scans)
        metadata = {**self._names(sequences), "fold_source": fold_source}
        return Plan(
            parts=self._chunks(works, scans, parts),
            build=records.build,
            tally=Tally,
            image_bytes=self.options["size"] ** 2 * len(self._images) // 20,  # 0.05 byte a pixel
            stamp=layout.stamp(root, sequences),
            metadata=lambda _: metadata,
        )

    def _works(
        self, root: Path, sequences: list[layout.Sequence], skips: SkipList
    ) -> list[records.Work]:
        subjects = read_demographics(root / layout.DEMOGRAPHICS)
        keyframes = read_keyframes(root / layout.KEYFRAMES)
        keys = {sequence.key for sequence in sequences}
        if self._release_config.keyframes_only and not keyframes:
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
        options = self._record_options
        return [
            records.Work(s, subjects.get(s.key, ()), keyframes.get(s.key), options)
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
            FoldUnit(key, work.subjects, scan.balance_frames, scan.balance_positives)
            for key, work, scan in zip(keys, works, scans, strict=True)
        ]
        return balanced_parts(units), "components"

    def _chunks(
        self, works: list[records.Work], scans: list[records.Scan], parts: dict[str, int]
    ) -> dict[str, list[records.Chunk]]:
        """The chunks of each part; keys number the planned records of a part."""
        chunks: dict[str, list[records.Chunk]] = {part: [] for part in PARTS}
        planned = dict.fromkeys(PARTS, 0)
        for work, scan in zip(works, scans, strict=True):
            part = PARTS[parts[work.sequence.key]]
            chunks[part] += records.chunks(work, scan.records, planned[part])
            planned[part] += scan.records
        return chunks

    def _names(self, sequences: list[layout.Sequence]) -> dict[str, Any]:
        return {
            "au_names": list(REACTIONET_AUS),
            "expression_names": list(EXPRESSIONS),
            "scene_names": list(SCENES),
            "sub_scene_names": sorted({"/".join(s.key.split("/")[:2]) for s in sequences}),
            "rendered": self._release_config.rendered,
            **self.options,
        }
