"""Where FER+'s files lie (docs/datasets.md section 6).

    fer2013.csv, fer2013new.csv                                 joined row by row, or
    data/FER2013Train|FER2013Valid|FER2013Test/label.csv, fer0000000.png ...

The number of a frame is its row in the table or label file, from 0: names are not unique.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np

from drr_jax.errors import InputError
from drr_jax.facs import FER_PLUS_EXPRESSIONS
from tfds_reactionet import building
from tfds_reactionet.building import Frame, Options, Skip, Spec, Unit, blocks
from tfds_reactionet.fer_plus import tables
from tfds_reactionet.fer_plus.votes import COLUMNS, label
from tfds_reactionet.reading import ImageFile, Pixels, Protocol, folders, matching

NO_LABEL = "votes that give no label (unknown, no face, or no agreement)"
NO_IMAGE = "votes without an image"

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


class Reader(building.Reader):
    """A release on the disk; see faces.Reader. Either a pair of tables, or a tree of images."""

    expected_reasons = (NO_LABEL,)

    @staticmethod
    def spec(config: str, options: Options) -> Spec:
        return Spec(
            task="expression",
            protocol=Protocol.official("train", "test", "validation"),
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
        faces = votes = None
        tree: dict[str, Path] = {}  # folder of each split
        for folder in folders(self.root, _LEVELS, lambda name: name.lower() in _TREE):
            split = _TREE.get(folder.name.lower())
            if split is None:
                faces = faces or next((path for path, _ in matching(folder, _FACES)), None)
                votes = votes or next((path for path, _ in matching(folder, _VOTES)), None)
            elif (folder / _LABELS).is_file():
                tree.setdefault(split, folder)
        self.pair = (faces, votes) if faces and votes else None
        self.tree = {} if self.pair else tree
        whole = len(tree) == len(_TREE) and any(matching(f, _PNG) for f in tree.values())
        if not self.pair and not whole:
            missing = "fer2013.csv" if votes else "fer2013new.csv"
            raise InputError(
                f"{self.root}: no {missing}; expected fer2013.csv and fer2013new.csv, or the "
                "folders FER2013Train, FER2013Valid and FER2013Test with label.csv and "
                "fer0000000.png"
            )

    def units(self) -> list[Unit]:
        rows: dict[str, list[Row]] = {split: [] for split in tables.SPLITS.values()}
        for row in _joined(*self.pair) if self.pair else ():
            rows[row.voted.split].append(row)
        for split, folder in self.tree.items():
            images = {path.name: path for path, _ in matching(folder, _PNG)}
            for number, voted in enumerate(tables.read_labels(folder / _LABELS, split)):
                path = images.get(voted.name)
                rows[split].append(Row(number, voted, ImageFile(path) if path else None))
        return [unit for split, found in rows.items() for unit in blocks(split, found)]

    def read(self, unit: Unit) -> Iterator[Frame | Skip]:
        for row in unit.source:
            expression, target = label(self.config, row.voted.votes)
            table = self.pair[1] if self.pair else self.tree[unit.part] / _LABELS
            if expression < 0 and self.config != "votes":
                yield unit.skip(row.number, NO_LABEL, f"{table}: line {row.voted.line}")
                continue
            if row.pixels is None:
                yield unit.skip(row.number, NO_IMAGE, self.tree[unit.part] / row.voted.name)
                continue
            extra = {
                "votes": np.array(row.voted.votes, np.int8),
                "target": target,
                "fer2013": row.fer2013,
                "name": row.voted.name,
            }
            yield Frame(row.number, row.pixels, expression=expression, extra=extra)

    def stamped(self) -> list[Path]:
        folders = self.tree.values()
        return [*(self.pair or ()), *folders, *(folder / _LABELS for folder in folders)]


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
