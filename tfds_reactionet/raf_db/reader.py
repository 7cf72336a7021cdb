"""Where RAF-DB's files lie (docs/datasets.md section 7).

    EmoLabel/list_patition_label.txt (the official spelling)     Annotation/manual, /boundingbox
    Image/aligned/train_00001_aligned.jpg, or Image/aligned.zip; Image/original/train_00001.jpg

or, as a mirror has them, DATASET/train/5/train_00001_aligned.jpg with train_labels.csv.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from drr_jax.errors import InputError
from drr_jax.facs import EXPRESSIONS
from tfds_reactionet import building
from tfds_reactionet.building import (
    NO_LANDMARKS,
    OFFICIAL,
    UNLABELLED,
    Frame,
    Options,
    Skip,
    Spec,
    Unit,
    dealt,
)
from tfds_reactionet.raf_db import labels
from tfds_reactionet.raf_db.store import Store, find_store
from tfds_reactionet.reading import Pixels, file_names, folder_names, folders, matching

NO_IMAGE = "label without an image"

_LIST = re.compile(r"list_par?tition_label\.txt", re.IGNORECASE)
_SPLITS = ("train", "test")
_LEVELS = 4
_MEANINGS = ", ".join(f"{code} ({EXPRESSIONS[at]})" for code, at in labels.CODES.items())
# Folders of images or annotations: not walked any deeper.
_LEAVES = frozenset(("aligned", "original", "manual", "boundingbox", "auto", *labels.CODES))


@dataclass(frozen=True)
class Row:
    """One face: its label, and where its image and annotations are."""

    label: labels.Label
    pixels: Pixels | None
    attributes: str | None  # member of the store
    box: str | None


class Reader(building.Reader):
    """A release on the disk; see faces.Reader."""

    folds = OFFICIAL
    label_files: Mapping[str, Path]  # by split, of a mirror; or one, under ""
    images: Mapping[str, Store]  # by folder: one, or 14 of the mirror named train/1 and so on
    attributes: Store | None = None
    boxes: Store | None = None

    @staticmethod
    def spec(config: str, options: Options) -> Spec:
        return Spec(
            task="expression",
            protocol=Reader.folds.protocol(options["folds"]),
            landmarks=5 if config == "original" else 0,
            extra={**dict.fromkeys(labels.PERSON, ((), np.int64)), "name": ((), str)},
        )

    def find(self) -> None:
        """Raises InputError if labels or images are not there."""
        found = list(folders(self.root, _LEVELS, lambda name: name.lower() in _LEAVES))
        for folder in found:
            for path, _ in matching(folder, _LIST):
                around = folder.parent if folder != self.root else folder  # not the compound set's
                near = [other for other in found if other.is_relative_to(around)]
                images = find_store(near, "image", self.config)
                if images is None:
                    raise InputError(
                        f"{around}: no Image/{self.config} in it, and no {self.config}.zip"
                    )
                self.label_files, self.images = {"": path}, {"": images}
                self.attributes = find_store(near, "annotation", "manual")
                self.boxes = find_store(near, "annotation", "boundingbox")
                return
        for folder in found:
            mirror = _mirror(folder)
            if mirror and self.config != "aligned":
                raise InputError(f"{self.root}: holds aligned faces only; expected config aligned")
            if mirror:
                self.label_files, self.images = _mirror_labels(folder), mirror
                _check_folders(folder, self.label_files)
                return
        raise InputError(f"{self.root}: no labels; expected EmoLabel/list_patition_label.txt in it")

    @property
    def has_faces(self) -> bool:
        return self.config == "original" and bool(self.attributes or self.boxes)

    def units(self) -> list[Unit]:
        images, folder_of = self._images()
        attributes = _by_stem(self.attributes, "_manu_attri.txt")
        boxes = _by_stem(self.boxes, "_boundingbox.txt")
        rows: dict[str, list[Row]] = {split: [] for split in _SPLITS}
        for label in self._labels(folder_of):
            stem = label.stem
            row = Row(label, images.get(stem), attributes.get(stem), boxes.get(stem))
            rows[label.split].append(row)
        return dealt(rows, self.folds, self.options["folds"], lambda row: row.label.stem)

    def read(self, unit: Unit) -> Iterator[Frame | Skip]:
        for row in unit.source:
            label = row.label
            if row.pixels is None:
                place = ", ".join(sorted({str(store.path) for store in self.images.values()}))
                yield unit.skip(label.stem, NO_IMAGE, place[:200])
                continue
            person, landmarks, box = dict.fromkeys(labels.PERSON, -1), None, None
            if row.attributes and self.attributes:
                found = labels.parse_attributes(*self.attributes.text(row.attributes))
                person, landmarks = found.person, found.landmarks
            elif row.box and self.boxes and self.config == "original":
                box = labels.parse_box(*self.boxes.text(row.box))
            if self.cuts_faces and landmarks is None and box is None:
                store = self.attributes or self.boxes
                yield unit.skip(label.stem, NO_LANDMARKS, store.path if store else self.root)
                continue
            yield Frame(
                label.number,
                row.pixels,
                expression=label.expression,
                landmarks=landmarks if self.config == "original" else None,
                box=box,
                extra={**person, "name": label.stem},
            )

    def said(self) -> dict[str, Any]:
        """Where a mirror's labels are from, or how many faces are cut out otherwise than others."""
        if "" not in self.images:
            of = [
                f"{split}: {self.label_files[split].name}"
                if split in self.label_files
                else f"{split}: its folders' names, there is no {split}_labels.csv"
                for split in _SPLITS
            ]
            return {"notes": [f"labels of {', '.join(of)}"]}
        if not (self.cuts_faces and self.attributes):
            return {}
        boxes = _by_stem(self.boxes, "_boundingbox.txt").keys()
        boxes -= _by_stem(self.attributes, "_manu_attri.txt").keys()
        count = sum(label.stem in boxes for label in labels.read_list(self.label_files[""]))
        note = f"WARNING: {count} without a file of landmarks, cut out by their boxes"
        return {"notes": [note] if count else []}

    def stamped(self) -> list[Path]:
        stores = [*self.images.values(), self.attributes, self.boxes]
        return [*self.label_files.values(), *(store.path for store in stores if store)]

    def unread(self) -> list[Skip]:
        """Images that no line of the labels is for: in the release each has one."""
        images, folder_of = self._images()
        labelled = {label.stem for label in self._labels(folder_of)}
        return [
            Skip(stem, UNLABELLED, pixels.file)
            for stem, pixels in sorted(images.items())
            if stem not in labelled
        ]

    def _images(self) -> tuple[dict[str, Pixels], dict[str, str]]:
        """Images by stem, and the folder of each."""
        found: dict[str, Pixels] = {}
        folder_of: dict[str, str] = {}
        for folder, store in self.images.items():
            for name, member in store.names().items():
                stem = labels.stem_of(name)
                if stem is None:
                    continue
                if stem in found:
                    raise InputError(f"{store.where(member)}: {stem} is there twice")
                found[stem], folder_of[stem] = store.pixels(member), folder
        return found, folder_of

    def _labels(self, folder_of: Mapping[str, str]) -> list[labels.Label]:
        if "" in self.images:
            return labels.read_list(self.label_files[""])
        in_folders = {
            stem: labels.CODES[folder.split("/")[1]] for stem, folder in folder_of.items()
        }
        for stem, folder in folder_of.items():
            if stem.split("_")[0] != folder.split("/")[0]:
                raise InputError(f"{self.images[folder].path}: {stem} is of the other split")
        found = []
        for split in _SPLITS:
            path = self.label_files.get(split)
            if path is None:
                of_split = [it for it in in_folders.items() if it[0].startswith(f"{split}_")]
                found += [labels.Label(*item) for item in sorted(of_split)]
                continue
            for label in labels.read_csv(path):
                if label.split != split:
                    raise InputError(f"{path}: {label.stem} is of the other split")
                if in_folders.get(label.stem, label.expression) != label.expression:
                    where = self.images[folder_of[label.stem]].path
                    raise InputError(f"{path}: {label.stem} lies in {where}, of another label")
                found.append(label)
        return found


