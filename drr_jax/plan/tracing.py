"""FLOPs of a traced step by part, counted from its matrix products and convolutions."""

import math
from collections import defaultdict
from typing import Any

from jax.extend import core

from drr_jax.plan.parts import part_of


def traced_flops(jaxpr: core.ClosedJaxpr | core.Jaxpr) -> dict[str, float]:
    """Two for every multiply-add of the global batch, by part of the system.

    Before any compiler saw it, so the same for every chip: nothing is fused, padded, sharded or
    computed twice but what the program itself says (remat). Element-wise work is left out.
    """
    counts: dict[str, float] = defaultdict(float)
    _count(getattr(jaxpr, "jaxpr", jaxpr), "step", 1, counts)
    return dict(counts)


def _count(jaxpr: Any, outer: str, times: int, counts: dict[str, float]) -> None:
    for equation in jaxpr.eqns:
        scope = f"{outer}/{equation.source_info.name_stack}"
        name = equation.primitive.name
        if name == "dot_general":
            counts[part_of(scope)] += times * _product(equation)
        elif name == "conv_general_dilated":
            counts[part_of(scope)] += times * _convolution(equation)
        else:
            repeated = times * _repeats(name, equation.params)
            for inner in _inner(equation.params):
                _count(inner, scope, repeated, counts)


def _repeats(name: str, params: dict[str, Any]) -> int:
    """How often an equation does what its program says: a loop's turns, a mesh's devices."""
    if name == "scan":
        return params["length"]
    return params["mesh"].size if name == "shard_map" else 1


def _inner(params: dict[str, Any]) -> list[Any]:
    """The programs that an equation calls."""
    found = []
    for value in params.values():
        for one in value if isinstance(value, tuple | list) else (value,):
            one = getattr(one, "jaxpr", one)
            if hasattr(one, "eqns"):
                found.append(one)
    return found


def _product(equation: Any) -> float:
    (contracted, _), _ = equation.params["dimension_numbers"]
    left = equation.invars[0].aval.shape
    return 2.0 * equation.outvars[0].aval.size * math.prod(left[axis] for axis in contracted)


def _convolution(equation: Any) -> float:
    kernel, result = equation.invars[1].aval, equation.outvars[0].aval
    features = kernel.shape[equation.params["dimension_numbers"].rhs_spec[0]]
    holes = math.prod(equation.params["lhs_dilation"])
    return 2.0 * result.size * kernel.size / features / holes
