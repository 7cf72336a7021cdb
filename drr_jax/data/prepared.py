"""Prepared data sets: where one is, and what its builder recorded about it."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from drr_jax import files
from drr_jax.data import landmarks
from drr_jax.errors import InputError
from drr_jax.facs import SCENES

TUPLE = ("reaction", "stimulus", "caption")  # ReactioNet's; the rest is read only if asked for
INPUTS = (*TUPLE, "audio", "depth", "thermal", "landmarks")
REBUILD = "build it again: python -m tfds_reactionet.build"
NEEDED = ("au_names", "evaluated_aus", "expression_names", "parts", "protocol", "fingerprint")
NEEDED_OF_PART = (
    *("records", "sequences", "au_known", "au_pairs", "au_given"),
    *("expression_counts", "sub_scene_counts", "caption_words"),
)


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A prepared data set: where it is, and what its builder recorded about it."""

    directory: Path
    name: str  # "reactionet/demo"
    version: str
    # see tfds_reactionet/building/common.py
    metadata: Mapping[str, Any] = dataclasses.field(repr=False)
    builder: Any = dataclasses.field(repr=False, compare=False)  # TFDS's, to read records
    warnings: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        return self.metadata["fingerprint"]

    @property
    def au_names(self) -> tuple[str, ...]:
        """Names of the columns of `au/occurrence`."""
        return tuple(self.metadata["au_names"])

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(sorted(self.metadata["parts"]))

    @property
    def inputs(self) -> tuple[str, ...]:
        """What its records have of INPUTS; landmarks only of a scheme that is part of the 68."""
        features = self.builder.info.features
        found = tuple(name for name in INPUTS if name in features)
        if "landmarks" in found and features["landmarks"].shape[0] not in landmarks.SCHEMES:
            return tuple(name for name in found if name != "landmarks")
        return found

    def classes(self, task: str) -> tuple[str, ...]:
        """Names of the classes of a task: the evaluated AUs, those whose intensity is coded, the
        expressions, or all sub-scenes.

        A sub-scene is "scene/sub_scene", those of one scene beside each other, in the order of
        facs.SCENES. Raises InputError if the set has no labels of that task, or was built before
        intensities were counted.
        """
        if task == "expression":
            names = tuple(self.metadata["expression_names"])
        elif task == "scene":
            parts = self.metadata["parts"].values()
            found = {name for part in parts for name in part["sub_scene_counts"]}
            names = tuple(sorted(found, key=lambda name: (SCENES.index(name.split("/")[0]), name)))
        elif task == "intensity":
            names = self._graded_aus()
        else:
            names = tuple(self.metadata["evaluated_aus"])
        # All but ReactioNet are made for one task, so that no label that is never known is learnt.
        made_for = self.metadata.get("task")
        if not names or made_for not in (None, "au" if task == "intensity" else task):
            raise InputError(
                f"config key task={task}: data set {self.name} has labels for "
                f"task={made_for or 'au'}"
            )
        return names

    def _graded_aus(self) -> tuple[str, ...]:
        known = "graded_aus" in self.metadata
        if not known and self.metadata.get("task") in (None, "au"):
            raise InputError(
                f"prepared data set {self.directory}: metadata.json lacks graded_aus, since it is "
                "from before intensities were counted; for task=intensity "
                f"{REBUILD} {self.name} --overwrite"
            )
        return tuple(self.metadata.get("graded_aus", ()))

    @property
    def folds(self) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
        """(training parts, test parts) by fold."""
        protocol = self.metadata["protocol"]
        pairs = zip(protocol["train"], protocol["test"], strict=True)
        return tuple((tuple(train), tuple(test)) for train, test in pairs)

    def records(self, parts: Sequence[str]) -> int:
        """Number of records in `parts`."""
        return sum(self.metadata["parts"][part]["records"] for part in parts)

    def sequences(self, part: str) -> list[tuple[str, str, int, int]]:
        """(sequence, subject, first record, records) of `part`, in stored order."""
        return [tuple(entry) for entry in self.metadata["parts"][part]["sequences"]]

    def sequence(self, part: str, record: int) -> str:
        """ "scene/sub_scene/task/sequence" of a record of `part`."""
        for name, _, first, count in self.sequences(part):
            if first <= record < first + count:
                return name
        raise ValueError(f"{part} has no record {record}")


