"""The rows of a batch that is split over devices by hand, as in the training step.

There (training/step.py) a module sees its device's rows alone. What is of the whole batch, its
statistics and its random numbers, it asks for here; elsewhere all rows are at hand, and nothing
happens.
"""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def split_axes() -> tuple[str, ...]:
    """The axes of the mesh that rows are split over where this is traced; () if they are not."""
    return tuple(jax.sharding.get_abstract_mesh().manual_axes)


def devices() -> int:
    """How many devices the rows are split over: that many times the rows here are the batch's."""
    mesh = jax.sharding.get_abstract_mesh()
    return math.prod(mesh.shape[axis] for axis in mesh.manual_axes)


def own_rows(values: Array, axis: int = 0) -> Array:
    """This device's rows of what was made, in the same way on all devices, for the whole batch."""
    if not split_axes():
        return values
    count = values.shape[axis] // devices()
    start = jax.lax.axis_index(split_axes()) * count
    return jax.lax.dynamic_slice_in_dim(values, start, count, axis)


def all_rows(values: Array) -> Array:
    """The rows of all devices, in the batch's order; what is gathered should be small."""
    return jax.lax.all_gather(values, split_axes(), tiled=True) if split_axes() else values


class Dropout(nn.Module):
    """Flax's dropout, which draws the same numbers on any number of devices."""

    rate: float
    deterministic: bool

    @nn.compact
    def __call__(self, values: Float[Array, "batch *rest"]) -> Float[Array, "batch *rest"]:
        """Zeros a share `rate` of the values and scales the others by 1 / (1 - rate)."""
        if self.rate == 0 or self.deterministic:
            return values
        keep = 1 - self.rate
        shape = (len(values) * devices(), *values.shape[1:])
        kept = own_rows(jax.random.bernoulli(self.make_rng("dropout"), keep, shape))
        return jnp.where(kept, values / keep, 0)
