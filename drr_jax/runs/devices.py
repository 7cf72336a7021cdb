"""The start of JAX as every command does it."""

import functools
import os
import sys
from pathlib import Path

import jax

from drr_jax.config import Mesh
from drr_jax.errors import InputError
from drr_jax.runs import cpu, joining
from drr_jax.runs.together import is_main_process, process_count


def start_alone() -> None:
    """Starts JAX for a process that asks a model, unless it is started already.

    Compiled programs are kept in JAX_COMPILATION_CACHE_DIR, or in the user's own cache.
    """
    if getattr(jax.config, "jax_compilation_cache_dir", None) is None:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        cpu.enable_compilation_cache(home / "drr_jax" / "compiled")
    cpu.tune_xla()
    if jax.default_backend() == "cpu":
        cpu.tune_malloc()


def meet(mesh: Mesh, data_dir: str) -> None:
    """Joins the other processes, if there are any, and holds what is there against `mesh`.

    The first of all: before data are opened, which takes minutes. Raises InputError on every
    process if there are other hosts or devices.
    """
    _prepare(data_dir)
    joining.join(mesh)
    if mesh.devices and jax.device_count() != mesh.devices:
        raise InputError(
            f"config key mesh.devices={mesh.devices}: found {describe_devices()}; see that every "
            "process has its share of them, or set mesh.devices=0 for whatever is there"
        )


def describe_devices() -> str:
    """What JAX found, as in 2 hosts x 4 TPU v5 lite (ICI)."""
    devices, hosts, processes = jax.devices(), joining.join(), process_count()
    kind, each = devices[0].device_kind, len(devices) // hosts
    if each * hosts == len(devices):
        said = f"{joining.several_hosts(hosts)} x {each} {kind}"
    else:
        said = f"{len(devices)} {kind} on {hosts} hosts"
    if devices[0].platform == "tpu":
        slices = len({getattr(device, "slice_index", 0) for device in devices})
        said += " (ICI)" if slices == 1 else f" ({slices} slices of ICI, DCN between them)"
    return said if processes == hosts else f"{said}, {processes} processes"


@functools.cache  # of the first fold alone
def say_devices() -> None:
    """Process 0 says what JAX found; when nothing stands in the way of a run any more."""
    if is_main_process():
        print(f"devices: {describe_devices()}", file=sys.stderr)


def _prepare(data_dir: str) -> None:
    """What JAX asks once, at the first program: its flags, and where programs are kept."""
    cpu.tune_xla()
    cpu.enable_compilation_cache(
        os.environ.get("JAX_COMPILATION_CACHE_DIR") or Path(data_dir) / "compilation_cache"
    )


def start_devices(data_dir: str) -> None:
    """Starts JAX, joined or alone, before any array; compiled programs are kept beside the data."""
    _prepare(data_dir)
    joining.join()
    if jax.default_backend() == "cpu":
        cpu.tune_malloc()
