"""Colour images and meshes of a BP4D+ sequence, from folders or from one zip file a subject.

2D+3D/F001/T1/0000.jpg, 0000.obj        or 2D+3D/F001.zip with members <top>/T1/0000.jpg
"""

import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drr_jax.errors import InputError
from tfds_reactionet import reading
from tfds_reactionet.building import Depth

SUBJECT = re.compile("[FM][0-9]{3}")
_TASK = re.compile("T[0-9]{1,2}")
_MEMBER = re.compile(r"(.*/)?(T[0-9]{1,2})/([0-9]{1,9})\.(jpe?g|png|obj)", re.IGNORECASE)


@dataclass(frozen=True)
class ZippedMesh:
    """As TexturedMesh, for an .obj in a zip file."""

    archive: Path
    member: str

    @property
    def file(self) -> str:
        return f"{self.archive}/{self.member}"

    def render(self, shape: tuple[int, int], transform: np.ndarray, size: int) -> np.ndarray:
        """Depth uint8 [size, size], see TexturedMesh.render. Raises BadImageError."""
        content = reading.open_archive(self.archive).read(self.member)
        with tempfile.TemporaryDirectory() as folder:  # the mesh reader wants a file
            path = Path(folder, "mesh.obj")
            path.write_bytes(content)
            try:
                return reading.TexturedMesh(path).render(shape, transform, size)
            except reading.BadImageError as error:
                raise reading.BadImageError(f"{self.file}: {error}") from error


@dataclass(frozen=True)
class Sequence:
    """What there is of a subject's task, by the number of the image."""

    place: str  # folder or zip file, for the list of skipped frames
    images: Mapping[int, reading.Pixels]
    meshes: Mapping[int, Depth]


def holds_sequences(folder: Path) -> bool:
    """Whether F001/T1 with images, or F001.zip with T1/0000.jpg, is in a folder."""
    subjects = [name for name in reading.folder_names(folder) if SUBJECT.fullmatch(name)]
    if any(
        _TASK.fullmatch(task) and reading.has_images(folder / subject / task)
        for subject in subjects[:3]
        for task in reading.folder_names(folder / subject)
    ):
        return True
    zips = [name for name in reading.file_names(folder) if _is_subject_zip(name)]
    return any(
        match and match[4].lower() != "obj"
        for name in zips[:1]
        for match in map(_MEMBER.fullmatch, reading.open_archive(folder / name).names())
    )


def sources(folder: Path) -> list[Path]:
    """The zip files of subjects in a folder, and the folders of sequences, for the stamp."""
    zips = [folder / name for name in reading.file_names(folder) if _is_subject_zip(name)]
    subjects = [folder / name for name in reading.folder_names(folder) if SUBJECT.fullmatch(name)]
    return [*zips, *(path / task for path in subjects for task in reading.folder_names(path))]


def sequence(folder: Path, subject: str, task: str) -> Sequence:
    """Images and meshes of a sequence; those of a folder win over a zip file.

    Raises InputError if two images have one number, or for a damaged or hostile zip file.
    """
    place = folder / subject / task
    if place.is_dir() and reading.has_images(place):
        images = reading.numbered_images(place)
        meshes = {n: path.with_suffix(".obj") for n, path in images.items()}
        return Sequence(
            str(place),
            {n: reading.ImageFile(path) for n, path in images.items()},
            {n: reading.TexturedMesh(path) for n, path in meshes.items() if path.is_file()},
        )
    for name in reading.file_names(folder):
        if _is_subject_zip(name) and name[:4].upper() == subject:
            return _in_archive(reading.open_archive(folder / name), subject, task)
    return Sequence(str(place), {}, {})


def _in_archive(archive: reading.Archive, subject: str, task: str) -> Sequence:
    images: dict[int, reading.ZipImage] = {}
    meshes: dict[int, ZippedMesh] = {}
    for name in archive.names():
        match = _MEMBER.fullmatch(name)
        if not match or match[2].upper() != task:
            continue
        others = [part for part in (match[1] or "").split("/") if SUBJECT.fullmatch(part.upper())]
        if others and others != [subject]:
            raise InputError(
                f"{archive.path}: member {name[:80]!r} is of another subject than {subject}"
            )
        number = int(match[3])
        if match[4].lower() == "obj":
            meshes.setdefault(number, ZippedMesh(archive.path, name))
            continue
        if number in images:
            raise InputError(
                f"{archive.path}: member {name[:80]!r}: frame {number} of {task} is there twice"
            )
        images[number] = reading.ZipImage(archive.path, name)
    return Sequence(str(archive.path), images, meshes)


def _is_subject_zip(name: str) -> bool:
    stem, suffix = os.path.splitext(name)
    return suffix.lower() == ".zip" and bool(SUBJECT.fullmatch(stem.upper()))
