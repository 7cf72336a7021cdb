"""The gradient reversal of domain-adversarial training (Ganin et al. 2016)."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

GAMMA = 10.0  # how fast the reversal sets in (Ganin et al. 2016; method 7.2)


def reversal_strength(progress: Float[Array, ""]) -> Float[Array, ""]:
    """lambda_p = 2 / (1 + exp(-10 p)) - 1 at the share p of the training that is done: 0 to 1."""
    return 2 / (1 + jnp.exp(-GAMMA * progress)) - 1


@jax.custom_vjp
def reverse_gradient(values: Float[Array, "..."], strength: Float[Array, ""]) -> Array:
    """`values` themselves, whose gradient arrives negated and times `strength`."""
    del strength
    return values


def _backward(strength: Array, gradient: Array) -> tuple[Array, Array]:
    return -strength * gradient, jnp.zeros_like(strength)


reverse_gradient.defvjp(lambda values, strength: (values, strength), _backward)
