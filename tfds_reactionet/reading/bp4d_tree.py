"""Folders of BP4D and BP4D+ (docs/datasets.md sections 1 and 2), found by what they hold.

They lie at most four levels down: names around them vary.
"""

import re
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from drr_jax.errors import InputError
from tfds_reactionet.reading.trees import folder_names, folders, has_images, matching, with_files

BP4D_SUBJECT = re.compile("[FM][0-9]{3}")
# What a file's name may say of its subject, F001_T1_0021.jpg; IM0021.jpg says nothing.
BP4D_OWNER = re.compile("(?<![A-Z0-9])[FM][0-9]{3}(?![0-9])", re.IGNORECASE)
_TASK = re.compile("T[0-9]{1,2}")
_CODES = re.compile(r"([FM][0-9]{3})_(T[0-9]{1,2})\.csv", re.IGNORECASE)
_LEVELS = 4


def find_bp4d_folders(
    root: Path, names: Collection[str], holds_images: Callable[[Path], bool]
) -> dict[str, Path]:
    """The first folder of each of `names` (lower case); "images" is the one that holds them.

    Without a folder AU_OCC, that of its files is taken (FERA 2015 has them in AUCoding/), and
    AU_INT's are looked for in it too.
    """
    found: dict[str, Path] = {}
    codes: Path | None = None
    for folder in folders(root, _LEVELS, lambda name: bool(BP4D_SUBJECT.fullmatch(name))):
        name = folder.name.lower()
        if name in names:
            found.setdefault(name, folder)
        elif "images" not in found and holds_images(folder):
            found["images"] = folder
        elif codes is None and matching(folder, _CODES):
            codes = folder
    if codes and "au_occ" not in found:
        found["au_occ"] = codes
        found.setdefault("au_int", codes)
    return found


def holds_bp4d_images(folder: Path) -> bool:
    """Whether F001/T1 with images is in a folder; 3DFeatures looks alike, without images."""
    subjects = [name for name in folder_names(folder) if BP4D_SUBJECT.fullmatch(name)]
    return any(
        _TASK.fullmatch(task) and has_images(folder / subject / task)
        for subject in subjects[:3]
        for task in folder_names(folder / subject)
    )


def coded_bp4d_sequences(folder: Path) -> list[tuple[Path, str, str]]:
    """(file, subject, task) of every file of AU_OCC. Raises InputError if there is none."""
    found = [(path, match[1].upper(), match[2].upper()) for path, match in matching(folder, _CODES)]
    if not found:
        raise InputError(f"{folder}: no file F001_T1.csv in it")
    return found


def bp4d_labels(places: Iterable[Path]) -> list[Path]:
    """Folders of labels, those in them, and the files of both: for a stamp."""
    return [
        path
        for place in places
        for folder in (place, *(place / name for name in folder_names(place)))
        for path in with_files(folder)
    ]
