"""Splits and folds: who is trained on and who is tested on, in every set but ReactioNet."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from drr_jax.errors import InputError


@dataclass(frozen=True)
class Protocol:
    """Splits of a prepared set in the order they are written, and the splits of each fold."""

    kind: Literal["folds", "official"]
    parts: tuple[str, ...]
    train: tuple[tuple[str, ...], ...]  # by fold
    validation: tuple[tuple[str, ...], ...]  # by fold; empty where the set has none
    test: tuple[tuple[str, ...], ...]  # by fold

    @classmethod
    def folds(cls, count: int) -> "Protocol":
        """Cross validation: fold k tests part k + 1 and trains on the others."""
        parts = tuple(f"part{number}" for number in range(1, count + 1))
        train = tuple(tuple(p for p in parts if p != test) for test in parts)
        return cls("folds", parts, train, ((),) * count, tuple((test,) for test in parts))

    @classmethod
    def official(cls, train: str, test: str, validation: str | None = None) -> "Protocol":
        """One fold whose splits the set's authors gave."""
        held = () if validation in (None, test) else (str(validation),)
        return cls("official", (train, *held, test), ((train,),), (held,), ((test,),))

    def to_json(self) -> dict[str, Any]:
        """The entry "protocol" of a data set's metadata: lists of splits, one list a fold."""
        lists = {
            name: [list(splits) for splits in getattr(self, name)]
            for name in ("train", "validation", "test")
        }
        return {"kind": self.kind, **lists}


def round_robin(subjects: Iterable[str], folds: int) -> dict[str, str]:
    """Part of each subject of a complete list: sorted and dealt out in turn, so of any order given.

    Not for the subjects that a disk happens to hold: one more would move all others. Raises
    InputError for fewer subjects than folds.
    """
    names = sorted(set(subjects))
    if len(names) < folds:
        raise InputError(f"{len(names)} subject(s) cannot make {folds} subject folds")
    return {name: f"part{number % folds + 1}" for number, name in enumerate(names)}


def listed(parts: Sequence[str]) -> dict[str, str]:
    """Part of each subject from published lists: one text of names, by blanks, for each part."""
    return {
        name: f"part{number}" for number, names in enumerate(parts, 1) for name in names.split()
    }


def part_of(parts: Mapping[str, str], subject: str, what: str) -> str:
    """A subject's part. Raises InputError for one that the lists do not hold."""
    if subject not in parts:
        raise InputError(
            f"subject {subject!r} is in no part of {what}; expected one of "
            f"{', '.join(sorted(parts)[:6])}, ..."
        )
    return parts[subject]
