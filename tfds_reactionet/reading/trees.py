"""Finding things in a release's folders, whatever a user has nested or renamed around them."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from drr_jax.errors import InputError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")


def folders(
    root: Path, depth: int, prune: Callable[[str], bool] = lambda _: False
) -> Iterator[Path]:
    """`root` and the folders in it down to `depth` levels, nearest first, sorted by name.

    A folder whose name `prune` accepts is yielded but not entered: trees of a million images
    must not be walked. Hidden folders and __MACOSX are left out.
    """
    level = [root]
    for remaining in range(depth, -1, -1):
        yield from level
        if not remaining:
            return
        level = [
            path / name
            for path in level
            if path == root or not prune(path.name)
            for name in folder_names(path)
        ]


def folder_names(folder: Path) -> list[str]:
    """Names of the folders in a folder, sorted."""
    with os.scandir(folder) as entries:
        return sorted(e.name for e in entries if not _hidden(e.name) and e.is_dir())


def file_names(folder: Path) -> list[str]:
    """Names of the files in a folder, sorted; hidden ones (.DS_Store, ._copies) left out.

    There are none in a folder that does not exist.
    """
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return sorted(e.name for e in entries if not _hidden(e.name) and not e.is_dir())


def with_files(folder: Path) -> list[Path]:
    """A folder and the files in it."""
    return [folder, *(folder / name for name in file_names(folder))]


def has_images(folder: Path) -> bool:
    """Whether a folder holds an image; a folder of a million is not listed for it."""
    with os.scandir(folder) as entries:
        return any(e.name.lower().endswith(IMAGE_SUFFIXES) and not _hidden(e.name) for e in entries)


def matching(folder: Path, pattern: re.Pattern[str]) -> list[tuple[Path, re.Match[str]]]:
    """Files of a folder whose whole name a pattern matches, with the matches."""
    found = ((folder / name, pattern.fullmatch(name)) for name in file_names(folder))
    return [(path, match) for path, match in found if match]


def whole_number(path: Path) -> int | None:
    """The whole number that a file's name consists of: 7.jpg, 0007.jpg; None for another name."""
    return int(path.stem) if re.fullmatch("[0-9]{1,9}", path.stem) else None


def numbered_images(
    folder: Path, number_of: Callable[[Path], int | None] = whole_number
) -> dict[int, Path]:
    """Images of a folder by their number, in the order of their names.

    Raises InputError if two images have one number. Those without one are left out.
    """
    files: dict[int, Path] = {}
    for path in (folder / name for name in file_names(folder)):
        number = number_of(path) if path.suffix.lower() in IMAGE_SUFFIXES else None
        if number is None:
            continue
        if number in files:
            raise InputError(f"{path}: frame {number} is there twice, also as {files[number].name}")
        files[number] = path
    return files


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"
