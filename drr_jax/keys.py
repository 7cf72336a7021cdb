"""What a key of the configuration is for, and the numbers it may have, beside its default."""

import dataclasses
import typing
from collections.abc import Iterator

Number = typing.TypeVar("Number", int, float)
Value = typing.TypeVar("Value", str, bool)
RANGE, HELP = "range", "help"  # in a field's metadata
MANY, LARGE = 2**31 - 1, 1 << 24  # the most of steps, of sizes


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


def key(default: Value, says: str) -> Value:
    """A field of a text or a switch, and one line on what it is for."""
    return dataclasses.field(default=default, metadata={HELP: says})


def number(default: Number, low: float, high: float, says: str, above: bool = False) -> Number:
    """A field of a number from `low` (or above it) to `high`, and one line on what it is for."""
    metadata = {RANGE: Range(low, high, above), HELP: says}
    return dataclasses.field(default=default, metadata=metadata)


def positive(default: Number, high: float, says: str) -> Number:
    """A field of a number above 0."""
    return number(default, 0, high, says, above=True)


def ranges(kind: type) -> dict[str, Range]:
    """Returns {"data.batch_size": Range(0, ...), ...}: of every number in a tree of dataclasses."""
    found = _fields(kind)
    return {name: field.metadata[RANGE] for name, hint, field in found if hint in (int, float)}


def helps(kind: type) -> dict[str, str]:
    """Returns {"data.batch_size": "tuples in ...", ...}: of every key in a tree of dataclasses."""
    return {name: field.metadata[HELP] for name, _, field in _fields(kind)}


def _fields(kind: type) -> Iterator[tuple[str, type, dataclasses.Field]]:
    """The name, as in data.batch_size, type and field of every key."""
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        hint = hints[field.name]
        if dataclasses.is_dataclass(hint):
            for name, inner, leaf in _fields(typing.cast(type, hint)):
                yield f"{field.name}.{name}", inner, leaf
        else:
            yield field.name, hint, field
