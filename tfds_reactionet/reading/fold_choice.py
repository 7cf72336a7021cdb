"""What --folds may say: a list or a rule that a set has a name for, or a file of the user's."""

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from drr_jax.errors import InputError, nearest
from tfds_reactionet.reading.protocols import Protocol
from tfds_reactionet.reading.tables import read_pairs

MOST_FOLDS = 10
NUMBERED = {str(count): Protocol.folds(count) for count in range(2, MOST_FOLDS + 1)}


@dataclass(frozen=True)
class FoldChoice:
    """The folds of a set: those that it has names for, and those of a file.

    `rule` gives the part of a subject (or of an image, a sequence: what `noun` says) by the choice
    and its name alone, so that nobody else on the disk matters; None: the release itself says it.
    """

    named: Mapping[str, Protocol]
    rule: Callable[[str, str], str] | None = None
    noun: str = "subject"

    def file(self, option: str) -> Path | None:
        """The file that the option names, or None. Raises InputError if it is no file either."""
        if option in self.named:
            return None
        path = Path(option)
        if not path.is_file():
            raise InputError(
                f"folds={option}: no such file, and no folds of that name; "
                f"{nearest(option, tuple(self.named))}; a file has lines `NAME 2` ({self.noun} and "
                f"its part, 1 to {MOST_FOLDS})"
            )
        return path

    def protocol(self, option: str) -> Protocol:
        """Splits and folds; a file has as many as it names parts. Raises InputError."""
        path = self.file(option)
        if path is None:
            return self.named[option]
        return NUMBERED[str(len(set(read_fold_file(path, self.noun).values())))]

    def in_release(self, option: str) -> bool:
        """Whether the release itself says who is in which part."""
        return self.rule is None and self.file(option) is None

    def parts(self, option: str) -> Callable[[str], str]:
        """The function from a name to its part; not for what is `in_release`.

        The function raises InputError for a name that has no part.
        """
        path = self.file(option)
        if path is not None:
            listed = read_fold_file(path, self.noun)
            return functools.partial(_listed_part, listed, path, self.noun)
        if self.rule is None:
            raise ValueError(f"folds={option}: the release says the parts")
        return functools.partial(self.rule, option)


def read_fold_file(path: Path, noun: str = "subject") -> dict[str, str]:
    """Part of each name from a user's file of `NAME 2` (`read_pairs`), parts from 1 on, 10 at most.

    Raises InputError naming the line, or a part that no line names.
    """

    def parse(name: str, part: str) -> tuple[str, str] | None:
        number = part.removeprefix("part")
        valid = number.isdecimal() and len(number) < 3 and 1 <= int(number) <= MOST_FOLDS
        return (name, f"part{int(number)}") if valid else None

    article = "an" if noun[0] in "aeiou" else "a"
    expected = f"{article} {noun} and its part, 1 to {MOST_FOLDS}"
    parts = read_pairs(path, parse, expected, f"{noun} ")
    last = max((int(part.removeprefix("part")) for part in parts.values()), default=0)
    empty = set(range(1, max(last, 2) + 1)) - {int(p.removeprefix("part")) for p in parts.values()}
    if empty:
        raise InputError(
            f"{path}: no {noun} in part {min(empty)}; expected some in each of 2 or more parts"
        )
    return parts


def _listed_part(parts: Mapping[str, str], path: Path, noun: str, name: str) -> str:
    if name not in parts:
        raise InputError(f"{path}: no line for {noun} {name}; {nearest(name, list(parts))}")
    return parts[name]


def part_by_number(folds: str, subject: str) -> str:
    """Part of a subject by the number in its id, modulo `folds`: S001 is in part 1 of any.

    Ids of a release count on, so that neighbours spread evenly over the parts; a digest of the id
    would leave some of ten parts empty for thirty subjects.
    """
    return f"part{(int(re.sub('[^0-9]', '', subject)) - 1) % int(folds) + 1}"
