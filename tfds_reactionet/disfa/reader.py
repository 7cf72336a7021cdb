"""Where DISFA's files lie (docs/datasets.md section 3).

    Videos_LeftCamera/LeftVideoSN001_comp.avi      or frames extracted by the user: SN001/0.png
    ActionUnit_Labels/SN001/SN001_au1.txt          Landmark_Points/SN001/tmp_frame_lm/l00000_lm.mat

Upper and lower case and the names of outer folders vary. Extracted frames win over a video.
"""

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from drr_jax.errors import InputError
from drr_jax.facs import DISFA_AUS, DISFA_PLUS_AUS
from tfds_reactionet import building, reading
from tfds_reactionet.building import NO_LANDMARKS, Frame, Options, Skip, Spec, Unit, later
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

_VIDEO = re.compile(r"LeftVideo(SN[0-9]{3})_comp\.(avi|mp4|mov|mkv|wmv)", re.IGNORECASE)
_LANDMARKS = re.compile(r".*?([0-9]{1,9})_lm\.mat", re.IGNORECASE)
_FOLDERS = {"actionunit_labels": "labels", "landmark_points": "points"}
_LEVELS = 3
_POINTS = 66  # landmarks of a face


class Reader(building.Reader):
    """A release on the disk; see faces.Reader."""

    folds = reading.FoldChoice(
        {"published": reading.Protocol.folds(3)},
        lambda _, subject: reading.part_of(PARTS, subject, "DISFA's published lists"),
    )

    @staticmethod
    def spec(config: str, options: Options) -> Spec:
        return Spec(
            task="au",
            protocol=Reader.folds.protocol(options["folds"]),
            au_names=DISFA_PLUS_AUS,
            evaluated_aus=DISFA_AUS,
            graded_aus=DISFA_PLUS_AUS,
            landmarks=_POINTS,
        )

    def find(self) -> None:
        """Raises InputError if labels or images are not there."""
        self.offsets = tuple(
            reading.Offset.of(self.options, f"{name}_offset", -1) for name in ("frame", "landmark")
        )
        found: dict[str, dict[str, Path]] = {"labels": {}, "images": {}, "video": {}, "points": {}}
        for folder in reading.folders(self.root, _LEVELS, _is_subject):
            for path, match in reading.matching(folder, _VIDEO):
                found["video"].setdefault(match[1].upper(), path)
            if _is_subject(folder.name) and folder != self.root:
                outer = folder.parent.name.lower()
                kind = _FOLDERS.get(outer)
                if kind is None and "right" not in outer and reading.has_images(folder):
                    kind = "images"
                if kind:
                    found[kind].setdefault(folder.name.upper(), folder)
        if not found["labels"]:
            raise InputError(
                f"{self.root}: no labels; expected ActionUnit_Labels/SN001/SN001_au1.txt"
            )
        # By subject: folders of labels and landmarks; a folder of extracted frames, or the video.
        self.labels, self.points = found["labels"], found["points"]
        self.images = {**found["video"], **found["images"]}
        if not self.images.keys() & self.labels.keys():
            raise InputError(
                f"{self.root}: no images of a labelled subject; expected "
                "Videos_LeftCamera/LeftVideoSN001_comp.avi, or extracted frames SN001/0.png"
            )

    @property
    def has_faces(self) -> bool:
        return bool(self.points.keys() & self.labels.keys())

    def units(self) -> list[Unit]:
        part = self.folds.parts(self.options["folds"])
        return [Unit(name, name, "", part(name)) for name in sorted(self.labels)]

    def read(self, unit: Unit) -> Iterator[Frame | Skip]:
        numbers, intensities = labels.read_subject(self.labels[unit.subject])
        present = np.where(np.isnan(intensities), -1, intensities >= self.options["threshold"])
        place = self.images.get(unit.subject)
        images = self._images(unit.subject, place, numbers) if place else {}
        points, (_, offset) = self.points.get(unit.subject), self.offsets
        tracked = _landmark_files(points) if points else {}
        offset.check(points or self.root, tracked, numbers, "label rows", ours="landmark files")
        for number, occurrence, intensity in zip(
            numbers, present.astype(np.int8), intensities, strict=True
        ):
            pixels = images.get(number)
            if pixels is None:
                yield unit.skip(number, NO_IMAGE, place or self.root)
                continue
            tracks = tracked.get(number + offset.value)
            if tracks is None and self.cuts_faces:
                yield unit.skip(number, NO_LANDMARKS, points or self.root)
                continue
            yield Frame(
                number,
                pixels,
                occurrence=occurrence,
                intensity=intensity,
                landmarks=None if tracks is None else later(_read_landmarks, tracks),
            )

        bare = sorted(set(images).difference(numbers))
        if bare != [max(images, default=0)]:  # SN010's last frame has no row in the release
            yield from (
                unit.skip(row, building.UNLABELLED, self.labels[unit.subject]) for row in bare
            )

    def notes(self, unit: Unit) -> list[str]:
        known = ~np.isnan(labels.read_subject(self.labels[unit.subject])[1])
        return building.without_some("labels", DISFA_PLUS_AUS, known)

    def unread(self) -> list[Skip]:
        """Every frame of a subject that has no folder of labels."""
        return [
            Skip(f"{name}/{row}", building.UNLABELLED, str(place))
            for name, place in sorted(self.images.items())
            if name not in self.labels
            for row in self._images(name, place, ())
        ]

    def stamped(self) -> list[Path]:
        paths = []
        for name, folder in self.labels.items():
            places = (self.images.get(name), self.points.get(name))
            paths += [folder, *labels.label_files(folder), *filter(None, places)]
        return paths

    def _images(
        self, subject: str, place: Path, rows: Sequence[int]
    ) -> Mapping[int, reading.Pixels]:
        """Sources of pixels by label row, from 1."""
        if not place.is_dir():
            length = reading.video_length(place)
            if not length:
                raise InputError(f"{place}: OpenCV finds no frame in it; expected a video")
            _check_video(place, length, rows)
            return {number + 1: reading.VideoImage(place, number) for number in range(length)}
        (offset, _), files = self.offsets, reading.numbered_images(place)
        reading.check_images_owner(files, labels.SUBJECT, subject)
        offset.check(place, files, rows, "label rows")
        return {number - offset.value: reading.ImageFile(path) for number, path in files.items()}


