"""Where BP4D's files lie (docs/datasets.md section 1).

    2DFeatures/F001_T1.mat        AUCoding/AU_OCC/F001_T1.csv      AUCoding/AU_INT/AU06/...
    Sequences(2D+3D)/F001/T1/0000.jpg, 0000.obj

or, as FERA 2015 has them, AUCoding/F001_T1.csv and BP4D-training/F001/T1/2440.jpg, images named by
the number of their codes.

Folders are found by what they hold, at most four levels down: names around them vary.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from drr_jax.errors import InputError
from drr_jax.facs import BP4D_AUS
from tfds_reactionet import building, reading
from tfds_reactionet.building import NO_LANDMARKS, Frame, Options, Skip, Spec, Unit, later

# Published subject lists (JAA-Net, ME-GraphAU; method 8.2).
PARTS = reading.listed(
    (
        "F001 F002 F008 F009 F010 F016 F018 F023 M001 M004 M007 M008 M012 M014",
        "F003 F005 F011 F013 F020 F022 M002 M005 M010 M011 M013 M016 M017 M018",
        "F004 F006 F007 F012 F014 F015 F017 F019 F021 M003 M006 M009 M015",
    )
)
# What each task is meant to elicit (the official guide): no label of a frame.
TASK_EMOTIONS = {
    "T1": "happiness",
    "T2": "sadness",
    "T3": "surprise",
    "T4": "embarrassment",
    "T5": "fear",
    "T6": "pain",
    "T7": "anger",
    "T8": "disgust",
}


class Reader(building.Reader):
    """A release on the disk; see faces.Reader."""

    folds = reading.FoldChoice(
        {"published": reading.Protocol.folds(3)},
        lambda _, subject: reading.part_of(PARTS, subject, "BP4D's published lists"),
    )

    @staticmethod
    def spec(config: str, options: Options) -> Spec:
        return Spec(
            task="au",
            protocol=Reader.folds.protocol(options["folds"]),
            au_names=reading.BP4D_CODED_AUS,
            evaluated_aus=BP4D_AUS,
            graded_aus=reading.BP4D_GRADED_AUS,
            images=("reaction", "depth") if config == "rgb_depth" else ("reaction",),
            landmarks=reading.BP4D_POINTS,
            metadata={"task_emotions": TASK_EMOTIONS},
        )

    def find(self) -> None:
        """Raises InputError if the codes or the images are not there."""
        names = ("au_occ", "au_int", "2dfeatures")
        found = reading.find_bp4d_folders(self.root, names, reading.holds_bp4d_images)
        if "au_occ" not in found:
            raise InputError(
                f"{self.root}: no folder AU_OCC in it; expected AUCoding/AU_OCC/F001_T1.csv"
            )
        if "images" not in found:
            raise InputError(f"{self.root}: no images; expected Sequences(2D+3D)/F001/T1/0000.jpg")
        self.labels = [found[name] for name in names if name in found]
        self.occurrence, self.intensity = found["au_occ"], found.get("au_int")
        self.images, self.landmarks = found["images"], found.get("2dfeatures")
        self.offsets = (reading.Offset.of(self.options, "frame_offset", -1),)

    @property
    def has_faces(self) -> bool:
        return self.landmarks is not None

    def units(self) -> list[Unit]:
        part = self.folds.parts(self.options["folds"])
        return [
            Unit(f"{subject}/{task}", subject, task, part(subject), path)
            for path, subject, task in reading.coded_bp4d_sequences(self.occurrence)
        ]

    def read(self, unit: Unit) -> Iterator[Frame | Skip]:
        coded = reading.read_bp4d_codes(unit.source, self.intensity)
        folder, (offset,) = self.images / unit.sequence, self.offsets
        images = reading.numbered_images(folder)
        reading.check_images_owner(images, reading.BP4D_OWNER, unit.subject)
        offset.check(folder, images, coded.frames, "AU codes", whole_from=1)
        tracked = self.landmarks and reading.bp4d_landmarks_file(self.landmarks, unit.sequence)
        has_landmarks = tracked is not None and tracked.is_file()
        for number, occurrence, intensity in coded:
            image_number = number + offset.value
            path = images.get(image_number)
            if path is None:
                yield unit.skip(number, reading.NO_IMAGE, folder)
                continue
            if self.cuts_faces and not has_landmarks:
                yield unit.skip(number, NO_LANDMARKS, tracked or folder)
                continue
            mesh = path.with_suffix(".obj") if self.config == "rgb_depth" else None
            if mesh and not mesh.is_file():
                yield unit.skip(number, reading.NO_MESH, mesh)
                continue
            # Entry n of the landmarks is image n of the official count, from 0, whatever its name.
            entry = image_number if 0 in images else number - 1
            yield Frame(
                number,
                reading.ImageFile(path),
                occurrence=occurrence,
                intensity=intensity,
                landmarks=later(reading.bp4d_landmarks_of, tracked, entry)
                if has_landmarks
                else None,
                depth=reading.TexturedMesh(mesh) if mesh else None,
            )

        for number in coded.without_codes(images, offset.value):
            yield unit.skip(number, building.UNLABELLED, unit.source)

    def notes(self, unit: Unit) -> list[str]:
        if self.intensity is None:
            return []
        coded = reading.read_bp4d_codes(unit.source, self.intensity)
        return building.without_some("rows of AU_INT", reading.BP4D_GRADED_AUS, coded.has_intensity)

    def said(self) -> dict[str, Any]:
        return {"notes": [] if self.intensity else [reading.NO_INTENSITY]}

    def unread(self) -> list[Skip]:
        """Images of sequences without a file of AU_OCC: in the release all have one."""
        (offset,), skips = self.offsets, []
        there = {unit.sequence for unit in self.units()}
        for subject in filter(reading.BP4D_SUBJECT.fullmatch, reading.folder_names(self.images)):
            for task in TASK_EMOTIONS:
                folder = self.images / subject / task
                if f"{subject}/{task}" in there or not folder.is_dir():
                    continue
                path = self.occurrence / f"{subject}_{task}.csv"
                coded = reading.read_bp4d_codes(path, self.intensity)
                lost = coded.without_codes(reading.numbered_images(folder), offset.value)
                skips += [
                    Skip(f"{subject}/{task}/{n}", building.UNLABELLED, str(path)) for n in lost
                ]
        return skips

    def stamped(self) -> list[Path]:
        sequences = (self.images / unit.sequence for unit in self.units())
        return [self.images, *reading.bp4d_labels(self.labels), *sequences]
