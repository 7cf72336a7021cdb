"""Compiles a run's training step for chips that are not here, and tells what came of it."""

import dataclasses
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from drr_jax import data, training
from drr_jax.config import Config
from drr_jax.data import Fold
from drr_jax.errors import InputError
from drr_jax.plan import collectives, hlo, operations
from drr_jax.plan.chips import Chip
from drr_jax.plan.devices import describe, hosts
from drr_jax.plan.feeding import measure
from drr_jax.plan.parts import Parts
from drr_jax.plan.topologies import Topology
from drr_jax.plan.tracing import traced_flops

Facts = dict[str, Any]
TOO_LARGE = re.compile(r"RESOURCE_EXHAUSTED|[Oo]ut of memory")


def find_fold(config: Config) -> Fold:
    """The run's first fold: of its prepared data if they are here, else as its builder declares."""
    from tfds_reactionet import build

    number = 0 if config.fold == "all" else int(config.fold)
    prepared = build.find_prepared(config.data.name, config.data.data_dir)
    if prepared is None:
        return data.declared_fold(config, number)
    return data.read_fold(config, data.open_dataset(prepared), number)


def facts(config: Config, topology: Topology, detailed: bool) -> Iterator[Facts]:
    """What is known of the step of `config` on `topology`, as soon as it is.

    In this order: of the run, of its traced program, of its memory and, if `detailed`, of the
    compiled program's text, which takes longest and which a compiler may die of. All are of one
    device, unless it says `global`. Raises InputError for what cannot be built.
    """
    devices = describe(topology)
    experiment = training.build(config, find_fold(config), devices=devices)
    mesh = experiment.mesh
    placed = hosts(topology, list(mesh.devices.flat))
    state = experiment.abstract_state
    yield {
        "device": mesh.devices.flat[0].device_kind,
        "devices": mesh.size,
        "hosts": len(set(placed)),
        "mesh": dict(mesh.shape),
        "precision": jnp.dtype(experiment.model.dtype).name,
        "augment_on": experiment.augment_on,
        "conv": experiment.model.config.conv,
        "batch": config.data.batch_size,
        "images": data.images_of(config, experiment.model.train_inputs),
        "classes": len(experiment.fold.names),
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(state.params)),
    }
    clock = time.monotonic()
    traced = training.trace_step(experiment)
    yield {"traced_flops_global": traced_flops(traced.jaxpr)}
    lowered = traced.lower()
    before, clock = time.monotonic() - clock, time.monotonic()
    try:
        compiled = lowered.compile()
    except jax.errors.JaxRuntimeError as error:
        if not TOO_LARGE.search(str(error)):
            raise InputError(f"the compiler failed: {_first_line(error)}") from None
        yield {"too_large": _first_line(error)}
        return
    seconds = {"trace": round(before, 1), "compile": round(time.monotonic() - clock, 1)}
    xla = counted_by_xla(compiled)
    yield {"seconds": seconds, "memory": memory(compiled), "xla": xla}
    if detailed and experiment.fold.prepared.builder is not None:
        yield {"here": measure(experiment)}
    if detailed:
        precision = jnp.dtype(experiment.model.dtype).name
        text, chip = text_of(compiled), topology.chip
        yield {"program": read_program(text, chip, precision, placed, xla.get("bytes", 0.0))}


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), repr(error))


def memory(compiled: jax.stages.Compiled) -> dict[str, int]:
    """Bytes of a device's memory: what goes in, what comes out, what is needed in between.

    Outputs that take the place of inputs (the state is donated) count once, under arguments. The
    total is what a step asks for; of it the compiler knows the peak of what is in use at once.
    """
    found = compiled.memory_analysis()
    if found is None:
        return {}
    outputs = found.output_size_in_bytes - found.alias_size_in_bytes
    rest = found.temp_size_in_bytes + found.generated_code_size_in_bytes
    asked = found.argument_size_in_bytes + outputs + rest
    return {
        "arguments": found.argument_size_in_bytes,
        "outputs": outputs,
        "temporaries": found.temp_size_in_bytes,
        "code": found.generated_code_size_in_bytes,
        "peak": found.peak_memory_in_bytes or asked,
        "total": max(asked, found.peak_memory_in_bytes),
    }


def counted_by_xla(compiled: jax.stages.Compiled) -> dict[str, float]:
    """FLOPs and bytes as XLA counts them; a GPU's compiler counts nothing without the GPU."""
    found = compiled.cost_analysis() or {}
    names = {"flops": "flops", "bytes": "bytes accessed"}
    return {name: float(found[key]) for name, key in names.items() if found.get(key, 0) > 0}


def text_of(compiled: jax.stages.Compiled) -> str:
    """The compiled program's text, "" if its compiler cannot write it out."""
    try:
        return compiled.as_text() or ""
    except jax.errors.JaxRuntimeError:
        return ""


def read_program(
    text: str, chip: Chip, precision: str, placed: Sequence[int], xla_bytes: float = 0.0
) -> Facts:
    """FLOPs, bytes and the shortest time of every part of the system, and the collectives.

    The time of an operation is that of its arithmetic or of its bytes, whichever is longer.
    `placed` is the host of every device, `xla_bytes` what XLA counts (see `price_gathers`).
    """
    if not text:
        return {"missing": "the compiler cannot write out the program"}
    program, peak = hlo.parse(text), chip.peak(precision)
    named, parts = Parts(program), {}
    for here, instruction, times in program.executed():
        flops = times * operations.flops(program, here, instruction)
        moved = times * operations.moved(program, here, instruction)
        if not flops and not moved:
            continue
        part = parts.setdefault(
            named.of(here, instruction), {"flops": 0.0, "bytes": 0.0, "seconds": 0.0, "slices": 0.0}
        )
        part["flops"] += flops
        part["bytes"] += moved
        part["slices"] += times * operations.gathered(program, here, instruction)
        if peak and chip.bandwidth:
            part["seconds"] += max(flops / peak, moved / chip.bandwidth)
    counted = sum(part["bytes"] for part in parts.values())
    priced = price_gathers(parts, xla_bytes - counted, counted, chip)
    slices = [0] * len(placed) if chip.kind == "tpu" else placed  # whose links join their hosts
    found = collectives.collectives(program, slices)
    return {
        "parts": parts,
        "flops": sum(part["flops"] for part in parts.values()),
        "bytes": counted,
        "priced": priced,
        "collectives": [dataclasses.asdict(one) for one in found],
    }


def price_gathers(
    parts: Mapping[str, dict[str, float]], surplus: float, counted: float, chip: Chip
) -> float:
    """Adds what XLA counts beyond the bytes that are counted here to parts that gather; returns it.

    A TPU that picks a pixel reads the tiles around it, which only its compiler knows. So a surplus
    as large as all that is counted here is shared out by the number of slices that a part picks.
    """
    slices = sum(part["slices"] for part in parts.values())
    if not slices or surplus <= counted:
        return 0.0
    for part in parts.values():
        more = surplus * part["slices"] / slices
        part["bytes"] += more
        part["seconds"] += more / chip.bandwidth if chip.bandwidth else 0.0
    return surplus
