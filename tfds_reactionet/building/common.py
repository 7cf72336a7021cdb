"""ReactioNet's record, the digest of any data set's record, and the statistics of a part."""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from drr_jax import files
from drr_jax.facs import EXPRESSIONS, IMAGES, REACTIONET_AUS, SCENES

LABEL_SOURCES = ("automatic", "manual")
_AUS = len(REACTIONET_AUS)
_DIGESTS = 1 << 256
_ARRAYS = ("pairs", "given", "known", "expressions", "scenes")
_COUNTERS = ("sub_scenes", "sources", "words")
_SETS = ("subjects", "tasks")


def default_data_dir() -> Path:
    """Where prepared data lie: $DRR_DATA_DIR, or data/ in the working directory."""
    return Path(os.environ.get("DRR_DATA_DIR") or "data")


def image_feature(name: str, encoding: str = "jpeg") -> Any:
    """TFDS feature of one of IMAGES; depth is grey and kept without loss, as PNG, in every set."""
    import tensorflow_datasets as tfds

    if name == "depth":
        return tfds.features.Image(shape=(None, None, 1), encoding_format="png")
    return tfds.features.Image(shape=(None, None, 3), encoding_format=encoding)


def record_features(images: Iterable[str] = ("reaction", "stimulus")) -> Any:
    """TFDS features of a record. Unknown values are -1 (occurrence, expression) and NaN."""
    import tensorflow_datasets as tfds

    return tfds.features.FeaturesDict(
        {
            **{name: {"image": image_feature(name)} for name in images},
            "caption": tfds.features.Text(),
            "au": {
                "occurrence": tfds.features.Tensor(shape=(_AUS,), dtype=np.int8),
                "intensity": tfds.features.Tensor(shape=(_AUS,), dtype=np.float32),
            },
            "expression": tfds.features.Scalar(dtype=np.int64),
            "scene": tfds.features.ClassLabel(names=list(SCENES)),
            "sub_scene": tfds.features.Text(),
            "task": tfds.features.Text(),
            "sequence": tfds.features.Text(),
            "subject": tfds.features.Text(),
            "frame": tfds.features.Scalar(dtype=np.int64),
            "label_source": tfds.features.ClassLabel(names=list(LABEL_SOURCES)),
            "head_pose": tfds.features.Tensor(shape=(6,), dtype=np.float32),
            "gaze": tfds.features.Tensor(shape=(8,), dtype=np.float32),
            "landmarks": tfds.features.Tensor(shape=(68, 2), dtype=np.float32),
        }
    )


def images_of(names: Iterable[str]) -> list[str]:
    """Those features of a record that hold an encoded image under "image"."""
    return [name for name in names if name in IMAGES]


