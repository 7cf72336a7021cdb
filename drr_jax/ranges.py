"""The numbers that a field of a dataclass may have, declared beside it."""

import dataclasses
import typing

Number = typing.TypeVar("Number", int, float)
RANGE = "range"  # in a field's metadata


@dataclasses.dataclass(frozen=True)
class Range:
    """The numbers from `low`, or above it, to `high`."""

    low: float
    high: float
    above: bool

    def __contains__(self, value: float) -> bool:
        return (self.low < value if self.above else self.low <= value) and value <= self.high

    def __str__(self) -> str:
        if self.above:
            return f"a value above {self.low:.10g}, at most {self.high:.10g}"
        return f"{self.low:.10g} to {self.high:.10g}"


def number(default: Number, low: float, high: float, above: bool = False) -> Number:
    """A field of a number from `low` (or above it) to `high`."""
    return dataclasses.field(default=default, metadata={RANGE: Range(low, high, above)})


def positive(default: Number, high: float) -> Number:
    """A field of a number above 0."""
    return number(default, 0, high, above=True)


def ranges(kind: type) -> dict[str, Range]:
    """Returns {"data.batch_size": Range(0, ...), ...}: of every number in a tree of dataclasses."""
    found: dict[str, Range] = {}
    for outer, hint in typing.get_type_hints(kind).items():
        if dataclasses.is_dataclass(hint):
            inside = ranges(typing.cast(type, hint))
            found |= {f"{outer}.{inner}": allowed for inner, allowed in inside.items()}
        elif hint in (int, float):
            found[outer] = kind.__dataclass_fields__[outer].metadata[RANGE]
    return found
