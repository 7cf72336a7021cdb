"""Which of a host's GPUs a process takes, where several processes share the host."""

import glob
import re
from collections.abc import Mapping

from drr_jax.errors import InputError


def local_devices(environ: Mapping[str, str]) -> list[int] | None:
    """Numbers of the GPUs that this process takes of those it sees; None: all.

    A process alone on its host takes all, and so does one whose launcher shows it its own. Others
    share what is there in equal parts, in the order of their local rank. JAX's own rule would be
    one GPU a process: one of eight for a task alone on its host, and for a bound one a GPU that it
    does not see. Raises InputError if the GPUs cannot be shared equally.
    """
    count, rank = _ranks(environ)
    if environ.get("JAX_LOCAL_DEVICE_IDS") or count == 1 or _is_bound(environ):
        return None
    seen = _visible(environ)
    if seen < 2:  # none, or its own
        return None
    if seen % count:
        raise InputError(
            f"{count} processes on this host see {seen} GPUs: start one process a host, or one a "
            "GPU, or say which GPUs are this process's with CUDA_VISIBLE_DEVICES and "
            "JAX_LOCAL_DEVICE_IDS"
        )
    share = seen // count
    return list(range(rank * share, (rank + 1) * share))


def _is_bound(environ: Mapping[str, str]) -> bool:
    """Whether SLURM shows every task its own GPUs, and no others."""
    bind = environ.get("SLURM_GPU_BIND", "none").removeprefix("verbose,")
    by_task = environ.get("SLURM_GPUS_PER_TASK") or environ.get("SLURM_NTASKS_PER_GPU")
    return bool(by_task or bind != "none" or "gpu" in environ.get("SLURM_TRES_PER_TASK", ""))


def _ranks(environ: Mapping[str, str]) -> tuple[int, int]:
    """How many processes the launcher started on this host, and which of them this one is."""
    node, tasks = environ.get("SLURM_NODEID", ""), environ.get("SLURM_STEP_TASKS_PER_NODE", "")
    if environ.get("SLURM_STEP_NUM_TASKS") and node.isdecimal():
        counts = _tasks_per_node(tasks)
        if int(node) < len(counts):
            return counts[int(node)], int(environ.get("SLURM_LOCALID") or 0)
    count = environ.get("OMPI_COMM_WORLD_LOCAL_SIZE", "")
    return (int(count), int(environ["OMPI_COMM_WORLD_LOCAL_RANK"])) if count else (1, 0)


def _tasks_per_node(text: str) -> list[int]:
    """SLURM's short form, as in 8(x2),4: a number for every node of the step."""
    counts: list[int] = []
    for number, times in re.findall(r"(\d+)(?:\(x(\d+)\))?", text):
        counts += [int(number)] * int(times or 1)
    return counts


def _visible(environ: Mapping[str, str]) -> int:
    """How many NVIDIA GPUs a process here can use."""
    named = environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return len(glob.glob("/dev/nvidia[0-9]*"))
    return len([name for name in named.split(",") if name.strip() and name.strip() != "-1"])
