"""Means, lengths and directions of vectors that are finite, with their gradients, everywhere."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

SHORTEST = 1e-6  # a shorter vector has no direction


def length(vector: Float[Array, "*rows features"]) -> Float[Array, "*rows 1"]:
    """Euclidean length; where it is below SHORTEST, 0 with the gradient 0.

    The slope of a square root at zero is infinite, and a maximum after it does not hide that:
    0 times infinity is NaN. The root is therefore taken of something that is never zero.
    """
    squares = jnp.square(vector).sum(-1, keepdims=True)
    long = squares >= SHORTEST**2
    return jnp.where(long, jnp.sqrt(jnp.where(long, squares, 1)), 0)


def unit(vector: Float[Array, "*rows features"]) -> Float[Array, "*rows features"]:
    """The vector over its length; one shorter than SHORTEST becomes 0, with the gradient 0."""
    size = length(vector)
    return jnp.where(size > 0, vector / jnp.where(size > 0, size, 1), 0)


def mean_of_known(
    features: Float[Array, "batch positions channels"],
    known: Bool[Array, "batch positions"] | None = None,
) -> Float[Array, "batch channels"]:
    """The mean over the positions that are known, all without `known`; where none is, 0."""
    features = features.astype(jnp.float32)
    if known is None:
        return features.mean(1)
    weight = known[..., None]
    return (features * weight).sum(1) / jnp.maximum(weight.sum(1), 1)
