"""Where BP4D+'s files lie (docs/datasets.md section 2).

    2D+3D/F001.zip, or unpacked 2D+3D/F001/T1/0000.jpg     2DFeatures/F001_T1.mat
    AUCoding/AU_OCC/F001_T1.csv                            AUCoding/AU_INT/AU06/F001_T1_AU06.csv
    Thermal/F001/T1.wmv                                    IRFeatures/F001_T1.txt

Folders are found by what they hold, at most four levels down.
"""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from drr_jax.errors import InputError
from drr_jax.facs import BP4D_AUS
from tfds_reactionet import building, reading
from tfds_reactionet.bp4d_plus import folds, images, thermal
from tfds_reactionet.building import NO_LANDMARKS, Frame, Options, Skip, Spec, Unit, later

TASKS = ("T1", "T6", "T7", "T8")  # only these are coded
NO_THERMAL = "image without a thermal frame at its time"
NO_THERMAL_FACE = "no thermal landmarks to cut the face out by"
OTHER_TASK = "AU codes of a task other than T1, T6, T7, T8"
OTHER_LENGTH = "IRFeatures has another number of lines than the thermal video frames"
NO_FOLD = "subject that BigSmall's lists leave out"

_LACKING = {
    "au_occ": "no folder AU_OCC in it; expected AUCoding/AU_OCC/F001_T1.csv",
    "images": "no images; expected 2D+3D/F001.zip or 2D+3D/F001/T1/0000.jpg",
    "thermal": "no folder Thermal in it; expected Thermal/F001/T1.wmv, or config rgb_depth",
}
_LABELS = ("au_occ", "au_int", "2dfeatures", "thermal", "irfeatures")


