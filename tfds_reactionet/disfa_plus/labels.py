"""DISFA+'s label files: two lines of a header, then `000.jpg     0` (docs/datasets.md 3.1)."""

import re
from pathlib import Path

import numpy as np

from drr_jax.errors import InputError
from tfds_reactionet.reading import DISFA_CODED, intensities_by_frame, matching, numbered_lines

_FILE = re.compile(r"AU([0-9]{1,2})\.txt", re.IGNORECASE)
_ROW = re.compile(r"\s*([0-9]{1,9})\.(?:jpg|jpeg|png|bmp)\s+([0-5])(?:\.0*)?\s*", re.IGNORECASE)
_NAMED = re.compile(r"\bAU[\s_]*([0-9]{1,2})\b", re.IGNORECASE)
_HEADER = 2  # lines at most, whatever they say


def read_intensity(path: Path) -> dict[int, float]:
    """Intensity 0 to 5 by the number in an image's name. Raises InputError naming the line.

    A header that names one AU, and not the file's, is a defect, too.
    """
    own, found = _FILE.fullmatch(path.name), {}
    for line, text in numbered_lines(path):
        row = _ROW.fullmatch(text)
        if row is None:
            if text.lstrip().startswith("#") or (not found and line <= _HEADER):
                named = {int(number) for number in _NAMED.findall(text)}
                if own and len(named) == 1 and named != {int(own[1])}:
                    raise InputError(
                        f"{path}: line {line}: {text.strip()[:40]!r}, expected labels of "
                        f"AU{own[1]}: put back the file of this name"
                    )
                continue
            raise InputError(
                f"{path}: line {line}: {text.strip()[:40]!r}, expected an image and its intensity, "
                "0 to 5, as in 000.jpg 0"
            )
        if int(row[1]) in found:
            raise InputError(f"{path}: line {line}: image {int(row[1])} is there twice")
        found[int(row[1])] = float(row[2])
    return found


def read_trial(folder: Path) -> tuple[list[int], np.ndarray]:
    """(images, intensities [images, 12]) of a trial; NaN where a file or a row is missing.

    Raises InputError for an AU that is there twice, and for one that counts images otherwise.
    """
    columns: dict[int, tuple[Path, dict[int, float]]] = {}
    for path, match in matching(folder, _FILE):
        au = int(match[1])
        if au in columns:
            raise InputError(f"{path}: AU {au} is there twice; expected one file for each")
        if au in DISFA_CODED:
            columns[au] = path, read_intensity(path)
    return intensities_by_frame(columns)


def label_files(folder: Path) -> list[Path]:
    """The label files of a trial."""
    return [path for path, match in matching(folder, _FILE) if int(match[1]) in DISFA_CODED]
