"""Where BP4D+'s files lie (docs/datasets.md section 2).

    2D+3D/F001.zip, or unpacked 2D+3D/F001/T1/0000.jpg     2DFeatures/F001_T1.mat
    AUCoding/AU_OCC/F001_T1.csv                            AUCoding/AU_INT/AU06/F001_T1_AU06.csv
    Thermal/F001/T1.wmv                                    IRFeatures/F001_T1.txt

Folders are found by what they hold, at most four levels down.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drr_jax.errors import InputError
from tfds_reactionet import building, reading
from tfds_reactionet.bp4d_plus import folds, images, thermal
from tfds_reactionet.building import Frame, Skip, Unit, later

TASKS = ("T1", "T6", "T7", "T8")  # only these are coded
NO_THERMAL = "image without a thermal frame at its time"
NO_THERMAL_FACE = "no thermal landmarks to cut the face out by"
OTHER_TASK = "AU codes of a task other than T1, T6, T7, T8"
NO_FOLD = "subject that BigSmall's lists leave out"

_CODES = re.compile(r"([FM][0-9]{3})_(T[0-9]{1,2})\.csv", re.IGNORECASE)
_LEVELS = 4
_LACKING = {
    "au_occ": "no folder AU_OCC in it; expected AUCoding/AU_OCC/F001_T1.csv",
    "images": "no images; expected 2D+3D/F001.zip or 2D+3D/F001/T1/0000.jpg",
    "thermal": "no folder Thermal in it; expected Thermal/F001/T1.wmv, or config rgb_depth",
}
_NAMES = ("au_occ", "au_int", "2dfeatures", "thermal", "irfeatures")


@dataclass(frozen=True)
class Places:
    """Folders of a release; None for those that are not there, or are not read."""

    occurrence: Path  # AU_OCC
    intensity: Path | None  # AU_INT
    images: Path  # holds F001/T1 or F001.zip
    landmarks: Path | None  # 2DFeatures
    thermal: Path | None
    thermal_points: Path | None  # IRFeatures


@dataclass(frozen=True)
class Reader(building.Reader):
    """A release on the disk; see faces.Reader."""

    places: Places
    folds: str
    frame_offset: int
    depth: bool
    thermal_fps: float

    @classmethod
    def find(cls, root: Path, config: str, options: Any) -> "Reader":
        """Raises InputError if codes, images or what the config wants are not there."""
        folds.file_of(options["folds"])
        found: dict[str, Path] = {}
        for folder in reading.folders(
            root, _LEVELS, lambda name: bool(images.SUBJECT.fullmatch(name))
        ):
            name = folder.name.lower()
            if name in _NAMES:
                found.setdefault(name, folder)
            elif "images" not in found and images.holds_sequences(folder):
                found["images"] = folder
        if config != "rgb_depth_thermal":
            found.pop("thermal", None)
        for name, lacking in _LACKING.items():
            if name not in found and (name != "thermal" or config == "rgb_depth_thermal"):
                raise InputError(f"{root}: {lacking}")
        faces = "thermal" in found and "2dfeatures" in found and options["crop"] != "full"
        places = Places(
            found["au_occ"],
            found.get("au_int"),
            found["images"],
            found.get("2dfeatures"),
            found.get("thermal"),
            found.get("irfeatures") if faces else None,
        )
        return cls(
            places,
            options["folds"],
            options["frame_offset"],
            config != "rgb",
            options["thermal_fps"],
        )

    @property
    def has_faces(self) -> bool:
        return self.places.landmarks is not None

    def units(self) -> list[Unit]:
        coded = self._coded()
        if not coded:
            raise InputError(f"{self.places.occurrence}: no file F001_T1.csv in it")
        parts = folds.parts(self.folds, {subject for _, subject, _ in coded})
        units = []
        for path, subject, task in coded:
            if task in TASKS and not self._left_out(subject):
                part = reading.part_of(parts, subject, f"folds={self.folds}")
                units.append(Unit(f"{subject}/{task}", subject, task, part, path))
        return units

    def frames(self, unit: Unit) -> tuple[list[Frame], list[Skip]]:
        coded = reading.read_bp4d_occurrence(unit.source)
        name = f"{unit.subject}_{unit.task}"
        graded = reading.read_bp4d_intensities(self.places.intensity, name, coded.frames)
        found = images.sequence(self.places.images, unit.subject, unit.task)
        thermals = self._thermal(unit) if self.places.thermal else None
        frames, skips = [], []
        for row, number in enumerate(coded.frames):
            key, image_number = f"{unit.sequence}/{number}", number + self.frame_offset
            image = found.images.get(image_number)
            mesh = found.meshes.get(image_number) if self.depth else None
            if image is None or (self.depth and mesh is None):
                reason = reading.NO_IMAGE if image is None else reading.NO_MESH
                skips.append(Skip(key, reason, found.place))
                continue
            pixels, box = None, None
            if thermals is not None:
                seen = thermals((number - 1) / thermal.FPS)
                if isinstance(seen, Skip):
                    skips.append(seen._replace(key=key))
                    continue
                pixels, box = seen
            frames.append(
                Frame(
                    number,
                    image,
                    occurrence=coded.values[row],
                    intensity=graded[row],
                    landmarks=self._landmarks(name, number - 1),
                    depth=mesh,
                    thermal=pixels,
                    thermal_box=box,
                )
            )
        return frames, skips

    def stamped(self) -> list[Path]:
        paths = [self.places.images, *images.sources(self.places.images)]
        labels = (self.places.occurrence, self.places.intensity, self.places.landmarks)
        for folder in (*labels, self.places.thermal, self.places.thermal_points):
            if folder is not None:
                for place in (folder, *(folder / name for name in reading.folder_names(folder))):
                    paths += [place, *(place / name for name in reading.file_names(place))]
        listed = folds.file_of(self.folds)
        return [*paths, *([listed] if listed else [])]

    def unread(self) -> list[Skip]:
        skips = []
        for path, subject, task in self._coded():
            if task not in TASKS:
                skips.append(Skip(f"{subject}/{task}", OTHER_TASK, str(path)))
            elif self._left_out(subject):
                skips.append(Skip(f"{subject}/{task}", NO_FOLD, str(path)))
        return skips

    def _coded(self) -> list[tuple[Path, str, str]]:
        """(file, subject, task) of every file of codes."""
        return [
            (path, match[1].upper(), match[2].upper())
            for path, match in reading.matching(self.places.occurrence, _CODES)
        ]

    def _left_out(self, subject: str) -> bool:
        return self.folds == "bigsmall_3fold" and subject in folds.UNLISTED

    def _landmarks(self, sequence: str, entry: int) -> Any:
        """Landmarks count frames from 1, as AU codes do, whatever the images' names."""
        if self.places.landmarks is None:
            return None
        return later(reading.bp4d_landmarks_of, self.places.landmarks / f"{sequence}.mat", entry)

    def _thermal(
        self, unit: Unit
    ) -> Callable[[float], tuple[reading.VideoImage, reading.Box | None] | Skip]:
        """A function from the time in seconds to the thermal frame and its face box."""
        folder = Path(str(self.places.thermal), unit.subject)
        path = thermal.find_video(folder, unit.task)
        video = thermal.open_video(path, self.thermal_fps) if path else None
        points = None
        boxes = self.places.thermal_points
        if boxes is not None:
            boxes /= f"{unit.subject}_{unit.task}.txt"
            points = thermal.read_points(boxes) if boxes.is_file() else ()

        def at(seconds: float) -> tuple[reading.VideoImage, reading.Box | None] | Skip:
            number = video.frame_at(seconds) if video else None
            if video is None or number is None:
                return Skip("", NO_THERMAL, str(path or folder))
            if points is None:
                return reading.VideoImage(video.path, number), None
            box = thermal.face_box(points[number]) if number < len(points) else None
            if box is None:
                return Skip("", NO_THERMAL_FACE, str(boxes))
            return reading.VideoImage(video.path, number), box

        return at
