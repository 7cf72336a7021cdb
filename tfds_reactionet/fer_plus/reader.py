"""Where FER+'s files lie (docs/datasets.md section 6).

    fer2013.csv                                      alone, for its own labels (config fer2013), or
    fer2013.csv, fer2013new.csv                                                joined row by row, or
    data/FER2013Train|FER2013Valid|FER2013Test/fer0000000.png, fer2013new.csv  joined by name, or
    data/FER2013Train|FER2013Valid|FER2013Test/fer0000000.png, label.csv

label.csv has other votes than fer2013new.csv for 1,601 images: metadata and summary say which was
read. The number of a frame is its row in the table or label file, from 0: names are not unique.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from drr_jax.errors import InputError
from drr_jax.facs import EXPRESSIONS, FER_PLUS_EXPRESSIONS
from tfds_reactionet import building
from tfds_reactionet.building import UNLABELLED, Frame, Options, Skip, Spec, Unit, dealt
from tfds_reactionet.fer_plus import tables
from tfds_reactionet.fer_plus.votes import COLUMNS, label
from tfds_reactionet.reading import FoldChoice, ImageFile, Pixels, Protocol, folders, matching

NO_LABEL = "votes that give no label (unknown, no face, or no agreement)"
NO_IMAGE = "votes without an image"
NO_NAME = "votes for an image without a name (no face), which only fer2013.csv has"
TWO_ROWS = "name that two rows of fer2013new.csv have, and one image"

OWN_LABELS = "fer2013"  # the config whose classes are those of fer2013.csv

_FACES = re.compile(r"(fer2013|icml_face_data)\.csv", re.IGNORECASE)
_VOTES = re.compile(r"fer2013new\.csv", re.IGNORECASE)
_TREE = {"fer2013train": "train", "fer2013valid": "validation", "fer2013test": "test"}
_PNG = re.compile(r"fer[0-9]+\.png")
_LABELS = "label.csv"
_LEVELS = 3


@dataclass(frozen=True)
class Row:
    """One face."""

    number: int
    voted: tables.Voted
    pixels: Pixels | None
    fer2013: int = -1  # the original label; -1 in a tree of images
    lack: str = NO_IMAGE  # why, if there are no pixels


class Reader(building.Reader):
    """A release on the disk; see faces.Reader. Either a pair of tables, or a tree of images."""

    expected_reasons = (NO_LABEL, NO_NAME, TWO_ROWS)
    folds = FoldChoice({"official": Protocol.official("train", "test", "validation")}, noun="image")

    @staticmethod
    def spec(config: str, options: Options) -> Spec:
        protocol = Reader.folds.protocol(options["folds"])
        if config == OWN_LABELS:  # their codes follow the order of EXPRESSIONS
            return Spec(task="expression", protocol=protocol, expression_names=EXPRESSIONS)
        return Spec(
            task="expression",
            protocol=protocol,
            expression_names=FER_PLUS_EXPRESSIONS,
            extra={
                "votes": ((len(COLUMNS),), np.int8),
                "target": ((len(FER_PLUS_EXPRESSIONS),), np.float32),
                "fer2013": ((), np.int64),
                "name": ((), str),
            },
        )

    def find(self) -> None:
        """Raises InputError if neither is there."""
        self.said_of_rows: list[str] = []
        faces = votes = None
        tree: dict[str, Path] = {}  # folder of each split
        for folder in folders(self.root, _LEVELS, lambda name: name.lower() in _TREE):
            split = _TREE.get(folder.name.lower())
            if split is None:
                faces = faces or next((path for path, _ in matching(folder, _FACES)), None)
                votes = votes or next((path for path, _ in matching(folder, _VOTES)), None)
            else:
                tree.setdefault(split, folder)
        self.faces = faces if self.config == OWN_LABELS else None
        if self.config == OWN_LABELS:
            if not faces:
                raise InputError(f"{self.root}: no fer2013.csv; expected it, with FER2013's labels")
            self.pair, self.tree, self.votes = None, {}, None
            return
        self.pair = (faces, votes) if faces and votes else None
        self.tree = {} if self.pair else tree
        self.votes = votes  # fer2013new.csv; None: label.csv of each folder
        whole = len(tree) == len(_TREE) and any(matching(f, _PNG) for f in tree.values())
        if not self.pair and not (
            whole and (votes or all((folder / _LABELS).is_file() for folder in tree.values()))
        ):
            missing = "fer2013.csv" if votes else "fer2013new.csv"
            raise InputError(
                f"{self.root}: no {missing}; expected fer2013new.csv beside fer2013.csv or beside "
                "the folders FER2013Train, FER2013Valid and FER2013Test with fer0000000.png, or "
                "those folders with label.csv"
            )

    def _rows(self) -> list[Row]:
        if self.faces:
            return _alone(self.faces)
        if self.pair:
            return _joined(*self.pair)
        return _by_name(self.votes, self.tree) if self.votes else _labelled(self.tree)

    def units(self) -> list[Unit]:
        rows: dict[str, list[Row]] = {split: [] for split in tables.SPLITS.values()}
        for row in self._rows():
            rows[row.voted.split].append(row)
        self.said_of_rows = self._counted({split: len(some) for split, some in rows.items()})
        option = self.options["folds"]
        return dealt(rows, self.folds, option, lambda row: row.voted.name or f"row{row.number}")

    def read(self, unit: Unit) -> Iterator[Frame | Skip]:
        for row in unit.source:
            if self.faces:
                yield Frame(row.number, row.pixels, expression=row.fer2013)
                continue
            expression, target = label(self.config, row.voted.votes)
            split = row.voted.split
            table = self.votes or self.tree[split] / _LABELS
            if expression < 0 and self.config != "votes":
                yield unit.skip(row.number, NO_LABEL, f"{table}: line {row.voted.line}")
                continue
            if row.pixels is None:
                place = self.tree[split] / row.voted.name if row.voted.name else table
                yield unit.skip(row.number, row.lack, place)
                continue
            extra = {
                "votes": np.array(row.voted.votes, np.int8),
                "target": target,
                "fer2013": row.fer2013,
                "name": row.voted.name,
            }
            yield Frame(row.number, row.pixels, expression=expression, extra=extra)

    def unread(self) -> list[Skip]:
        """Images of a tree that no row of votes names: the release has votes for each."""
        if not self.tree:
            return []
        named: dict[str, set[str]] = {split: set() for split in self.tree}
        for row in self._rows():
            named[row.voted.split].add(row.voted.name)
        return [
            Skip(f"{split}/{name}", UNLABELLED, image.file)
            for split, folder in self.tree.items()
            for name, image in sorted(_images(folder).items())
            if name not in named[split]
        ]

    def said(self) -> dict[str, Any]:
        """Whose votes were read, if any, where the images were, and (after `units`) what is odd."""
        if self.faces:
            return {"notes": ["labels and images of fer2013.csv", *self.said_of_rows]}
        votes = "fer2013new.csv" if self.votes else "label.csv"
        images = "fer2013.csv" if self.pair else "PNG files"
        note = f"votes of {votes}, images of {images}"
        if not self.votes:
            note += (
                "; label.csv has other votes than fer2013new.csv for 1,601 images: whole, majority "
                "labels 25,045 / 3,191 / 3,137 against 25,060 / 3,199 / 3,153 (docs/datasets.md)"
            )
        return {"votes": votes, "notes": [note, *self.said_of_rows]}

    def _counted(self, found: Mapping[str, int]) -> list[str]:
        """Notes of splits of another size than the release's, and of rows that are there twice."""
        faces = self.pair[0] if self.pair else self.faces
        expected = tables.IN_RELEASE if faces or self.votes else tables.IN_LABEL_FILES
        notes = []
        if dict(found) != expected:
            sizes = [" / ".join(f"{n:,}" for n in some.values()) for some in (found, expected)]
            notes.append(f"{sizes[0]} rows ({', '.join(found)}); the release has {sizes[1]}")
        if doubled := tables.doubled_rows(faces) if faces else 0:
            notes.append(
                f"{doubled} rows of {faces} are an earlier row again; FER2013 has some images twice"
            )
        return notes

    def stamped(self) -> list[Path]:
        folders = self.tree.values()
        labels = () if self.votes else (folder / _LABELS for folder in folders)
        if self.faces:
            return [self.faces]
        return [*(self.pair or ()), *([self.votes] if self.votes else []), *folders, *labels]


