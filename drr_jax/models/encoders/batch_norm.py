"""Batch normalisation, equal in numbers to PyTorch's, of a batch on any number of devices."""

import math
from collections.abc import Iterator

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Float

from drr_jax.models.rows import all_rows, devices, own_rows

EPSILON = 1e-5  # PyTorch's defaults
MOMENTUM = 0.9  # share of the old running statistics that is kept; PyTorch writes 0.1 for it
MOMENTS = "moments"  # what a block that runs again for its gradient still keeps of it

Images = Float[Array, "batch height width channels"]
Moments = tuple[Array, Array]  # mean and biased variance [parts, 1, 1, 1, channels]


class BatchNorm(nn.Module):
    """Batch normalisation whose running variance is unbiased, as PyTorch's (and not Flax's) is.

    Statistics are over the global batch or, if the batch holds more than `group` > 0 examples,
    over every `group` examples in a row, on any number of devices; the running statistics then take
    the groups' mean. They are computed in float32 at least. Where rows are split over devices
    (models/rows.py), the moments cross in one message a layer and their gradients in another; a
    group that lies inside a device sends none, and the running statistics are those of the device's
    own groups, whose mean over devices the caller takes.
    Raises ValueError if `group` does not divide the batch.
    """

    group: int = 0
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: Images, train: bool) -> Images:
        channels = x.shape[-1]
        scale = self.param("scale", nn.initializers.ones, (channels,))
        bias = self.param("bias", nn.initializers.zeros, (channels,))
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, (channels,))
        running_var = self.variable("batch_stats", "var", jnp.ones, (channels,))
        values = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        if not train:
            normal = _normalise(values, running_mean.value, running_var.value, scale, bias)
            return normal.astype(self.dtype)

        whole = len(x) * devices()
        size = min(self.group or whole, whole)
        if whole % size:
            raise ValueError(f"bn_group={self.group} does not divide a batch of {whole}")
        part = math.gcd(size, len(x))  # examples in a row of one group and one device
        parts = values.reshape(-1, part, *x.shape[1:])
        normal, (mean, var) = _batch_norm(size // part, parts, scale, bias)
        if not self.is_initializing():
            count = size * x[0, ..., 0].size
            unbiased = var * (count / max(count - 1, 1))
            for running, batch in ((running_mean, mean), (running_var, unbiased)):
                batch = batch.mean(0).reshape(channels)
                running.value = MOMENTUM * running.value + (1 - MOMENTUM) * batch
        return normal.reshape(x.shape).astype(self.dtype)


def _normalise(x: Array, mean: Array, var: Array, scale: Array, bias: Array) -> Array:
    return (x - mean) * (jax.lax.rsqrt(var + EPSILON) * scale) + bias


def _moments(together: int, x: Array) -> Moments:
    """Mean and biased variance of every part's group [parts, 1, 1, 1, channels].

    Joined are means and variances (Chan et al. 1979), not sums of squares: those would lose digits.
    """
    mean = x.mean((1, 2, 3), keepdims=True)
    var = jnp.square(x - mean).mean((1, 2, 3), keepdims=True)
    if together == 1:
        return mean, var
    means, variances = _of_group(together, mean, var)
    mean = means.mean(1)
    return mean, (variances + jnp.square(means - mean[:, None])).mean(1)


def _of_group(together: int, *values: Array) -> Iterator[Array]:
    """Of every part what all of its group have: [parts, ...] -> [parts, together, ...] each.

    A group is `together` parts in a row, of this device or of several; one message brings all.
    """
    both = all_rows(jnp.stack(values, 1))
    both = both.reshape(-1, together, *both.shape[1:])
    both = own_rows(jnp.repeat(both, together, 0))
    return (both[:, :, value] for value in range(len(values)))


def _normal(together: int, x: Array, scale: Array, bias: Array) -> tuple[Array, Moments]:
    """Normalises x [parts, batch, height, width, channels] by the moments of each part's group.

    Returns them, too; they let no gradient in.
    """
    return _forward(together, x, scale, bias)[0]


def _forward(
    together: int, x: Array, scale: Array, bias: Array
) -> tuple[tuple[Array, Moments], tuple[Array, ...]]:
    mean, var = moments = checkpoint_name(_moments(together, x), MOMENTS)
    normal = _normalise(x, mean, var, scale, bias)
    return (normal, moments), (x, mean, jax.lax.rsqrt(var + EPSILON), scale)


def _backward(
    together: int, saved: tuple[Array, ...], gradients: tuple[Array, Moments]
) -> tuple[Array, Array, Array]:
    # by hand: the gradient in two passes over the array, where autodiff takes four
    (x, mean, inverse, scale), grad = saved, gradients[0]
    grad_bias = grad.sum((1, 2, 3), keepdims=True)
    grad_scale = (grad * (x - mean)).sum((1, 2, 3), keepdims=True) * inverse
    bias_sum, scale_sum = grad_bias, grad_scale
    if together > 1:
        bias_sum, scale_sum = (sums.sum(1) for sums in _of_group(together, grad_bias, grad_scale))
    count = together * x[0, ..., 0].size
    correction = bias_sum / count + (x - mean) * (inverse * scale_sum / count)
    grad_x = (grad - correction) * (inverse * scale)
    return grad_x, grad_scale.sum((0, 1, 2, 3)), grad_bias.sum((0, 1, 2, 3))


_batch_norm = jax.custom_vjp(_normal, nondiff_argnums=(0,))
_batch_norm.defvjp(_forward, _backward)
