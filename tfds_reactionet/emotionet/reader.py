"""Where EmotioNet's files lie (docs/datasets.md section 5).

    EmotioNet_FACS_aws_2020_24600.xlsx, or EmotioNet_FACS.csv          codes by experts
    emotioNet_challenge_files_server_challenge_1.2_aws/dataFile_0001.txt ...        by a machine
    images/<folder>/N_0000001149_00039.jpg, or flat                    the user's downloads

Images are found by the last part of the URL, and by the part before it where names are not unique.
"""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from drr_jax.errors import InputError
from tfds_reactionet import building, reading
from tfds_reactionet.building import (
    NO_LANDMARKS,
    Frame,
    Options,
    Skip,
    Spec,
    Unit,
    dealt,
    later,
)
from tfds_reactionet.emotionet import labels
from tfds_reactionet.emotionet.spreadsheet import read_workbook

NO_IMAGE = "image was not downloaded"
TWICE = "image that an earlier row labels"
SEVERAL_IMAGES = "several images of its name, none in a folder as in its URL"

_TABLE = re.compile(r"emotionet_facs.*\.(csv|xlsx)", re.IGNORECASE)
_LIST = re.compile(r"dataFile_([0-9]{1,9})\.txt", re.IGNORECASE)
_LABEL_LEVELS, _IMAGE_LEVELS = 2, 4
_READERS = {".csv": labels.read_csv, ".xlsx": read_workbook, ".txt": labels.read_list}


@dataclass(frozen=True, slots=True)
class Row:
    """A labelled image."""

    number: int  # row of all label files together, from 0
    file: Path  # the label file
    coded: labels.Coded
    image: str | None
    lack: str = ""  # why it yields no record


def part_by_digest(folds: str, name: str) -> str:
    """Part of an image by a digest of its name alone, whichever others are labelled or there."""
    digest = hashlib.sha256(name.encode(errors="replace")).digest()
    return f"part{int.from_bytes(digest[:8]) % int(folds) + 1}"


