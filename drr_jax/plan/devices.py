"""Devices that are not here: what must be installed and set so that a compiler works for them."""

import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any

import jax
from jax.experimental import topologies

from drr_jax import runs
from drr_jax.errors import InputError
from drr_jax.plan.chips import target_config
from drr_jax.plan.topologies import Topology

# What Google calls a slice: by its chips, or of v5p by its cores, of which a chip has two.
_SLICES = {"v5e": ("v5litepod", 1), "v5p": ("v5p", 2), "v6e": ("v6e", 1)}
_OF_OTHERS = ("--xla_cpu", "--xla_gpu", "--xla_tpu", "--xla_force_host")
# Triton's choice of a matrix product is timed on the chip, and ends the process without one.
_GPU_FLAGS = "--xla_gpu_enable_triton_gemm=false"


def check_installed(topology: Topology) -> None:
    """Raises InputError, naming the extra, if the compiler of these chips is not installed."""
    needed = {
        "tpu": ("Google's compiler, libtpu,", "tpu", ("libtpu",)),
        "gpu": (
            "JAX's CUDA plugin",
            "cuda12",
            ("jax_plugins.xla_cuda12", "jax_plugins.xla_cuda13"),
        ),
    }
    if topology.chip.kind not in needed:
        return
    what, extra, modules = needed[topology.chip.kind]
    if not any(_is_installed(module) for module in modules):
        raise InputError(
            f"--topology={topology.name}: {what} is not installed; it needs no accelerator: "
            f"pip install 'drr-jax[{extra}]'"
        )


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of the package around it
        return False


def environment(topology: Topology, environ: Mapping[str, str], scratch: str) -> dict[str, str]:
    """The environment variables of a process that compiles for these chips.

    The process itself computes on the CPU and keeps no compiled program, which could not be read
    back without the chips. Flags of the user stay, but for those of other platforms, which a
    compiler that does not know them ends the process for.
    """
    flags = [
        flag for flag in environ.get("XLA_FLAGS", "").split() if not flag.startswith(_OF_OTHERS)
    ]
    found = {**environ, "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"}
    if topology.chip.kind == "cpu":
        flags.append(f"--xla_force_host_platform_device_count={topology.devices}")
    else:
        found["JAX_ENABLE_COMPILATION_CACHE"] = "false"
    if topology.chip.kind == "gpu":
        flags.append(_GPU_FLAGS)
    if topology.chip.kind == "tpu":
        name, cores = _SLICES[topology.chip.name]
        found |= {
            "TPU_ACCELERATOR_TYPE": f"{name}-{cores * topology.devices}",
            "TPU_WORKER_HOSTNAMES": "localhost",
            "TPU_SKIP_MDS_QUERY": "1",  # no cloud to ask which machine this is
            "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",  # or another plan's lock file ends this one
            "TPU_LOG_DIR": scratch,
            "TPU_MIN_LOG_LEVEL": "3",
        }
    return {**found, "XLA_FLAGS": " ".join(flags)}


def describe(topology: Topology) -> Sequence[Any]:
    """The devices, for a mesh: programs can be compiled for them, and nothing else done.

    Raises InputError for a grid of chips that there is none of.
    """
    kind, name = topology.chip.kind, topology.name
    if kind == "cpu":
        runs.tune_xla()
        return jax.devices("cpu")[: topology.devices]
    try:
        if kind == "tpu":
            alone = {"chips_per_host_bounds": (1, 1, 1)} if topology.devices == 1 else {}
            return topologies.get_topology_desc(name, "tpu", **alone).devices
        shape = "1x" + "x".join(map(str, topology.shape))  # of one partition
        config = target_config(topology.chip)
        found = topologies.get_topology_desc(shape, "cuda", topology=shape, target_config=config)
        return found.devices
    except (jax.errors.JaxRuntimeError, RuntimeError, NotImplementedError) as error:
        raise InputError(
            f"--topology={name}: the compiler knows no such ({str(error).splitlines()[0]})"
        ) from None


def hosts(topology: Topology, devices: Sequence[Any]) -> list[int]:
    """The host of every device; virtual ones are dealt out as the topology says."""
    if topology.chip.kind == "cpu":
        return [number // topology.shape[1] for number in range(len(devices))]
    return [device.process_index for device in devices]
