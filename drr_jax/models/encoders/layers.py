"""Convolution and pooling, equal in numbers to PyTorch's, and how layers are put together."""

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from drr_jax import runs
from drr_jax.config import Config
from drr_jax.models.encoders.batch_norm import MOMENTS, BatchNorm

CONV_IMPLS = ("lax", "im2col")

Images = Float[Array, "batch height width channels"]
Features = Float[Array, "batch out_height out_width features"]
Pooled = Float[Array, "batch features"]
Kernel = Float[Array, "rows columns channels features"]


def resolve_conv(choice: str, platform: str = "") -> str:
    """Returns the convolution for a config's `conv`: auto is lax, but im2col on an untuned CPU.

    `platform` is that of the devices that compute, if it is not JAX's default one. Where
    cpu.tune_xla has not left convolutions to Eigen, the kernel's gradient by lax.conv takes up to
    twice the time of im2col's. Raises ValueError for other names.
    """
    if choice == "auto":
        on_cpu = (platform or jax.default_backend()) == "cpu"
        return "im2col" if on_cpu and not runs.has_eigen() else "lax"
    if choice not in CONV_IMPLS:
        raise ValueError(f"conv={choice!r}: expected auto, {' or '.join(CONV_IMPLS)}")
    return choice


def conv2d(x: Images, kernel: Kernel, stride: int, impl: str) -> Features:
    """2-D convolution with PyTorch's padding of k // 2 on every side.

    `impl` "lax" is XLA's convolution and its gradients. "im2col" has the same values, but gathers
    patches and multiplies matrices for the kernel's gradient; "rows" is for many kernels at once
    under `nn.vmap`, at stride 1. Raises ValueError for other names.
    """
    if impl == "rows":
        return _rows_conv(x, kernel)
    if impl == "lax":
        return _lax_conv(x, kernel, stride)
    if impl != "im2col":
        raise ValueError(f"convolution {impl!r}: expected {' or '.join(CONV_IMPLS)}")
    return _im2col_conv(x, kernel, stride)


