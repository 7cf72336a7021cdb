"""What a file name of BU-3DFE says: F0001_AN01WH_F2D.bmp (docs/datasets.md section 10).

Subject, expression, level (01 to 04; 00 for neutral), race and kind of file.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from drr_jax.errors import InputError
from drr_jax.facs import EXPRESSIONS
from tfds_reactionet.reading import IMAGE_SUFFIXES, part_of, round_robin

CODES = ("AN", "DI", "FE", "HA", "SA", "SU", "NE")  # in the order of EXPRESSIONS
NEUTRAL = EXPRESSIONS.index("neutral")
LEVELS = 4
SUBJECTS = tuple([f"F{n:04d}" for n in range(1, 57)] + [f"M{n:04d}" for n in range(1, 45)])
_NAME = re.compile(
    r"([FM][0-9]{4})_([A-Z]{2})([0-9]{2})([A-Z]{2})_(F2D|F3D)\.([A-Z]{3,4})", re.IGNORECASE
)


@dataclass(frozen=True)
class Scan:
    """One expression of a subject."""

    subject: str
    expression: int  # index in EXPRESSIONS
    level: int  # 1 to 4; 0 for neutral
    race: str

    @property
    def number(self) -> int:
        """Number of the scan among a subject's: 0 to 23, and 24 for neutral."""
        return self.expression * LEVELS + max(self.level, 1) - 1


def every_scan() -> list[Scan]:
    """The 25 that the release has of each subject, as far as their names are the same for all."""
    levels = range(1, LEVELS + 1)
    posed = [Scan("", at, level, "") for at in range(NEUTRAL) for level in levels]
    return [*posed, Scan("", NEUTRAL, 0, "")]


def parse(path: Path) -> tuple[Scan, str] | None:
    """The scan that an image (F2D) or mesh (F3D) belongs to and which of them it is.

    None for any other file. Raises InputError if the name contradicts itself or its folder.
    """
    match = _NAME.fullmatch(path.name)
    if not match:
        return None
    subject, code, level, race, kind, suffix = (text.upper() for text in match.groups())
    if f".{suffix.lower()}" not in (IMAGE_SUFFIXES if kind == "F2D" else (".wrl",)):
        return None  # F3D.bmp is the mesh's texture
    if code not in CODES:
        raise InputError(f"{path}: expression {code!r}, expected one of {', '.join(CODES)}")
    expression = CODES.index(code)
    lowest, highest = (0, 0) if expression == NEUTRAL else (1, LEVELS)
    if not lowest <= int(level) <= highest:
        expected = "00" if expression == NEUTRAL else "01 to 04"
        raise InputError(f"{path}: level {level} of {code}, expected {expected}")
    if path.parent.name.upper() != subject:
        raise InputError(f"{path}: a file of {subject}, expected it in a folder of that name")
    return Scan(subject, expression, int(level), race), kind


def part(folds: str, subject: str) -> str:
    """Part of a subject: the release's 100 are dealt out in turn, whoever is on the disk.

    Raises InputError for a subject that is none of them.
    """
    parts = round_robin(SUBJECTS, int(folds))
    return part_of(parts, subject, "BU-3DFE's F0001 to F0056 and M0001 to M0044")
