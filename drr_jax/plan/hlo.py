"""Reads the text of a compiled program (HLO), as `Compiled.as_text` gives it."""

import dataclasses
import functools
import math
import re
from collections.abc import Iterator
from typing import NamedTuple

BITS = {"pred": 8, "token": 0, "opaque": 0}  # of types whose name does not end with their bits
ON_CHIP = re.compile(r"S\([1-9]\d*\)")  # a layout's memory space that is not the device's memory
_SHAPE = re.compile(r"\b([a-z][a-z0-9]*)\[([0-9,<=]*)\](\{[^}]*\})?")
_TILE = re.compile(r":T\(([\d,]+)\)")
_NAME = re.compile(r"%([\w.\-]+)")
_START = re.compile(r"^\s*(ROOT )?%?([\w.\-]+) = ")
_HEADER = re.compile(r"^(ENTRY )?%?([\w.\-]+) \(.*\{$")
_OP_NAME = re.compile(r'op_name="((?:[^"\\]|\\.)*)"')
_CALLED = re.compile(r"(?:calls|to_apply|body|branch_computations)=\{?((?:%[\w.\-]+(?:, )?)+)")
_TRIPS = re.compile(r'"known_trip_count":\{"n":"(\d+)"\}')


class Shape(NamedTuple):
    """One array of an instruction's type."""

    dtype: str
    dims: tuple[int, ...]
    layout: str = ""  # as in {1,0:T(8,128)S(1)}: order of the axes, tiles, memory space

    @property
    def on_chip(self) -> bool:
        """Whether it is in a memory that is not the device's large one."""
        return bool(ON_CHIP.search(self.layout))

    @property
    def stored(self) -> int:
        """Bytes in memory, where a TPU fills tiles up: three channels take the room of 128."""
        tile, order = _TILE.search(self.layout), re.match(r"\{([\d,]+)", self.layout)
        if not tile or not order:
            return self.bytes
        sizes = [self.dims[int(axis)] for axis in order[1].split(",")]  # the innermost first
        tiles = [int(size) for size in reversed(tile[1].split(","))]
        sizes += [1] * (len(tiles) - len(sizes))
        filled = [-(-size // tile) * tile for size, tile in zip(sizes, tiles, strict=False)]
        elements = math.prod(filled) * math.prod(sizes[len(tiles) :])
        return (elements * _bits(self.dtype) + 7) // 8

    @property
    def size(self) -> int:
        """Elements."""
        return math.prod(self.dims)

    @property
    def bytes(self) -> int:
        return (self.size * _bits(self.dtype) + 7) // 8


@functools.cache
def _bits(dtype: str) -> int:
    if dtype in BITS:
        return BITS[dtype]
    digits = re.match(r"[a-z]+(\d+)", dtype)  # f32, bf16, s8, f8e4m3fn, c64
    return int(digits[1]) if digits else 0


@dataclasses.dataclass(frozen=True)
class Instruction:
    """One line of a computation."""

    name: str
    opcode: str
    shapes: tuple[Shape, ...]  # of its result, a tuple's one after the other
    arguments: str = dataclasses.field(repr=False)  # what stands in its brackets
    attributes: str = dataclasses.field(repr=False)  # and behind them
    is_root: bool = False

    @functools.cached_property
    def operands(self) -> tuple[str, ...]:
        """Names of the instructions that it takes."""
        return tuple(_NAME.findall(self.arguments))

    @functools.cached_property
    def op_name(self) -> str:
        """The path of JAX's scopes that it comes from, "" if XLA made it up."""
        found = _OP_NAME.search(self.attributes)
        return found[1] if found else ""

    @functools.cached_property
    def called(self) -> tuple[str, ...]:
        """Computations that it runs or reduces by."""
        found = _CALLED.findall(self.attributes)
        return tuple(name for names in found for name in _NAME.findall(names))

    @property
    def trips(self) -> int:
        """How often a loop runs, 1 if the compiler does not know."""
        found = _TRIPS.search(self.attributes)
        return int(found[1]) if found else 1


Computation = dict[str, Instruction]


@dataclasses.dataclass(frozen=True)
class Program:
    """A compiled module: its computations by name."""

    computations: dict[str, Computation]
    entry: str

    def executed(self) -> Iterator[tuple[Computation, Instruction, int]]:
        """Every instruction that runs, where it stands, and how often; a fusion is one.

        Both sides of a condition count, and a loop of an unknown length counts once.
        """
        yield from self._executed(self.entry, 1)

    def _executed(self, name: str, times: int) -> Iterator[tuple[Computation, Instruction, int]]:
        here = self.computations[name]
        for instruction in here.values():
            if instruction.opcode in ("while", "call", "conditional", "async-start"):
                for inner in instruction.called:
                    yield from self._executed(inner, times * instruction.trips)
            else:
                yield here, instruction, times

    def inside(self, instruction: Instruction) -> Iterator[tuple[Computation, Instruction]]:
        """The instructions of a fusion, and of fusions in it."""
        for name in instruction.called:
            here = self.computations.get(name, {})
            for inner in here.values():
                yield here, inner
                if inner.opcode == "fusion":
                    yield from self.inside(inner)


def parse(text: str) -> Program:
    """Reads a module. Raises ValueError for a text that is none."""
    computations: dict[str, Computation] = {}
    entry, current = "", None
    for line in text.splitlines():
        if current is None:
            if header := _HEADER.match(line):
                current = computations.setdefault(header[2], {})
                entry = header[2] if header[1] else entry
        elif line.startswith("}"):
            current = None
        elif found := _instruction(line):
            current[found.name] = found
    if not entry:
        raise ValueError("not the text of a compiled program: no ENTRY computation")
    return Program(computations, entry)


def _instruction(line: str) -> Instruction | None:
    start = _START.match(line)
    if not start:
        return None
    end = _balanced(line, start.end()) if line[start.end()] == "(" else line.find(" ", start.end())
    bracket = line.find("(", end)
    if end < 0 or bracket < 0:
        return None
    close = _balanced(line, bracket)
    return Instruction(
        name=start[2],
        opcode=line[end:bracket].strip(),
        shapes=shapes_in(line[start.end() : end]),
        arguments=line[bracket + 1 : close - 1],
        attributes=line[close:],
        is_root=bool(start[1]),
    )


def _balanced(line: str, at: int) -> int:
    """The place behind the bracket that closes the one at `at`; the line's end if none does."""
    depth = 0
    for place in range(at, len(line)):
        depth += {"(": 1, ")": -1}.get(line[place], 0)
        if depth == 0:
            return place + 1
    return len(line)


def shapes_in(text: str) -> tuple[Shape, ...]:
    """The arrays of a type, as in (f32[2,3]{1,0}, u32[]{:S(2)})."""
    return tuple(
        Shape(
            dtype,
            tuple(int(size.lstrip("<=")) for size in sizes.split(",") if size),
            layout,
        )
        for dtype, sizes, layout in _SHAPE.findall(text)
    )