def open_dataset(prepared_dir: str | Path) -> Prepared:
    """Opens a prepared data set.

    Its metadata, features and names of classes must be what its builder wrote, by their digests;
    a set from before there were any is opened with a warning. Raises InputError if it is missing
    or damaged.
    """
    directory = Path(prepared_dir)
    if not (directory / "dataset_info.json").is_file():
        raise InputError(
            f"prepared data set {directory}: no dataset_info.json there; {REBUILD}, or correct "
            "data.data_dir"
        )
    try:
        metadata = _read_metadata(directory)
        builder = tfds.builder_from_directory(directory)
        for part, counts in metadata["parts"].items():
            split = builder.info.splits[part]
            written, stored = metadata.get("shards", {}).get(part), split.num_examples
            if written is not None and written != list(split.shard_lengths):
                raise InputError(
                    f"prepared data set {directory}: dataset_info.json has other shards of {part} "
                    f"than were written; {REBUILD}"
                )
            files_written = {name for name in metadata.get("files", ()) if f"-{part}." in name}
            if files_written and files_written != {Path(name).name for name in split.filenames}:
                raise InputError(
                    f"prepared data set {directory}: dataset_info.json has other files of {part} "
                    f"than were written; {REBUILD}"
                )
            if stored != counts["records"]:
                raise InputError(
                    f"prepared data set {directory}: {part} has {stored} records, metadata.json "
                    f"says {counts['records']}; {REBUILD}"
                )
        name = builder.info.full_name.rsplit("/", 1)[0]
        opened = Prepared(directory, name, str(builder.version), metadata, builder)
        for part in {part for pair in opened.folds for parts in pair for part in parts}:
            opened.sequences(part)
    except InputError:
        raise
    except Exception as error:  # TFDS, JSON and protobuf raise many kinds for a damaged file
        raise InputError(unreadable(directory, error)) from None
    unsealed = (
        f"prepared data set {directory} is from before metadata had a digest, so that a change in "
        f"its names or counts would not be noticed; to have one, {REBUILD} {name} --overwrite"
    )
    return opened if files.SEAL in metadata else dataclasses.replace(opened, warnings=(unsealed,))


def _read_metadata(directory: Path) -> dict[str, Any]:
    """metadata.json, whole and as it was written. Raises InputError for what it lacks."""
    path = directory / "metadata.json"
    try:
        metadata = files.read_json(path)
        files.check_description(directory, metadata)
    except ValueError as error:
        raise InputError(f"prepared data set {path}: {error}; {REBUILD}") from None
    missing = [key for key in NEEDED if key not in metadata]
    if not missing:
        parts = metadata["parts"] if isinstance(metadata["parts"], dict) else {"": None}
        missing = [
            f"{key} of {part or 'parts'}"
            for part, counts in parts.items()
            for key in NEEDED_OF_PART
            if not isinstance(counts, dict) or key not in counts
        ]
    if missing:
        raise InputError(
            f"prepared data set {directory}: metadata.json lacks {', '.join(missing[:3])}; "
            f"{REBUILD}"
        )
    return metadata


def unreadable(directory: Path, error: Exception) -> str:
    """What to say of a prepared data set that a library could not read."""
    return f"prepared data set {directory}: unreadable ({reason(error)}); {REBUILD}"


def reason(error: Exception) -> str:
    """Kind and message of a library's error, in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def fold_parts(prepared: Prepared, fold: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(training parts, test parts) of a fold (method 8.2). Raises InputError if it has no such."""
    folds = prepared.folds
    if fold >= len(folds):
        raise InputError(
            f"config key fold={fold}: data set {prepared.name} has folds 0 to {len(folds) - 1}"
        )
    return folds[fold]


def sub_scene_of(sequence: str) -> str:
    """ "scene/sub_scene" of a sequence "scene/sub_scene/task/sequence"."""
    return "/".join(sequence.split("/")[:2])
