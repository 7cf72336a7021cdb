"""Which part of the system a piece of the program belongs to, by the scopes that it was traced in.

Flax writes the name of every module into them; data.augment_batch, the contrastive loss and JAX's
own jvp(...) and transpose(...), of the forward and the backward pass, are scopes too.
"""

import re
from collections import Counter

from drr_jax.facs import DOMAINS
from drr_jax.plan.hlo import Computation, Instruction, Program

OPTIMISER, LOSS, UNKNOWN = "optimiser", "losses and the rest of the model", "not attributed"
CONTRAST, AUGMENTATION, HEADS, GRAPH = "contrast", "augmentation", "heads", "graph"
_ENCODER = re.compile(r"\bencoder_([A-Z][a-z]?)\b")
_MODULE = re.compile(r"jvp\((\w+)\)+/(?:\1\.\w+/)*(\w+)/")
_GRADIENT = re.compile(r"\bjvp\(|\btranspose\(")


def part_of(op_name: str) -> str:
    """The part that a path of scopes names, "" for a path that is none.

    What is in no pass over the model, forward or backward, is the optimiser and what is logged.
    """
    if "/" not in op_name and "[" not in op_name:
        return ""  # XLA's own, as in broadcast.12
    if AUGMENTATION in op_name:
        return AUGMENTATION
    if found := _ENCODER.search(op_name):
        domain = DOMAINS.get(found[1])
        return f"encoder {found[1]}" + (f" ({domain.input})" if domain else "")
    if CONTRAST in op_name or re.search(r"\bprojection\b", op_name):
        return CONTRAST
    if re.search(r"\bhead_", op_name):
        return HEADS
    if re.search(r"\bgraph_module\b", op_name):
        return GRAPH
    if not _GRADIENT.search(op_name):
        return OPTIMISER
    module = _MODULE.search(op_name)
    return f"module {module[2]}" if module else LOSS


class Parts:
    """The parts of a compiled program's instructions, each found once."""

    def __init__(self, program: Program):
        self._program = program
        self._known: dict[tuple[int, str], str] = {}

    def of(self, here: Computation, instruction: Instruction) -> str:
        """By its own scope; a fusion's by most of what is in it; else by what it was made of."""
        return self._of(here, instruction, 12) or UNKNOWN

    def _of(self, here: Computation, instruction: Instruction, depth: int) -> str:
        key = id(here), instruction.name
        if key not in self._known:
            self._known[key] = ""  # should it come back to itself
            self._known[key] = self._found(here, instruction, depth)
        return self._known[key]

    def _found(self, here: Computation, instruction: Instruction, depth: int) -> str:
        if own := part_of(instruction.op_name):
            return own
        if instruction.opcode == "fusion":
            inside = (part_of(one.op_name) for _, one in self._program.inside(instruction))
            if most := Counter(filter(None, inside)).most_common(1):
                return most[0][0]
        for name in instruction.operands if depth else ():
            if name in here and (part := self._of(here, here[name], depth - 1)):
                return part
        return ""
