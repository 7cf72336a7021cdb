"""What the environment says of the other processes that a cluster started beside this one."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

ALONE = "JAX_NUM_PROCESSES=1"  # what says that a process is meant to be alone
_COUNT, _INDEX = "JAX_NUM_PROCESSES", "JAX_PROCESS_ID"
_VARIABLES = f"set JAX_COORDINATOR_ADDRESS, {_COUNT} and {_INDEX}"


@dataclass(frozen=True)
class Sign:
    """A variable that a launcher sets in each of the processes it starts."""

    said: str  # as in SLURM_STEP_NUM_TASKS=2
    count: int | None  # of processes; None: the launcher does not say
    index: int | None  # of this one; None: this one alone was started
    mend: str  # how processes come to join


def is_alone(environ: Mapping[str, str]) -> bool:
    """Whether the process is meant to be alone, whatever else its environment says."""
    return environ.get(_COUNT) == "1"


def signs(environ: Mapping[str, str]) -> list[Sign]:
    """The launchers that started more than one process, as far as the environment tells."""
    return [] if is_alone(environ) else [s for s in _all(environ) if s.count is None or s.count > 1]


def several(environ: Mapping[str, str]) -> Sign | None:
    """The sign of a launcher that started others beside this process; None if it is alone.

    Of an indexed Kubernetes job the first pod may be alone, and counts as alone.
    """
    return next((s for s in signs(environ) if s.index is not None and (s.count or s.index)), None)


def may_join(environ: Mapping[str, str]) -> bool:
    """Whether the process may come to join others; TPU machines say it in no variable."""
    tpu = os.path.exists("/dev/accel0") or os.path.exists("/dev/vfio/0")
    return not is_alone(environ) and (tpu or bool(signs(environ)))


def _all(environ: Mapping[str, str]) -> Iterator[Sign]:
    if environ.get(_COUNT):
        yield _sign(environ, _COUNT, _INDEX, _VARIABLES)
    # Only a step, which srun starts, has SLURM_STEP_NUM_TASKS. A shell that salloc opened has just
    # SLURM_NTASKS, and what is typed there is meant to be alone; sbatch's script has both of these.
    if environ.get("SLURM_STEP_NUM_TASKS"):
        mend = "JAX needs SLURM_STEP_NODELIST, SLURM_LOCALID and others of srun's, too: pass all on"
        yield _sign(environ, "SLURM_STEP_NUM_TASKS", "SLURM_PROCID", mend)
    elif environ.get("SLURM_NTASKS") and environ.get("SLURM_PROCID"):
        count = _number(environ, "SLURM_NTASKS")
        mend = "the script itself is one process: put srun in front of the command"
        yield Sign(f"SLURM_NTASKS={environ['SLURM_NTASKS']}", count, None, mend)
    if environ.get("OMPI_COMM_WORLD_SIZE"):
        mend = f"JAX knows mpirun of Open MPI 4; with another, {_VARIABLES}"
        yield _sign(environ, "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", mend)
    if environ.get("PMI_SIZE"):
        yield _sign(environ, "PMI_SIZE", "PMI_RANK", _VARIABLES)
    if hosts := environ.get("TPU_WORKER_HOSTNAMES"):
        mend = "JAX needs the package libtpu, pip install 'drr-jax[tpu]', and the TPU"
        index = _number(environ, "TPU_WORKER_ID")
        yield Sign(f"TPU_WORKER_HOSTNAMES={hosts}", len(hosts.split(",")), index, mend)
    if environ.get("JOB_COMPLETION_INDEX"):
        mend = (
            "JAX needs the package kubernetes, pip install 'jax[k8s]', to ask for the job; or "
            f"{_VARIABLES}"
        )
        index = _number(environ, "JOB_COMPLETION_INDEX")
        yield Sign(f"JOB_COMPLETION_INDEX={environ['JOB_COMPLETION_INDEX']}", None, index, mend)


def _sign(environ: Mapping[str, str], count: str, index: str, mend: str) -> Sign:
    said = f"{count}={environ[count]}"
    return Sign(said, _number(environ, count), _number(environ, index), mend)


def _number(environ: Mapping[str, str], name: str) -> int | None:
    text = environ.get(name, "")
    return int(text) if text.isdecimal() else None
