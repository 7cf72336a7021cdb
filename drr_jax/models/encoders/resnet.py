"""ResNet image encoders (He et al. 2016; PyTorch's v1.5 strides), equal in numbers to PyTorch's."""

import functools
from collections.abc import Callable, Sequence

import flax.linen as nn
import jax.numpy as jnp

from drr_jax.models.encoders.layers import Features, How, Images, Pooled, max_pool, run_block

STEMS = ("imagenet", "small", "patch")
PATCH = 4


class Block(nn.Module):
    """Convolutions beside a shortcut, which is projected where the block changes the shape.

    sizes: of the kernels, of which the first 3x3 is strided. Returns `expansion` times `features`
    channels.
    """

    features: int
    stride: int
    how: How
    sizes: Sequence[int]
    expansion: int = 1

    @nn.compact
    def __call__(self, x: Images, train: bool) -> Features:
        out, strided, last = self.expansion * self.features, self.sizes.index(3), len(self.sizes)
        y = x
        for layer, size in enumerate(self.sizes):
            features = self.features if layer + 1 < last else out
            stride = self.stride if layer == strided else 1
            y = self.how.conv_norm(y, features, size, stride, train, f"{{}}{layer + 1}")
            y = nn.relu(y) if layer + 1 < last else y
        if self.stride > 1 or x.shape[-1] != out:
            x = self.how.conv_norm(x, out, 1, self.stride, train, "downsample_{}")
        return nn.relu(y + x)


BasicBlock = functools.partial(Block, sizes=(3, 3))  # of ResNet-18
Bottleneck = functools.partial(Block, sizes=(1, 3, 1), expansion=4)  # of ResNet-50


class ResNet(nn.Module):
    """Residual network without pooling and classifier; parameters are named after torchvision's.

    stage_sizes: blocks a stage; width: channels of the first stage, doubled by each that follows.
    stem: "imagenet" is 7x7/2 and 3x3/2 max pooling, an output stride of 32 in four stages;
    "small" (for small images; reconstruction) is 3x3/2 and no pooling, an output stride of 16;
    "patch" is one matrix product over patches of 4x4 (as ConvNeXt's stem), an output stride of 32
    that costs next to nothing on a CPU, where the two others are half of a narrow network's time.
    conv_impl: see `layers.conv2d`; remat: `layers.run_block`. dtype: of the computation;
    parameters and statistics are float32.
    """

    stage_sizes: Sequence[int]
    block: Callable[..., Block] = BasicBlock
    width: int = 64
    stem: str = "imagenet"
    bn_group: int = 0
    conv_impl: str = "lax"
    dtype: jnp.dtype = jnp.float32
    remat: bool = False

    @nn.compact
    def __call__(self, x: Images, train: bool) -> Features:
        """Maps normalised images to features. Raises ValueError for an unknown stem."""
        if self.stem not in STEMS:
            raise ValueError(f"stem {self.stem!r}: expected {' or '.join(STEMS)}")
        how, size, stride = How(self.bn_group, self.conv_impl, self.dtype), 3, 2
        if self.stem == "patch":
            size, stride = 1, 1
            batch, height, width, channels = x.shape
            x = x.reshape(batch, height // PATCH, PATCH, width // PATCH, PATCH * channels)
            x = x.swapaxes(2, 3).reshape(batch, height // PATCH, width // PATCH, -1)
        elif self.stem == "imagenet":
            size = 7
        x = nn.relu(how.conv_norm(x, self.width, size, stride, train, "{}1"))
        if self.stem == "imagenet":
            x = max_pool(x)
        for stage, blocks in enumerate(self.stage_sizes):
            for block in range(blocks):
                stride = 2 if stage and not block else 1
                name = f"layer{stage + 1}_{block}"
                built = self.block(self.width * 2**stage, stride, how, name=name)
                x = run_block(built, self.remat, x, train=train)
        return x

    def pooled(self, x: Images, train: bool) -> Pooled:
        """Maps normalised images to the mean of their features: a plain classifier's input."""
        return self(x, train).mean((1, 2))


ResNet18 = functools.partial(ResNet, stage_sizes=(2, 2, 2, 2))
ResNet50 = functools.partial(ResNet, stage_sizes=(3, 4, 6, 3), block=Bottleneck)
