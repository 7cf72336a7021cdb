"""Encoders by name, and what goes into them.

An image encoder's call `encoder(images, train=...)` maps normalised images [batch, height, width,
3] to features [batch, rows, columns, channels]; its method `pooled` maps them to [batch, channels].
"""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt8

from drr_jax.config import Config, channels
from drr_jax.config_model import ImageEncoder
from drr_jax.models.encoders.attention import EPSILON
from drr_jax.models.encoders.bert import Bert
from drr_jax.models.encoders.layers import resolve_conv
from drr_jax.models.encoders.resnet import ResNet18, ResNet50
from drr_jax.models.encoders.sound import SpectrogramEncoder
from drr_jax.models.encoders.text import SmallTextEncoder
from drr_jax.models.encoders.vit import DEPTH, ViTB16, ViTS16

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
RESNETS = {"resnet18": ResNet18, "resnet50": ResNet50}
VITS = {"vit_s16": ViTS16, "vit_b16": ViTB16}


def normalisation(encoder: ImageEncoder) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation by channel that a domain's images are normalised by; ImageNet's."""
    mean = channels(encoder.mean) if encoder.mean else IMAGENET_MEAN
    return mean, channels(encoder.std) if encoder.std else IMAGENET_STD


def normalise_image(
    image: UInt8[Array, "batch height width 3"],
    dtype: jnp.dtype,
    encoder: ImageEncoder,
) -> Float[Array, "batch height width 3"]:
    """Grey levels 0 to 255 -> mean 0 and deviation 1 of an encoder's images, in float32."""
    mean, std = map(jnp.asarray, normalisation(encoder))
    return ((image.astype(jnp.float32) / 255 - mean) / std).astype(dtype)


def build_image_encoder(
    config: Config, dtype: jnp.dtype = jnp.float32, domain: str = "R", name: str | None = None
) -> nn.Module:
    """The encoder of `encoder.backbone` for a domain; each call makes one with its own weights.

    `encoder.width` is the ResNets' channels of the first stage and the dimension of a ViT's
    attention heads, both 64 as published; `encoder.depth` the layers of a ViT.
    """
    encoder = config.encoder
    if encoder.backbone in VITS:
        return VITS[encoder.backbone](
            depth=encoder.depth or DEPTH,
            head_width=encoder.width,
            epsilon=getattr(config.model.encoders, domain).epsilon or EPSILON,
            dtype=dtype,
            remat=encoder.remat,
            name=name,
        )
    return RESNETS[encoder.backbone](
        width=encoder.width,
        stem=encoder.stem,
        bn_group=encoder.bn_group,
        conv_impl=resolve_conv(config.conv),
        dtype=dtype,
        remat=encoder.remat,
        name=name,
    )


def build_text_encoder(
    config: Config, dtype: jnp.dtype = jnp.float32, name: str | None = None
) -> nn.Module:
    """The encoder of `text.encoder`: token ids [batch, tokens] -> [batch, tokens, text.width]."""
    text, remat = config.text, config.encoder.remat
    if text.encoder == "bert":
        return Bert(
            vocabulary=text.vocabulary,
            width=text.width,
            layers=text.layers,
            heads=text.heads,
            hidden=text.hidden or 4 * text.width,
            positions=text.max_tokens,
            frozen=text.frozen,
            dtype=dtype,
            remat=remat,
            name=name,
        )
    sizes = (text.vocabulary, text.width, text.layers, text.heads)
    return SmallTextEncoder(*sizes, dtype, remat, name=name)


def build_sound_encoder(
    config: Config, dtype: jnp.dtype = jnp.float32, name: str | None = None
) -> nn.Module:
    """The encoder of spectrograms, `audio.width` channels wide at first."""
    return SpectrogramEncoder(config.audio.width, resolve_conv(config.conv), dtype, name=name)
