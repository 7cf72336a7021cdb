"""How a process comes to be one of many, or finds that it is alone."""

import atexit
import os
import signal
import threading
import time
import warnings
from collections.abc import Mapping

import jax
from jax._src import clusters  # no public name asks a cluster without joining it
from jax._src.cloud_tpu_init import running_in_cloud_tpu_vm
from jax._src.distributed import global_state

from drr_jax import cluster, stops, supervisor
from drr_jax.config import Mesh
from drr_jax.errors import InputError, one_line
from drr_jax.runs.local_devices import local_devices
from drr_jax.runs.rendezvous import Who, meet, wait_for_service

VARIABLES = ("JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID")
_SHUTDOWN_SECONDS = 24 * 3600  # process 0 draws a report while the others wait; the dead are missed
_LEAVE_SECONDS = 20  # which a failed process waits for others that fail with it


class _Joined:
    """What was found when this process joined, or found itself alone."""

    hosts = 0  # 0: not yet asked


def join(mesh: Mesh | None = None) -> int:
    """Starts jax.distributed where there is more than one process; returns on how many hosts.

    Looks for JAX_COORDINATOR_ADDRESS + JAX_NUM_PROCESSES + JAX_PROCESS_ID (JAX itself reads only
    the first), then for a cluster JAX knows (SLURM, Open MPI, TPU, Kubernetes). A process alone has
    no service: that would abort it when it was suspended for longer than a heartbeat may be late.
    A second call does nothing.
    Call it before anything touches a device. Raises InputError if the three variables are
    incomplete or wrong, if the environment speaks of processes that JAX cannot find, if one of
    them does not come within `mesh.start_seconds`, or if there are not `mesh.hosts` hosts.
    """
    mesh = mesh or Mesh()
    if not _Joined.hosts:
        # the only CPU collectives that need no other library; without effect on accelerators
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        who = read_variables(os.environ) or _ask_cluster(mesh.start_seconds)
        _Joined.hosts = _join(who, mesh) if who and who.count > 1 else 1
    if mesh.hosts and _Joined.hosts != mesh.hosts:
        raise InputError(
            f"config key mesh.hosts={mesh.hosts}: found {several_hosts(_Joined.hosts)}, processes: "
            f"{global_state.num_processes}; start the command on all hosts, or set mesh.hosts=0 "
            "for whatever is there"
        )
    return _Joined.hosts


def several_hosts(count: int) -> str:
    """As in 1 host, 2 hosts."""
    return f"{count} host{'s' if count > 1 else ''}"


def read_variables(environ: Mapping[str, str]) -> Who | None:
    """Returns who this process is, or None if no variable is set.

    Raises InputError, naming the variable, if only some are set or one has no sensible value.
    """
    given = {name: environ[name] for name in VARIABLES if environ.get(name)}
    if not given:
        return None
    if cluster.is_alone(environ):  # needs no address
        return Who("", 1, 0)
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
    return Who(address, count, index)


def _ask_cluster(seconds: float) -> Who | None:
    """Who this process is as JAX finds it; None where nothing speaks of others.

    Raises InputError if something does, and JAX cannot find them.
    """
    signs = cluster.signs(os.environ)
    if not signs and not running_in_cloud_tpu_vm:
        return None
    sign = signs[0].said if signs else "a TPU machine"
    found = None
    try:
        with warnings.catch_warnings(action="ignore"):  # of missing packages, over ten lines
            found = clusters.ClusterEnv.auto_detect_unset_distributed_params(
                None, None, None, None, None, round(seconds)
            )
    except Exception as error:  # whatever a cluster's own client raises
        cause = one_line(str(error) or type(error).__name__)
        raise InputError(
            f"{sign}: JAX cannot find the other processes ({cause}); set {', '.join(VARIABLES)}, "
            f"or {cluster.ALONE} if this process is meant to be alone"
        ) from error
    address, count, index, _ = found
    if address and count and index is not None and (count > 1 or not signs):
        return Who(address, count, index)
    if not signs or (address and count == 1 and signs[0].count is None):  # a pod alone
        return None
    raise InputError(
        f"environment variable {sign}, but this process would run alone: {signs[0].mend}; or set "
        f"{cluster.ALONE} if it is meant to be alone"
    )


def _join(who: Who, mesh: Mesh) -> int:
    """Starts jax.distributed with the others, when all are there; returns on how many hosts."""
    visible = local_devices(os.environ)
    hosts = meet(who, mesh.start_seconds)
    if who.index:
        wait_for_service(who, mesh.start_seconds)
    supervisor.joined(who.count, mesh.heartbeat_seconds)
    stops.unhear()  # JAX may wait for others, and lets no handler run meanwhile
    jax.distributed.initialize(
        who.address,
        who.count,
        who.index,
        local_device_ids=visible,
        cluster_detection_method="deactivate",  # would take one device a process
        initialization_timeout=round(mesh.start_seconds),
        heartbeat_timeout_seconds=round(mesh.heartbeat_seconds),
        shutdown_timeout_seconds=_SHUTDOWN_SECONDS,
    )
    leaving = threading.Event()
    threading.Thread(target=_end_late, args=(leaving,), daemon=True).start()
    atexit.register(_leave, leaving)
    stops.hear(signal.SIGINT)  # SIGTERM is JAX's own, see `together.look`
    return hosts


def _leave(leaving: threading.Event) -> None:
    """Ends the service as JAX does at exit; after a failure it waits for the others not long.

    They may be in the middle of a step, and would hang as long as this process is there.
    """
    if supervisor.told():
        leaving.set()
        jax.distributed.shutdown()


def _end_late(leaving: threading.Event) -> None:
    """Ends the process where leaving takes long. Started before: at exit no thread may start."""
    leaving.wait()
    time.sleep(_LEAVE_SECONDS)
    os._exit(supervisor.told())
