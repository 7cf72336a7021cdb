"""What --topology names: which chips, on how many hosts."""

import dataclasses
import math
import re

from drr_jax.errors import InputError, nearest
from drr_jax.plan.chips import Chip, chips

EXAMPLES = "h100:2x8 (hosts x GPUs), v5e:4x4, v5p:2x2x4 or v6e:4x4 (Google's grid of chips)"
AXES = {"gpu": 2, "cpu": 2, "v5e": 2, "v6e": 2, "v5p": 3}  # numbers behind the colon
HOST_CHIPS = 4  # of a TPU slice of more than one host, as Google deals them out for training
LARGEST = 8960  # chips: a v5p pod


@dataclasses.dataclass(frozen=True)
class Topology:
    """Chips that a program is compiled for: `shape` is hosts x devices, or a TPU's grid."""

    chip: Chip
    shape: tuple[int, ...]

    @property
    def name(self) -> str:
        """As --topology has it."""
        return f"{self.chip.name}:{'x'.join(map(str, self.shape))}"

    @property
    def devices(self) -> int:
        return math.prod(self.shape)

    @property
    def hosts(self) -> int:
        """Machines, each with an input pipeline of its own."""
        if self.chip.kind != "tpu":
            return self.shape[0]
        return max(1, self.devices // HOST_CHIPS)


def parse(text: str) -> Topology:
    """The topology of a text such as h100:2x8. Raises InputError, with what is known."""
    where, known = f"--topology={text}", chips()
    if not text:
        raise InputError(f"--topology is missing: expected {EXAMPLES}")
    name, colon, numbers = text.partition(":")
    if name not in known:
        raise InputError(f"{where}: {nearest(name, list(known))}; as in {EXAMPLES}")
    chip = known[name]
    axes = AXES.get(name) or AXES[chip.kind]
    what = "its grid of chips" if chip.kind == "tpu" else "hosts x devices"
    example = f"{name}:{'x'.join('2' * (axes - 1))}x{8 if chip.kind != 'tpu' else 4}"
    found = re.fullmatch("[1-9][0-9]{0,3}(x[1-9][0-9]{0,3})*", numbers)
    shape = tuple(map(int, numbers.split("x"))) if found else ()
    if not colon or len(shape) != axes:
        raise InputError(f"{where}: expected {what}, {axes} numbers, as in {example}")
    topology = Topology(chip, shape)
    if topology.devices > LARGEST:
        raise InputError(f"{where}: {topology.devices} devices, expected at most {LARGEST}")
    if chip.kind == "tpu" and topology.devices > 1 and topology.devices % HOST_CHIPS:
        raise InputError(
            f"{where}: {topology.devices} chips, expected 1 or a multiple of {HOST_CHIPS}, which "
            f"share a host, as in {example}"
        )
    return topology
