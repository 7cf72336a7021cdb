"""DISFA's label files: one `frame,intensity` a line, frames from 1, CRLF (docs/datasets.md 3)."""

import re
from pathlib import Path

import numpy as np

from drr_jax.errors import InputError
from tfds_reactionet.reading import (
    DISFA_CODED,
    check_owner,
    check_separator,
    frame_number,
    intensities_by_frame,
    matching,
    numbered_lines,
)

SUBJECT = re.compile("SN[0-9]{3}", re.IGNORECASE)
_FILE = re.compile(r"SN[0-9]{3}_au([0-9]{1,2})\.txt", re.IGNORECASE)
_INTENSITIES = {str(code): float(code) for code in range(6)}


def read_intensity(path: Path) -> dict[int, float]:
    """Intensity 0 to 5 by frame number. Raises InputError naming the line of a defect."""
    found: dict[int, float] = {}
    for line, text in numbered_lines(path):
        cells = [cell.strip() for cell in text.split(",")]
        if len(cells) != 2:
            check_separator(path, text, line=line)
            raise InputError(f"{path}: line {line}: {text[:40]!r}, expected frame,intensity")
        frame = frame_number(cells[0], path, line)
        if frame in found:
            raise InputError(f"{path}: line {line}: frame {frame} is there twice")
        if cells[1] not in _INTENSITIES:
            raise InputError(f"{path}: line {line}: intensity {cells[1][:20]!r}, expected 0 to 5")
        found[frame] = _INTENSITIES[cells[1]]
    return found


def read_subject(folder: Path) -> tuple[list[int], np.ndarray]:
    """(frames, intensities [frames, 12]) of a subject; NaN where a file or a row is missing.

    Raises InputError if none of the twelve files is there, or one is there twice, is another
    subject's or counts frames otherwise.
    """
    by_au: dict[int, Path] = {}
    for path, match in matching(folder, _FILE):
        number = int(match[1])
        check_owner(path, SUBJECT, folder.name)
        if number in by_au:
            raise InputError(f"{path}: AU {number} is also in {by_au[number].name}")
        if number in DISFA_CODED:
            by_au[number] = path
    if not by_au:
        raise InputError(f"{folder}: no label file; expected {folder.name}_au1.txt and eleven more")
    return intensities_by_frame({n: (path, read_intensity(path)) for n, path in by_au.items()})


def label_files(folder: Path) -> list[Path]:
    """The label files of a subject's folder."""
    return [path for path, _ in matching(folder, _FILE)]
