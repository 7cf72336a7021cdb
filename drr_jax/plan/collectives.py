"""What devices send each other in one step, from the text of the compiled program."""

import dataclasses
import math
import re
from collections.abc import Sequence

import numpy as np

from drr_jax.plan.hlo import Computation, Instruction, Program

KINDS = (
    *("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute"),
    *("ragged-all-to-all", "collective-broadcast"),
)
_LISTED = re.compile(r"replica_groups=\{((?:\{[\d,]*\},?)*)\}")
_IOTA = re.compile(r"replica_groups=\[([\d,]+)\]<=\[([\d,]+)\](?:T\(([\d,]+)\))?")
_MESH = re.compile(r"replica_groups=mesh\[([^\]]*)\](?:, device_ids=\((.*?)\))? ?\{([^}]*)\}")
_TURNED = re.compile(r"\[([\d,]+)\](?:T\(([\d,]+)\))?")


@dataclasses.dataclass(frozen=True)
class Collective:
    """One exchange, as one device takes part in it."""

    kind: str
    bytes: int  # of what is summed, gathered or dealt out
    size: int  # devices that exchange with each other
    hosts: int  # that these are on
    times: int
    op_name: str

    def sent(self, members: int | None = None) -> float:
        """Bytes that a device sends at least, in a ring of `members` (Thakur et al. 2005)."""
        size = self.size if members is None else members
        if self.kind in ("collective-permute", "collective-broadcast"):
            return float(self.bytes)
        rounds = 2 if self.kind == "all-reduce" else 1
        return rounds * self.bytes * (size - 1) / size

    def seconds(self, link: float, network: float) -> float:
        """Time at the least, of what goes between devices of a host, or of a slice, and on.

        Over several hosts a device exchanges with those of its host first and then with its like
        on the others, each of which has the part that one device is left with.
        """
        if self.hosts == 1:
            return self.times * self.sent() / link
        local = max(1, self.size // self.hosts)
        inside = self.sent(local) / link
        return self.times * max(inside, self.sent(self.hosts) / local / network)


def collectives(program: Program, hosts: Sequence[int]) -> list[Collective]:
    """Every exchange of a step; `hosts` is the host of every device, in the mesh's order."""
    found = []
    for here, instruction, times in program.executed():
        kind = instruction.opcode.removesuffix("-start")
        if kind not in KINDS:
            continue
        group = groups(instruction.attributes, len(hosts))[0]
        if len(group) < 2 and kind != "collective-permute":
            continue
        size = payload(here, instruction) * (len(group) if kind == "all-gather" else 1)
        over = len({hosts[device] for device in group})
        found.append(Collective(kind, size, len(group), over, times, instruction.op_name))
    return found


def payload(here: Computation, instruction: Instruction) -> int:
    """Bytes of the operands."""
    shapes = [shape for name in instruction.operands if name in here for shape in here[name].shapes]
    return sum(shape.bytes for shape in shapes)


def groups(attributes: str, devices: int) -> list[list[int]]:
    """Which devices exchange with each other, of the three ways in which XLA writes it.

    {{0,1},{2,3}}, an iota as [2,4]<=[4,2]T(1,0), or axes of a mesh; nothing means all.
    """
    if found := _LISTED.search(attributes):
        given = filter(None, re.findall(r"\{([\d,]*)\}", found[1]))
        return [list(_numbers(one)) for one in given] or [list(range(devices))]
    if found := _IOTA.search(attributes):
        return _iota(found[2], found[3]).reshape(_numbers(found[1])).tolist()
    if found := _MESH.search(attributes):
        axes = {name: int(size) for name, size in re.findall(r"'([^']+)'=(\d+)", found[1])}
        turned, sizes = _TURNED.search(found[2] or ""), tuple(axes.values())
        listed = _numbers(found[2]) if found[2] and not turned else range(math.prod(sizes))
        mesh = _iota(turned[1], turned[2]) if turned else np.asarray(listed)
        chosen = [list(axes).index(name) for name in re.findall(r"'([^']+)'", found[3])]
        rest = [axis for axis in range(len(sizes)) if axis not in chosen]
        size = math.prod(sizes[axis] for axis in chosen)
        return mesh.reshape(sizes).transpose(rest + chosen).reshape(-1, size).tolist()
    return [list(range(devices))]


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(",")))


def _iota(dims: str, order: str | None) -> np.ndarray:
    """0, 1, 2, ... in an array of `dims`, its axes then in another `order`."""
    numbers = np.arange(math.prod(_numbers(dims))).reshape(_numbers(dims))
    return numbers.transpose(_numbers(order)) if order else numbers
