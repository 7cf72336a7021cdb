"""Where MMI's files lie (docs/datasets.md section 9).

    Sessions/<id>/session.xml       <id>/S001-117.avi, or .jpg       <id>/S001-117.xml

A clip gives the three frames in its middle, an image session its images.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from drr_jax.errors import InputError
from tfds_reactionet import building, reading
from tfds_reactionet.building import Frame, Skip, Unit
from tfds_reactionet.mmi import metadata, turns

FOLDS = 10
EMOTIONS = 6  # codes 1 to 6: anger, disgust, fear, happiness, sadness, surprise

NO_EMOTION = "session without one of the six expressions"
SEVERAL = "session of several expressions"
OTHER_VIEW = "session of a view that was not asked for"
NO_MEDIA = "session without its clip or images"
NO_SESSION = "session without a session.xml"
NO_VIEW = "session.xml that does not name one view"
NO_SIDE = "both views in one image, and which half is frontal is not known"
NO_CLIP = "clip that does not open"

_LABELS = re.compile(r"(S[0-9]{2,4}-[0-9]{1,6})\.xml", re.IGNORECASE)
_CLIPS = (".avi", ".mp4", ".mov", ".mkv", ".mpg", ".mpeg", ".wmv", ".m4v")
_LEVELS = 3
_FIRST = 20  # folders to look into for a session.xml


@dataclass(frozen=True)
class Half:
    """The left or right half of another image."""

    whole: reading.Pixels
    right: bool

    @property
    def file(self) -> str:
        return self.whole.file

    def read(self) -> UInt8[np.ndarray, "height width 3"]:
        content = self.whole.read()
        image = reading.decode(content) if isinstance(content, bytes) else content
        middle = image.shape[1] // 2
        return np.ascontiguousarray(image[:, middle:] if self.right else image[:, :middle])


@dataclass(frozen=True)
class Turned:
    """An image file turned clockwise."""

    image: reading.ImageFile
    degrees: int

    @property
    def file(self) -> str:
        return self.image.file

    def read(self) -> UInt8[np.ndarray, "height width 3"]:
        return reading.rotated(reading.decode(self.image.read()), self.degrees)


@dataclass(frozen=True)
class Take:
    """A session that yields records: its clip, or its images."""

    session: str
    name: str  # S001-117
    files: tuple[Path, ...]
    expression: int
    view: int
    rotation: int

    @property
    def subject(self) -> str:
        return self.name.split("-")[0]


@dataclass(frozen=True)
class Reader(building.Reader):
    """A release on the disk; see faces.Reader."""

    sessions: Path  # holds <id>/session.xml
    views: tuple[int, ...]
    frontal_right: Mapping[str, bool]  # by subject
    rotation: str

    @classmethod
    def find(cls, root: Path, options: Mapping[str, Any]) -> "Reader":
        """Raises InputError if there are no sessions, or options contradict each other."""
        turns.file_of(options["rotation"])
        left, right = (options[name].upper().split() for name in ("frontal_left", "frontal_right"))
        both = sorted(set(left) & set(right))
        if both:
            raise InputError(f"{both[0]} is in frontal_left and in frontal_right; expected in one")
        sides = {**dict.fromkeys(left, False), **dict.fromkeys(right, True)}
        for folder in reading.folders(root, _LEVELS, lambda name: name.isdecimal()):
            inner = reading.folder_names(folder)
            if any((folder / name / "session.xml").is_file() for name in inner[:_FIRST]):
                views = tuple(int(view) for view in options["views"].split(","))
                return cls(folder, views, sides, options["rotation"])
        raise InputError(f"{root}: no sessions; expected Sessions/<number>/session.xml")

    def units(self) -> list[Unit]:
        takes = [take for take in self._sessions() if isinstance(take, Take)]
        parts = reading.round_robin({take.subject for take in takes}, FOLDS)
        return [
            Unit(f"{take.session}/{take.name}", take.subject, "", parts[take.subject], take)
            for take in takes
        ]

    def frames(self, unit: Unit) -> tuple[list[Frame], list[Skip]]:
        take: Take = unit.source
        images: dict[int, reading.Pixels] = {}
        first = take.files[0]
        if first.suffix.lower() in _CLIPS:
            length = reading.video_length(first)
            if not length:
                return [], [Skip(unit.sequence, NO_CLIP, str(first))]
            middle = range(max(0, length // 2 - 1), min(length, length // 2 + 2))
            images.update({n: reading.VideoImage(first, n, take.rotation) for n in middle})
        else:
            files = [reading.ImageFile(path) for path in take.files]
            images.update(
                {n: Turned(f, take.rotation) if take.rotation else f for n, f in enumerate(files)}
            )
        extra = {"view": take.view, "rotation": take.rotation}
        frames = []
        for number, image in images.items():
            if take.view == 2:
                image = Half(image, self.frontal_right[take.subject])
            frames.append(Frame(number, image, expression=take.expression, extra=extra))
        return frames, []

    def stamped(self) -> list[Path]:
        paths = [self.sessions]
        for folder in self._folders():
            paths += [folder, *(folder / name for name in reading.file_names(folder))]
        listed = turns.file_of(self.rotation)
        return [*paths, *([listed] if listed else [])]

    def unread(self) -> list[Skip]:
        return [skip for skip in self._sessions() if isinstance(skip, Skip)]

    def _folders(self) -> list[Path]:
        """Folders of sessions, by number."""
        names = sorted(reading.folder_names(self.sessions), key=lambda name: (len(name), name))
        return [self.sessions / name for name in names]

    def _sessions(self) -> Iterator[Take | Skip]:
        """Every session's clip or images, or why it yields no record. Raises InputError."""
        path = turns.file_of(self.rotation)
        listed = turns.read_file(path) if path else {}
        for folder in self._folders():
            names = reading.file_names(folder)
            labels = [match[1] for match in map(_LABELS.fullmatch, names) if match]
            if not labels and "session.xml" in names:
                yield Skip(folder.name, NO_EMOTION, str(folder))
            for name in labels:
                yield self._take(folder, name, names, listed)

    def _take(
        self, folder: Path, stem: str, names: list[str], listed: Mapping[str, int]
    ) -> Take | Skip:
        name = stem.upper()
        key, subject = f"{folder.name}/{name}", name.split("-")[0]
        label = next(n for n in names if n.lower() == f"{stem}.xml".lower())
        found = metadata.emotions(folder / label)
        if not any(1 <= code <= EMOTIONS for code in found):
            return Skip(key, NO_EMOTION, str(folder / label))
        if len(found) > 1:
            return Skip(key, SEVERAL, str(folder / label))
        media = _media(folder, name, names)
        if not media:
            return Skip(key, NO_MEDIA, str(folder))
        if "session.xml" not in names:
            return Skip(key, NO_SESSION, str(folder))
        session = metadata.read_session(folder / "session.xml")
        view = session.view(media[0].name)
        if view is None:
            return Skip(key, NO_VIEW, str(folder / "session.xml"))
        if view not in self.views:
            return Skip(key, OTHER_VIEW, str(folder / "session.xml"))
        if view == 2 and subject not in self.frontal_right:
            return Skip(key, NO_SIDE, str(media[0]))
        coded = any("aucs" in n.lower() for n in (*names, *session.annotations))
        degrees = listed.get(name, listed.get(subject, 0))
        if self.rotation == "usual" and media[0].suffix.lower() in _CLIPS:
            degrees = turns.usual(subject, view, coded)
        return Take(folder.name, name, media, min(found) - 1, view, degrees)


def _media(folder: Path, name: str, names: list[str]) -> tuple[Path, ...]:
    """The clip of a session, or else its images: S001-117.jpg, S001-117_2.jpg."""
    images = []
    for file in names:
        stem, suffix = os.path.splitext(file)
        if suffix.lower() in _CLIPS and stem.upper() == name:
            return (folder / file,)
        inner = re.fullmatch(re.escape(name) + r"([-_].*)?", stem.upper())
        if suffix.lower() in reading.IMAGE_SUFFIXES and inner:
            images.append(folder / file)
    return tuple(images)
