"""Self-attention as ViT and BERT have it: one product gives queries, keys and values."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

Tokens = Float[Array, "batch tokens features"]
Heads = Float[Array, "batch tokens heads features"]
Mask = Bool[Array, "batch tokens"]
EPSILON = 1e-6  # of ViT's normalisation
initializer = nn.initializers.normal(0.02)  # of all matrices, in both families


@jax.checkpoint
def attend(query: Heads, key: Heads, value: Heads, mask: Mask | None = None) -> Heads:
    """Softmax attention of every head; logits in the arrays' type, their softmax in float32.

    The gradient computes both again: what has a number for every pair of tokens, which would be
    most of a ViT's memory, is there for one layer at a time.
    """
    scores = jnp.einsum("bqhd,bkhd->bhqk", query, key).astype(jnp.float32)
    scores = scores * query.shape[-1] ** -0.5
    if mask is not None:
        scores = jnp.where(mask[:, None, None, :], scores, jnp.finfo(jnp.float32).min)
    weights = nn.softmax(scores).astype(query.dtype)
    return jnp.einsum("bhqk,bkhd->bqhd", weights, value)


class SelfAttention(nn.Module):
    """Multi-head self-attention; where `mask` is False a token is not attended to."""

    heads: int
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, tokens: Tokens, mask: Mask | None = None) -> Tokens:
        batch, length, features = tokens.shape
        dense = nn.Dense(3 * features, dtype=self.dtype, kernel_init=initializer, name="qkv")
        qkv = dense(tokens).reshape(batch, length, 3, self.heads, features // self.heads)
        query, key, value = (qkv[:, :, part] for part in range(3))
        mixed = attend(query, key, value, mask).reshape(batch, length, features)
        return nn.Dense(features, dtype=self.dtype, kernel_init=initializer, name="out")(mixed)


class MLP(nn.Module):
    """Two layers with the exact GELU between them."""

    hidden: int
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, tokens: Tokens) -> Tokens:
        hidden = nn.Dense(self.hidden, dtype=self.dtype, kernel_init=initializer, name="hidden")
        out = nn.Dense(tokens.shape[-1], dtype=self.dtype, kernel_init=initializer, name="out")
        return out(nn.gelu(hidden(tokens), approximate=False))


class Block(nn.Module):
    """Self-attention and an MLP, each beside a skip connection.

    Normalised is what goes into each (ViT) or, with `after`, the sum that comes out (BERT).
    """

    heads: int
    dtype: jnp.dtype = jnp.float32
    hidden: int = 0  # units of the MLP; 0: four times the features
    epsilon: float = EPSILON
    after: bool = False

    @nn.compact
    def __call__(self, tokens: Tokens, mask: Mask | None = None) -> Tokens:
        norm1 = nn.LayerNorm(self.epsilon, dtype=self.dtype, name="norm1")
        norm2 = nn.LayerNorm(self.epsilon, dtype=self.dtype, name="norm2")
        attend = SelfAttention(self.heads, self.dtype, name="attention")
        mlp = MLP(self.hidden or 4 * tokens.shape[-1], self.dtype, name="mlp")
        if self.after:
            tokens = norm1(tokens + attend(tokens, mask))
            return norm2(tokens + mlp(tokens))
        tokens = tokens + attend(norm1(tokens), mask)
        return tokens + mlp(norm2(tokens))
