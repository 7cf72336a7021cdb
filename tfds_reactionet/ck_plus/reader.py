"""Where CK+'s files lie (docs/datasets.md section 4).

    cohn-kanade-images/S005/001/S005_001_00000011.png
    Emotion/S005/001/S005_001_00000011_emotion.txt     only 327 of 593 sequences have one
    FACS/S005/001/S005_001_00000011_facs.txt           Landmarks/S005/001/..._landmarks.txt

Outer folders are known by the files in them, at most three levels down: names around them vary.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drr_jax.errors import InputError
from tfds_reactionet import building
from tfds_reactionet.building import Frame, Lazy, Skip, Unit, later
from tfds_reactionet.ck_plus import labels
from tfds_reactionet.reading import ImageFile, folder_names, folders, matching, round_robin

NO_EMOTION = "sequence without an emotion label"
OTHER_EMOTION = "sequence of another emotion than the six (contempt or neutral)"
NO_FACS = "sequence without FACS codes"
NO_IMAGE = "labels without an image"

_SUBJECT = re.compile("S[0-9]{3}", re.IGNORECASE)
_SEQUENCE = re.compile("[0-9]{3}")
_LEVELS = 3
_KINDS = {
    kind: re.compile(rf"S([0-9]{{3}})_([0-9]{{3}})_([0-9]{{1,9}}){ending}", re.IGNORECASE)
    for kind, ending in {
        "images": r"\.(?:png|jpg|jpeg|bmp|tif|tiff)",
        "emotion": r"_emotion\.txt",
        "facs": r"_facs\.txt",
        "landmarks": r"_landmarks\.txt",
    }.items()
}


@dataclass(frozen=True)
class Labelled:
    """A sequence with an emotion."""

    sequence: str  # S005/001
    file: Path
    peak: int  # the frame that the label file names
    emotion: str

    @property
    def subject(self) -> str:
        return self.sequence.split("/")[0]


@dataclass(frozen=True)
class Reader(building.Reader):
    """A release on the disk; see faces.Reader."""

    outer: Mapping[str, Path]  # the folder of subjects of each kind that is there
    aus: bool
    last: int
    folds: int
    threshold: int

    @classmethod
    def find(cls, root: Path, aus: bool, last: int, folds: int, threshold: int) -> "Reader":
        """Raises InputError if images or the labels of a config are not there."""
        outer: dict[str, Path] = {}
        for folder in folders(root, _LEVELS, lambda name: bool(_SUBJECT.fullmatch(name))):
            kind = _kind(folder)
            if kind:
                outer.setdefault(kind, folder)
        for kind, example in (
            ("images", "cohn-kanade-images/S005/001/S005_001_00000001.png"),
            ("emotion", "Emotion/S005/001/S005_001_00000011_emotion.txt"),
            ("facs", "FACS/S005/001/S005_001_00000011_facs.txt"),
        ):
            if kind not in outer and (kind != "facs" or aus):
                raise InputError(
                    f"{root}: no {kind} in it; expected {example} (unpack the zip files)"
                )
        return cls(outer, aus, last, folds, threshold)

    @property
    def has_faces(self) -> bool:
        return "landmarks" in self.outer

    def units(self) -> list[Unit]:
        labelled = [it for it in self._labelled() if it.emotion in labels.SIX_EMOTIONS]
        parts = round_robin({it.subject for it in labelled}, self.folds)
        return [Unit(it.sequence, it.subject, "", parts[it.subject], it) for it in labelled]

    def frames(self, unit: Unit) -> tuple[list[Frame], list[Skip]]:
        peak = unit.source.peak
        images = {number: path for path, number in self._files("images", unit.sequence)}
        if peak not in images:
            folder = self._folder("images", unit.sequence)
            return [], [Skip(f"{unit.sequence}/{peak}", NO_IMAGE, str(folder))]
        facs = self._only("facs", unit.sequence) if "facs" in self.outer else None
        if facs is None and self.aus:
            folder = self._folder("facs", unit.sequence)
            return [], [Skip(f"{unit.sequence}/{peak}", NO_FACS, str(folder))]
        occurrence = intensity = None
        if facs is not None:
            occurrence, intensity = labels.codes(labels.read_facs(facs[0]), self.threshold)
        numbers = sorted(number for number in images if number <= peak)[-self.last :]
        frames = [
            Frame(
                number,
                ImageFile(images[number]),
                occurrence=occurrence,
                intensity=intensity,
                expression=labels.SIX_EMOTIONS.index(unit.source.emotion),
                landmarks=self._landmarks(unit.sequence, images[number]),
            )
            for number in numbers
        ]
        return frames, []

    def stamped(self) -> list[Path]:
        paths = list(self.outer.values())
        for kind in self.outer:
            for sequence in _sequences(self.outer[kind]):
                paths.append(self._folder(kind, sequence))
                if kind in ("emotion", "facs"):
                    paths += [path for path, _ in self._files(kind, sequence)]
        return paths

    def unread(self) -> list[Skip]:
        labelled = self._labelled()
        skips = [
            Skip(it.sequence, OTHER_EMOTION, str(it.file))
            for it in labelled
            if it.emotion not in labels.SIX_EMOTIONS
        ]
        known = {it.sequence for it in labelled}
        for sequence in _sequences(self.outer["images"]):
            if sequence not in known:
                folder = self._folder("emotion", sequence)
                skips.append(Skip(sequence, NO_EMOTION, str(folder)))
        return skips

    def _labelled(self) -> list["Labelled"]:
        """The sequences with an emotion; folders of the others are there, but empty."""
        found = []
        for sequence in _sequences(self.outer["emotion"]):
            file = self._only("emotion", sequence)
            if file is not None:
                emotion = labels.read_emotion(file[0])
                found.append(Labelled(sequence, file[0], file[1], emotion))
        return found

    def _folder(self, kind: str, sequence: str) -> Path:
        return self.outer[kind] / sequence

    def _files(self, kind: str, sequence: str) -> list[tuple[Path, int]]:
        """Files of a sequence with their frame numbers, by name. Raises InputError for doubles."""
        folder = self._folder(kind, sequence)
        if not folder.is_dir():
            return []
        files: list[tuple[Path, int]] = []
        for path, match in matching(folder, _KINDS[kind]):
            if f"S{match[1]}/{match[2]}" != sequence.upper():
                raise InputError(f"{path}: its name does not belong into {folder}")
            number = int(match[3])
            if any(number == other for _, other in files):
                raise InputError(f"{path}: frame {number} is there twice")
            files.append((path, number))
        return files

    def _only(self, kind: str, sequence: str) -> tuple[Path, int] | None:
        files = self._files(kind, sequence)
        if len(files) > 1:
            names = " and ".join(path.name for path, _ in files)
            raise InputError(f"{self._folder(kind, sequence)}: {names}, expected one label file")
        return files[0] if files else None

    def _landmarks(self, sequence: str, image: Path) -> Lazy[np.ndarray | None] | None:
        if not self.has_faces:
            return None
        folder = self._folder("landmarks", sequence)
        return later(labels.read_landmarks, folder / f"{image.stem}_landmarks.txt")


def _sequences(outer: Path) -> list[str]:
    """S005/001 and so on of a folder of subjects."""
    return [
        f"{subject}/{sequence}"
        for subject in folder_names(outer)
        if _SUBJECT.fullmatch(subject)
        for sequence in folder_names(outer / subject)
        if _SEQUENCE.fullmatch(sequence)
    ]


def _kind(outer: Path) -> str | None:
    """What a folder of subjects holds: the kind of the first file that is found in it."""
    for sequence in _sequences(outer):
        for kind, pattern in _KINDS.items():
            if matching(outer / sequence, pattern):
                return kind
    return None
