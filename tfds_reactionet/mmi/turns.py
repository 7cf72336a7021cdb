"""By how many degrees MMI's clips are turned: some are stored lying on their side.

No file of the release says which ones; public loaders disagree. So nothing is turned unless the
user asks for the usual rule, or gives a file.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from drr_jax.errors import InputError, nearest
from tfds_reactionet.reading import ROTATIONS, read_pairs

_UPRIGHT = ("S053", "S054")
_OTHER_WAY = ("S021",)
_NAMES = ("none", "usual")
_NAME = re.compile(r"S[0-9]{2,4}(-[0-9]{1,6})?")


def file_of(rotation: str) -> Path | None:
    """The file that the option names, or None. Raises InputError if there is no such file."""
    if rotation in _NAMES:
        return None
    path = Path(rotation)
    if not path.is_file():
        raise InputError(
            f"rotation={rotation}: no such file; {nearest(rotation, _NAMES)}; a file has lines "
            "`S001 90` or `S001-117 90`: degrees clockwise of a subject or of a clip"
        )
    return path


def read_file(path: Path) -> Mapping[str, int]:
    """Degrees clockwise by subject or clip. Raises InputError naming the line of a defect."""
    degrees = [str(number) for number in ROTATIONS]

    def parse(name: str, turn: str) -> tuple[str, int] | None:
        name = name.upper()
        return (name, int(turn)) if _NAME.fullmatch(name) and turn in degrees else None

    return read_pairs(path, parse, f"a subject or clip and {', '.join(degrees)}")


def usual(subject: str, view: int, coded: bool) -> int:
    """Degrees clockwise as public loaders turn clips before they are used (reconstruction).

    Clips of view 2 stand upright, and so do those with AU codes.
    """
    if view == 2 or coded or subject in _UPRIGHT:
        return 0
    return 270 if subject in _OTHER_WAY else 90
