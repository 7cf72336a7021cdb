"""Processes, mesh and shardings: one code path for one CPU, eight GPUs and many hosts."""

import functools
import itertools
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import jax
import numpy as np
from jax._src.distributed import global_state  # no public name says how many processes there are
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from drr_jax import stops
from drr_jax.errors import InputError

AXES = ("data", "fsdp")
CONNECT_SECONDS = 300  # how long process 0 may take to start
FSDP_MIN_SIZE = 4096  # elements; smaller leaves cost more in messages than they save in memory
VARIABLES = ("JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID")

Answer = TypeVar("Answer")
_polls = itertools.count(1)  # of all folds: JAX may have fixed its sync point between two of them


@functools.cache  # a second call does nothing
def start() -> None:
    """Starts jax.distributed where there is more than one process.

    Looks for JAX_COORDINATOR_ADDRESS + JAX_NUM_PROCESSES + JAX_PROCESS_ID (JAX itself reads only
    the first), then for a cluster JAX knows (SLURM, Open MPI, TPU, Kubernetes). A process alone has
    no service: that would abort it when it was suspended for longer than a heartbeat may be late.
    JAX shuts the service down by itself at exit.
    Call it before anything touches a device. Raises InputError if the three variables are
    incomplete or wrong, or if the coordinator cannot be reached.
    """
    # the only CPU collectives that need no other library; without effect on accelerators
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    explicit = read_variables(os.environ)
    if explicit and explicit[1] == 1:
        return
    if explicit and explicit[2]:
        _wait_for(*explicit)
    stops.unhear()  # JAX may wait for others, and lets no handler run meanwhile
    many = _initialize(explicit)
    stops.hear(*[signal.SIGINT] if many else [])  # SIGTERM is JAX's own, see `look`


def _initialize(explicit: tuple[str, int, int] | None) -> bool:
    """Starts jax.distributed unless the process is alone; returns whether it is not."""
    try:
        if explicit:
            jax.distributed.initialize(*explicit)
        else:
            jax.distributed.initialize()
    except ValueError as error:
        if "coordinator_address" not in str(error):  # what JAX says if it knows no cluster
            raise
        return False
    if global_state.num_processes == 1:
        jax.distributed.shutdown()
        return False
    return True


def read_variables(environ: Mapping[str, str]) -> tuple[str, int, int] | None:
    """Returns (address, number of processes, process index), or None if no variable is set.

    Raises InputError, naming the variable, if only some are set or one has no sensible value.
    """
    given = {name: environ[name] for name in VARIABLES if environ.get(name)}
    if not given:
        return None
    if missing := [name for name in VARIABLES if name not in given]:
        raise InputError(
            f"environment variable {missing[0]} is not set beside {next(iter(given))}: "
            f"set all of {', '.join(VARIABLES)}, or none for automatic detection"
        )
    numbers = []
    for name in VARIABLES[1:]:
        if not given[name].isdecimal():
            raise InputError(f"environment variable {name}={given[name]!r}: expected a number")
        numbers.append(int(given[name]))
    address, (count, index) = given[VARIABLES[0]], numbers
    host, colon, port = address.rpartition(":")
    if not (host and colon and port.isdecimal() and 0 < int(port) < 65536):
        raise InputError(f"environment variable {VARIABLES[0]}={address!r}: expected HOST:PORT")
    if count == 0:
        raise InputError("environment variable JAX_NUM_PROCESSES=0: expected at least 1")
    if index >= count:
        raise InputError(
            f"environment variable JAX_PROCESS_ID={index}: expected 0 to {count - 1}, "
            f"since JAX_NUM_PROCESSES={count}"
        )
    return address, count, index


def _wait_for(address: str, count: int, index: int) -> None:
    """Waits for process 0 to listen; JAX itself would abort the process, with a stack trace."""
    host, _, port = address.rpartition(":")
    deadline = time.monotonic() + CONNECT_SECONDS
    while True:
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise InputError(
                    f"environment variable JAX_COORDINATOR_ADDRESS={address}: process {index} of "
                    f"{count} found nobody there ({error.strerror or error}); start process 0 on "
                    "that host, or name the host where it runs"
                ) from error
        time.sleep(0.2)


def is_main_process() -> bool:
    """Whether this process writes the logs and tables (process 0)."""
    return jax.process_index() == 0


