"""What one instruction of a compiled program multiplies and moves."""

import math
import re
from collections.abc import Iterable, Iterator

from drr_jax.plan.hlo import Computation, Instruction, Program, Shape

# What only names a value, or is counted where it was started.
FREE = (
    *("parameter", "constant", "tuple", "get-tuple-element", "bitcast", "iota", "opt-barrier"),
    *("after-all", "partition-id", "replica-id", "send", "send-done", "recv-done", "copy-done"),
    *("all-reduce-done", "all-gather-done", "reduce-scatter-done", "all-to-all-done"),
    *("collective-permute-done", "async-update", "async-done"),
)
SLICES = ("dynamic-slice", "slice", "gather")  # which read what they give, not all of their source
_CONTRACTED = re.compile(r"lhs_contracting_dims=\{([\d,]*)\}")
_GEMM_CONTRACTED = re.compile(r'"lhs_contracting_dimensions":\[([^\]]*)\]')
_LABELS = re.compile(r"dim_labels=(\w+)_(\w+)->(\w+)")
_DILATED = re.compile(r"lhs_dilate=([\dx]+)")
_SLICE_SIZES = re.compile(r"slice_sizes=\{([\d,]+)\}")
_LIBRARY = re.compile(r'custom_call_target="__cu(?:blas|dnn)\$')
_TARGET = re.compile(r'custom_call_target="([^"]*)"')


def flops(program: Program, here: Computation, instruction: Instruction) -> float:
    """Two for every multiply-add of matrix products and convolutions, those in a fusion too.

    What is done element by element is not counted, as is usual: memory bounds it. A convolution
    counts its padding.
    """
    if instruction.opcode == "fusion":
        inside = program.inside(instruction)
        return sum(_own_flops(where, inner) for where, inner in inside if inner.opcode != "fusion")
    return _own_flops(here, instruction)


def _own_flops(here: Computation, instruction: Instruction) -> float:
    opcode, target = instruction.opcode, _TARGET.search(instruction.attributes)
    if opcode == "custom-call" and target:
        opcode = target[1]
    if opcode in ("dot", "__cublas$gemm", "__cublas$lt$matmul", "__onednn$matmul"):
        return _product_flops(here, instruction)
    if opcode == "convolution" or "$conv" in opcode:
        return _convolution_flops(here, instruction, opcode)
    return 0.0


def _product_flops(here: Computation, instruction: Instruction) -> float:
    pattern = _CONTRACTED if instruction.opcode == "dot" else _GEMM_CONTRACTED
    found, left = pattern.search(instruction.attributes), _operand(here, instruction, 0)
    if not found or left is None:
        return 0.0
    contracted = [int(axis) for axis in re.findall(r"\d+", found[1])]
    return 2.0 * instruction.shapes[0].size * math.prod(left.dims[axis] for axis in contracted)


def _convolution_flops(here: Computation, instruction: Instruction, kind: str) -> float:
    """2 x outputs x what a kernel of one output feature weighs; a gradient undoes a forward one."""
    labels = _LABELS.search(instruction.attributes)
    left, right = (_operand(here, instruction, number) for number in (0, 1))
    if not labels or left is None or right is None:
        return 0.0
    result, kernel = instruction.shapes[0], right
    if kind.endswith("convBackwardInput"):
        result = left  # the gradient of the outputs
    elif kind.endswith("convBackwardFilter"):
        result, kernel = right, instruction.shapes[0]
    features = kernel.dims[labels[2].index("o")]
    dilated = _DILATED.search(instruction.attributes)  # between which there are zeros
    holes = math.prod(map(int, dilated[1].split("x"))) if dilated else 1
    return 2.0 * result.size * kernel.size / max(features, 1) / holes


def _operand(here: Computation, instruction: Instruction, number: int) -> Shape | None:
    if number >= len(instruction.operands):
        return None
    source = here.get(instruction.operands[number])
    return source.shapes[0] if source and source.shapes else None


def gathered(program: Program, here: Computation, instruction: Instruction) -> float:
    """Slices that it picks one by one from anywhere in an operand."""
    inside = [(here, instruction)]
    if instruction.opcode == "fusion":
        inside = list(program.inside(instruction))
    return sum(_slices(one) for _, one in inside if one.opcode == "gather")


def _slices(gather: Instruction) -> float:
    found = _SLICE_SIZES.search(gather.attributes)
    size = math.prod(map(int, found[1].split(","))) if found else 1
    return gather.shapes[0].size / max(size, 1)


def moved(program: Program, here: Computation, instruction: Instruction) -> int:
    """Bytes that it reads from and writes to the device's memory; what stays on the chip is free.

    A fusion that slices or gathers from an operand reads what it takes, and one that updates a
    slice in place writes that.
    """
    opcode = instruction.opcode
    if opcode in FREE:
        return 0
    if opcode in SLICES:
        return 2 * _bytes(instruction.shapes)
    if opcode == "dynamic-update-slice":
        update = _operand(here, instruction, 1)
        return 2 * _bytes([update] if update else [])
    if opcode == "copy-start":  # (destination, source, a flag)
        return _bytes(instruction.shapes[:2])
    operands = [shape for name in instruction.operands for shape in _shapes_of(here, name)]
    if opcode.endswith("-start"):
        return 2 * _bytes(operands)
    if opcode == "custom-call" and _LIBRARY.search(instruction.attributes):
        return _bytes(operands) + _bytes(instruction.shapes[:1])  # then comes scratch space
    if opcode != "fusion":
        return _bytes(operands) + _bytes(instruction.shapes)
    read = sum(
        _read(program, here, instruction, number) for number in range(len(instruction.operands))
    )
    return read + _written(program, instruction)


def _bytes(shapes: Iterable[Shape]) -> int:
    return sum(shape.stored for shape in shapes if not shape.on_chip)


def _shapes_of(here: Computation, name: str) -> tuple[Shape, ...]:
    return here[name].shapes if name in here else ()


def _read(program: Program, here: Computation, fusion: Instruction, number: int) -> int:
    """What a fusion reads of an operand: all of it, unless each of its users takes a slice."""
    whole = _bytes(_shapes_of(here, fusion.operands[number]))
    inside = program.computations.get(next(iter(fusion.called), ""), {})
    parameter = next(
        (
            one
            for one in inside.values()
            if one.opcode == "parameter" and one.arguments == str(number)
        ),
        None,
    )
    if parameter is None or not whole:
        return whole
    users = list(_users(inside, parameter))
    if users and all(
        user.opcode in SLICES and user.operands[0] == parameter.name for user in users
    ):
        return min(whole, sum(sum(s.stored for s in user.shapes) for user in users))
    in_place = [u for u in users if u.opcode == "dynamic-update-slice"]
    if users and len(in_place) == len(users) and users[0].operands[0] == parameter.name:
        return 0
    return whole


def _users(inside: Computation, source: Instruction) -> Iterator[Instruction]:
    for one in inside.values():
        if source.name in one.operands:
            if one.opcode == "bitcast":
                yield from _users(inside, one)
            else:
                yield one


def _written(program: Program, fusion: Instruction) -> int:
    inside = program.computations.get(next(iter(fusion.called), ""), {})
    root = next((one for one in inside.values() if one.is_root), None)
    if root is not None and root.opcode == "dynamic-update-slice":
        return _bytes(_shapes_of(inside, root.operands[1]))
    return _bytes(fusion.shapes)
