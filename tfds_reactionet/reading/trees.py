"""Finding things in a release's folders, whatever a user has nested or renamed around them."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from drr_jax.errors import InputError

# What file servers, disks and archives leave in folders: none of the release.
_FOREIGN = {
    *("__macosx", "@eadir", "#recycle", "#snapshot"),
    *("lost+found", "$recycle.bin", "system volume information"),
}
_NUMBERED = re.compile(r"(.*?)([0-9]{1,9})")  # what stands before a number at a name's end

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")
VIDEO_SUFFIXES = (
    *(".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v"),
    *(".mpg", ".mpeg", ".wmv", ".ts", ".ogv"),
)


def folders(
    root: Path, depth: int, prune: Callable[[str], bool] = lambda _: False
) -> Iterator[Path]:
    """`root` and the folders in it down to `depth` levels, nearest first, sorted by name.

    A folder whose name `prune` accepts is yielded but not entered: trees of a million images
    must not be walked. Hidden folders and those of file servers and disks are left out.
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


def check_owner(path: Path, person: re.Pattern[str], own: str) -> None:
    """Raises InputError if a file's name has the id of another person than `own` in it.

    `person` matches an id, which stands before the number that ends a name: SN003_au1.txt.
    """
    found = {text.upper() for text in person.findall(re.sub("[0-9]*$", "", path.stem))}
    if found and own.upper() not in found:
        raise InputError(
            f"{path}: its name says {min(found)}, but it lies among the files of {own}; expected a "
            f"file of {own}: put the right one back, or move this one where it belongs"
        )


def check_images_owner(images: Mapping[int, Path], person: re.Pattern[str], own: str) -> None:
    """As `check_owner`, of the images of one folder; the first one speaks for all."""
    for path in list(images.values())[:1]:
        check_owner(path, person, own)


def numbered(folder: Path, names: Iterable[str]) -> dict[str, int]:
    """The number of each name's stem: 7.jpg, 0007.jpg; or, if none is a number, at its end.

    Then what stands before the numbers must be the same everywhere, as in F001_T1_0007.jpg; names
    of another kind are left out. Raises InputError naming two that begin differently.
    """
    stems = {name: os.path.splitext(name)[0] for name in names}
    plain = {name: int(stem) for name, stem in stems.items() if re.fullmatch("[0-9]{1,9}", stem)}
    if plain:
        return plain
    matches = {name: _NUMBERED.fullmatch(stem) for name, stem in stems.items()}
    found = {name: match for name, match in matches.items() if match}
    begins = {match[1].lower(): name for name, match in found.items()}
    if len(begins) > 1:
        one, two = sorted(begins.values())[:2]
        raise InputError(
            f"{folder}: {one[:80]} and {two[:80]} begin differently; expected images named by "
            "their number, or by one and the same word and their number"
        )
    return {name: int(match[2]) for name, match in found.items()}


def numbered_images(
    folder: Path, number_of: Callable[[Path], int | None] | None = None
) -> dict[int, Path]:
    """Images of a folder by their number (`numbered`, or `number_of`), in the order of their names.

    Raises InputError if two images have one number. Those without one are left out.
    """
    names = [name for name in file_names(folder) if name.lower().endswith(IMAGE_SUFFIXES)]
    if number_of is None:
        numbers: dict[str, int | None] = {**numbered(folder, names)}
    else:
        numbers = {name: number_of(folder / name) for name in names}
    files: dict[int, Path] = {}
    for name, number in numbers.items():
        if number is None:
            continue
        if number in files:
            raise InputError(
                f"{folder / name}: frame {number} is there twice, also as {files[number].name}"
            )
        files[number] = folder / name
    return files


def _hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in _FOREIGN
