"""The flags of --mode=plan, and the plan that they ask for."""

import dataclasses
from pathlib import Path

from absl import flags

from drr_jax import files
from drr_jax.config import Config
from drr_jax.errors import InputError

TEXTS = {
    "topology": "With --mode=plan: what to compile for, as in h100:2x8 (hosts x GPUs), v5e:4x4, "
    "v5p:2x2x4 or v6e:4x4 (Google's grid of chips)",
    "variants": "With --mode=plan: what to change and compile too, with commas: precision, remat, "
    "fsdp, accumulate, augment, or all",
}
SEARCH = "With --mode=plan: compile other batches, for the largest that fits"
NAMES = (*TEXTS, "search")
PLAN_FILE, PAGE = "plan.json", "plan.html"


@dataclasses.dataclass(frozen=True)
class Asked:
    """What the command line asks of a plan."""

    topology: str
    variants: str = ""
    search: bool = False


def define_flags(values: flags.FlagValues) -> None:
    """Adds the flags of this module to a command line's."""
    for name, text in TEXTS.items():
        flags.DEFINE_string(name, "", text, values)
    flags.DEFINE_bool("search", False, SEARCH, values)


def asked_of(values: flags.FlagValues, mode: str) -> Asked | None:
    """What is asked of a plan, None in other modes. Raises InputError for flags of one in these."""
    if mode == "plan":
        topology, variants = (str(values[name].value or "") for name in TEXTS)
        return Asked(topology, variants, bool(values["search"].value))
    if given := next((name for name in NAMES if values[name].present), ""):
        raise InputError(f"--{given} is for --mode=plan, and --mode={mode} was given")
    return None


def run_plan(config: Config, workdir: Path, asked: Asked) -> str:
    """Compiles, writes plan.json and plan.html into `workdir` and returns what to print.

    Raises InputError for a topology, a variant or a config that cannot be compiled.
    """
    from drr_jax.plan import devices, page, planning, topologies, variants  # which load JAX

    topology, names = topologies.parse(asked.topology), variants.chosen(asked.variants)
    if asked.search and not topology.chip.memory:
        raise InputError(
            f"--search with --topology={topology.name}: no chip's memory is known to fill; "
            "expected one of a GPU or TPU"
        )
    devices.check_installed(topology)
    plan = planning.make(config, topology, names, asked.search)
    workdir.mkdir(parents=True, exist_ok=True)
    files.write_json(workdir / PLAN_FILE, plan)
    files.write_whole(workdir / PAGE, page.page(plan))
    return "\n".join((page.text(plan), f"plan: {workdir / PAGE}"))
