"""Self-attention as ViT and BERT have it: one product gives queries, keys and values."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

initializer = nn.initializers.normal(0.02)  # of all matrices, in both families


class SelfAttention(nn.Module):
    """Multi-head self-attention; where `mask` is False a token is not attended to."""

    heads: int
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(
        self,
        tokens: Float[Array, "batch tokens features"],
        mask: Bool[Array, "batch tokens"] | None = None,
    ) -> Float[Array, "batch tokens features"]:
        batch, length, features = tokens.shape
        dense = nn.Dense(3 * features, dtype=self.dtype, kernel_init=initializer, name="qkv")
        qkv = dense(tokens).reshape(batch, length, 3, self.heads, features // self.heads)
        query, key, value = (qkv[:, :, part] for part in range(3))
        scores = jnp.einsum("bqhd,bkhd->bhqk", query, key).astype(jnp.float32)
        scores = scores * (features // self.heads) ** -0.5
        if mask is not None:
            scores = jnp.where(mask[:, None, None, :], scores, jnp.finfo(jnp.float32).min)
        weights = nn.softmax(scores).astype(self.dtype)
        mixed = jnp.einsum("bhqk,bkhd->bqhd", weights, value).reshape(batch, length, features)
        return nn.Dense(features, dtype=self.dtype, kernel_init=initializer, name="out")(mixed)


class MLP(nn.Module):
    """Two layers with the exact GELU between them."""

    hidden: int
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(
        self, tokens: Float[Array, "batch tokens features"]
    ) -> Float[Array, "batch tokens features"]:
        hidden = nn.Dense(self.hidden, dtype=self.dtype, kernel_init=initializer, name="hidden")
        out = nn.Dense(tokens.shape[-1], dtype=self.dtype, kernel_init=initializer, name="out")
        return out(nn.gelu(hidden(tokens), approximate=False))
