"""The builder of every set of faces; a data set only gives its spec and its reader (faces.py)."""

import dataclasses
import functools
import hashlib
import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import tensorflow_datasets as tfds

from drr_jax.errors import InputError
from tfds_reactionet.building.catalog import find_data_set
from tfds_reactionet.building.common import Tally
from tfds_reactionet.building.face_records import (
    CHUNK_FRAMES,
    NO_FACE,
    Chunk,
    Scanned,
    Stored,
    build,
    record_features,
    scan,
)
from tfds_reactionet.building.faces import FoldReader, Options, Reader, Spec, Unit
from tfds_reactionet.building.parallel import ordered_map
from tfds_reactionet.building.sharded import Plan, ShardedBuilder
from tfds_reactionet.building.skipped import SkipList
from tfds_reactionet.reading import CROP_VERSION


class FaceBuilder(ShardedBuilder, skip_registration=True):
    """Writes what a reader finds.

    A data set declares `class Builder(FaceBuilder, data_set=DATA_SET, reader=Reader)`.
    """

    reader: ClassVar[type[Reader]]
    spec: ClassVar[Callable[[str, Options], Spec]]  # the reader's

    def __init_subclass__(cls, reader: type[Reader], **kwargs: Any):
        super().__init_subclass__(**kwargs)
        cls.reader, cls.spec = reader, staticmethod(reader.spec)
        cls.EXPECTED_REASONS = (NO_FACE, *reader.expected_reasons)

    @classmethod
    def check_release(cls, manual_dir: Path, config: str, options: Options | None = None) -> Reader:
        """The reader of a release. Raises InputError if a folder is none at first sight."""
        if not manual_dir.is_dir():
            raise InputError(
                f"manual_dir {manual_dir} does not exist; {cls.MANUAL_DOWNLOAD_INSTRUCTIONS}"
            )
        return cls.reader(manual_dir, config, options or cls.OPTIONS)

    @classmethod
    def release_stamp(cls, manual_dir: Path, config: str, options: Options) -> str:
        """A cheap digest of what a raw release holds, to tell whether it changed."""
        return cls._stamp(manual_dir, cls.check_release(manual_dir, config, options))

    @classmethod
    def _stamp(cls, manual_dir: Path, reader: Reader) -> str:
        listed = reader.folds.file(reader.options["folds"])
        return stamp(manual_dir, [*reader.stamped(), *([listed] if listed else [])])

    def _info(self) -> tfds.core.DatasetInfo:
        spec = self.reader.spec(self.config_name, self.options)
        info = self.dataset_info_from_configs(
            features=record_features(spec, Stored.of(self.options).image_format),
            supervised_keys=None,
            homepage=self.HOMEPAGE,
            disable_shuffling=True,
            metadata=tfds.core.MetadataDict(),
        )
        # TFDS asks its own bucket about a set that is not on the disk, and leaves a folder behind
        info.initialize_from_bucket = lambda: None
        return info

    def _plan(self, manual_dir: Path, skips: SkipList) -> Plan:
        reader = self.check_release(manual_dir, self.config_name, self.options)
        spec = reader.spec(self.config_name, self.options)
        options = reader.resolved()
        if "crop" in options:
            options["crop"] = self._crop(manual_dir, reader)
        units = reader.units()
        skips.add(reader.unread())
        scanned = self._scan(reader, units, skips)
        counts = [unit.frames for unit in scanned]
        skips.check(sum(counts) + skips.lost)
        found: dict[str, Any] = {"noted": dict(Counter(n for unit in scanned for n in unit.notes))}
        if isinstance(reader, FoldReader):
            loads = [unit.load for unit in scanned if unit.load]
            dealt, found["fold_source"] = reader.parts(loads)
            units = [dataclasses.replace(unit, part=dealt[unit.sequence]) for unit in units]
        elif reader.folds.file(options["folds"]):
            found["fold_source"] = "file"
        return Plan(
            parts=_chunks(reader, spec, Stored.of(options), units, counts),
            build=build,
            tally=functools.partial(Tally.of, len(spec.au_names), len(spec.expression_names)),
            image_bytes=options["size"] ** 2 * len(spec.images) // 20,
            stamp=self._stamp(manual_dir, reader),
            metadata={**self._metadata(spec, options, units), **reader.said(), **found},
        )

    def _crop(self, manual_dir: Path, reader: Reader) -> str:
        if self.options["crop"] == "face" and not reader.has_faces:
            raise InputError(
                f"crop=face, but {manual_dir} holds no landmarks or boxes; expected those of the "
                "release beside its images, or crop=full"
            )
        return "face" if reader.cuts_faces else "full"

    def _metadata(self, spec: Spec, options: Options, units: Sequence[Unit]) -> dict[str, Any]:
        sub_scenes = {"/".join(unit.sequence.split("/")[:2]) for unit in units}
        return {
            "scene_names": [],
            **spec.metadata,
            "task": spec.task,
            "au_names": list(spec.au_names),
            "evaluated_aus": list(spec.evaluated_aus),
            "graded_aus": list(spec.graded_aus),
            "expression_names": list(spec.expression_names),
            "sub_scene_names": sorted(sub_scenes) if "sub_scene" in spec.extra else [],
            "domains": list(spec.images),
            "rendered": self.config_name in find_data_set(self.name).rendered,
            "size": options["size"],
            "options": dict(options),
            "crop_version": CROP_VERSION,
            "protocol": spec.protocol.to_json(),
        }

    def _scan(self, reader: Reader, units: Sequence[Unit], skips: SkipList) -> list[Scanned]:
        """What is known of every unit; what yields no record goes to `skips`."""
        found = []
        with self._progress_bar("reading labels", len(units), "units") as bar:
            for unit in ordered_map(functools.partial(scan, reader), units, self._jobs):
                found.append(unit)
                skips.add(unit.skips)
                bar.update()
        return found


def _chunks(
    reader: Reader, spec: Spec, stored: Stored, units: Sequence[Unit], counts: Sequence[int]
) -> dict[str, list[Chunk]]:
    """The chunks of each part, from units of so many frames."""
    parts: dict[str, list[Chunk]] = {part: [] for part in spec.protocol.parts}
    planned = dict.fromkeys(parts, 0)
    last: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    build_name = secrets.token_hex(8)
    for number, (unit, count) in enumerate(zip(units, counts, strict=True)):
        if last.get(unit.part) != unit.sequence and (unit.part, unit.sequence) in seen:
            raise ValueError(f"units of {unit.sequence} do not follow each other")
        last[unit.part] = unit.sequence
        seen.add((unit.part, unit.sequence))
        for start in range(0, count, CHUNK_FRAMES):
            stop, key = min(start + CHUNK_FRAMES, count), planned[unit.part] + start
            name = f"{build_name}/{number}"
            parts[unit.part].append(Chunk(name, reader, spec, stored, unit, start, stop, key))
        planned[unit.part] += count
    return parts


def stamp(root: Path, paths: Iterable[Path]) -> str:
    """A cheap digest of files' names, sizes and times, and of folders' names and times."""
    digest = hashlib.sha256()
    for path in sorted(set(paths)):
        try:
            status = path.stat()
        except OSError:
            continue  # an absent file changes the digest by its absence
        size = 0 if path.is_dir() else status.st_size
        relative = os.path.relpath(path, root)
        digest.update(f"{relative}\0{size}\0{status.st_mtime_ns}\n".encode(errors="replace"))
    return digest.hexdigest()
