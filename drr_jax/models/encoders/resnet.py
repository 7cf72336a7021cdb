"""ResNet image encoders (He et al. 2016; PyTorch's v1.5 strides), equal in numbers to PyTorch's."""

import functools
from collections.abc import Callable, Sequence

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from drr_jax.models.encoders.layers import BatchNorm, Conv, max_pool

STEMS = ("imagenet", "small", "patch")
PATCH = 4
EXPANSION = 4  # channels that leave a Bottleneck, over those inside


def _shortcut(
    x: Float[Array, "batch height width channels"],
    features: int,
    stride: int,
    conv: Callable,
    norm: Callable,
    train: bool,
) -> Float[Array, "batch out_height out_width features"]:
    """`x` itself, or projected where the block changes its shape."""
    if stride == 1 and x.shape[-1] == features:
        return x
    x = conv(features, 1, stride, name="downsample_conv")(x)
    return norm(name="downsample_bn")(x, train)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut: the block of ResNet-18."""

    features: int
    stride: int = 1
    bn_group: int = 0
    conv_impl: str = "lax"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch out_height out_width features"]:
        conv = functools.partial(Conv, impl=self.conv_impl, dtype=self.dtype)
        norm = functools.partial(BatchNorm, self.bn_group, self.dtype)
        y = conv(self.features, 3, self.stride, name="conv1")(x)
        y = nn.relu(norm(name="bn1")(y, train))
        y = conv(self.features, 3, name="conv2")(y)
        y = norm(name="bn2")(y, train)
        return nn.relu(y + _shortcut(x, self.features, self.stride, conv, norm, train))


class Bottleneck(nn.Module):
    """A 3x3 convolution, strided, between two of 1x1, beside a shortcut: the block of ResNet-50.

    Returns four times `features` channels.
    """

    features: int
    stride: int = 1
    bn_group: int = 0
    conv_impl: str = "lax"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch out_height out_width out_channels"]:
        conv = functools.partial(Conv, impl=self.conv_impl, dtype=self.dtype)
        norm = functools.partial(BatchNorm, self.bn_group, self.dtype)
        out = EXPANSION * self.features
        y = nn.relu(norm(name="bn1")(conv(self.features, 1, name="conv1")(x), train))
        y = conv(self.features, 3, self.stride, name="conv2")(y)
        y = nn.relu(norm(name="bn2")(y, train))
        y = norm(name="bn3")(conv(out, 1, name="conv3")(y), train)
        return nn.relu(y + _shortcut(x, out, self.stride, conv, norm, train))


class ResNet(nn.Module):
    """Residual network without pooling and classifier; parameters are named after torchvision's.

    stage_sizes: blocks a stage; width: channels of the first stage, doubled by each that follows.
    stem: "imagenet" is 7x7/2 and 3x3/2 max pooling, an output stride of 32 in four stages;
    "small" (for small images; reconstruction) is 3x3/2 and no pooling, an output stride of 16;
    "patch" is one matrix product over patches of 4x4 (as ConvNeXt's stem), an output stride of 32
    that costs next to nothing on a CPU, where the two others are half of a narrow network's time.
    conv_impl: see `layers.conv2d`. dtype: of the computation; parameters and statistics are
    float32.
    """

    stage_sizes: Sequence[int]
    block: type[BasicBlock] | type[Bottleneck] = BasicBlock
    width: int = 64
    stem: str = "imagenet"
    bn_group: int = 0
    conv_impl: str = "lax"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch out_height out_width features"]:
        """Maps normalised images to features. Raises ValueError for an unknown stem."""
        if self.stem not in STEMS:
            raise ValueError(f"stem {self.stem!r}: expected {' or '.join(STEMS)}")
        if self.stem == "patch":
            batch, height, width, channels = x.shape
            x = x.reshape(batch, height // PATCH, PATCH, width // PATCH, PATCH * channels)
            x = x.swapaxes(2, 3).reshape(batch, height // PATCH, width // PATCH, -1)
            x = Conv(self.width, 1, 1, self.conv_impl, self.dtype, name="conv1")(x)
        else:
            size = 7 if self.stem == "imagenet" else 3
            x = Conv(self.width, size, 2, self.conv_impl, self.dtype, name="conv1")(x)
        x = nn.relu(BatchNorm(self.bn_group, self.dtype, name="bn1")(x, train))
        if self.stem == "imagenet":
            x = max_pool(x)
        for stage, blocks in enumerate(self.stage_sizes):
            for block in range(blocks):
                x = self.block(
                    self.width * 2**stage,
                    2 if stage and not block else 1,
                    self.bn_group,
                    self.conv_impl,
                    self.dtype,
                    name=f"layer{stage + 1}_{block}",
                )(x, train)
        return x

    def pooled(
        self, x: Float[Array, "batch height width channels"], train: bool
    ) -> Float[Array, "batch features"]:
        """Maps normalised images to the mean of their features: a plain classifier's input."""
        return self(x, train).mean((1, 2))


ResNet18 = functools.partial(ResNet, stage_sizes=(2, 2, 2, 2))
ResNet50 = functools.partial(ResNet, stage_sizes=(3, 4, 6, 3), block=Bottleneck)
