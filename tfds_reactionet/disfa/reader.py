"""Where DISFA's files lie (docs/datasets.md section 3).

    Videos_LeftCamera/LeftVideoSN001_comp.avi      or frames extracted by the user: SN001/0.png
    ActionUnit_Labels/SN001/SN001_au1.txt          Landmark_Points/SN001/tmp_frame_lm/l00000_lm.mat

Upper and lower case and the names of outer folders vary. Extracted frames win over a video.
"""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drr_jax.errors import InputError
from tfds_reactionet import building, reading
from tfds_reactionet.building import Frame, Skip, Unit, later
from tfds_reactionet.disfa import labels

# Published subject lists (JAA-Net, ME-GraphAU; method 8.2).
PARTS = reading.listed(
    (
        "SN001 SN002 SN009 SN010 SN016 SN026 SN027 SN030 SN032",
        "SN006 SN011 SN012 SN013 SN018 SN021 SN024 SN028 SN031",
        "SN003 SN004 SN005 SN007 SN008 SN017 SN023 SN025 SN029",
    )
)
NO_IMAGE = "labels without an image"

_SUBJECT = re.compile("SN[0-9]{3}", re.IGNORECASE)
_VIDEO = re.compile(r"LeftVideo(SN[0-9]{3})_comp\.(avi|mp4|mov|mkv|wmv)", re.IGNORECASE)
_LANDMARKS = re.compile(r".*?([0-9]{1,9})_lm\.mat", re.IGNORECASE)
_LABELS, _POINTS = "actionunit_labels", "landmark_points"
_LEVELS = 3


@dataclass(frozen=True)
class Subject:
    """What is on the disk of one subject."""

    labels: Path
    images: Path | None  # folder of extracted frames, or the video
    landmarks: Path | None


@dataclass(frozen=True)
class Reader(building.Reader):
    """A release on the disk; see faces.Reader."""

    subjects: Mapping[str, Subject]
    root: Path
    threshold: int
    frame_offset: int

    @classmethod
    def find(cls, root: Path, threshold: int, frame_offset: int) -> "Reader":
        """Raises InputError if labels or images are not there."""
        found: dict[str, dict[str, Path]] = {"labels": {}, "images": {}, "video": {}, "points": {}}
        for folder in reading.folders(root, _LEVELS, lambda name: bool(_SUBJECT.fullmatch(name))):
            for path, match in reading.matching(folder, _VIDEO):
                found["video"].setdefault(match[1].upper(), path)
            outer = folder.parent.name.lower()
            if _SUBJECT.fullmatch(folder.name) and folder != root:
                kind = {_LABELS: "labels", _POINTS: "points"}.get(outer)
                if kind is None and "right" not in outer and reading.has_images(folder):
                    kind = "images"
                if kind:
                    found[kind].setdefault(folder.name.upper(), folder)
        if not found["labels"]:
            raise InputError(f"{root}: no labels; expected ActionUnit_Labels/SN001/SN001_au1.txt")
        images = {**found["video"], **found["images"]}
        if not images.keys() & found["labels"].keys():
            raise InputError(
                f"{root}: no images of a labelled subject; expected "
                "Videos_LeftCamera/LeftVideoSN001_comp.avi, or extracted frames SN001/0.png"
            )
        subjects = {
            name: Subject(folder, images.get(name), found["points"].get(name))
            for name, folder in sorted(found["labels"].items())
        }
        return cls(subjects, root, threshold, frame_offset)

    @property
    def has_faces(self) -> bool:
        return any(subject.landmarks for subject in self.subjects.values())

    def units(self) -> list[Unit]:
        return [
            Unit(name, name, "", reading.part_of(PARTS, name, "DISFA's published lists"), subject)
            for name, subject in self.subjects.items()
        ]

    def frames(self, unit: Unit) -> tuple[list[Frame], list[Skip]]:
        subject: Subject = unit.source
        numbers, intensities = labels.read_subject(subject.labels)
        present = labels.occurrence(intensities, self.threshold)
        images = self._images(subject, len(numbers))
        tracked = _landmark_files(subject.landmarks) if subject.landmarks else {}
        frames, skips = [], []
        for row, number in enumerate(numbers):
            pixels = images.get(number)
            if pixels is None:
                place = str(subject.images or self.root)
                skips.append(Skip(f"{unit.sequence}/{number}", NO_IMAGE, place))
                continue
            tracks = tracked.get(number - 1)
            frames.append(
                Frame(
                    number,
                    pixels,
                    occurrence=present[row],
                    intensity=intensities[row],
                    landmarks=None if tracks is None else later(_read_landmarks, tracks),
                )
            )
        return frames, skips

    def stamped(self) -> list[Path]:
        paths = []
        for subject in self.subjects.values():
            paths += [subject.labels, *labels.label_files(subject.labels)]
            paths += [path for path in (subject.images, subject.landmarks) if path]
        return paths

    def _images(self, subject: Subject, rows: int) -> Mapping[int, reading.Pixels]:
        """Sources of pixels by label row, from 1."""
        if subject.images is None:
            return {}
        if not subject.images.is_dir():
            length = reading.video_length(subject.images)
            if not length:
                raise InputError(f"{subject.images}: OpenCV finds no frame in it; expected a video")
            return {
                number + 1: reading.VideoImage(subject.images, number) for number in range(length)
            }
        files = reading.numbered_images(subject.images)
        if self.frame_offset == -1 and 0 not in files and rows in files:
            raise InputError(
                f"{subject.images}: images are numbered from {min(files)} to {max(files)}, labels "
                f"from 1 to {rows}; if image {rows} is the last frame, pass --frame_offset=0"
            )
        return {
            number - self.frame_offset: reading.ImageFile(path) for number, path in files.items()
        }


def _landmark_files(folder: Path) -> dict[int, Path]:
    """Landmark files of a subject by frame number from 0; they lie in tmp_frame_lm/ or above."""
    inner = [folder / name for name in reading.folder_names(folder)]
    files: dict[int, Path] = {}
    for place in [folder, *inner]:
        for path, match in reading.matching(place, _LANDMARKS):
            files.setdefault(int(match[1]), path)
    return files


@functools.lru_cache(maxsize=4)
def _read_landmarks(path: Path) -> np.ndarray | None:
    """Landmarks [66, 2] of a frame, or None if they are lost."""
    return reading.points(reading.read_variable(path, "pts"), 66, path, "pts")
