"""Where BP4D's files lie (docs/datasets.md section 1).

    2DFeatures/F001_T1.mat        AUCoding/AU_OCC/F001_T1.csv      AUCoding/AU_INT/AU06/...
    Sequences(2D+3D)/F001/T1/0000.jpg, 0000.obj                    or BP4D-training/F001/T1/2440.jpg

Folders are found by what they hold, at most four levels down: names around them vary.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drr_jax.errors import InputError
from tfds_reactionet import building, reading
from tfds_reactionet.building import Frame, Skip, Unit, later

# Published subject lists (JAA-Net, ME-GraphAU; method 8.2).
PARTS = reading.listed(
    (
        "F001 F002 F008 F009 F010 F016 F018 F023 M001 M004 M007 M008 M012 M014",
        "F003 F005 F011 F013 F020 F022 M002 M005 M010 M011 M013 M016 M017 M018",
        "F004 F006 F007 F012 F014 F015 F017 F019 F021 M003 M006 M009 M015",
    )
)
_SUBJECT = re.compile("[FM][0-9]{3}")
_TASK = re.compile("T[0-9]{1,2}")
_CODES = re.compile(r"([FM][0-9]{3})_(T[0-9]{1,2})\.csv", re.IGNORECASE)
_LEVELS = 4


@dataclass(frozen=True)
class Reader(building.Reader):
    """A release on the disk; see faces.Reader."""

    occurrence: Path  # AU_OCC
    intensity: Path | None  # AU_INT
    images: Path  # holds F001/T1
    landmarks: Path | None  # 2DFeatures
    frame_offset: int
    depth: bool

    @classmethod
    def find(cls, root: Path, frame_offset: int, depth: bool) -> "Reader":
        """Raises InputError if the codes or the images are not there."""
        found: dict[str, Path] = {}
        for folder in reading.folders(root, _LEVELS, lambda name: bool(_SUBJECT.fullmatch(name))):
            name = folder.name.lower()
            if name in ("au_occ", "au_int", "2dfeatures"):
                found.setdefault(name, folder)
            elif "images" not in found and _holds_sequences(folder):
                found["images"] = folder
        if "au_occ" not in found:
            raise InputError(
                f"{root}: no folder AU_OCC in it; expected AUCoding/AU_OCC/F001_T1.csv"
            )
        if "images" not in found:
            raise InputError(f"{root}: no images; expected Sequences(2D+3D)/F001/T1/0000.jpg")
        return cls(
            found["au_occ"],
            found.get("au_int"),
            found["images"],
            found.get("2dfeatures"),
            frame_offset,
            depth,
        )

    @property
    def has_faces(self) -> bool:
        return self.landmarks is not None

    def units(self) -> list[Unit]:
        units = []
        for path, match in reading.matching(self.occurrence, _CODES):
            subject, task = match[1].upper(), match[2].upper()
            part = reading.part_of(PARTS, subject, "BP4D's published lists")
            units.append(Unit(f"{subject}/{task}", subject, task, part, path))
        if not units:
            raise InputError(f"{self.occurrence}: no file F001_T1.csv in it")
        return units

    def frames(self, unit: Unit) -> tuple[list[Frame], list[Skip]]:
        coded = reading.read_bp4d_occurrence(unit.source)
        name = f"{unit.subject}_{unit.task}"
        graded = reading.read_bp4d_intensities(self.intensity, name, coded.frames)
        folder = self.images / unit.subject / unit.task
        images = reading.numbered_images(folder) if folder.is_dir() else {}
        frames, skips = [], []
        for row, number in enumerate(coded.frames):
            path = images.get(number + self.frame_offset)
            if path is None:
                skips.append(Skip(f"{unit.sequence}/{number}", reading.NO_IMAGE, str(folder)))
                continue
            mesh = path.with_suffix(".obj")
            if self.depth and not mesh.is_file():
                skips.append(Skip(f"{unit.sequence}/{number}", reading.NO_MESH, str(mesh)))
                continue
            frames.append(
                Frame(
                    number,
                    reading.ImageFile(path),
                    occurrence=coded.values[row],
                    intensity=graded[row],
                    landmarks=self._landmarks(name, number + self.frame_offset),
                    depth=reading.TexturedMesh(mesh) if self.depth else None,
                )
            )
        return frames, skips

    def stamped(self) -> list[Path]:
        paths = [self.images]
        for folder in (self.occurrence, self.intensity, self.landmarks):
            if folder is not None:
                for place in (folder, *(folder / name for name in reading.folder_names(folder))):
                    paths += [place, *(place / name for name in reading.file_names(place))]
        return [*paths, *(self.images / unit.subject / unit.task for unit in self.units())]

    def _landmarks(self, sequence: str, number: int) -> Any:
        if self.landmarks is None:
            return None
        return later(reading.bp4d_landmarks_of, self.landmarks / f"{sequence}.mat", number)


def _holds_sequences(folder: Path) -> bool:
    """Whether F001/T1 with images is in a folder; 3DFeatures looks alike, without images."""
    subjects = [name for name in reading.folder_names(folder) if _SUBJECT.fullmatch(name)]
    return any(
        _TASK.fullmatch(task) and reading.has_images(folder / subject / task)
        for subject in subjects[:3]
        for task in reading.folder_names(folder / subject)
    )
