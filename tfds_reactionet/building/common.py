"""The digest of a record, the statistics of a part, and the fingerprint of a data set."""

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
from drr_jax.facs import IMAGES, SCENES

LABEL_SOURCES = ("automatic", "manual")
_DIGESTS = 1 << 256
_ARRAYS = ("au_known", "au_pairs", "au_given", "expression_counts", "scene_counts", "au_levels")
# What sets of earlier versions of this program do not have.
LATER = ("au_levels", "sound_counts")
LEVELS = 6  # of an intensity: 0 (absent), then FACS A to E
_COUNTERS = ("sub_scene_counts", "label_source_counts", "caption_words", "sound_counts")
_SETS = ("subjects", "tasks")


def default_data_dir() -> Path:
    """Where prepared data lie: $DRR_DATA_DIR, or data/ in the working directory."""
    return Path(os.environ.get("DRR_DATA_DIR") or "data")


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
    for name, value in sorted(_leaves(record), key=lambda leaf: leaf[0]):
        for data in (name.encode(), _value_bytes(value)):
            digest.update(len(data).to_bytes(8, "little"))
            digest.update(data)
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

    Fields have the names of the part's entry in a data set's metadata.
    """

    au_known: np.ndarray
    au_pairs: np.ndarray
    au_given: np.ndarray
    au_levels: np.ndarray  # [aus, LEVELS]: records of each intensity, rounded down
    expression_counts: np.ndarray
    scene_counts: np.ndarray = field(default_factory=lambda: np.zeros(len(SCENES), np.int64))
    sub_scene_counts: Counter[str] = field(default_factory=Counter)
    label_source_counts: Counter[str] = field(
        default_factory=lambda: Counter(dict.fromkeys(LABEL_SOURCES, 0))
    )
    caption_words: Counter[str] = field(default_factory=Counter)
    sound_counts: Counter[str] = field(default_factory=Counter)  # records with and without sound
    subjects: set[str] = field(default_factory=set)
    tasks: set[str] = field(default_factory=set)
    sequences: dict[str, SequenceTally] = field(default_factory=dict)

    @classmethod
    def of(cls, aus: int, expressions: int) -> "Tally":
        """An empty tally of a data set with so many AUs and expressions."""
        return cls(
            au_known=np.zeros(aus, np.int64),
            au_pairs=np.zeros((aus, aus), np.int64),
            au_given=np.zeros((aus, aus), np.int64),
            au_levels=np.zeros((aus, LEVELS), np.int64),
            expression_counts=np.zeros(expressions, np.int64),
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
            self.au_pairs += np.outer(positive, positive)
            self.au_given += np.outer(positive, known)
            self.au_known += known
            intensity = np.asarray(record["au"]["intensity"], np.float64)
            graded = np.flatnonzero(np.isfinite(intensity))
            level = np.clip(intensity[graded], 0, LEVELS - 1).astype(np.int64)
            self.au_levels[graded, level] += 1
        if record["expression"] >= 0:
            self.expression_counts[record["expression"]] += 1
        if "scene" in record:
            self.scene_counts[record["scene"]] += 1
            path = record["sequence"].split("/")
            self.sub_scene_counts["/".join(path[:2])] += 1
            self.tasks.add("/".join(path[:3]))
        else:
            self.tasks.update(filter(None, [record["task"]]))
        self.label_source_counts[LABEL_SOURCES[record["label_source"]]] += 1
        self.caption_words.update(caption_words(record.get("caption", "")))
        if "audio" in record:
            self.sound_counts["with" if np.any(record["audio"]) else "without"] += 1
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

    def to_json(self) -> dict[str, Any]:
        """The part's entry in a data set's metadata; `from_json` is its inverse."""
        first = 0
        sequences = []
        for key, sequence in self.sequences.items():
            sequences.append([key, sequence.subject, first, sequence.records])
            first += sequence.records
        return {
            "records": self.records,
            **{name: getattr(self, name).tolist() for name in _ARRAYS},
            **{name: dict(sorted(getattr(self, name).items())) for name in _COUNTERS},
            **{name: sorted(getattr(self, name)) for name in _SETS},
            "sequences": sequences,
            "sequence_digests": [f"{s.digest:064x}" for s in self.sequences.values()],
        }

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> "Tally":
        values: dict[str, Any] = {name: np.array(entry[name], np.int64) for name in _ARRAYS}
        values |= {name: Counter(entry[name]) for name in _COUNTERS}
        values |= {name: set(entry[name]) for name in _SETS}
        values["sequences"] = {
            key: SequenceTally(subject, count, int(digest, 16))
            for (key, subject, _, count), digest in zip(
                entry["sequences"], entry["sequence_digests"], strict=True
            )
        }
        return cls(**values)


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
