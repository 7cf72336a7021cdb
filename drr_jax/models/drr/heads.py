"""Class-wise attention, embeddings, logits and projection: the non-graph module (method 9.1).

The supplement fixes what comes out (one prediction per class and domain, 2.1; regions of interest
associated in common embedding spaces, 1.9); how is a reconstruction.
"""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from drr_jax.models.vectors import mean_of_known, unit


class ClassEmbedding(nn.Module):
    """One domain's features -> an attention map and an embedding for every class."""

    classes: int
    features: int = 256  # K
    norm: str = "none"

    @nn.compact
    def __call__(
        self,
        feature_map: Float[Array, "batch positions channels"],
        mask: Bool[Array, "batch positions"] | None = None,
    ) -> dict[str, Array]:
        """Returns attention [batch, positions, classes] and embedding [batch, classes, features];
        masked positions get no attention. Steps 2 to 6 of method 9.1."""
        dtype = feature_map.dtype
        local = nn.Dense(self.features, dtype=dtype, name="reduce")(feature_map)
        if self.norm == "layer":
            local = nn.LayerNorm(dtype=dtype, name="norm_in")(local)
        local = nn.relu(local)
        scores = nn.Dense(self.classes, dtype=dtype, name="attend")(local)
        if mask is not None:
            scores = jnp.where(mask[..., None], scores, jnp.finfo(scores.dtype).min)
        attention = nn.softmax(scores.astype(jnp.float32), axis=1)
        region = jnp.einsum("bpn,bpk->bnk", attention.astype(dtype), local)
        # One matrix a class: the "subspaces".
        initialiser = nn.initializers.lecun_normal(batch_axis=0)
        subspace = self.param("subspace", initialiser, (self.classes, self.features, self.features))
        bias = self.param("subspace_bias", nn.initializers.zeros, (self.classes, self.features))
        projected = jnp.einsum("bnk,nke->bne", region, subspace.astype(dtype)) + bias
        if self.norm == "layer":
            projected = nn.LayerNorm(name="norm_out")(projected)
        return {"attention": attention, "embedding": nn.relu(projected)}


class ClassHead(ClassEmbedding):
    """A class embedding with a logit for every class.

    With `plain` a linear layer beside the embeddings reads the mean of the features, as the plain
    network's does: from random numbers embeddings alone learn later (docs/method.md 9.1, step 7).
    """

    plain: bool = True

    @nn.compact
    def __call__(
        self,
        feature_map: Float[Array, "batch positions channels"],
        mask: Bool[Array, "batch positions"] | None = None,
    ) -> dict[str, Array]:
        """Returns what the embedding does and logits [batch, classes]: step 7 of method 9.1."""
        out = super().__call__(feature_map, mask)
        logits = class_scores(self, out["embedding"], "classify", "classify_bias")
        if self.plain:
            linear = nn.Dense(self.classes, use_bias=False, name="plain")
            logits += linear(mean_of_known(feature_map, mask))
        return out | {"logits": logits}


class ClassScores(nn.Module):
    """A logit for every class from its own features, by weights of its own."""

    @nn.compact
    def __call__(
        self, features: Float[Array, "batch classes features"]
    ) -> Float[Array, "batch classes"]:
        return class_scores(self, features, "kernel", "bias")


def class_scores(module: nn.Module, features: Array, kernel: str, bias: str) -> Array:
    """`ClassScores` of features by the module's parameters of these names.

    A class has a vector of its own, so that its fan-in is the features, whatever the classes are.
    """
    initialiser = nn.initializers.lecun_normal(in_axis=1, out_axis=0)
    weight = module.param(kernel, initialiser, features.shape[1:])
    offset = module.param(bias, nn.initializers.zeros, features.shape[1:2])
    features = features.astype(jnp.promote_types(features.dtype, jnp.float32))
    return jnp.einsum("bnk,nk->bn", features, weight) + offset


class Projection(nn.Module):
    """Embeddings -> unit vectors z; shared by all classes and domains: the common space."""

    features: int = 128  # Z

    @nn.compact
    def __call__(
        self, embedding: Float[Array, "batch classes features"]
    ) -> Float[Array, "batch classes projection"]:
        hidden = nn.relu(nn.Dense(embedding.shape[-1], name="hidden")(embedding))
        return unit(nn.Dense(self.features, name="out")(hidden).astype(jnp.float32))
