"""Where AffectNet's files lie (docs/datasets.md section 8), in either of two official layouts.

2017:  Manually_Annotated_file_lists/training.csv, validation.csv
       Manually_Annotated_Images/689/737db2.jpg          whole images, with a box for each face
2021:  train_set/images/0.jpg, train_set/annotations/0_exp.npy, 0_val.npy, 0_aro.npy; val_set/...
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from PIL import Image

from drr_jax.errors import InputError
from tfds_reactionet import building
from tfds_reactionet.affectnet import labels
from tfds_reactionet.building import Frame, Skip, Unit, blocks, later
from tfds_reactionet.reading import Box, ImageFile, folders, matching, numbered_images

OTHER_CLASS = "expression outside of the seven (contempt, none, uncertain, no face)"
NO_IMAGE = "label without an image"
NO_LABEL = "image without its label files"

_LISTS = {"train": "training.csv", "test": "validation.csv"}
_SETS = {"train_set": "train", "val_set": "test"}
_IMAGES = "manually_annotated_images"
_EXPRESSION = re.compile(r"([0-9]{1,9})_exp\.npy")
_LEVELS = 3


@dataclass(frozen=True, slots=True)
class Numbered:
    """An image of the layout of 2021."""

    number: int
    image: str | None  # name of its file
    labelled: bool


@dataclass(frozen=True)
class Reader(building.Reader):
    """A release on the disk; see faces.Reader. Has lists and images, or sets."""

    expected_reasons = (OTHER_CLASS,)

    lists: Mapping[str, Path] = field(default_factory=dict)  # by split
    images: Path | None = None
    sets: Mapping[str, Path] = field(default_factory=dict)  # train_set and val_set by split

    @classmethod
    def find(cls, root: Path, config: str, options: Mapping[str, Any]) -> Self:
        """Raises InputError if neither layout is there, or both are."""
        lists: dict[str, Path] = {}
        sets: dict[str, Path] = {}
        images: Path | None = None
        for folder in folders(root, _LEVELS, _is_leaf):
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
            raise InputError(f"{root}: holds both layouts, of 2017 and 2021; name one's folder")
        if not old and not new:
            raise InputError(
                f"{root}: no AffectNet in it; expected training.csv, validation.csv and "
                "Manually_Annotated_Images/ (2017), or train_set/ and val_set/ with images/ and "
                "annotations/ (2021); unpack the archives"
            )
        return cls(lists, images) if old else cls(sets=sets)

    @property
    def has_faces(self) -> bool:
        return self.images is not None  # images of 2021 are cut out already

    def units(self) -> list[Unit]:
        if self.images:
            rows = {split: list(labels.read_list(path)) for split, path in self.lists.items()}
        else:
            rows = {split: _numbered(folder) for split, folder in self.sets.items()}
        return [unit for split in _LISTS for unit in blocks(split, rows[split])]

    def frames(self, unit: Unit) -> tuple[list[Frame], list[Skip]]:
        frames: list[Frame] = []
        skips: list[Skip] = []
        for row in unit.source:
            made = self._listed(row) if self.images else _read(row, self.sets[unit.part])
            if isinstance(made, Frame):
                frames.append(made)
            else:
                reason, file = made
                skips.append(Skip(f"{unit.part}/{row.number}", reason, file))
        return frames, skips

    def stamped(self) -> list[Path]:
        inner = [folder / name for folder in self.sets.values() for name in _INNER]
        return [*self.lists.values(), *([self.images] if self.images else []), *inner]

    def _listed(self, row: labels.Listed) -> Frame | tuple[str, str]:
        """The frame of a row, or why there is none and which file tells."""
        path = Path(self.images or "", row.path)
        if row.expression < 0:
            return OTHER_CLASS, str(path)
        if not path.is_file():
            return NO_IMAGE, str(path)
        return Frame(
            row.number,
            ImageFile(path),
            expression=row.expression,
            box=later(_clipped, row.box, path) if row.box else None,
            extra={"valence": row.valence, "arousal": row.arousal, "name": row.path},
        )


_INNER = ("images", "annotations")


def _is_leaf(name: str) -> bool:
    """Whether a folder has nothing but images or arrays in it."""
    return name.isdigit() or name.lower() in (_IMAGES, "automatically_annotated_images", *_INNER)


def _clipped(box: Box, path: Path) -> Box:
    """A face's box, which may reach over the edge of its image; that one's header is read."""
    try:
        with Image.open(path) as image:
            return box.clipped(*image.size)
    except Exception:  # Pillow raises many kinds; decoding will tell what is wrong
        return box


def _numbered(folder: Path) -> list[Numbered]:
    images = numbered_images(folder / "images") if (folder / "images").is_dir() else {}
    labelled = {int(match[1]) for _, match in matching(folder / "annotations", _EXPRESSION)}
    return [
        Numbered(number, images[number].name if number in images else None, number in labelled)
        for number in sorted(images.keys() | labelled)
    ]


def _read(row: Numbered, folder: Path) -> Frame | tuple[str, str]:
    """As Reader._listed, for an image of a set."""
    paths = {
        key: folder / "annotations" / f"{row.number}_{key}.npy" for key in ("exp", "val", "aro")
    }
    if row.image is None:
        return NO_IMAGE, str(folder / "images" / f"{row.number}.jpg")
    if not row.labelled or not all(path.is_file() for path in paths.values()):
        return NO_LABEL, str(paths["exp"])
    expression = labels.expression(labels.read_scalar(paths["exp"]), str(paths["exp"]))
    if expression < 0:
        return OTHER_CLASS, str(paths["exp"])
    valence, arousal = (
        labels.affect(labels.read_scalar(paths[key]), f"{paths[key]}:") for key in ("val", "aro")
    )
    return Frame(
        row.number,
        ImageFile(folder / "images" / row.image),
        expression=expression,
        extra={"valence": valence, "arousal": arousal, "name": row.image},
    )