def _by_stem(store: Store | None, ending: str) -> dict[str, str]:
    """Annotation files by the stem of their image."""
    names = store.names() if store else {}
    return {
        name.removesuffix(ending): member for name, member in names.items() if name.endswith(ending)
    }


def _mirror(folder: Path) -> dict[str, Store]:
    """The folders train/1 to test/7 of a folder, by these names; empty if it is no mirror."""
    inner = folder_names(folder)
    if not set(_SPLITS) <= set(inner):
        return {}
    return {
        f"{split}/{name}": Store(folder / split / name)
        for split in _SPLITS
        for name in folder_names(folder / split)
        if name in labels.CODES
    }


def _mirror_labels(folder: Path) -> dict[str, Path]:
    """train_labels.csv and test_labels.csv by split, in a mirror's folder or beside it."""
    places = (folder.parent, folder)  # the folder's own win
    paths = [(split, place / f"{split}_labels.csv") for place in places for split in _SPLITS]
    return {split: path for split, path in paths if path.is_file()}


def _check_folders(folder: Path, tables: Mapping[str, Path]) -> None:
    """Raises InputError for a mirror's folder that is no label, and for a label without a folder.

    Folders that count from 0 would give each image the label before its own.
    """
    for split in _SPLITS:
        names = folder_names(folder / split)
        for name in names:
            if name not in labels.CODES and _holds_faces(folder / split / name):
                raise InputError(
                    f"{folder / split / name}: {name[:20]!r} is no label of RAF-DB; expected "
                    f"folders {_MEANINGS}: rename them, of labels from 0 the last one first"
                )
        lacking = [code for code in labels.CODES if code not in names]
        if lacking and split not in tables:
            raise InputError(
                f"{folder / split}: no folder {', '.join(lacking)}, and no {split}_labels.csv; "
                f"expected folders {_MEANINGS} (an empty one where your copy has no such face)"
            )


def _holds_faces(folder: Path) -> bool:
    return any(map(labels.stem_of, file_names(folder)))
