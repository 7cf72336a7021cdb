"""MFT (Zhang and Yin, FG 2021, arXiv 2203.11441): AU tokens of modalities, fused by attention."""

import math
from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from drr_jax.models.domain_system import DomainSystem
from drr_jax.models.drr import ClassScores
from drr_jax.models.encoders import MLP, Block, initializer
from drr_jax.models.systems.shapes import Batch, Nodes

HEADS = 8
LAYERS = 2  # of each modality's encoder, before the one layer that fuses


def heads_of(features: int) -> int:
    """Attention heads for tokens of so many features: 8, or what divides both."""
    return math.gcd(HEADS, features)


class ClassTokens(nn.Module):
    """One modality's features -> a token a class, related to each other by a transformer."""

    classes: int
    features: int = 256
    layers: int = LAYERS
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, pooled: Float[Array, "batch channels"]) -> Nodes:
        # A matrix of its own for each class; so the classes are told apart without positions.
        tokens = nn.Dense(self.classes * self.features, dtype=self.dtype, name="tokens")(pooled)
        tokens = tokens.reshape(-1, self.classes, self.features)
        for layer in range(self.layers):
            tokens = Block(heads_of(self.features), self.dtype, name=f"layer{layer}")(tokens)
        return tokens


class FusionLayer(nn.Module):
    """Multi-head fusion attention: each modality's tokens ask those of every other modality.

    What a modality hears from the others is summed and added to its own tokens, and these are
    summed over the modalities; an MLP beside a skip connection follows.
    """

    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, tokens: Mapping[str, Nodes]) -> Nodes:
        batch, classes, features = next(iter(tokens.values())).shape

        def dense(name: str) -> nn.Dense:
            return nn.Dense(features, dtype=self.dtype, kernel_init=initializer, name=name)

        def project(domain: str, role: str, value: Array) -> Float[Array, "batch classes heads d"]:
            return dense(f"{role}_{domain}")(value).reshape(batch, classes, heads_of(features), -1)

        normal = {
            domain: nn.LayerNorm(dtype=self.dtype, name=f"norm_{domain}")(own)
            for domain, own in tokens.items()
        }
        query, key, value = (
            {domain: project(domain, role, own) for domain, own in normal.items()}
            for role in ("query", "key", "value")
        )
        fused = jnp.zeros((batch, classes, features), self.dtype)
        for domain, own in tokens.items():
            heard = sum(
                jax.nn.dot_product_attention(query[domain], key[other], value[other])
                for other in tokens
                if other != domain
            )
            heard = jnp.reshape(heard, (batch, classes, features))
            fused = fused + own + dense(f"out_{domain}")(heard)
        normal_fused = nn.LayerNorm(dtype=self.dtype, name="norm_mlp")(fused)
        return fused + MLP(4 * features, self.dtype, name="mlp")(normal_fused)


class MFT(DomainSystem):
    """A transformer over AU tokens for each modality, a fusing one, and a dense layer an AU.

    Encoders of AU features by modality and a fusion transformer with multi-head fusion attention
    are the paper's abstract; all sizes, and who asks whom, are a reconstruction (method 7.2).
    """

    def setup(self):
        super().setup()
        features = self.config.head.embedding
        for domain in self.domains:
            setattr(self, f"tokens_{domain}", ClassTokens(self.classes, features, dtype=self.dtype))
        self.fusion = FusionLayer(dtype=self.dtype)
        self.norm = nn.LayerNorm()
        self.classify = ClassScores()

    def __call__(self, batch: Batch, train: bool = False) -> dict:
        """`batch` holds the uint8 images [batch, height, width, 3] of all modalities.

        Returns logits {fused: [batch, classes]}.
        """
        tokens = {}
        for domain in self.domains:
            pooled = self.pooled(domain, batch, train)
            tokens[domain] = getattr(self, f"tokens_{domain}")(pooled)
        fused = self.norm(self.fusion(tokens).astype(jnp.float32))
        return {"logits": {"fused": self.classify(fused)}}
