"""Where EmotioNet's files lie (docs/datasets.md section 5).

    EmotioNet_FACS_aws_2020_24600.xlsx, or EmotioNet_FACS.csv          codes by experts
    emotioNet_challenge_files_server_challenge_1.2_aws/dataFile_0001.txt ...        by a machine
    images/<folder>/N_0000001149_00039.jpg, or flat                    the user's downloads

Images are found by the last part of the URL, and by the part before it where names are not unique.
"""

import hashlib
import itertools
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from drr_jax.errors import InputError
from tfds_reactionet import building
from tfds_reactionet.building import Frame, Skip, Unit, blocks
from tfds_reactionet.emotionet.labels import Coded, read_csv, read_list
from tfds_reactionet.emotionet.spreadsheet import read_workbook
from tfds_reactionet.reading import IMAGE_SUFFIXES, ImageFile, file_names, folders, matching

NO_IMAGE = "image was not downloaded"
TWICE = "image that an earlier row labels"

_TABLE = re.compile(r"emotionet_facs.*\.(csv|xlsx)", re.IGNORECASE)
_LIST = re.compile(r"dataFile_([0-9]{1,9})\.txt", re.IGNORECASE)
_LABEL_LEVELS, _IMAGE_LEVELS = 2, 4


@dataclass(frozen=True, slots=True)
class Row:
    """A labelled image."""

    number: int  # row of all label files together, from 0
    file: Path  # the label file
    coded: Coded
    image: str | None
    twice: bool = False


@dataclass(frozen=True)
class Reader(building.Reader):
    """A release on the disk; see faces.Reader."""

    root: Path
    files: tuple[Path, ...]  # of labels
    automatic: bool
    folds: int

    @classmethod
    def find(cls, root: Path, automatic: bool, folds: int) -> "Reader":
        """Raises InputError if there is no label file of a config, or more than one table."""
        pattern = _LIST if automatic else _TABLE
        found = [
            item for folder in folders(root, _LABEL_LEVELS) for item in matching(folder, pattern)
        ]
        if automatic:
            found.sort(key=lambda item: (int(item[1][1]), item[0]))
        elif any(match[1].lower() == "csv" for _, match in found):
            found = [item for item in found if item[1][1].lower() == "csv"]  # made of the workbook
        files = tuple(path for path, _ in found)
        if not files:
            names = "dataFile_0001.txt" if automatic else "EmotioNet_FACS*.xlsx or .csv"
            raise InputError(f"{root}: no label file; expected {names}")
        if len(files) > 1 and not automatic:
            names = " and ".join(str(path) for path in files[:2])
            raise InputError(f"{names}: expected one table; move the other away")
        return cls(root, files, automatic, folds)

    def units(self) -> list[Unit]:
        rows = self._rows()
        parts = folds_by_digest(
            [f"{row.coded.folder}/{row.coded.name}" for row in rows], self.folds
        )
        named = [f"part{number + 1}" for number in range(self.folds)]
        return [
            unit
            for number, part in enumerate(named)
            for unit in blocks(part, [r for r, p in zip(rows, parts, strict=True) if p == number])
        ]

    def frames(self, unit: Unit) -> tuple[list[Frame], list[Skip]]:
        frames, skips = [], []
        for row in unit.source:
            where = f"{row.file}: line {row.coded.line}"
            if row.image is None or row.twice:
                reason = TWICE if row.twice else NO_IMAGE
                skips.append(Skip(f"{unit.part}/{row.coded.name}", reason, where))
                continue
            frames.append(
                Frame(
                    row.number,
                    ImageFile(Path(row.image)),
                    occurrence=row.coded.occurrence(),
                    extra={"name": row.coded.name},
                    automatic=self.automatic,
                )
            )
        return frames, skips

    def stamped(self) -> list[Path]:
        return [*self.files, *(folder for folder, names in _images(self.root) if names)]

    def _rows(self) -> list[Row]:
        coded = list(_coded(self.files))
        distinct = {(row.folder, row.name) for _, row in coded}
        same_name = Counter(name.lower() for _, name in distinct)
        images = _by_stem(self.root)
        rows: list[Row] = []
        seen: set[tuple[str, str]] = set()
        for number, (file, row) in enumerate(coded):
            key = (row.folder, row.name)
            image = _choose(row, images, same_name[row.name.lower()] == 1)
            rows.append(Row(number, file, row, image, key in seen))
            seen.add(key)
        if not any(row.image for row in rows):
            example = rows[0].coded.name if rows else "N_0000001149_00039.jpg"
            raise InputError(
                f"{self.root}: none of the {len(rows)} labelled images is in it; expected "
                f"downloads such as images/{example}"
            )
        return rows


def folds_by_digest(names: Sequence[str], folds: int) -> list[int]:
    """Part of each name: equally many in each, whatever their order, and at random to the eye.

    Equal names are in one part. The same labels give the same parts for every user, since images
    that could not be downloaded count too.
    """
    digests = {name: hashlib.sha256(name.encode(errors="replace")).digest() for name in names}
    ranks = {name: rank for rank, name in enumerate(sorted(digests, key=lambda n: (digests[n], n)))}
    return [ranks[name] % folds for name in names]


def _coded(files: Sequence[Path]) -> Iterator[tuple[Path, Coded]]:
    readers = {".csv": read_csv, ".xlsx": read_workbook, ".txt": read_list}
    for path in files:
        yield from zip(itertools.repeat(path), readers[path.suffix.lower()](path), strict=False)


def _images(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Every folder with the names of its images."""
    for folder in folders(root, _IMAGE_LEVELS):
        names = file_names(folder)
        yield folder, [name for name in names if name.lower().endswith(IMAGE_SUFFIXES)]


def _by_stem(root: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for folder, names in _images(root):
        for name in names:
            found.setdefault(os.path.splitext(name)[0].lower(), []).append(f"{folder}/{name}")
    return found


def _choose(row: Coded, images: dict[str, list[str]], unique: bool) -> str | None:
    """The image of a row: of its folder unless its name is unique; of its very name if possible."""
    candidates = images.get(os.path.splitext(row.name)[0].lower(), [])
    inside = [path for path in candidates if path.split("/")[-2] == row.folder]
    if not inside and not unique:
        return None
    ending = f"/{row.name.lower()}"
    exact = [path for path in inside or candidates if path.lower().endswith(ending)]
    return next(iter(exact or inside or candidates), None)
