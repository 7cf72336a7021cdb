"""What a model is put on, by its name: image files, a video, a camera; or arrays."""

import functools
import glob
import hashlib
import math
import os
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from PIL import Image as Pillow

from drr_jax import files, limits
from drr_jax.errors import InputError
from drr_jax.predict.pictures import Image, Input, Picture, readable
from drr_jax.predict.video import VIDEOS, Camera, Video
from tfds_reactionet import reading

PHOTOS = (*reading.IMAGE_SUFFIXES, ".webp", ".gif", ".ppm", ".pgm", ".jp2")
# What else is taken for one: each is named as unread, and not left out in silence.
UNREAD = (".heic", ".heif", ".avif")
MOVING = (".gif", ".png", ".apng", ".webp", ".tif", ".tiff")  # that may hold several pictures
FORMATS = ("GIF", "PNG", "WEBP", "TIFF")  # Pillow's names of these
JOB = "predict.json"  # a folder that has it holds predictions: its pictures are no input


OPTION = "--input="  # of the command, and so what its messages begin with


def open_input(what: str, option: str = OPTION) -> Input:
    """The images or the video that a path, a pattern of names or a camera's number stands for.

    With another `option`, as from Python, a number is a name like others. Raises InputError for
    what is not there and for what is neither.
    """
    number = re.fullmatch("[0-9]{1,3}", what) and not Path(what).exists()
    if number and option == OPTION:
        return Camera(int(what))
    if not what:
        raise InputError(
            f"{option or 'the input '}is empty: expected an image, a folder of images, a pattern "
            "of names, or a video"
        )
    path = files.named(what)
    if path.is_dir():
        return _of_folder(path, what, option)
    if path.is_file():
        if path.suffix.lower() in VIDEOS:
            return Video(path)
        return Images([path], path.parent, what)
    found = sorted(map(Path, glob.glob(str(path), recursive=True)), key=_natural)
    within = _before_wildcards(path)
    if chosen := _once(_without_ours(filter(_is_photo, found), within)):
        return Images(chosen, _common(chosen), what)
    if found:
        raise InputError(
            f"{option}{what}: it fits {len(found)} files and folders, and none is an image; "
            f"expected names that end in {', '.join(PHOTOS)}"
        )
    more = ", a camera's number, or SET:PART of a prepared data set" if option == OPTION else ""
    raise InputError(
        f"{option}{what}: no such file or folder; expected an image, a folder of images, a pattern "
        f"of names, a video{more}"
    )


def _before_wildcards(pattern: Path) -> Path:
    """The folder that all files of a pattern of names lie in."""
    while glob.has_magic(str(pattern)):
        pattern = pattern.parent
    return pattern


def _without_ours(files: Iterable[Path], within: Path) -> list[Path]:
    """The files in no folder of predictions below `within`, as with --out=photos/out before."""

    @functools.cache
    def ours(place: Path) -> bool:
        if place in (within, place.parent):
            return False
        return (place / JOB).exists() or ours(place.parent)

    return [file for file in files if not ours(file.parent)]


def _files_below(folder: Path, option: str) -> Iterator[Path]:
    """All files below a folder. Raises InputError for a folder in it that cannot be read."""

    def refuse(error: OSError) -> None:
        raise InputError(
            f"{option}{error.filename}: {error.strerror}; make it readable, or give a pattern of "
            f"names, as in {option}'{folder}/*.jpg'"
        )

    for place, _, names in os.walk(folder, onerror=refuse):
        yield from (Path(place, name) for name in names)


def _is_photo(path: Path) -> bool:
    """Whether a name is an image's; ._a.jpg is what macOS keeps of a.jpg on other disks."""
    return path.suffix.lower() in (*PHOTOS, *UNREAD) and not path.name.startswith("._")


def _of_folder(path: Path, what: str, option: str) -> "Images":
    chosen = _without_ours(filter(_is_photo, _files_below(path, option)), path)
    chosen.sort(key=_natural)
    if not chosen:
        raise InputError(
            f"{option}{what}: no image in this folder; expected files that end in "
            f"{', '.join(PHOTOS)}; a video is named itself"
        )
    return Images(chosen, path, what)


