"""Puts a plan together: what is compiled, what follows from it, and what else is to be tried."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from drr_jax import models, runs
from drr_jax.config import Config, flatten
from drr_jax.plan import asking, feeding, roofline, search, variants
from drr_jax.plan.chips import Chip
from drr_jax.plan.topologies import Topology

Ask = Callable[..., dict[str, Any]]  # asking.ask
# Where each figure of plan.json is from.
HOW = {
    "compiled": "facts.memory, facts.xla, fits: what the compiler says of its own program; "
    "facts.program, collectives, shares: counted here from that program's text",
    "computed": "facts.traced_flops_global: from shapes, before any compiler; roofline: from the "
    "counts and the datasheet's peaks in chip; feeding.wanted and feeding.cores: from these",
    "measured": "feeding.per_core, if feeding.how says measured; nothing else, and nothing on the "
    "chips themselves",
}


def make(
    config: Config,
    topology: Topology,
    names: Sequence[str] = (),
    searches: bool = False,
    ask: Ask = asking.ask,
) -> dict[str, Any]:
    """The plan, as plan.json has it; `names` are the variants that `ask` compiles too.

    Raises InputError for a config that cannot be compiled for the topology.
    """
    chip, facts = topology.chip, ask(config, topology)
    found = judged(chip, facts)
    if "memory" in facts:
        found["feeding"] = feeding.feeding(facts, found["roofline"].get("step"))
    if searches:
        small = functools.partial(ask, topology=topology, detailed=False)
        found["search"] = search.largest_batch(config, chip, facts, small)
    return {
        "topology": topology.name,
        "chip": {key: value for key, value in dataclasses.asdict(chip).items() if key != "target"},
        "system": models.system_title(config),
        "config": flatten(config),
        "versions": runs.versions(),
        "how": HOW,
        **found,
        "variants": [variant(name, config, topology, facts, ask) for name in names],
    }


def variant(
    name: str, config: Config, topology: Topology, facts: Mapping[str, Any], ask: Ask
) -> dict[str, Any]:
    """One thing changed, compiled and judged; or why it was not."""
    change = variants.changed(name, config, facts)
    if change is None:
        return {"variant": name, "skipped": "nothing to change"}
    said, other = change
    return {"variant": said, **judged(topology.chip, ask(other, topology))}


def judged(chip: Chip, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a compiled step and what follows from them."""
    program = dict(facts.get("program", {}))
    exchanges = program.pop("collectives", [])
    return {
        "facts": {**facts, "program": program},
        "fits": roofline.fits(chip, facts),
        "flops": roofline.counted(facts, "flops"),
        "bytes": roofline.counted(facts, "bytes"),
        "collectives": roofline.exchanged(exchanges),
        "roofline": roofline.roofline(chip, facts) if "memory" in facts else {},
        "shares": roofline.shares(facts),
    }
