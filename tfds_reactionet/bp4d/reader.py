"""Where BP4D's files lie (docs/datasets.md section 1).

    2DFeatures/F001_T1.mat        AUCoding/AU_OCC/F001_T1.csv      AUCoding/AU_INT/AU06/...
    Sequences(2D+3D)/F001/T1/0000.jpg, 0000.obj                    or BP4D-training/F001/T1/2440.jpg

Folders are found by what they hold, at most four levels down: names around them vary.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from drr_jax.errors import InputError
from tfds_reactionet import building, reading
from tfds_reactionet.building import Frame, Skip, Unit, later
from tfds_reactionet.reading import NO_IMAGE, NO_MESH, ImageFile, TexturedMesh

# Published subject lists (JAA-Net, ME-GraphAU; method 8.2).
PARTS = reading.listed(
    (
        "F001 F002 F008 F009 F010 F016 F018 F023 M001 M004 M007 M008 M012 M014",
        "F003 F005 F011 F013 F020 F022 M002 M005 M010 M011 M013 M016 M017 M018",
        "F004 F006 F007 F012 F014 F015 F017 F019 F021 M003 M006 M009 M015",
    )
)


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
    def find(cls, root: Path, config: str, options: Mapping[str, Any]) -> Self:
        """Raises InputError if the codes or the images are not there."""
        names = ("au_occ", "au_int", "2dfeatures")
        found = reading.find_bp4d_folders(root, names, reading.holds_bp4d_images)
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
            options["frame_offset"],
            config == "rgb_depth",
        )

    @property
    def has_faces(self) -> bool:
        return self.landmarks is not None

    def units(self) -> list[Unit]:
        return [
            Unit(
                f"{subject}/{task}",
                subject,
                task,
                reading.part_of(PARTS, subject, "BP4D's published lists"),
                path,
            )
            for path, subject, task in reading.coded_bp4d_sequences(self.occurrence)
        ]

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
                skips.append(Skip(f"{unit.sequence}/{number}", NO_IMAGE, str(folder)))
                continue
            mesh = path.with_suffix(".obj")
            if self.depth and not mesh.is_file():
                skips.append(Skip(f"{unit.sequence}/{number}", NO_MESH, str(mesh)))
                continue
            frames.append(
                Frame(
                    number,
                    ImageFile(path),
                    occurrence=coded.values[row],
                    intensity=graded[row],
                    landmarks=later(
                        reading.bp4d_landmarks_of,
                        self.landmarks,
                        name,
                        number + self.frame_offset,
                    ),
                    depth=TexturedMesh(mesh) if self.depth else None,
                )
            )
        return frames, skips

    def stamped(self) -> list[Path]:
        labels = reading.bp4d_labels((self.occurrence, self.intensity, self.landmarks))
        sequences = (self.images / unit.subject / unit.task for unit in self.units())
        return [self.images, *labels, *sequences]