def _once(paths: Iterable[Path]) -> list[Path]:
    """The files among some paths, each once, by its shortest: links to folders may run in rings."""
    kept: dict[tuple[Path, str], Path] = {}
    for path in paths:
        if path.is_dir():
            continue
        place = path.parent.resolve(), path.name
        if place not in kept or len(path.parts) < len(kept[place].parts):
            kept[place] = path
    return sorted(kept.values(), key=_natural)


def _natural(path: Path) -> list[Any]:
    """A key by which image2 comes before image10."""
    parts = re.split("([0-9]+)", str(path))
    return [(int(part), part) if k % 2 else (0, part) for k, part in enumerate(parts)]


def _common(paths: Sequence[Path]) -> Path:
    first, *others = [path.parent for path in paths]
    while not all(first in (other, *other.parents) for other in others):
        first = first.parent
    return first


class Images:
    """Image files. No one follows another, unless `set_rate` or `set_times` says when each is."""

    video = False

    def __init__(self, paths: Sequence[Path], root: Path | None, name: str) -> None:
        """Pictures are named by their paths from `root` on, without one by the whole paths."""
        self._times: Float[np.ndarray, " images"] | None = None
        self.paths, self.name = list(paths), readable(name)
        shown = [(path.relative_to(root) if root else path).as_posix() for path in paths]
        self.names = [readable(name) for name in shown]

    @property
    def length(self) -> int:
        return len(self.paths)

    def stamp(self) -> dict[str, Any]:
        digest = hashlib.sha256()
        for path, name in zip(self.paths, self.names, strict=True):
            status = path.stat() if path.exists() else None
            said = (status.st_size, status.st_mtime_ns) if status else ()
            digest.update(f"{name!r} {said}\n".encode())
        return {"images": len(self.paths), "files": digest.hexdigest()[:16]}

    def set_rate(self, fps: float) -> None:
        """They are the frames of a video, so many a second."""
        self.set_times(np.arange(len(self.paths)) / fps)

    def set_times(self, seconds: Float[np.ndarray, " images"]) -> None:
        """They are the frames of a video; NaN where it is not known when."""
        self._times, self.video = seconds, True

    def moving(self) -> list[str]:
        """The names of those that hold several pictures, animated or pages: the first is read."""
        named = zip(self.paths, self.names, strict=True)
        return [name for path, name in named if path.suffix.lower() in MOVING and _moves(path)]

    def pictures(self, first: int = 1) -> Iterator[Picture]:
        yield from map(self.picture, range(first, len(self.paths) + 1))

    def picture(self, number: int) -> Picture:
        """A picture by its number, from 1 on. Raises InputError once its folder is gone."""
        path, pixels, problem = self.paths[number - 1], None, ""
        try:
            if path.exists() and not path.is_file():  # a pipe may never end
                raise InputError("no file, but a folder, a pipe or a device")
            pixels = reading.decode(files.read_at_most(path, limits.IMAGE_BYTES))
        except (reading.BadImageError, InputError) as error:
            problem = str(error)
        except OSError as error:
            if not os.path.isdir(path.parent):
                raise InputError(
                    f"{path.parent}: this folder of images is gone; once it is back, the same "
                    "command goes on"
                ) from None
            problem = error.strerror or str(error)
        time = math.nan if self._times is None else float(self._times[number - 1])
        return Picture(self.names[number - 1], number, time, pixels, problem)


def _moves(path: Path) -> bool:
    """Whether an image's header says that there are several; of what is none, no."""
    try:
        with warnings.catch_warnings(action="ignore"), Pillow.open(path, formats=FORMATS) as image:
            return bool(getattr(image, "is_animated", False))
    except Exception:  # Pillow raises many kinds
        return False


class Arrays:
    """Pictures in memory."""

    video = False

    def __init__(self, images: Sequence[Image]) -> None:
        self.images, self.name = images, "arrays"

    @property
    def length(self) -> int:
        return len(self.images)

    def stamp(self) -> dict[str, Any]:
        return {"arrays": len(self.images)}

    def pictures(self, first: int = 1) -> Iterator[Picture]:
        for number in range(first, len(self.images) + 1):
            yield Picture("", number, math.nan, np.asarray(self.images[number - 1]))