def _is_subject(name: str) -> bool:
    return bool(labels.SUBJECT.fullmatch(name))


def _check_video(path: Path, length: int, rows: Sequence[int]) -> None:
    """Raises InputError if label rows count a video's frames otherwise than from 1.

    No option says so: frame_offset is that of extracted images, which other subjects may have.
    """
    found = reading.shift(range(length), rows)
    if found not in (None, -1):
        raise InputError(
            f"{path}: {length} frames, but its label rows are numbered from {min(rows)} to "
            f"{max(rows)}; expected rows from 1 on: number them so, or extract the frames, "
            f"SN001/0.png and so on, and pass --frame_offset={found}"
        )


def _landmark_files(folder: Path) -> dict[int, Path]:
    """Landmark files of a subject by frame number from 0; they lie in tmp_frame_lm/ or above."""
    files: dict[int, Path] = {}
    for place in (folder, *(folder / name for name in reading.folder_names(folder))):
        for path, match in reading.matching(place, _LANDMARKS):
            reading.check_owner(path, labels.SUBJECT, folder.name)
            files.setdefault(int(match[1]), path)
    return files


@functools.lru_cache(maxsize=4)
def _read_landmarks(path: Path) -> np.ndarray | None:
    """Landmarks [66, 2] of a frame, or None if they are lost."""
    return reading.points(reading.read_variable(path, "pts"), _POINTS, path, "pts")
