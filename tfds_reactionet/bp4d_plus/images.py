"""Colour images and meshes of a BP4D+ sequence, from folders or from one zip file a subject.

2D+3D/F001/T1/0000.jpg, 0000.obj        or 2D+3D/F001.zip with members <top>/T1/0000.jpg

What stands before the numbers must be the same in all names of a sequence.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from drr_jax.errors import InputError
from tfds_reactionet.reading import (
    BP4D_OWNER,
    BP4D_SUBJECT,
    IMAGE_SUFFIXES,
    ImageFile,
    Pixels,
    TexturedMesh,
    ZipImage,
    check_images_owner,
    check_owner,
    folder_names,
    has_images,
    holds_bp4d_images,
    matching,
    numbered,
    numbered_images,
    open_archive,
)

_ZIP = re.compile(r"[FM][0-9]{3}\.zip", re.IGNORECASE)
_SUFFIXES = "|".join(suffix[1:] for suffix in (*IMAGE_SUFFIXES, ".obj"))
_MEMBER = re.compile(rf"(.*/)?(T[0-9]{{1,2}})/([^/.]*?[0-9]{{1,9}})\.({_SUFFIXES})", re.IGNORECASE)


@dataclass(frozen=True)
class Sequence:
    """What there is of a subject's task, by the number of the image."""

    place: str  # folder or zip file, for the list of skipped frames
    images: Mapping[int, Pixels]
    meshes: Mapping[int, TexturedMesh]


def holds_sequences(folder: Path) -> bool:
    """Whether F001/T1 with images, or F001.zip with T1/0000.jpg, is in a folder."""
    return holds_bp4d_images(folder) or any(
        match and match[4].lower() != "obj"
        for path in _zips(folder)[:1]
        for match in map(_MEMBER.fullmatch, open_archive(path).names())
    )


def sources(folder: Path) -> list[Path]:
    """The zip files of subjects in a folder, and the folders of sequences, for the stamp."""
    subjects = [folder / name for name in folder_names(folder) if BP4D_SUBJECT.fullmatch(name)]
    return [*_zips(folder), *(path / task for path in subjects for task in folder_names(path))]


def subjects(folder: Path) -> list[str]:
    """Subjects with a folder or a zip file."""
    names = [name for name in folder_names(folder) if BP4D_SUBJECT.fullmatch(name)]
    return sorted({*names, *(path.name[:4].upper() for path in _zips(folder))})


def sequence(folder: Path, subject: str, task: str) -> Sequence:
    """Images and meshes of a sequence; those of a folder win over a zip file.

    Raises InputError if two images have one number, or for a damaged or hostile zip file.
    """
    place = folder / subject / task
    if place.is_dir() and has_images(place):
        images = numbered_images(place)
        check_images_owner(images, BP4D_OWNER, subject)
        meshes = {n: path.with_suffix(".obj") for n, path in images.items()}
        return Sequence(
            str(place),
            {n: ImageFile(path) for n, path in images.items()},
            {n: TexturedMesh(path) for n, path in meshes.items() if path.is_file()},
        )
    for path in _zips(folder):
        if path.name[:4].upper() == subject:
            return _in_archive(path, subject, task)
    return Sequence(str(place), {}, {})


def _in_archive(path: Path, subject: str, task: str) -> Sequence:
    images: dict[int, ZipImage] = {}
    meshes: dict[int, TexturedMesh] = {}
    matches = {name: _MEMBER.fullmatch(name) for name in open_archive(path).names()}
    members = {name: match for name, match in matches.items() if match and match[2].upper() == task}
    numbers = numbered(path, (f"{match[3]}.{match[4]}" for match in members.values()))
    for name, match in members.items():
        number = numbers.get(f"{match[3]}.{match[4]}")
        if number is None:
            continue
        check_owner(path / name, BP4D_OWNER, subject)
        others = [part for part in name.split("/")[:-2] if BP4D_SUBJECT.fullmatch(part.upper())]
        if others and others != [subject]:
            raise InputError(f"{path}: member {name[:80]!r} is of another subject than {subject}")
        if match[4].lower() == "obj":
            meshes.setdefault(number, TexturedMesh(path, name))
            continue
        if number in images:
            raise InputError(
                f"{path}: member {name[:80]!r}: frame {number} of {task} is there twice"
            )
        images[number] = ZipImage(path, name)
    return Sequence(str(path), images, meshes)


def _zips(folder: Path) -> list[Path]:
    """The zip files of subjects."""
    return [path for path, _ in matching(folder, _ZIP)]