def _lax_conv(x: Array, kernel: Array, stride: int) -> Array:
    padding = [(size // 2, size // 2) for size in kernel.shape[:2]]
    return jax.lax.conv_general_dilated(
        x, kernel, (stride, stride), padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


_im2col_conv = jax.custom_vjp(_lax_conv, nondiff_argnums=(2,))


def _im2col_forward(x: Array, kernel: Array, stride: int) -> tuple[Array, tuple[Array, Array]]:
    return _lax_conv(x, kernel, stride), (x, kernel)


def _im2col_backward(stride: int, saved: tuple[Array, Array], grad: Array) -> tuple[Array, Array]:
    x, kernel = saved
    if stride == 1:
        # a convolution of its own, as fast as the forward one
        grad_x = _lax_conv(grad, kernel[::-1, ::-1].swapaxes(2, 3), 1)
        return grad_x, _kernel_grad_stride1(x, grad, *kernel.shape[:2])
    (grad_x,) = jax.vjp(lambda x: _lax_conv(x, kernel, stride), x)[1](grad)
    return grad_x, _kernel_grad_strided(x, grad, stride, *kernel.shape[:2])


_im2col_conv.defvjp(_im2col_forward, _im2col_backward)


def _contract(a: Array, b: Array) -> Array:
    """Sums over all but the last axis: [..., m] and [..., n] give [m, n]."""
    return a.reshape(-1, a.shape[-1]).T @ b.reshape(-1, b.shape[-1])


def _beside(parts: Sequence[tuple[Array, tuple[int, int], tuple[int, int]]]) -> Array:
    """Concatenates the channels of arrays after padding each one's rows and columns with zeros.

    A part is (array, (above, below), (left, right)); negative padding crops. A sum of padded
    arrays, because XLA:CPU fuses it into one pass where a concatenation copies every part first.
    """
    total = sum(part.shape[-1] for part, _, _ in parts)
    before, padded = 0, []
    for part, rows, columns in parts:
        channels = (before, total - before - part.shape[-1])
        before += part.shape[-1]
        widths = [(low, high, 0) for low, high in ((0, 0), rows, columns, channels)]
        padded.append(jax.lax.pad(part, jnp.zeros((), part.dtype), widths))
    return functools.reduce(jnp.add, padded)


def _kernel_grad_stride1(x: Array, grad: Array, rows: int, columns: int) -> Array:
    """Gathers the kernel's rows from `x` and its columns from `grad`.

    The matrix product then is as square as it can be, on two thirds of the memory of whole patches.
    """
    top, left = rows // 2, columns // 2
    a = _beside([(x, (top - i, i - top), (left, left)) for i in range(rows)])
    b = _beside([(grad, (0, 0), (j, 2 * left - j)) for j in range(columns)])
    both = _contract(a, b).reshape(rows, x.shape[-1], columns, -1)
    return both.transpose(0, 2, 1, 3)


def _kernel_grad_strided(x: Array, grad: Array, stride: int, rows: int, columns: int) -> Array:
    """Gathers what an output pixel sees, or with few channels (images) what four in a row see.

    Four pixels' gradients lie side by side anyway, so the gathered windows shrink from four times
    `columns` to their union; the product grows, but is squarer and faster. Each pixel then keeps
    its own part of the product.
    """
    batch, _, width, channels = x.shape
    _, out_height, out_width, features = grad.shape
    group = 4 if channels < 8 and out_width % 4 == 0 else 1
    count, step = out_width // group, stride * group
    window = step - stride + columns
    top, left = rows // 2, columns // 2

    # every `step` columns become channels: a window then is a block and the start of the next ones
    blocks = -(-window // step)
    right = (count + blocks - 1) * step - width - left
    zero = jnp.zeros((), x.dtype)
    widths = [(0, 0, 0), (top, rows + stride - top, 0), (left, right, 0), (0, 0, 0)]
    x = jax.lax.pad(x, zero, widths)
    x = x.reshape(batch, x.shape[1], -1, step * channels)
    across = [x[:, :, i : i + count, : (window - i * step) * channels] for i in range(blocks)]
    x = _beside([(part, (0, 0), (0, 0)) for part in across])
    down = [x[:, i : i + out_height * stride : stride] for i in range(rows)]
    a = _beside([(part, (0, 0), (0, 0)) for part in down])

    both = _contract(a, grad.reshape(batch, out_height, count, group * features))
    both = both.reshape(rows, window, channels, group, features)
    parts = [both[:, i * stride : i * stride + columns, :, i] for i in range(group)]
    return functools.reduce(jnp.add, parts)


@jax.checkpoint
def _rows_conv(x: Array, kernel: Array) -> Array:
    """A matrix product a row of the kernel.

    Under `nn.vmap` XLA would make a grouped convolution, which takes minutes to compile on CPU (and
    one product of whole patches twice as long as those of the rows). The rows are gathered again
    for the gradient, or they would fill the memory.
    """
    height, width = x.shape[1:3]
    around = jnp.pad(x, ((0, 0), *((size // 2, size // 2) for size in kernel.shape[:2]), (0, 0)))
    beside = [around[:, :, column : column + width] for column in range(kernel.shape[1])]
    rows = jnp.concatenate(beside, -1)
    parts = (
        rows[:, row : row + height] @ kernel[row].reshape(-1, kernel.shape[-1])
        for row in range(len(kernel))
    )
    return functools.reduce(jnp.add, parts)


def kaiming_normal(key: Array, shape: Sequence[int], dtype: jnp.dtype = jnp.float32) -> Kernel:
    """Normal values of variance 2 / fan out, for a convolution's kernel (as torchvision).

    The same numbers as Flax's `variance_scaling(2, "fan_out", "normal")`, drawn in one row: XLA:CPU
    compiles a draw of four axes for 20 seconds, and of one axis in half a second.
    """
    rows, columns, _, features = shape
    drawn = jax.random.normal(key, (math.prod(shape),), dtype).reshape(shape)
    return drawn * jnp.sqrt(jnp.asarray(2 / (rows * columns * features), dtype))


class Conv(nn.Module):
    """Convolution without bias, Kaiming-normal initialised over its outputs (as torchvision)."""

    features: int
    size: int
    stride: int = 1
    impl: str = "lax"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: Images) -> Features:
        shape = (self.size, self.size, x.shape[-1], self.features)
        kernel = self.param("kernel", kaiming_normal, shape)
        return conv2d(x.astype(self.dtype), kernel.astype(self.dtype), self.stride, self.impl)


def run_block(
    block: nn.Module, remat: bool, *inputs: Array, **options: bool
) -> Float[Array, "batch *positions features"]:
    """`block(*inputs, **options)`; with `remat` it runs again for its gradient.

    What lies inside it is then not kept from one pass to the other, but for the moments of batch
    normalisation. The numbers are the same.
    """

    def call(module: nn.Module, *inputs: Array) -> Array:
        return module(*inputs, **options)

    if not remat:
        return call(block, *inputs)
    policy = jax.checkpoint_policies.save_only_these_names(MOMENTS)
    return nn.remat(call, policy=policy)(block, *inputs)


class How(NamedTuple):
    """How layers compute: see `BatchNorm` and `conv2d`."""

    bn_group: int = 0
    conv_impl: str = "lax"
    dtype: jnp.dtype = jnp.float32

    @classmethod
    def of(cls, config: Config, dtype: jnp.dtype) -> "How":
        """As a config says."""
        return cls(config.encoder.bn_group, resolve_conv(config.conv), dtype)

    def conv(self, features: int, size: int, stride: int = 1, name: str | None = None) -> Conv:
        """A convolution."""
        return Conv(features, size, stride, self.conv_impl, self.dtype, name=name)

    def conv_norm(
        self, x: Images, features: int, size: int, stride: int, train: bool, name: str = "{}"
    ) -> Features:
        """A convolution and batch normalisation, submodules of the module that calls this.

        They are called `name`, as in "{}1" for conv1 and bn1.
        """
        x = self.conv(features, size, stride, name.format("conv"))(x)
        return BatchNorm(self.bn_group, self.dtype, name=name.format("bn"))(x, train)


def max_pool(x: Images) -> Float[Array, "batch out_height out_width channels"]:
    """3x3 maximum at stride 2, padded by 1 as PyTorch's.

    Maxima of slices, because XLA:CPU runs the gradient of its pooling on one thread, four times as
    long. Equal maxima share the gradient; after a ReLU that matters only where it is lost anyway.
    """
    for axis in (1, 2):
        padding = [(0, 0)] * x.ndim
        padding[axis] = (1, 1)
        size = x.shape[axis]
        x = jnp.pad(x, padding, constant_values=-jnp.inf)
        first, middle, last = (jax.lax.slice_in_dim(x, i, i + size, 2, axis) for i in range(3))
        x = jnp.maximum(jnp.maximum(first, middle), last)
    return x
