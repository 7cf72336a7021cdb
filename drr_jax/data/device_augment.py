"""Training augmentation of a batch on the device, from the same draws as on the host."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float32, UInt8

from drr_jax.data import augment
from drr_jax.data.augment import ANGLES_PER_DEGREE, MATRIX_BITS, POSITION_BITS

Image = UInt8[Array, "height width 3"]


@jax.named_scope("augmentation")  # by which drr_jax.plan knows it
def augment_batch(
    images: UInt8[Array, "batch height width 3"], draws: Float32[Array, "batch 8"]
) -> UInt8[Array, "batch height width 3"]:
    """Applies one draw to each RGB image, as `augment.apply` does, within 2 grey levels.

    To be called under jit. The warp is whole-number arithmetic and equals the host's bit for bit.
    """
    warped = jax.vmap(_warp)(images, draws[:, 0], draws[:, 1], draws[:, 5:])
    # without it XLA:CPU fuses the gather into the colour matrix and computes it three times
    warped = jax.lax.optimization_barrier(warped)
    return jax.vmap(_jitter)(warped, draws[:, 2:5])


def augment_clips(
    images: UInt8[Array, "clips frames height width 3"], draws: Float32[Array, "clips 8"]
) -> UInt8[Array, "clips frames height width 3"]:
    """As `augment_batch`, with one draw for all frames of a clip."""
    each = jnp.repeat(draws, images.shape[1], axis=0)
    return augment_batch(images.reshape(-1, *images.shape[2:]), each).reshape(images.shape)


def _warp(
    image: Image, angle: Float32[Array, ""], flip: Float32[Array, ""], moves: Float32[Array, "3"]
) -> Image:
    right, down, extent = moves
    height, width, channels = image.shape
    index = jnp.rint(angle * ANGLES_PER_DEGREE).astype(jnp.int32) + 180 * ANGLES_PER_DEGREE
    columns = jnp.where(flip > 0.5, -1, 1) * augment.from_centre(width)
    columns = columns - augment.halves(right, width)
    rows = (augment.from_centre(height) - augment.halves(down, height))[:, None]
    turn = augment.zoomed(jnp.asarray(augment.rotation_table())[index], extent)
    x, y = augment.source_positions(columns, rows, turn)
    # two rows of zeros around the image are the fill; further out is clamped on to them
    stride = width + 4
    flat = jnp.pad(image, ((2, 2), (2, 2), (0, 0))).reshape(-1, channels)
    column = jnp.clip((x >> POSITION_BITS) + 2, 0, width + 2)
    row = jnp.clip((y >> POSITION_BITS) + 2, 0, height + 2)
    corner = row * stride + column
    one = 1 << POSITION_BITS
    right, below = (x & (one - 1))[..., None], (y & (one - 1))[..., None]
    upper = flat[corner] * (one - right) + flat[corner + 1] * right
    lower = flat[corner + stride] * (one - right) + flat[corner + stride + 1] * right
    total = upper * (one - below) + lower * below
    bits = 2 * POSITION_BITS
    return ((total + (1 << (bits - 1))) >> bits).astype(jnp.uint8)


def _jitter(image: Image, factors: Float32[Array, "3"]) -> Image:
    brightness, contrast, saturation = factors
    luma = jnp.array(augment.LUMA, jnp.float32)
    pixels = image.astype(jnp.int32)
    means = pixels.sum((0, 1)) / (image.shape[0] * image.shape[1])
    mean = brightness * (means * luma).sum()
    grey = (1 - saturation) * luma
    matrix = contrast * brightness * (saturation * jnp.eye(3, dtype=jnp.float32) + grey)
    matrix = jnp.rint(matrix * (1 << MATRIX_BITS)).astype(jnp.int32)
    offset = jnp.rint((1 - contrast) * mean * (1 << MATRIX_BITS)).astype(jnp.int32)
    # written out: an integer matrix product has no fast path on GPU, and a float one may use TF32
    total = sum(pixels[..., i, None] * matrix[:, i] for i in range(3))
    levels = (total + offset + (1 << (MATRIX_BITS - 1))) >> MATRIX_BITS
    return jnp.clip(levels, 0, 255).astype(jnp.uint8)