class Reader(building.Reader):
    """A release on the disk; see faces.Reader."""

    expected_reasons = (NO_IMAGE, TWICE)
    folds = reading.FoldChoice(reading.NUMBERED, part_by_digest, "image")

    @staticmethod
    def spec(config: str, options: Options) -> Spec:
        return Spec(
            task="au",
            protocol=Reader.folds.protocol(options["folds"]),
            au_names=labels.ALL_AUS,
            evaluated_aus=labels.EVALUATED[options["aus"]],
            landmarks=reading.OPENFACE_POINTS if options["landmarks"] else 0,
            extra={"name": ((), str)},
        )

    def find(self) -> None:
        """Raises InputError if there is no label file of a config, or more than one table."""
        self.tracks = reading.find_landmarks(self.options["landmarks"])
        automatic = self.config == "automatic"
        pattern = _LIST if automatic else _TABLE
        inner = reading.folders(self.root, _LABEL_LEVELS)
        found = [item for folder in inner for item in reading.matching(folder, pattern)]
        if automatic:
            found.sort(key=lambda item: (int(item[1][1]), item[0]))
        elif any(match[1].lower() == "csv" for _, match in found):
            found = [item for item in found if item[1][1].lower() == "csv"]  # made of the workbook
        self.files = [path for path, _ in found]  # of labels
        self.said_of_labels = _gaps({int(m[1]) for _, m in found}) if automatic else []
        if not found:
            names = "dataFile_0001.txt" if automatic else "EmotioNet_FACS*.xlsx or .csv"
            raise InputError(f"{self.root}: no label file; expected {names}")
        if len(found) > 1 and not automatic:
            names = " and ".join(str(path) for path in self.files[:2])
            raise InputError(f"{names}: expected one table; move the other away")

    @property
    def has_faces(self) -> bool:
        return bool(self.tracks)

    def units(self) -> list[Unit]:
        rows, option = {"": self._rows()}, self.options["folds"]
        self.said_of_labels += self._unknown(rows[""])
        if self.tracks:
            self.tracks.check(Path(row.image) for row in rows[""] if row.image)
        return dealt(rows, self.folds, option, lambda row: f"{row.coded.folder}/{row.coded.name}")

    def read(self, unit: Unit) -> Iterator[Frame | Skip]:
        for row in unit.source:
            name = row.coded.name
            if row.image is None or row.lack:
                yield unit.skip(name, row.lack, f"{row.file}: line {row.coded.line}")
                continue
            tracked = self.tracks.find(Path(row.image)) if self.tracks else None
            if self.cuts_faces and tracked is None:
                yield unit.skip(name, NO_LANDMARKS, row.image)
                continue
            yield Frame(
                row.number,
                reading.ImageFile(Path(row.image)),
                occurrence=row.coded.occurrence(),
                landmarks=tracked
                and later(reading.openface_landmarks, tracked, self.options["face"]),
                extra={"name": name},
                automatic=self.config == "automatic",
            )

    def said(self) -> dict[str, Any]:
        """Evaluated AUs without a label, and lists that are not there; after `units`."""
        return {"notes": list(dict.fromkeys(self.said_of_labels))}

    def _unknown(self, rows: Sequence[Row]) -> list[str]:
        """A note of the evaluated AUs that no row knows: no column has them, or all are 999."""
        known = np.zeros(labels.AUS, bool)
        for row in rows:
            known |= row.coded.occurrence() >= 0
        found = {au for au, some in zip(labels.ALL_AUS, known, strict=True) if some}
        unknown = [au for au in labels.EVALUATED[self.options["aus"]] if au not in found]
        if not unknown:
            return []
        return [f"{', '.join(unknown)} unknown in all rows: no column of the labels, or only 999"]

    def stamped(self) -> list[Path]:
        images = [folder for folder, names in _images(self.root) if names]
        return [*self.files, *images, *(self.tracks.places() if self.tracks else ())]

    def _rows(self) -> list[Row]:
        coded = [(file, row) for file in self.files for row in _READERS[file.suffix.lower()](file)]
        distinct = {(row.folder, row.name) for _, row in coded}
        same_name = Counter(name.lower() for _, name in distinct)
        images: dict[str, list[str]] = {}  # by stem
        for folder, names in _images(self.root):
            for name in names:
                images.setdefault(os.path.splitext(name)[0].lower(), []).append(f"{folder}/{name}")
        rows: list[Row] = []
        seen: set[tuple[str, str]] = set()
        for number, (file, row) in enumerate(coded):
            key = (row.folder, row.name)
            image, lack = _choose(row, images, same_name[row.name.lower()] == 1)
            rows.append(Row(number, file, row, image, TWICE if key in seen else lack))
            seen.add(key)
        if not any(row.image for row in rows):
            example = rows[0].coded.name if rows else "N_0000001149_00039.jpg"
            raise InputError(
                f"{self.root}: none of the {len(rows)} labelled images is in it; expected "
                f"downloads such as images/{example}"
            )
        return rows


def _gaps(numbers: set[int]) -> list[str]:
    """A note of numbered lists that are not there though later ones are; the first is 1."""
    lost = max(numbers) - len(numbers - {0})
    if not lost:
        return []
    first = next(number for number in count(1) if number not in numbers)
    return [
        f"{lost} lists of labels are not there before dataFile_{max(numbers):04d}.txt, such as "
        f"dataFile_{first:04d}.txt: images of theirs count as not labelled"
    ]


def _images(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Every folder with the names of its images."""
    for folder in reading.folders(root, _IMAGE_LEVELS):
        names = reading.file_names(folder)
        yield folder, [name for name in names if name.lower().endswith(reading.IMAGE_SUFFIXES)]


def _choose(
    row: labels.Coded, images: dict[str, list[str]], unique: bool
) -> tuple[str | None, str]:
    """The image of a row, or why it has none.

    It is of the row's folder unless its name is unique; of its very name if possible.
    """
    candidates = images.get(os.path.splitext(row.name)[0].lower(), [])
    inside = [path for path in candidates if path.split("/")[-2] == row.folder]
    if not candidates or (not inside and not unique):
        return None, NO_IMAGE
    ending = f"/{row.name.lower()}"
    exact = [path for path in inside or candidates if path.lower().endswith(ending)]
    found = exact or inside or candidates
    if not inside and len(found) > 1:
        return None, SEVERAL_IMAGES
    return found[0], ""
