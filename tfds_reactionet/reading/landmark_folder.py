"""A user's folder of OpenFace CSVs: landmarks for sets whose releases have none.

One file an image, as FaceLandmarkImg writes them, or one a clip (FeatureExtraction), found by the
name of the image or clip without its ending, up to four levels down.
"""

import functools
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from drr_jax.errors import InputError
from tfds_reactionet.reading.bp4d_landmarks import NoLandmarksError
from tfds_reactionet.reading.openface import Choice, OpenFaceFile, read_openface
from tfds_reactionet.reading.trees import file_names, folders

OPENFACE_POINTS = 68
_LEVELS = 4


@dataclass(frozen=True)
class LandmarkFolder:
    """The files of a folder by name; cheap to pickle."""

    folder: Path
    key: str = field(default_factory=lambda: secrets.token_hex(8))  # of its files, in a process

    def places(self) -> list[Path]:
        """The folder and those in it, for a stamp."""
        return list(folders(self.folder, _LEVELS))

    def find(self, media: Path) -> Path | None:
        """The file of an image or clip; of several, that in a folder of the same name as its own.

        Raises InputError if there are several of those too, or no file at all.
        """
        found = _files(self.folder, self.key).get(media.stem.lower(), [])
        if len(found) > 1:
            found = [path for path in found if path.parent.name == media.parent.name]
            if len(found) != 1:
                raise InputError(
                    f"{self.folder}: {media.stem}.csv is there several times, and not once in a "
                    f"folder {media.parent.name}/; expected one for {media}"
                )
        return found[0] if found else None

    def check(self, media: Iterable[Path]) -> None:
        """Raises InputError if a file is that of two images or clips, which it cannot both show."""
        owner: dict[Path, Path] = {}
        for one in media:
            file = self.find(one)
            if file is not None and owner.setdefault(file, one) != one:
                raise InputError(
                    f"{file}: is it of {owner[file]} or of {one}? Expected one for each, in "
                    f"folders {owner[file].parent.name}/ and {one.parent.name}/"
                )


def find_landmarks(option: str | None) -> LandmarkFolder | None:
    """The folder that the option names, if it does. Raises InputError if there is none."""
    if option is None:
        return None
    if not Path(option).is_dir():
        raise InputError(f"landmarks={option}: no such folder; expected OpenFace's CSVs in it")
    return LandmarkFolder(Path(option))


@functools.lru_cache(maxsize=1)  # for the many units that a process reads
def _files(folder: Path, key: str) -> dict[str, list[Path]]:
    """CSV files by their name in lower case, without its ending."""
    del key  # only part of the cache's
    found: dict[str, list[Path]] = {}
    for place in folders(folder, _LEVELS):
        for name in file_names(place):
            stem, suffix = os.path.splitext(name.lower())
            if suffix == ".csv":
                found.setdefault(stem, []).append(place / name)
    if not found:
        raise InputError(f"{folder}: no CSV in it; expected those of OpenFace")
    return found


def openface_landmarks(
    path: Path, choice: Choice, frame: int | None = None
) -> Float32[np.ndarray, "68 2"] | None:
    """Landmarks of a clip's frame, the first being 0, or of an image; None if no face is found.

    Raises InputError for a defect of the file, for one without landmarks and for a clip's that
    counts frames from 0, and NoLandmarksError for a frame that no row is of.
    """
    file = _of_clip(path, choice) if frame is not None else read_openface(path, choice, still=True)
    if "landmarks" in file.lacking:
        raise InputError(f"{path}: no columns x_0 ... y_67; run OpenFace with -2Dfp")
    number = int(file.frames[0]) if frame is None and len(file.frames) else (frame or 0) + 1
    if frame is not None and number not in file.frames:
        ends = number > file.frames.max(initial=0)
        raise NoLandmarksError(f"{path}: {'ends before' if ends else 'has no row of'} {number}")
    at = np.flatnonzero(file.found & (file.frames == number))
    return file.faces(file.frames[at]).landmarks[0] if len(at) else None


def last_frame(path: Path, choice: Choice) -> int:
    """The number of a clip's last frame in its file, from 1; 0 if there is none. As above."""
    return int(_of_clip(path, choice).frames.max(initial=0))


def _of_clip(path: Path, choice: Choice) -> OpenFaceFile:
    file = read_openface(path, choice)
    if 0 in file.frames:
        raise InputError(
            f"{path}: counts frames from 0; expected the first frame of a clip to be 1, as "
            "FeatureExtraction has it"
        )
    return file
