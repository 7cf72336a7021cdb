"""Lengths and directions whose gradient is finite everywhere, at the zero vector, too."""

import jax.numpy as jnp
from jaxtyping import Array, Float

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
