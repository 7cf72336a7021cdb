"""Processes, mesh and shardings: one code path for one CPU, eight GPUs and many hosts."""

import contextlib
import itertools
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from drr_jax import files
from drr_jax.errors import InputError

AXES = ("data", "fsdp")
CONNECT_SECONDS = 300  # how long process 0 may take to start
FSDP_MIN_SIZE = 4096  # elements; smaller leaves cost more in messages than they save in memory
NO_PROXY = "no_grpc_proxy"
VARIABLES = ("JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID")
_polls = itertools.count(1)  # of all folds: JAX may have fixed its sync point between two of them


class Preempted(Exception):
    """SIGTERM arrived; the state was saved and the same command goes on from there."""


def start() -> None:
    """Starts jax.distributed, also for one process: there is one code path.

    Looks for JAX_COORDINATOR_ADDRESS + JAX_NUM_PROCESSES + JAX_PROCESS_ID (JAX itself reads only
    the first), then for a cluster JAX knows (SLURM, Open MPI, TPU, Kubernetes), else runs as one
    process on a free loopback port. JAX shuts the service down by itself at exit.
    Call it before anything touches a device. Raises InputError if the three variables are
    incomplete or wrong, or if the coordinator cannot be reached.
    """
    if jax.distributed.is_initialized():
        return
    # the only CPU collectives that need no other library; without effect on accelerators
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    explicit = read_variables(os.environ)
    if explicit:
        address, count, index = explicit
        if index:
            _wait_for(address, index, count)
        jax.distributed.initialize(address, num_processes=count, process_id=index)
        return
    try:
        jax.distributed.initialize()
    except ValueError as error:
        if "coordinator_address" not in str(error):  # what JAX says if it knows no cluster
            raise
        _start_alone()


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


def _wait_for(address: str, index: int, count: int) -> None:
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


def _start_alone() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    before = os.environ.pop(NO_PROXY, None)
    os.environ[NO_PROXY] = "127.0.0.1"  # a proxy must not stand between a process and itself
    try:
        jax.config.update("jax_check_proxy_envs", False)
        jax.distributed.initialize(
            address, num_processes=1, process_id=0, coordinator_bind_address=address
        )
    finally:
        del os.environ[NO_PROXY]
        if before is not None:
            os.environ[NO_PROXY] = before


def is_main_process() -> bool:
    """Whether this process writes the logs and tables (process 0)."""
    return jax.process_index() == 0


@contextlib.contextmanager
def preemption() -> Iterator[Callable[[], bool]]:
    """Within it SIGTERM asks for a save: yields preempted(), to be called after every step.

    Of many processes all get True at the same step, some steps after the signal (JAX's protocol).
    One process alone gets it at once, by a handler of its own: JAX's takes a second to arrive, and
    would keep swallowing SIGTERM afterwards.
    """
    if jax.process_count() > 1:
        yield lambda: multihost_utils.reached_preemption_sync_point(next(_polls))
        return
    asked = threading.Event()
    with _on_sigterm(asked.set):
        yield asked.is_set


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Within it, but outside of `preemption`, SIGTERM raises Preempted: nothing needs saving.

    Of many processes none is interrupted alone, the others would wait for it: the next `preemption`
    hears of the signal.
    """

    def stop() -> None:
        raise Preempted("nothing was being trained")

    with _on_sigterm(stop) if jax.process_count() == 1 else contextlib.nullcontext():
        yield


@contextlib.contextmanager
def _on_sigterm(act: Callable[[], None]) -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, lambda *_: act())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


@contextlib.contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Within it no other process on this file system may train in `folder`.

    A process that dies loses the lock (`files.locked`). Raises InputError on every process if
    another has it.
    """

    def refuse() -> None:
        raise InputError(
            f"--workdir={folder}: another process is training there; wait for it, stop it, or give "
            "another --workdir"
        )

    with contextlib.ExitStack() as stack:
        on_main(lambda: stack.enter_context(files.locked(folder / ".lock", refuse)))
        yield


def on_main(task: Callable[[], None]) -> None:
    """Runs `task` on process 0 alone; all processes wait for it and all raise its InputError."""
    message = ""
    if is_main_process():
        try:
            task()
        except InputError as error:
            message = str(error)
        except OSError as error:
            message = f"{error.filename or 'disk'}: {error.strerror or error}"
    if jax.process_count() > 1:
        text = np.zeros(1000, np.uint8)
        encoded = message.encode()[: text.size]
        text[: len(encoded)] = np.frombuffer(encoded, np.uint8)
        text = np.asarray(multihost_utils.broadcast_one_to_all(text), np.uint8)
        message = text.tobytes().rstrip(b"\0").decode(errors="ignore")
    if message:
        raise InputError(message)


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
