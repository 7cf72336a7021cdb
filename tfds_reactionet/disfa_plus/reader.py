"""Where DISFA+'s files lie (docs/datasets.md section 3.1).

    Images/SN001/A1_AU1_TrailNo_1/000.jpg      Labels/SN001/A1_AU1_TrailNo_1/AU1.txt

Trials are known by their names and the nearest folder of a subject above them: the folders of a
subject may lie in one of its name once more, as archives unpack, and both kinds in one folder.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from drr_jax.errors import InputError
from drr_jax.facs import DISFA_PLUS_AUS
from tfds_reactionet import building, reading
from tfds_reactionet.building import NO_LANDMARKS, Frame, Options, Skip, Spec, Unit, later
from tfds_reactionet.disfa_plus import labels

SUBJECTS = ["SN001", "SN003", "SN004", "SN007", "SN009", "SN010", "SN013", "SN025", "SN027"]
# By choice of --folds. All nine are DISFA's, too, whose published parts they are in (method 8.2).
PARTS = {
    "subjects": reading.listed(SUBJECTS),
    "disfa": reading.listed(
        ("SN001 SN009 SN010 SN027", "SN013", "SN003 SN004 SN007 SN025"),
    ),
}
NO_IMAGE = "labels without an image"
NO_LABELS = "image of a trial without label files"
OTHER_LENGTH = "landmarks of another number of frames than the trial has images"

_SUBJECT = re.compile("SN[0-9]{3}", re.IGNORECASE)
_TRIAL = re.compile(r".+_(?:Trail|Trial)No_?[0-9]{1,3}", re.IGNORECASE)  # the release has Trail
_LEVELS = 5


class Trial(NamedTuple):
    """Where the labels and the images of a trial are."""

    labels: Path
    images: Path | None


def _part(folds: str, subject: str) -> str:
    return reading.part_of(PARTS[folds], subject, "the nine subjects of DISFA+")


class Reader(building.Reader):
    """A release on the disk; see faces.Reader."""

    folds = reading.FoldChoice(
        {"subjects": reading.Protocol.folds(9), "disfa": reading.Protocol.folds(3)}, _part
    )

    @staticmethod
    def spec(config: str, options: Options) -> Spec:
        return Spec(
            task="au",
            protocol=Reader.folds.protocol(options["folds"]),
            au_names=DISFA_PLUS_AUS,
            evaluated_aus=DISFA_PLUS_AUS,
            graded_aus=DISFA_PLUS_AUS,
            landmarks=reading.OPENFACE_POINTS if options["landmarks"] else 0,
        )

    def find(self) -> None:
        """Raises InputError if there are no trials with labels, or none of them has images."""
        self.offsets = (reading.Offset.of(self.options, "frame_offset", 0),)
        self.tracks = reading.find_landmarks(self.options["landmarks"])
        self.labels: dict[str, Path] = {}  # by SN001/A1_AU1_TrailNo_1
        self.images: dict[str, Path] = {}
        for folder in reading.folders(self.root, _LEVELS, lambda n: bool(_TRIAL.fullmatch(n))):
            subject = _subject(folder)
            if not subject or not _TRIAL.fullmatch(folder.name):
                continue
            sequence = f"{subject}/{folder.name}"
            if labels.label_files(folder):
                self.labels.setdefault(sequence, folder)
            if reading.has_images(folder):
                self.images.setdefault(sequence, folder)
        if not self.labels:
            raise InputError(
                f"{self.root}: no labels; expected Labels/SN001/A1_AU1_TrailNo_1/AU1.txt"
            )
        if not self.images.keys() & self.labels.keys():
            raise InputError(
                f"{self.root}: no images of a labelled trial; expected "
                "Images/SN001/A1_AU1_TrailNo_1/000.jpg"
            )

    @property
    def has_faces(self) -> bool:
        return bool(self.tracks)

    def units(self) -> list[Unit]:
        if self.tracks:
            self.tracks.check(self.images[name] for name in self.labels if name in self.images)
        part = self.folds.parts(self.options["folds"])
        units = []
        for name in sorted(self.labels):
            subject, trial = name.split("/")[0], Trial(self.labels[name], self.images.get(name))
            units.append(Unit(name, subject, "", part(subject), trial))
        return units

    def read(self, unit: Unit) -> Iterator[Frame | Skip]:
        numbers, intensities = labels.read_trial(unit.source.labels)
        present = np.where(np.isnan(intensities), -1, intensities >= self.options["threshold"])
        folder, (offset,) = unit.source.images, self.offsets
        images = _images(unit.subject, folder) if folder else {}
        offset.check(folder or self.root, images, numbers, "label rows")
        rank = {number: place for place, number in enumerate(sorted(images))}  # OpenFace's frame
        tracked = self.tracks.find(folder) if self.tracks and folder else None
        other = tracked is not None and reading.last_frame(tracked, self.options["face"]) != len(
            images
        )
        for row, occurrence, intensity in zip(
            numbers, present.astype(np.int8), intensities, strict=True
        ):
            number = row + offset.value
            if number not in images:
                yield unit.skip(row, NO_IMAGE, folder or unit.source.labels)
                continue
            if tracked is None and self.cuts_faces:
                yield unit.skip(number, NO_LANDMARKS, images[number])
                continue
            if other and self.cuts_faces:
                yield unit.skip(number, OTHER_LENGTH, tracked or images[number])
                continue
            face = (tracked, self.options["face"], rank[number])
            yield Frame(
                number,
                reading.ImageFile(images[number]),
                occurrence=occurrence,
                intensity=intensity,
                landmarks=later(reading.openface_landmarks, *face)
                if tracked and not other
                else None,
            )

        rows = {row + offset.value for row in numbers}
        bare = sorted(set(images) - rows)
        yield from (unit.skip(number, building.UNLABELLED, unit.source.labels) for number in bare)

    def notes(self, unit: Unit) -> list[str]:
        known = ~np.isnan(labels.read_trial(unit.source.labels)[1])
        return building.without_some("labels", DISFA_PLUS_AUS, known)

    def stamped(self) -> Sequence[Path]:
        files = [path for folder in self.labels.values() for path in labels.label_files(folder)]
        tracks = self.tracks.places() if self.tracks else ()
        return [*self.labels.values(), *files, *self.images.values(), *tracks]

    def unread(self) -> list[Skip]:
        """Every image of a trial without label files."""
        return [
            Skip(f"{name}/{number}", NO_LABELS, str(folder))
            for name, folder in sorted(self.images.items())
            if name not in self.labels
            for number in reading.numbered_images(folder)
        ]


def _images(subject: str, folder: Path) -> dict[int, Path]:
    """Images of a trial by number. Raises InputError if they are called another subject's."""
    files = reading.numbered_images(folder)
    reading.check_images_owner(files, _SUBJECT, subject)
    return files


def _subject(trial: Path) -> str:
    """The id of the nearest folder of a subject above a trial's, "" if there is none."""
    names = (folder.name for folder in trial.parents)
    return next((name.upper() for name in names if _SUBJECT.fullmatch(name)), "")
