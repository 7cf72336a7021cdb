"""Where AffectNet's files lie (docs/datasets.md section 8), in either of two official layouts.

2017:  Manually_Annotated_file_lists/training.csv, validation.csv
       Manually_Annotated_Images/689/737db2.jpg          whole images, with a box for each face
2021:  train_set/images/0.jpg, train_set/annotations/0_exp.npy, 0_val.npy, 0_aro.npy; val_set/...
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image

from drr_jax.errors import InputError
from drr_jax.facs import EXPRESSIONS, EXPRESSIONS_8
from tfds_reactionet import building
from tfds_reactionet.affectnet import labels
from tfds_reactionet.building import OFFICIAL, Frame, Options, Skip, Spec, Unit, dealt, later
from tfds_reactionet.reading import Box, ImageFile, folders, matching, moved, numbered_images

OTHER_CLASS = "expression outside of the seven (contempt, none, uncertain, no face)"
NO_CLASS = "expression outside of the eight (none, uncertain, no face)"
NO_IMAGE = "label without an image"
TWICE = "image that an earlier row of the lists names, too"
TWO_CLASSES = "image that rows of the lists give several expressions"
NO_LABEL = "image without its label files"

NAMES = {"seven": EXPRESSIONS, "eight": EXPRESSIONS_8}  # of the classes, by config
OTHERS = {"seven": OTHER_CLASS, "eight": NO_CLASS}
_LISTS = {"train": "training.csv", "test": "validation.csv"}
_SETS = {"train_set": "train", "val_set": "test"}
_IMAGES = "manually_annotated_images"
_KEYS = ("exp", "val", "aro")
_EXPRESSION = re.compile(r"([0-9]{1,9})_exp\.npy")
_LEVELS = 3
_LYING = range(5, 9)  # EXIF orientations that exchange width and height


_INNER = ("images", "annotations")


class Numbered(NamedTuple):
    """A number of a set of 2021, whose image or labels may lack."""

    folder: Path  # train_set or val_set
    number: int
    image: str | None

    @property
    def path(self) -> str:
        """What a file of folds calls it: train_set/0.jpg."""
        return f"{self.folder.name}/{self.image or f'{self.number}.jpg'}"


class Reader(building.Reader):
    """A release on the disk; see faces.Reader. Has lists and images, or sets."""

    expected_reasons = (OTHER_CLASS, NO_CLASS)
    folds = OFFICIAL

    @staticmethod
    def spec(config: str, options: Options) -> Spec:
        return Spec(
            task="expression",
            protocol=Reader.folds.protocol(options["folds"]),
            expression_names=NAMES[config],
            extra={
                "valence": ((), np.float32),
                "arousal": ((), np.float32),
                "name": ((), str),
            },
        )

    def find(self) -> None:
        """Raises InputError if neither layout is there, or both are."""
        lists: dict[str, Path] = {}  # by split
        sets: dict[str, Path] = {}  # train_set and val_set by split
        images: Path | None = None
        for folder in folders(self.root, _LEVELS, _is_leaf):
            name = folder.name.lower()
            if name == _IMAGES:
                images = images or folder
            if _is_leaf(name):
                continue
            if name in _SETS and (folder / "annotations").is_dir():
                sets.setdefault(_SETS[name], folder)
            for split, file in _LISTS.items():
                if (folder / file).is_file():
                    lists.setdefault(split, folder / file)
        old, new = images is not None and len(lists) == 2, len(sets) == 2
        if old and new:
            raise InputError(
                f"{self.root}: holds both layouts, of 2017 and 2021; name one's folder"
            )
        if not old and not new:
            raise InputError(
                f"{self.root}: no AffectNet in it; expected training.csv, validation.csv and "
                "Manually_Annotated_Images/ (2017), or train_set/ and val_set/ with images/ and "
                "annotations/ (2021); unpack the archives"
            )
        self.images, self.lists, self.sets = (images, lists, {}) if old else (None, {}, sets)

    @property
    def has_faces(self) -> bool:
        return self.images is not None  # images of 2021 are cut out already

    def units(self) -> list[Unit]:
        option = self.options["folds"]
        if self.images:
            names = NAMES[self.config]
            rows = {split: list(labels.read_list(self.lists[split], names)) for split in _LISTS}
            rows = _once(rows)
            return dealt(rows, self.folds, option, lambda row: row.path)
        found = {split: _numbered(self.sets[split]) for split in _LISTS}
        return dealt(found, self.folds, option, lambda row: row.path)

    def read(self, unit: Unit) -> Iterator[Frame | Skip]:
        for row in unit.source:
            yield self._listed(unit, row) if self.images else self._annotated(unit, row)

    def stamped(self) -> list[Path]:
        inner = [folder / name for folder in self.sets.values() for name in _INNER]
        return [*self.lists.values(), *([self.images] if self.images else []), *inner]

    def _listed(self, unit: Unit, row: labels.Listed) -> Frame | Skip:
        path = Path(self.images or "", row.path)
        if row.lack:
            return unit.skip(row.number, row.lack, path)
        if row.expression < 0:
            return unit.skip(row.number, OTHERS[self.config], path)
        if not path.is_file():
            return unit.skip(row.number, NO_IMAGE, path)
        return Frame(
            row.number,
            ImageFile(path),
            expression=row.expression,
            box=later(_clipped, row.box, path) if row.box else None,
            extra={"valence": row.valence, "arousal": row.arousal, "name": row.path},
        )

    def _annotated(self, unit: Unit, row: Numbered) -> Frame | Skip:
        """The image of a set, of the layout of 2021."""
        folder, number, image = row
        exp, *rest = (folder / "annotations" / f"{number}_{key}.npy" for key in _KEYS)
        if image is None:
            return unit.skip(number, NO_IMAGE, folder / "images" / f"{number}.jpg")
        if not all(path.is_file() for path in (exp, *rest)):
            return unit.skip(number, NO_LABEL, exp)
        expression = labels.expression(labels.read_scalar(exp), str(exp), NAMES[self.config])
        if expression < 0:
            return unit.skip(number, OTHERS[self.config], exp)
        valence, arousal = (labels.affect(labels.read_scalar(path), f"{path}:") for path in rest)
        return Frame(
            number,
            ImageFile(folder / "images" / image),
            expression=expression,
            extra={"valence": valence, "arousal": arousal, "name": image},
        )


def _is_leaf(name: str) -> bool:
    """Whether a folder has nothing but images or arrays in it."""
    return name.isdigit() or name.lower() in (_IMAGES, "automatically_annotated_images", *_INNER)


def _once(rows: dict[str, list[labels.Listed]]) -> dict[str, list[labels.Listed]]:
    """The rows, those marked that name an image again; validation.csv is the first list.

    Of an image with several expressions nobody can tell which is right: no row of it counts. An
    image in both lists is tested on, and not trained on.
    """
    told: dict[str, set[int]] = {}
    for row in chain(*rows.values()):
        told.setdefault(row.path, set()).add(row.expression)
    seen: set[str] = set()
    marked: dict[str, list[labels.Listed]] = {}
    for split in reversed(_LISTS):
        marked[split] = []
        for row in rows[split]:
            lack = TWO_CLASSES if len(told[row.path]) > 1 else TWICE if row.path in seen else ""
            marked[split].append(replace(row, lack=lack) if lack else row)
            seen.add(row.path)
    return {split: marked[split] for split in _LISTS}


def _clipped(box: Box, path: Path) -> Box:
    """A face's box, which may reach over the edge of its image; that one's header is read.

    The box is of the image as it is shown, which may be turned against its stored rows.
    """
    try:
        with Image.open(path) as image:
            lies = image.getexif().get(ExifTags.Base.Orientation, 1) in _LYING
            return box.clipped(*(image.size[::-1] if lies else image.size))
    except Exception:  # Pillow raises many kinds; decoding will tell what is wrong
        return box


def _numbered(folder: Path) -> list[Numbered]:
    """The images and labels of a set of 2021."""
    images = numbered_images(folder / "images")
    labelled = {int(match[1]) for _, match in matching(folder / "annotations", _EXPRESSION)}
    if by := moved(images, labelled):
        raise InputError(
            f"{folder}: images are numbered from {min(images)} to {max(images)}, annotations from "
            f"{min(labelled)} to {max(labelled)}; they seem to be numbered {by:+d} against "
            "them, and are expected to have the same numbers: unpack both archives again"
        )
    return [
        Numbered(folder, number, images[number].name if number in images else None)
        for number in sorted(images.keys() | labelled)
    ]