def with_texts(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record as TFDS reads it back (texts are bytes), as the builder yielded it (str)."""
    texts = {key: value.decode() for key, value in record.items() if isinstance(value, bytes)}
    return {**record, **texts}


def record_digest(record: Mapping[str, Any]) -> int:
    """SHA-256 of everything in a record with encoded images, as an integer.

    The same before it is written and, through `with_texts`, after it was read back.
    """
    digest = hashlib.sha256()
    if "stimulus" not in record:
        for name, value in sorted(_leaves(record), key=lambda leaf: leaf[0]):
            _add(digest, name.encode())
            _add(digest, _value_bytes(value))
        return int.from_bytes(digest.digest(), "little")
    for text in ("caption", "sub_scene", "task", "sequence", "subject"):
        _add(digest, record[text].encode())
    for name in ("expression", "scene", "frame", "label_source"):
        _add(digest, int(record[name]).to_bytes(8, "little", signed=True))
    _add(digest, np.asarray(record["au"]["occurrence"], np.int8).tobytes())
    numbers = (record["au"]["intensity"], record["head_pose"], record["gaze"], record["landmarks"])
    for array in numbers:
        _add(digest, np.asarray(array, "<f4").tobytes())
    for name in IMAGES:
        if name in record:
            _add(digest, record[name]["image"])
    return int.from_bytes(digest.digest(), "little")


def _leaves(record: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in record.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}/")
        else:
            yield prefix + name, value


def _value_bytes(value: Any) -> bytes:
    """Bytes of a feature's value that do not change when TFDS writes and reads it."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    array = np.asarray(value)
    return array.astype("<f4" if array.dtype.kind == "f" else "<i8").tobytes()


def _add(digest: Any, data: bytes) -> None:
    digest.update(len(data).to_bytes(8, "little"))
    digest.update(data)


def caption_words(caption: str) -> list[str]:
    """Lower-case words of a caption: runs of a-z and 0-9."""
    return re.findall(r"[a-z0-9]+", caption.lower())


@dataclass
class SequenceTally:
    """Records and digest of one sequence: the sum of its records' digests, so of any order."""

    subject: str
    records: int = 0
    digest: int = 0


@dataclass
class Tally:
    """Statistics of a part's records, added up record by record and tally by tally.

    Without arguments it counts ReactioNet's classes; `of` makes one for other sets.
    """

    pairs: np.ndarray = field(default_factory=lambda: np.zeros((_AUS, _AUS), np.int64))
    given: np.ndarray = field(default_factory=lambda: np.zeros((_AUS, _AUS), np.int64))
    known: np.ndarray = field(default_factory=lambda: np.zeros(_AUS, np.int64))
    expressions: np.ndarray = field(default_factory=lambda: np.zeros(len(EXPRESSIONS), np.int64))
    scenes: np.ndarray = field(default_factory=lambda: np.zeros(len(SCENES), np.int64))
    sub_scenes: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)
    subjects: set[str] = field(default_factory=set)
    tasks: set[str] = field(default_factory=set)
    sequences: dict[str, SequenceTally] = field(default_factory=dict)

    @classmethod
    def of(cls, aus: int, expressions: int) -> "Tally":
        """An empty tally of a data set with so many AUs and expressions."""
        return cls(
            pairs=np.zeros((aus, aus), np.int64),
            given=np.zeros((aus, aus), np.int64),
            known=np.zeros(aus, np.int64),
            expressions=np.zeros(expressions, np.int64),
        )

    @property
    def records(self) -> int:
        return sum(sequence.records for sequence in self.sequences.values())

    def add_record(self, record: Mapping[str, Any]) -> None:
        """Counts one record as the builder yields it (texts are str)."""
        if "au" in record:
            occurrence = np.asarray(record["au"]["occurrence"])
            positive = (occurrence == 1).astype(np.int64)
            known = (occurrence >= 0).astype(np.int64)
            self.pairs += np.outer(positive, positive)
            self.given += np.outer(positive, known)
            self.known += known
        if record["expression"] >= 0:
            self.expressions[record["expression"]] += 1
        if "scene" in record:
            self.scenes[record["scene"]] += 1
            path = record["sequence"].split("/")
            self.sub_scenes["/".join(path[:2])] += 1
            self.tasks.add("/".join(path[:3]))
        else:
            self.tasks.update(filter(None, [record["task"]]))
        self.sources[LABEL_SOURCES[record["label_source"]]] += 1
        self.words.update(caption_words(record.get("caption", "")))
        self.subjects.update(filter(None, record["subject"].split("+")))
        sequence = self.sequences.setdefault(record["sequence"], SequenceTally(record["subject"]))
        sequence.records += 1
        sequence.digest = (sequence.digest + record_digest(record)) % _DIGESTS

    def add(self, other: "Tally") -> None:
        """Adds the counts of another tally, of later records."""
        for name in _ARRAYS:
            getattr(self, name).__iadd__(getattr(other, name))
        for name in (*_COUNTERS, *_SETS):
            getattr(self, name).update(getattr(other, name))
        for key, theirs in other.sequences.items():
            ours = self.sequences.setdefault(key, SequenceTally(theirs.subject))
            ours.records += theirs.records
            ours.digest = (ours.digest + theirs.digest) % _DIGESTS

    def to_state(self) -> dict[str, Any]:
        """Everything as JSON values; `from_state` is its inverse."""
        state = {name: getattr(self, name).tolist() for name in _ARRAYS}
        state |= {name: dict(getattr(self, name)) for name in _COUNTERS}
        state |= {name: sorted(getattr(self, name)) for name in _SETS}
        state["sequences"] = {
            key: [sequence.subject, sequence.records, f"{sequence.digest:x}"]
            for key, sequence in self.sequences.items()
        }
        return state

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Tally":
        values: dict[str, Any] = {name: np.array(state[name], np.int64) for name in _ARRAYS}
        values |= {name: Counter(state[name]) for name in _COUNTERS}
        values |= {name: set(state[name]) for name in _SETS}
        values["sequences"] = {
            key: SequenceTally(subject, count, int(digest, 16))
            for key, (subject, count, digest) in state["sequences"].items()
        }
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """The part's entry in a data set's metadata."""
        first = 0
        sequences = []
        for key, sequence in self.sequences.items():
            sequences.append([key, sequence.subject, first, sequence.records])
            first += sequence.records
        return {
            "records": self.records,
            "au_known": self.known.tolist(),
            "au_pairs": self.pairs.tolist(),
            "au_given": self.given.tolist(),
            "expression_counts": self.expressions.tolist(),
            "scene_counts": self.scenes.tolist(),
            "sub_scene_counts": dict(sorted(self.sub_scenes.items())),
            "label_source_counts": {name: self.sources[name] for name in LABEL_SOURCES},
            "subjects": sorted(self.subjects),
            "tasks": sorted(self.tasks),
            "caption_words": dict(sorted(self.words.items())),
            "sequences": sequences,
            "sequence_digests": [f"{s.digest:064x}" for s in self.sequences.values()],
        }


def file_digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every record file in a folder, by file name."""
    return {path.name: files.digest(path) for path in sorted(folder.glob("*.array_record-*"))}


def fingerprint(parts: Mapping[str, Tally]) -> str:
    """SHA-256 over what each part holds; independent of how and in what order it was built."""
    lines = sorted(
        f"{part} {key} {sequence.records} {sequence.digest:064x}"
        for part, tally in parts.items()
        for key, sequence in tally.sequences.items()
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
