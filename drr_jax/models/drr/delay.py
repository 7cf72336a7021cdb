"""Attention over the lag between a stimulus and the reaction to it (method 9.9).

The supplement tells of a delay of more than 20 frames and leaves it to later work; all here is a
reconstruction.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int


class LagAttention(nn.Module):
    """How much of each earlier frame a viewer reacts to: a softmax over the lag.

    All lags weigh the same at first. With `by_person` the face shifts the logits that all have, by
    a linear map of its embedding, which is a constant here: a lag says nothing to the face's
    encoder. A table of people could not be asked for new ones.
    """

    window: int
    by_person: bool = False

    @nn.compact
    def __call__(
        self, face: Float[Array, "batch classes features"]
    ) -> Float[Array, "batch window"]:
        """The weights of lags 0 to window - 1 of each tuple, whose face has these embeddings."""
        zeros = nn.initializers.zeros
        logits = self.param("logits", zeros, (self.window,))
        logits = jnp.broadcast_to(logits, (len(face), self.window))
        if self.by_person:
            seen = jax.lax.stop_gradient(face.mean(1)).astype(jnp.float32)
            own = nn.Dense(self.window, use_bias=False, kernel_init=zeros, name="person")
            logits = logits + own(seen)
        return nn.softmax(logits)


def mean_lag(weights: Float[Array, "batch window"]) -> Float[Array, ""]:
    """The mean lag in frames of a batch; nothing is learnt from it."""
    weights = jax.lax.stop_gradient(weights).astype(jnp.float32)
    return (weights * jnp.arange(weights.shape[1])).sum(1).mean()


def attended(
    features: Float[Array, "clips span *rest"],
    at: Int[Array, "batch window"],
    weights: Float[Array, "batch window"],
) -> Float[Array, "batch *rest"]:
    """Each tuple's mean over the frames that it saw, by the weights of their lags.

    `features` are those of the frames before and in each clip, of as many tuples each; `at` is the
    place of a lag's frame among them (data/windows.py).
    """
    clips, span = features.shape[:2]
    shares = jnp.einsum("bl,bls->bs", weights, jax.nn.one_hot(at, span, dtype=weights.dtype))
    shares = shares.reshape(clips, -1, span).astype(features.dtype)
    mixed = jnp.einsum("cks,cs...->ck...", shares, features)
    return mixed.reshape(-1, *features.shape[2:])