class Reader(building.Reader):
    """A release on the disk; see faces.Reader."""

    expected_reasons = (NO_THERMAL_FACE, OTHER_TASK, NO_FOLD)
    folds = folds.FOLDS

    @staticmethod
    def spec(config: str, options: Options) -> Spec:
        return Spec(
            task="au",
            protocol=folds.FOLDS.protocol(options["folds"]),
            au_names=reading.BP4D_CODED_AUS,
            evaluated_aus=BP4D_AUS,
            graded_aus=reading.BP4D_GRADED_AUS,
            images=("reaction", "depth", "thermal")[: len(config.split("_"))],
            landmarks=reading.BP4D_POINTS,
        )

    def find(self) -> None:
        """Raises InputError if codes, images or what the config wants are not there."""
        found = reading.find_bp4d_folders(self.root, _LABELS, images.holds_sequences)
        warm = self.config == "rgb_depth_thermal"
        if not warm:
            found.pop("thermal", None)
        for name, lacking in _LACKING.items():
            if name not in found and (name != "thermal" or warm):
                raise InputError(f"{self.root}: {lacking}")
        if not warm or "2dfeatures" not in found or self.options["crop"] == "full":
            found.pop("irfeatures", None)
        self.offsets = (reading.Offset.of(self.options, "frame_offset", -1),)
        self.places = found  # those that are read: of _LABELS, and "images", F001/T1 or F001.zip

    @property
    def has_faces(self) -> bool:
        return "2dfeatures" in self.places

    def units(self) -> list[Unit]:
        coded = reading.coded_bp4d_sequences(self.places["au_occ"])
        part = self.folds.parts(self.options["folds"])
        units = []
        for path, subject, task in coded:
            if task in TASKS and not self._left_out(subject):
                units.append(Unit(f"{subject}/{task}", subject, task, part(subject), path))
        return units

    def read(self, unit: Unit) -> Iterator[Frame | Skip]:
        coded = reading.read_bp4d_codes(unit.source, self.places.get("au_int"))
        found = images.sequence(self.places["images"], unit.subject, unit.task)
        (offset,) = self.offsets
        offset.check(found.place, found.images, coded.frames, "AU codes", whole_from=1)
        thermals = self._thermal(unit) if "thermal" in self.places else None
        folder = self.places.get("2dfeatures")
        tracked = folder and reading.bp4d_landmarks_file(folder, unit.sequence)
        has_landmarks = tracked is not None and tracked.is_file()
        for number, occurrence, intensity in coded:
            image_number = number + offset.value
            image = found.images.get(image_number)
            mesh = found.meshes.get(image_number) if self.config != "rgb" else None
            if image is None or (self.config != "rgb" and mesh is None):
                reason = reading.NO_IMAGE if image is None else reading.NO_MESH
                yield unit.skip(number, reason, found.place)
                continue
            if self.cuts_faces and not has_landmarks:
                yield unit.skip(number, NO_LANDMARKS, tracked or found.place)
                continue
            seen = thermals(number) if thermals else (None, None)
            if isinstance(seen, Skip):
                yield seen
                continue
            yield Frame(
                number,
                image,
                occurrence=occurrence,
                intensity=intensity,
                # They count frames from 1, as AU codes do, whatever the images' names.
                landmarks=later(reading.bp4d_landmarks_of, tracked, number - 1)
                if has_landmarks
                else None,
                depth=mesh,
                thermal=seen[0],
                thermal_box=seen[1],
            )

        stretch = range(coded.frames[0], coded.frames[-1] + 1) if coded.frames else ()
        for number in coded.without_codes(found.images, offset.value):
            if number not in stretch:  # in it, frames without codes are occluded
                yield unit.skip(number, building.UNLABELLED, unit.source)

    def notes(self, unit: Unit) -> list[str]:
        return [*self._intensity_notes(unit), *self._thermal_notes(unit)]

    def _thermal_notes(self, unit: Unit) -> list[str]:
        """Its lines count the video's frames: without the first of them all boxes are others'."""
        if "irfeatures" not in self.places:
            return []
        boxes = self.places["irfeatures"] / f"{unit.subject}_{unit.task}.txt"
        video = thermal.find_video(self.places["thermal"] / unit.subject, unit.task)
        if video is None or not boxes.is_file():
            return []
        same = len(thermal.read_points(boxes)) == reading.video_length(video)
        return [] if same else [OTHER_LENGTH]

    def _intensity_notes(self, unit: Unit) -> list[str]:
        if "au_int" not in self.places:
            return []
        coded = reading.read_bp4d_codes(unit.source, self.places["au_int"])
        return building.without_some("rows of AU_INT", reading.BP4D_GRADED_AUS, coded.has_intensity)

    def said(self) -> dict[str, Any]:
        return {"notes": [] if "au_int" in self.places else [reading.NO_INTENSITY]}

    def stamped(self) -> list[Path]:
        place = self.places["images"]
        labels = reading.bp4d_labels(self.places[name] for name in _LABELS if name in self.places)
        return [place, *images.sources(place), *labels]

    def unread(self) -> list[Skip]:
        skips = []
        for path, subject, task in reading.coded_bp4d_sequences(self.places["au_occ"]):
            if task not in TASKS:
                skips.append(Skip(f"{subject}/{task}", OTHER_TASK, str(path)))
            elif self._left_out(subject):
                skips.append(Skip(f"{subject}/{task}", NO_FOLD, str(path)))
        return [*skips, *self._uncoded()]

    def _uncoded(self) -> Iterator[Skip]:
        """Images of sequences of coded tasks without a file of AU_OCC: the release has them all."""
        (offset,), place = self.offsets, self.places["images"]
        there = {unit.sequence for unit in self.units()}
        for subject in images.subjects(place):
            for task in TASKS:
                if f"{subject}/{task}" in there or self._left_out(subject):
                    continue
                found = images.sequence(place, subject, task)
                path = self.places["au_occ"] / f"{subject}_{task}.csv"
                coded = reading.read_bp4d_codes(path, self.places.get("au_int"))
                for number in coded.without_codes(found.images, offset.value):
                    yield Skip(f"{subject}/{task}/{number}", building.UNLABELLED, str(path))

    def _left_out(self, subject: str) -> bool:
        return self.options["folds"] == "bigsmall_3fold" and subject in folds.UNLISTED

    def _thermal(
        self, unit: Unit
    ) -> Callable[[int], tuple[reading.VideoImage, reading.Box | None] | Skip]:
        """A function from the number of a frame to the thermal one of its time and its face box."""
        folder = self.places["thermal"] / unit.subject
        path = thermal.find_video(folder, unit.task)
        length = reading.video_length(path) if path else 0
        fps = self.options["thermal_fps"]
        if path and length and not fps:
            fps = reading.frame_rate(path, "thermal_fps")
        points, boxes = None, self.places.get("irfeatures")
        if boxes is not None:
            boxes /= f"{unit.subject}_{unit.task}.txt"
            points = thermal.read_points(boxes) if boxes.is_file() else ()

        def at(number: int) -> tuple[reading.VideoImage, reading.Box | None] | Skip:
            nearest = math.floor((number - 1) / thermal.FPS * fps + 0.5)
            if path is None or not 0 <= nearest < length:
                return unit.skip(number, NO_THERMAL, path or folder)
            box = None
            if points is not None:
                if nearest >= len(points):
                    return unit.skip(number, NO_LANDMARKS, str(boxes))
                box = thermal.face_box(points[nearest])
                if box is None:
                    return unit.skip(number, NO_THERMAL_FACE, str(boxes))
            return reading.VideoImage(path, nearest), box

        return at
