"""The small caption encoder: a pre-norm transformer over word pieces (reconstruction, method 4)."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Int

from drr_jax.models.encoders.attention import Mask, Tokens
from drr_jax.models.encoders.layers import run_block

PAD = 0  # token id of padding


class TransformerLayer(nn.Module):
    """Self-attention and a two-layer MLP, each on normalised input beside a skip connection."""

    heads: int
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, tokens: Tokens, mask: Mask) -> Tokens:
        features = tokens.shape[-1]
        attend = nn.MultiHeadDotProductAttention(self.heads, dtype=self.dtype, name="attention")
        normal = nn.LayerNorm(dtype=self.dtype, name="norm_attention")(tokens)
        tokens = tokens + attend(normal, mask=mask[:, None, None, :])
        normal = nn.LayerNorm(dtype=self.dtype, name="norm_mlp")(tokens)
        hidden = nn.gelu(nn.Dense(4 * features, dtype=self.dtype, name="hidden")(normal))
        return tokens + nn.Dense(features, dtype=self.dtype, name="out")(hidden)


class SmallTextEncoder(nn.Module):
    """Token ids -> contextual features; padding (id 0) is masked out of the attention.

    remat: see `layers.run_block`.
    """

    vocabulary: int
    width: int = 256
    layers: int = 2
    heads: int = 4
    dtype: jnp.dtype = jnp.float32
    remat: bool = False

    @nn.compact
    def __call__(self, token_ids: Int[Array, "batch tokens"]) -> Tokens:
        mask = token_ids != PAD
        words = nn.Embed(self.vocabulary, self.width, dtype=self.dtype, name="words")
        shape = (token_ids.shape[1], self.width)
        positions = self.param("positions", nn.initializers.normal(0.02), shape)
        tokens = words(token_ids) + positions.astype(self.dtype)
        for layer in range(self.layers):
            block = TransformerLayer(self.heads, self.dtype, name=f"layer{layer}")
            tokens = run_block(block, self.remat, tokens, mask)
        return jnp.where(mask[..., None], nn.LayerNorm(dtype=self.dtype, name="norm")(tokens), 0)
