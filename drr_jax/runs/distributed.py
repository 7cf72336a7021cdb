"""Mesh and shardings: one code path for one CPU, eight GPUs and many hosts."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from drr_jax.errors import InputError

AXES = ("data", "fsdp")
FSDP_MIN_SIZE = 4096  # elements; smaller leaves cost more in messages than they save in memory


def make_mesh(fsdp: int, devices: Sequence[Any] | None = None) -> Mesh:
    """Returns devices as a mesh (data, fsdp), with `fsdp` devices sharing one parameter set.

    All that the processes have, if none are given. The axes are Auto: with Explicit ones,
    jax.make_mesh's default, z @ z.T of a batch-sharded z is an error. Raises InputError if `fsdp`
    does not divide the number of devices.
    """
    count = jax.device_count() if devices is None else len(devices)
    if fsdp < 1 or count % fsdp:
        raise InputError(
            f"config key fsdp={fsdp}: expected a divisor of the number of devices, {count}"
        )
    types = (AxisType.Auto,) * len(AXES)
    return jax.make_mesh((count // fsdp, fsdp), AXES, axis_types=types, devices=devices)


def platform_of(mesh: Mesh) -> str:
    """What computes: cpu, gpu or tpu. A mesh of devices that are elsewhere has its own answer."""
    return mesh.devices.flat[0].platform


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