def _alone(faces: Path) -> list[Row]:
    """The rows of fer2013.csv, which have neither names nor votes."""
    return [
        Row(number, tables.Voted(pixels.line, split, "", ()), pixels, code)
        for number, (split, code, pixels) in enumerate(tables.read_faces(faces))
    ]


def _joined(faces: Path, votes: Path) -> list[Row]:
    """Both tables row by row. Raises InputError where they do not belong together."""
    rows = []
    voted = tables.read_votes(votes)
    for number, (left, right) in enumerate(zip_longest(tables.read_faces(faces), voted)):
        if left is None or right is None:
            short, long = (faces, votes) if left is None else (votes, faces)
            raise InputError(
                f"{short}: ends after {number} rows, but {long.name} has more; expected as many, "
                "since rows belong together by their order"
            )
        split, code, pixels = left
        if split != right.split:
            raise InputError(
                f"{votes}: line {right.line}: Usage is not that of {faces.name}, line "
                f"{pixels.line}; expected both tables in their original order"
            )
        rows.append(Row(number, right, pixels, code))
    return rows


def _labelled(tree: Mapping[str, Path]) -> list[Row]:
    """The rows of each folder's label.csv, with the image of that name."""
    rows = []
    for split, folder in tree.items():
        images = _images(folder)
        voted = tables.read_labels(folder / _LABELS, split)
        rows += [Row(number, row, images.get(row.name)) for number, row in enumerate(voted)]
    return rows


def _by_name(votes: Path, tree: Mapping[str, Path]) -> list[Row]:
    """The rows of fer2013new.csv, with the image of that name in the folder of their split.

    Of two rows of one name nobody can tell which the one image belongs to: neither has it.
    """
    images = {split: _images(folder) for split, folder in tree.items()}
    voted = tables.read_votes(votes)
    count = Counter(row.name for row in voted)
    rows = []
    for number, row in enumerate(voted):
        if not row.name or count[row.name] > 1:
            rows.append(Row(number, row, None, lack=TWO_ROWS if row.name else NO_NAME))
        else:
            rows.append(Row(number, row, images[row.split].get(row.name)))
    return rows


def _images(folder: Path) -> dict[str, Pixels]:
    return {path.name: ImageFile(path) for path, _ in matching(folder, _PNG)}
