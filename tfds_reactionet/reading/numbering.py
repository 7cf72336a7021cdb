"""Two numberings of one sequence: whether a join by number would pair neighbours.

Cameras and videos count from 0, coders and OpenFace from 1, and some copies name an image by its
label's number. Joined one apart, all numbers but one still find a partner: the wrong one.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drr_jax.errors import InputError


def moved(images: Collection[int], labels: Collection[int]) -> int:
    """By how much images are numbered higher than their labels, if both ends are; or 0."""
    if not images or not labels:
        return 0
    first, last = min(images) - min(labels), max(images) - max(labels)
    return first if first == last else 0


def shift(images: Collection[int], labels: Collection[int]) -> int | None:
    """By how much images are numbered higher than their labels, where that can be told; else None.

    It can if both ends are equally far apart (a whole sequence, moved), or if both begin with 0 or
    1 (one counts from 0, the other from 1, and an end is missing).
    """
    if not images or not labels:
        return None
    first, last = min(images) - min(labels), max(images) - max(labels)
    begin = min(images) in (0, 1) and min(labels) in (0, 1)
    return first if first == last or begin else None


def check_alike(columns: Iterable[tuple[Path, Collection[int]]]) -> None:
    """Raises InputError if a file of one AU numbers the frames otherwise than most others do.

    Its labels would be those of a neighbour, and the other AUs' would not.
    """
    listed = [(path, numbers) for path, numbers in columns if numbers]
    ends = Counter((min(numbers), max(numbers)) for _, numbers in listed)
    for path, numbers in listed:
        most = ends.most_common(1)[0][0]
        if by := shift(numbers, most):
            raise InputError(
                f"{path}: frames {min(numbers)} to {max(numbers)}, but other AUs have "
                f"{most[0]} to {most[1]}; they seem to be numbered {by:+d} against "
                "them, and are expected to count alike"
            )


@dataclass(frozen=True)
class Offset:
    """An image's number minus its label's, and whether the user gave it: then it is not doubted."""

    option: str
    value: int
    given: bool

    @classmethod
    def of(cls, options: Mapping[str, Any], option: str, usual: int) -> "Offset":
        """As an option says, or as is usual where it is None."""
        given = options[option]
        return cls(option, usual if given is None else given, given is not None)

    def check(
        self,
        place: Path | str,
        images: Collection[int],
        labels: Collection[int],
        what: str = "labels",
        *,
        ours: str = "images",
        whole_from: int | None = None,
    ) -> None:
        """Raises InputError if images are certainly numbered otherwise than this offset says.

        `what` and `ours` say what labels and images are. whole_from: the number of the first
        image's label, where the images of a sequence are all there though only some have labels.
        """
        if self.given or not images or not labels:
            return
        found = shift(images, labels)
        if found is None and whole_from is not None and min(images) in (0, 1):
            found = min(images) - whole_from
        known = labels if isinstance(labels, range) else set(labels)

        def covers(value: int) -> bool:
            return all(image - value in known for image in images)

        if found is None and len(images) > 1 and not covers(self.value):
            # images of labelled frames only
            found = next(filter(covers, (self.value - 1, self.value + 1)), None)
        if found is not None and found != self.value:
            raise self._wrong(place, images, labels, what, found, ours)

    def check_sparse(
        self, place: Path | str, images: Collection[int], labels: Collection[int], what: str
    ) -> None:
        """The same for labels of a few images.

        They are numbered otherwise if some have no image, all have the image one beside, and it is
        the images that begin with 0 and not the labels, or the other way round.
        """
        beside = int(0 in labels) - int(0 in images)
        numbers = {label + self.value for label in labels}
        if self.given or not beside or numbers <= set(images):
            return
        if {number + beside for number in numbers} <= set(images):
            raise self._wrong(place, images, labels, what, self.value + beside)

    def check_ranks(
        self, place: Path | str, images: Collection[int], labels: Collection[int], what: str
    ) -> None:
        """Raises InputError if labels count images whose numbers have gaps: 1, 2, 3 for 1, 2, 4."""
        if self.given or len(images) != len(labels) or not images:
            return
        spans = [max(numbers) - min(numbers) + 1 for numbers in (images, labels)]
        if spans[0] > len(images) and spans[1] == len(labels):
            raise InputError(
                f"{place}: {len(images)} images numbered from {min(images)} to {max(images)} with "
                f"gaps, and {what} from {min(labels)} to {max(labels)} without: they seem to be "
                f"counted, not numbered; give them the images' numbers, or pass "
                f"--{self.option}={self.value} if they have them"
            )

    def _wrong(
        self,
        place: Path | str,
        images: Collection[int],
        labels: Collection[int],
        what: str,
        found: int,
        ours: str = "images",
    ) -> InputError:
        """The error: where both begin and end, and what to say if an image has another label."""
        last = max(images)
        return InputError(
            f"{place}: {ours} are numbered from {min(images)} to {last}, {what} from "
            f"{min(labels)} to {max(labels)}; if {last} of {ours} goes with {last - found} of "
            f"{what}, pass --{self.option}={found}; if with {last - self.value}, pass "
            f"--{self.option}={self.value}"
        )
