"""Vision transformers (Dosovitskiy et al. 2021) with 16x16 patches, equal in numbers to timm's."""

import functools

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from drr_jax.models.encoders.attention import EPSILON, Block, initializer
from drr_jax.models.encoders.layers import Images, Pooled, run_block

PATCH = 16
DEPTH = 12  # layers, of both published sizes


class ViT(nn.Module):
    """Pre-norm transformer over a class token and the patches of an image.

    Without dropout and stochastic depth: the paper names neither. dtype: of the computation;
    parameters are float32. remat: see `layers.run_block`.
    """

    heads: int
    depth: int = DEPTH
    head_width: int = 64
    epsilon: float = EPSILON  # of its normalisation
    dtype: jnp.dtype = jnp.float32
    remat: bool = False

    @nn.compact
    def tokens(self, x: Images) -> tuple[Pooled, Float[Array, "batch rows columns features"]]:
        """Maps normalised images to the class token and to the map of patch tokens.

        Raises ValueError if patches do not tile the image.
        """
        batch, height, width, channels = x.shape
        if height % PATCH or width % PATCH:
            raise ValueError(f"image of {height}x{width}: expected multiples of {PATCH}")
        rows, columns, features = height // PATCH, width // PATCH, self.heads * self.head_width
        # One matrix product; the same as a convolution of stride 16, measured faster.
        x = x.reshape(batch, rows, PATCH, columns, PATCH, channels).swapaxes(2, 3)
        x = x.reshape(batch, rows * columns, PATCH * PATCH * channels)
        patches = nn.Dense(features, dtype=self.dtype, kernel_init=initializer, name="patches")(x)
        first = self.param("class_token", nn.initializers.normal(0.02), (features,))
        positions = self.param("positions", initializer, (1 + rows * columns, features))
        first = jnp.broadcast_to(first.astype(self.dtype), (batch, 1, features))
        tokens = jnp.concatenate([first, patches], axis=1) + positions.astype(self.dtype)
        for layer in range(self.depth):
            block = Block(self.heads, self.dtype, epsilon=self.epsilon, name=f"block{layer}")
            tokens = run_block(block, self.remat, tokens)
        tokens = nn.LayerNorm(self.epsilon, dtype=self.dtype, name="norm")(tokens)
        return tokens[:, 0], tokens[:, 1:].reshape(batch, rows, columns, features)

    def __call__(self, x: Images, train: bool) -> Float[Array, "batch rows columns features"]:
        """Maps normalised images to patch tokens; `train` changes nothing (see the class)."""
        del train
        return self.tokens(x)[1]

    def pooled(self, x: Images, train: bool) -> Pooled:
        """Maps normalised images to the class token: a plain classifier's input."""
        del train
        return self.tokens(x)[0]


ViTS16 = functools.partial(ViT, heads=6)
ViTB16 = functools.partial(ViT, heads=12)


def resize_positions(
    positions: Float[np.ndarray, "tokens features"], tokens: int
) -> Float[np.ndarray, "new_tokens features"]:
    """Position embeddings of another square grid, bilinearly; the class token's stays (method 7.2).

    `tokens` counts the class token too. As PyTorch's interpolate with antialias. Raises ValueError
    if one of the grids is not square.
    """
    old, new = (round((count - 1) ** 0.5) for count in (len(positions), tokens))
    if old * old + 1 != len(positions) or new * new + 1 != tokens:
        raise ValueError(f"positions of {len(positions)} and {tokens} tokens: not square grids")
    if old == new:
        return positions
    weights = _bilinear(old, new)
    grid = positions[1:].reshape(old, old, -1)
    grid = np.einsum("ri,sj,ijf->rsf", weights, weights, grid, optimize=True)
    resized = np.concatenate([positions[:1], grid.reshape(new * new, -1)])
    return resized.astype(positions.dtype)


def _bilinear(old: int, new: int) -> Float[np.ndarray, "new old"]:
    """Weight of each old sample in each new one, by the distance of their centres."""
    scale = old / new
    centres = (np.arange(new)[:, None] + 0.5) * scale - 0.5
    weights = np.maximum(1 - abs(centres - np.arange(old)) / max(scale, 1.0), 0)
    return weights / weights.sum(1, keepdims=True)
