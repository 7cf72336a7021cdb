"""Mesh and shardings, on eight virtual devices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from drr_jax.errors import InputError
from drr_jax.runs import distributed


def test_meshes():
    for fsdp in (1, 2, 8):
        mesh = distributed.make_mesh(fsdp)
        assert dict(mesh.shape) == {"data": 8 // fsdp, "fsdp": fsdp}
    for fsdp in (3, 16, 0):
        with pytest.raises(InputError, match=rf"fsdp={fsdp}: expected a divisor .* devices, 8"):
            distributed.make_mesh(fsdp)


@pytest.mark.parametrize("size, near", [(12, "8 or 16"), (3, "8"), (0, "8")])
def test_a_batch_the_devices_do_not_divide(size, near):
    mesh = distributed.make_mesh(2)
    distributed.check_batch(64, mesh)
    with pytest.raises(InputError) as error:
        distributed.check_batch(size, mesh)
    assert f"data.batch_size={size}: expected a multiple" in str(error.value)
    assert f"devices, 8 (for example {near})" in str(error.value)


def test_state_shardings():
    state = {
        "kernel": jax.ShapeDtypeStruct((3, 3, 64, 128), jnp.float32),
        "tall": jax.ShapeDtypeStruct((4096, 8), jnp.float32),
        "odd": jax.ShapeDtypeStruct((4097, 3), jnp.float32),
        "small": jax.ShapeDtypeStruct((64, 32), jnp.float32),
        "step": jax.ShapeDtypeStruct((), jnp.int32),
    }
    alone = distributed.state_shardings(state, distributed.make_mesh(1))
    assert {sharding.spec for sharding in alone.values()} == {PartitionSpec()}
    split = distributed.state_shardings(state, distributed.make_mesh(4))
    assert {name: sharding.spec for name, sharding in split.items()} == {
        "kernel": PartitionSpec(None, None, None, "fsdp"),
        "tall": PartitionSpec("fsdp"),
        "odd": PartitionSpec(),
        "small": PartitionSpec(),
        "step": PartitionSpec(),
    }


@pytest.mark.parametrize("fsdp", [1, 4])
def test_a_batch_goes_to_every_device_once(fsdp):
    """And a batch-sharded z @ z.T compiles, which Explicit mesh axes refuse."""
    mesh = distributed.make_mesh(fsdp)
    batch = {"z": np.arange(64.0, dtype=np.float32).reshape(16, 4), "index": np.arange(16)}
    placed = distributed.to_global(batch, mesh)
    for name, value in batch.items():
        np.testing.assert_array_equal(placed[name], value)
        assert placed[name].sharding == distributed.batch_sharding(mesh)
        rows = [shard.data.shape[0] for shard in placed[name].addressable_shards]
        assert rows == [2] * 8
    product = jax.jit(lambda z: z @ z.T)(placed["z"])
    np.testing.assert_allclose(product, batch["z"] @ batch["z"].T)
