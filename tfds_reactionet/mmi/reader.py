"""Where MMI's files lie (docs/datasets.md section 9).

    Sessions/<id>/session.xml       <id>/S001-117.avi, or .jpg       <id>/S001-117.xml

A clip gives the three frames in its middle, an image session its images.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from drr_jax.errors import InputError
from drr_jax.facs import EXPRESSIONS
from tfds_reactionet import building, reading
from tfds_reactionet.building import NO_LANDMARKS, Frame, Options, Skip, Spec, Unit, later
from tfds_reactionet.mmi import metadata, turns

EMOTIONS = 6  # codes 1 to 6: anger, disgust, fear, happiness, sadness, surprise

NO_EMOTION = "session without one of the six expressions"
SEVERAL = "session of several expressions"
OTHER_VIEW = "session of a view that was not asked for"
NO_LABEL = "label file is missing that session.xml names"
OTHER_CLIP = "session.xml of another clip"
OTHER_SUBJECT = "session.xml names another subject than the clip"
NO_MEDIA = "session without its clip or images"
NO_SESSION = "session without a session.xml"
NO_VIEW = "session.xml that does not name one view"
NO_SIDE = "both views in one image, and which half is frontal is not known"
NO_CLIP = "clip that does not open"
NO_FILES = "session whose folder has no session.xml and no label: empty, or they lie deeper"
UNCLEAR = "label file with a Metatag that is almost one of an Emotion (name empty or misspelt)"
TWICE = "clip that an earlier session has, too"
TWO_LABELS = "clip that several sessions have, with different labels"
OTHER_LENGTH = "landmarks of another number of frames than the clip"
FEW_FRAMES = "landmarks end a frame or two before or after the clip's length in its header"

_LABELS = re.compile(r"(S[0-9]{2,4}-[0-9]{1,6})\.xml", re.IGNORECASE)
_ID = re.compile("[0-9]+")  # a session's, at the begin of its folder's name
_LEVELS = 3
_NEAR = 2  # frames by which a clip's header may be wrong about its length
_FIRST = 20  # folders to look into for a session.xml


@dataclass(frozen=True)
class Changed:
    """Another image, turned clockwise by `rotation` degrees, then cut to one half, if to any."""

    image: reading.Pixels
    rotation: int
    right: bool | None  # half; None: both

    @property
    def file(self) -> str:
        return self.image.file

    def read(self) -> np.ndarray:
        image = reading.rotated(reading.rgb(self.image.read()), self.rotation)
        if self.right is None:
            return image
        middle = image.shape[1] // 2
        return np.ascontiguousarray(image[:, middle:] if self.right else image[:, :middle])

    def move(self, points: np.ndarray) -> np.ndarray | None:
        """Points of the other image in this one; None if they are of the other half."""
        height, width = reading.rgb(self.image.read()).shape[:2]
        x, y = points.T
        turned = {
            0: (x, y),
            90: (height - 1 - y, x),
            180: (width - 1 - x, height - 1 - y),
            270: (y, width - 1 - x),
        }
        points = np.stack(turned[self.rotation % 360], axis=-1)
        if self.right is None:
            return points
        middle = (height if self.rotation % 180 else width) // 2
        if (points[:, 0].mean() >= middle) != self.right:
            return None
        return points - (middle if self.right else 0, 0)


class Take(NamedTuple):
    """What of a session yields records: its clip, or its images."""

    files: tuple[Path, ...]
    expression: int
    view: int
    rotation: int
    subject: str  # as session.xml numbers it


class Reader(building.Reader):
    """A release on the disk; see faces.Reader."""

    expected_reasons = (NO_EMOTION, SEVERAL, OTHER_VIEW, TWICE)
    folds = reading.FoldChoice(reading.NUMBERED, reading.part_by_number)

    @staticmethod
    def spec(config: str, options: Options) -> Spec:
        return Spec(
            task="expression",
            protocol=Reader.folds.protocol(options["folds"]),
            expression_names=EXPRESSIONS[:EMOTIONS],
            landmarks=reading.OPENFACE_POINTS if options["landmarks"] else 0,
            extra={"view": ((), np.int64), "rotation": ((), np.int64)},
        )

    def find(self) -> None:
        """Raises InputError if there are no sessions, or options contradict each other."""
        self.tracks = reading.find_landmarks(self.options["landmarks"])
        self.turns = turns.file_of(self.options["rotation"])
        left, right = (
            self.options[name].upper().split() for name in ("frontal_left", "frontal_right")
        )
        both = sorted(set(left) & set(right))
        if both:
            raise InputError(f"{both[0]} is in frontal_left and in frontal_right; expected in one")
        self.frontal_right = {**dict.fromkeys(left, False), **dict.fromkeys(right, True)}
        for folder in reading.folders(self.root, _LEVELS, str.isdecimal):
            inner = reading.folder_names(folder)
            if any((folder / name / "session.xml").is_file() for name in inner[:_FIRST]):
                self.sessions = folder  # holds <id>/session.xml
                return
        raise InputError(f"{self.root}: no sessions; expected Sessions/<number>/session.xml")

    @property
    def has_faces(self) -> bool:
        return bool(self.tracks)

    def units(self) -> list[Unit]:
        units = [found for found in self._sessions() if isinstance(found, Unit)]
        if self.tracks:
            self.tracks.check(path for unit in units for path in unit.source.files)
        part = self.folds.parts(self.options["folds"])
        return [replace(unit, part=part(unit.subject)) for unit in units]

    def read(self, unit: Unit) -> Iterator[Frame | Skip]:
        files, expression, view, rotation, _ = unit.source
        images: dict[int, tuple[reading.Pixels, Path, int | None]] = {}  # whole, file, its frame
        if files[0].suffix.lower() in reading.VIDEO_SUFFIXES:
            length = reading.video_length(files[0])
            if not length:
                yield Skip(unit.sequence, NO_CLIP, str(files[0]))
            for number in range(max(0, length // 2 - 1), min(length, length // 2 + 2)):
                images[number] = reading.VideoImage(files[0], number), files[0], number
        else:
            for number, path in enumerate(files):
                images[number] = reading.ImageFile(path), path, None
        half = self.frontal_right[unit.subject] if view == 2 else None
        other = abs(self._beyond(unit)) > _NEAR  # the landmarks are not of this clip
        for number, (image, path, frame) in images.items():
            tracked = self.tracks.find(path) if self.tracks else None
            if self.cuts_faces and tracked is None:
                yield unit.skip(number, NO_LANDMARKS, path)
                continue
            if self.cuts_faces and other:
                yield unit.skip(number, OTHER_LENGTH, tracked or path)
                continue
            changed = Changed(image, rotation, half) if rotation or half is not None else image
            face = (tracked, self.options["face"], frame)
            yield Frame(
                number,
                changed,
                expression=expression,
                landmarks=later(_landmarks, changed, face) if tracked and not other else None,
                extra={"view": view, "rotation": rotation},
            )

    def notes(self, unit: Unit) -> list[str]:
        beyond = self._beyond(unit)
        return [FEW_FRAMES if abs(beyond) <= _NEAR else OTHER_LENGTH] if beyond else []

    def _beyond(self, unit: Unit) -> int:
        """By how many frames the landmarks of a clip go on after its length; 0 of images."""
        path = unit.source.files[0]
        tracked = self.tracks.find(path) if self.tracks else None
        if not tracked or path.suffix.lower() not in reading.VIDEO_SUFFIXES:
            return 0
        return reading.last_frame(tracked, self.options["face"]) - reading.video_length(path)

    def stamped(self) -> list[Path]:
        files = (path for folder in self._folders() for path in reading.with_files(folder))
        tracks = self.tracks.places() if self.tracks else ()
        return [self.sessions, *files, *([self.turns] if self.turns else []), *tracks]

    def unread(self) -> list[Skip]:
        return [skip for skip in self._sessions() if isinstance(skip, Skip)]

    def _folders(self) -> list[Path]:
        """Folders of sessions, by number."""
        names = reading.folder_names(self.sessions)
        return [self.sessions / name for name in sorted(names, key=lambda name: (len(name), name))]

    def _sessions(self) -> list[Unit | Skip]:
        """Every session's clip or images, or why it yields no record. Raises InputError.

        Ids of subjects are compared if most sessions number them as their clips do: no public file
        says that they must.
        """
        found = _once(list(self._found()))
        units = [unit for unit in found if isinstance(unit, Unit)]
        other = {unit.sequence for unit in units if _is_of_another(unit)}
        if 2 * len(other) >= len(units):
            return found
        return [
            Skip(unit.sequence, OTHER_SUBJECT, str(unit.source.files[0].with_name("session.xml")))
            if isinstance(unit, Unit) and unit.sequence in other
            else unit
            for unit in found
        ]

    def _found(self) -> Iterator[Unit | Skip]:
        listed = turns.read_file(self.turns) if self.turns else {}
        for folder in self._folders():
            names = reading.file_names(folder)
            labels = [name for name in names if _LABELS.fullmatch(name)]
            if not labels and "session.xml" in names:
                named = metadata.read_session(folder / "session.xml").annotations
                lost = any(map(_LABELS.fullmatch, named))
                yield Skip(folder.name, NO_LABEL if lost else NO_EMOTION, str(folder))
            elif not labels and _ID.match(folder.name):
                yield Skip(folder.name, NO_FILES, str(folder))
            for label in labels:
                yield self._session(folder, label, names, listed)

    def _session(
        self, folder: Path, label: str, names: list[str], listed: Mapping[str, int]
    ) -> Unit | Skip:
        name = Path(label).stem.upper()
        unit = Unit(f"{folder.name}/{name}", name.split("-")[0], "", "")
        found = metadata.emotions(folder / label)
        if not any(1 <= code <= EMOTIONS for code in found):
            unclear = not found and metadata.is_unclear(folder / label)
            return Skip(unit.sequence, UNCLEAR if unclear else NO_EMOTION, str(folder / label))
        if len(found) > 1:
            return Skip(unit.sequence, SEVERAL, str(folder / label))
        media = _media(folder, name, names)
        if not media:
            return Skip(unit.sequence, NO_MEDIA, str(folder))
        if "session.xml" not in names:
            return Skip(unit.sequence, NO_SESSION, str(folder))
        session = metadata.read_session(folder / "session.xml")
        if not session.is_of(name):
            return Skip(unit.sequence, OTHER_CLIP, str(folder / "session.xml"))
        view = session.view(media[0].name)
        if view is None or str(view) not in self.options["views"].split(","):
            reason = NO_VIEW if view is None else OTHER_VIEW
            return Skip(unit.sequence, reason, str(folder / "session.xml"))
        if view == 2 and unit.subject not in self.frontal_right:
            return Skip(unit.sequence, NO_SIDE, str(media[0]))
        coded = any("aucs" in n.lower() for n in (*names, *session.annotations))
        degrees = listed.get(name, listed.get(unit.subject, 0))
        if (
            self.options["rotation"] == "usual"
            and media[0].suffix.lower() in reading.VIDEO_SUFFIXES
        ):
            degrees = turns.usual(unit.subject, view, coded)
        take = Take(media, min(found) - 1, view, degrees, session.subject)
        return replace(unit, source=take)


def _once(found: Sequence[Unit | Skip]) -> list[Unit | Skip]:
    """The sessions, a clip that several have being that of the first one: 8, 00008, `8 copy`.

    If they tell of it differently, nobody knows which is right, and none has it.
    """
    told: dict[str, set[tuple[int, int]]] = {}
    units = [unit for unit in found if isinstance(unit, Unit)]
    for unit in units:
        told.setdefault(_clip(unit), set()).add((unit.source.expression, unit.source.view))
    seen: set[str] = set()
    kept: list[Unit | Skip] = []
    for one in found:
        clip = _clip(one) if isinstance(one, Unit) else ""
        if isinstance(one, Unit) and (clip in seen or len(told[clip]) > 1):
            reason = TWO_LABELS if len(told[clip]) > 1 else TWICE
            kept.append(Skip(one.sequence, reason, str(one.source.files[0].parent)))
        else:
            kept.append(one)
        seen.add(clip)
    return kept


def _clip(unit: Unit) -> str:
    return unit.sequence.split("/")[-1]


def _is_of_another(unit: Unit) -> bool:
    """Whether session.xml gives its subject another number than the clip's name has."""
    number = unit.source.subject.upper().removeprefix("S")
    return number.isdecimal() and int(number) != int(unit.subject[1:])


def _media(folder: Path, name: str, names: list[str]) -> tuple[Path, ...]:
    """The clip of a session, or else its images: S001-117.jpg, S001-117_2.jpg."""
    images = []
    for file in names:
        stem, suffix = os.path.splitext(file)
        if suffix.lower() in reading.VIDEO_SUFFIXES and stem.upper() == name:
            return (folder / file,)
        inner = re.fullmatch(re.escape(name) + r"([-_].*)?", stem.upper())
        if suffix.lower() in reading.IMAGE_SUFFIXES and inner:
            images.append(folder / file)
    return tuple(images)


def _landmarks(
    image: reading.Pixels, face: tuple[Path, reading.Choice, int | None]
) -> np.ndarray | None:
    """Landmarks in an image, of a face in the file (path, choice, frame) of the stored one."""
    points = reading.openface_landmarks(*face)
    return image.move(points) if points is not None and isinstance(image, Changed) else points