def look() -> None:
    """Raises Stopped if SIGTERM or Ctrl-C arrived; called after every step and batch.

    Of many processes all raise it at the same call, some calls after the signal (JAX's protocol,
    which knows SIGTERM alone and takes it for itself).
    """
    if jax.process_count() == 1:
        stops.look()
        return
    if stops.asked():
        signal.raise_signal(signal.SIGTERM)
    if multihost_utils.reached_preemption_sync_point(next(_polls)):
        raise stops.Stopped


def look_alone() -> None:
    """As `look`, at any time and as often as one likes: of many processes none stops alone."""
    if jax.process_count() == 1:
        stops.look()


def from_main(task: Callable[[], Answer]) -> Answer:
    """What `task`, run on process 0 alone, returns: JSON values. All processes wait for it.

    All raise its InputError or its disk error, as InputError.
    """
    answer: dict[str, Any] = {}
    if is_main_process():
        try:
            answer["value"] = task()
        except InputError as error:
            answer["error"] = str(error)
        except OSError as error:
            answer["error"] = f"{error.filename or 'disk'}: {error.strerror or error}"
    if jax.process_count() > 1:
        text = np.frombuffer(json.dumps(answer).encode(), np.uint8)
        size = int(multihost_utils.broadcast_one_to_all(np.asarray(text.size)))
        text = np.asarray(multihost_utils.broadcast_one_to_all(np.resize(text, size)), np.uint8)
        answer = json.loads(text.tobytes())
    if "error" in answer:
        raise InputError(answer["error"])
    return answer["value"]


def everywhere(condition: bool) -> bool:
    """Whether `condition` holds on every process."""
    if jax.process_count() == 1:
        return condition
    return bool(np.all(multihost_utils.process_allgather(np.asarray(condition))))


def make_mesh(fsdp: int) -> Mesh:
    """Returns all devices as a mesh (data, fsdp), with `fsdp` devices sharing one parameter set.

    The axes are Auto: with Explicit ones, jax.make_mesh's default, z @ z.T of a batch-sharded z
    is an error. Raises InputError if `fsdp` does not divide the number of devices.
    """
    count = jax.device_count()
    if fsdp < 1 or count % fsdp:
        raise InputError(
            f"config key fsdp={fsdp}: expected a divisor of the number of devices, {count}"
        )
    return jax.make_mesh((count // fsdp, fsdp), AXES, axis_types=(AxisType.Auto,) * len(AXES))


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """Axis 0 of every array of a batch, split over all devices."""
    return NamedSharding(mesh, PartitionSpec(AXES))


def replicated(mesh: Mesh) -> NamedSharding:
    """The same value on every device."""
    return NamedSharding(mesh, PartitionSpec())


def state_shardings(abstract_state: Any, mesh: Mesh) -> Any:
    """Returns a sharding for each leaf of the state (jax.ShapeDtypeStructs or arrays).

    Replicated, except that with an fsdp axis above 1 each leaf of at least 4,096 elements is split
    along its largest axis that the fsdp axis divides.
    """
    fsdp = mesh.shape["fsdp"]

    def sharding(leaf: Any) -> NamedSharding:
        divisible = [axis for axis, size in enumerate(leaf.shape) if size % fsdp == 0]
        if fsdp == 1 or leaf.size < FSDP_MIN_SIZE or not divisible:
            return replicated(mesh)
        largest = max(divisible, key=lambda axis: leaf.shape[axis])
        return NamedSharding(mesh, PartitionSpec(*[None] * largest, "fsdp"))

    return jax.tree.map(sharding, abstract_state)


def check_batch(batch_size: int, mesh: Mesh) -> None:
    """Raises InputError unless every device gets the same number of a batch's examples."""
    if batch_size < 1 or batch_size % mesh.size:
        down, up = (batch_size // mesh.size * mesh.size, -(-batch_size // mesh.size) * mesh.size)
        near = f"{down} or {up}" if down else f"{mesh.size}"
        raise InputError(
            f"config key data.batch_size={batch_size}: expected a multiple of the number of "
            f"devices, {mesh.size} (for example {near})"
        )


def place(value: Any, sharding: NamedSharding) -> jax.Array:
    """An array, or a number, that every process holds whole, on the devices."""
    whole = np.asarray(value)
    return jax.make_array_from_callback(whole.shape, sharding, lambda index: whole[index])


def to_global(batch: Mapping[str, np.ndarray], mesh: Mesh) -> dict[str, jax.Array]:
    """Joins the processes' parts of a batch into global arrays split over all devices.

    Each process gives its own rows, in the order of its devices; the result's axis 0 is the global
    batch.
    """
    sharding = batch_sharding(mesh)
    return {
        name: jax.make_array_from_process_local_data(sharding, value)
        for name, value in batch.items()
    }
