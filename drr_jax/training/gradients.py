"""What each loss term asks of the face's encoder: its gradient there, shown and held in balance."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

Tree = Any
Terms = dict[str, Array]
# (parameters, batch statistics, inputs, key) -> (loss, (terms, batch statistics))
Loss = Callable[..., tuple[Array, tuple[Terms, Tree]]]
# Likewise -> ((loss, (terms, batch statistics)), gradient)
Differentiated = Callable[..., tuple[tuple[Array, tuple[Terms, Tree]], Tree]]
TOTAL, BALANCE = "loss", "balance"
SMALLEST = 1e-12  # a shorter gradient has no direction


def balanced(
    loss: Loss, weights: Mapping[str, Any], limit: float, encoder: str, own: str, omega: float
) -> Differentiated:
    """As `jax.value_and_grad(loss, has_aux=True)`, with the terms in `weights` held back.

    Their weights in the loss, `weights`, are all multiplied by the largest number up to 1 for which
    their gradient on the parameters `encoder` is at most `limit` times as long as that of the term
    `own` of weight `omega`; that number is the term "balance". It takes two more backward passes
    through that encoder. Source: reconstruction (method 9.5).
    """

    def differentiate(params, batch_stats, inputs, rng):
        def named(params):
            total, (terms, batch_stats_after) = loss(params, batch_stats, inputs, rng)
            return {**terms, TOTAL: total}, (terms, batch_stats_after)

        found, pull, (terms, batch_stats) = jax.vjp(named, params, has_aux=True)
        nothing = jax.tree.map(jnp.zeros_like, found)
        there = {name: jnp.asarray(weight, found[name].dtype) for name, weight in weights.items()}

        def norm(parts: Mapping[str, Array]) -> Array:
            (gradient,) = pull({**nothing, **parts})
            return optax.tree.norm(gradient[encoder])

        allowed = limit * norm({own: jnp.full_like(found[own], omega)})
        factor = jnp.minimum(1, allowed / jnp.maximum(norm(there), SMALLEST))
        less = {name: (factor - 1) * weight for name, weight in there.items()}
        (gradient,) = pull({**nothing, TOTAL: jnp.ones_like(found[TOTAL]), **less})
        total = found[TOTAL] + sum(less[name] * terms[name] for name in less)
        return (total, ({**terms, BALANCE: factor}, batch_stats)), gradient

    return differentiate


def by_term(loss: Loss, encoder: str) -> Differentiated:
    """As `jax.value_and_grad(loss, has_aux=True)`; for gradient that of each term, and of the loss,
    on the parameters `encoder`: {"loss/R": tree, ..., "loss": tree}."""

    def differentiate(params, batch_stats, inputs, rng):
        def named(own):
            total, rest = loss({**params, encoder: own}, batch_stats, inputs, rng)
            terms = {name: term for name, term in rest[0].items() if name.startswith("loss/")}
            return {**terms, TOTAL: total}, rest

        found, pull, rest = jax.vjp(named, params[encoder], has_aux=True)
        nothing = jax.tree.map(jnp.zeros_like, found)
        one_by_one = {
            name: pull({**nothing, name: jnp.ones_like(value)})[0] for name, value in found.items()
        }
        return (found[TOTAL], rest), one_by_one

    return differentiate


def described(gradients: Mapping[str, Tree], own: str) -> dict[str, Float[Array, ""]]:
    """Length of each term's gradient, and its cosine with the one of the term `own`.

    As in gradient/norm/graph and gradient/cosine/graph; the whole loss is called total. A gradient
    of length 0 has the cosine NaN.
    """
    norms = {name: optax.tree.norm(tree) for name, tree in gradients.items()}
    rows = {}
    for name, tree in gradients.items():
        short = "total" if name == TOTAL else name.removeprefix("loss/")
        product = optax.tree.vdot(tree, gradients[own])
        rows[f"gradient/norm/{short}"] = norms[name]
        rows[f"gradient/cosine/{short}"] = product / (norms[name] * norms[own])
    return rows
