"""A system small enough to compile in a second or two, its batch, and a few steps of training."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from drr_jax import config as configs
from drr_jax import config_rules
from drr_jax.facs import domains
from drr_jax.facs import labels as facs
from drr_jax.models import catalog as systems
from drr_jax.models import losses

SIZE, BATCH, CLASSES, VOCABULARY = 32, 4, 12, 50
PRIOR = facs.au_prior(facs.REACTIONET_AUS_12)
SMALL = {
    "encoder.backbone": "vit_s16",
    "encoder.depth": 1,
    "encoder.width": 4,
    "head.embedding": 8,
    "head.projection": 4,
    "graph.width": 8,
    "text.vocabulary": VOCABULARY,
    "text.width": 8,
    "text.layers": 1,
    "text.heads": 2,
    "data.image_size": SIZE,
    "conv": "lax",
}


def config(name: str, letters: str, **changes) -> configs.Config:
    made = configs.Config()
    pairs = {"model.name": name, "domains": letters, **SMALL, **changes}
    for key, value in pairs.items():
        configs.set_key(made, key, str(value))
    config_rules.validate(made)
    return made


def faces(seed: int = 0) -> dict[str, jax.Array]:
    """Random images of every modality and landmarks, of which some are unknown."""
    rng = np.random.default_rng(seed)
    batch = {
        name: jnp.asarray(rng.integers(0, 256, (BATCH, SIZE, SIZE, 3)), jnp.uint8)
        for name in ("reaction", "depth", "thermal")
    }
    landmarks = rng.uniform(4, SIZE - 4, (BATCH, 68, 2)).astype(np.float32)
    landmarks[0, :17] = np.nan
    return batch | {"landmarks": jnp.asarray(landmarks)}


def tuples(seed: int = 0) -> dict[str, jax.Array]:
    """Random faces with a stimulus, a caption of 6 word pieces, of which the first has 4, and a
    sound, of which the first has the second half and the second nothing."""
    rng = np.random.default_rng(100 + seed)
    stimulus = rng.integers(0, 256, (BATCH, SIZE, SIZE, 3))
    tokens = rng.integers(1, VOCABULARY, (BATCH, 6))
    tokens[0, 4:] = 0
    words = {"stimulus": jnp.asarray(stimulus, jnp.uint8), "tokens": jnp.asarray(tokens, jnp.int32)}
    levels = np.random.default_rng(200 + seed).integers(1, 256, (BATCH, *domains.SPECTROGRAM))
    levels[0, :50], levels[1] = 0, 0
    return faces(seed) | words | {"audio": jnp.asarray(levels, jnp.uint8)}


def targets(seed: int = 0) -> losses.Targets:
    """Random labels, the first of them unknown."""
    labels = np.random.default_rng(seed).integers(0, 2, (BATCH, CLASSES)).astype(np.int8)
    labels[0, 0] = -1
    return losses.Targets(jnp.asarray(labels), jnp.ones(CLASSES), jnp.asarray(PRIOR, jnp.float32))


class System:
    """A system with its first parameters; its calls are compiled."""

    def __init__(self, module, batch=None):
        self.module = module
        self.apply = jax.jit(module.apply, static_argnames=("method", "train", "mutable"))
        self.variables = jax.jit(lambda: module.init(jax.random.key(0), batch or tuples()))()

    def terms(self, params, batch, key=None):
        """(total, terms) of a training step's loss."""
        outputs, _ = self.module.apply(
            self.variables | {"params": params},
            batch,
            train=True,
            mutable=["batch_stats"],
            rngs={"dropout": jax.random.key(0) if key is None else key},
        )
        return self.module.loss(outputs, batch, targets())

    @functools.cached_property
    def gradient(self):
        """((_, terms), gradient) of the terms' weighted sum, by (params, batch, key, weights).

        Compiled once, for each loss alone and for their total, "loss".
        """

        def weighted(params, batch, key, weights):
            total, terms = self.terms(params, batch, key)
            terms = terms | {"loss": total}
            return sum(weights[name] * terms[name] for name in terms), terms

        return jax.jit(jax.value_and_grad(weighted, has_aux=True))

    def only(self, batch, term: str = "loss") -> dict[str, float]:
        """The weights that leave one term."""
        _, terms = jax.eval_shape(self.terms, self.variables["params"], batch)
        return {name: float(name == term) for name in (*terms, "loss")}

    def gradients(self, batch) -> dict:
        """Of every loss term: {term: gradient by parameter}."""
        params, key = self.variables["params"], jax.random.key(0)
        terms = [name for name in self.only(batch) if name != "loss"]
        return {
            name: self.gradient(params, batch, key, self.only(batch, name))[1] for name in terms
        }

    def fit(self, batch, steps: int = 20, rate: float = 0.01) -> list[dict[str, float]]:
        """Adam on one batch, with new randomness a step; the loss and its terms of every step.

        Before that, a network without any signal has a finite gradient.
        """
        optimizer, weights = optax.adam(rate), self.only(batch)
        params = self.variables["params"]
        silent = jax.tree.map(jnp.zeros_like, params)
        _, gradient = self.gradient(silent, batch, jax.random.key(0), weights)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(jax.device_get(gradient)))
        state = jax.jit(optimizer.init)(params)

        @jax.jit
        def update(params, state, gradient):
            updates, state = optimizer.update(gradient, state)
            return optax.apply_updates(params, updates), state

        history = []
        for key in jax.random.split(jax.random.key(1), steps):
            (_, terms), gradient = self.gradient(params, batch, key, weights)
            params, state = update(params, state, gradient)
            history.append({name: float(value) for name, value in terms.items()})
        return history


def build(name: str, letters: str, **changes) -> System:
    made, names = config(name, letters, **changes), facs.REACTIONET_AUS_12
    return System(systems.build(made, CLASSES, PRIOR, names=names))


def reached(gradient: dict) -> set[str]:
    """The submodules that a gradient is not zero in."""
    norms = jax.device_get(jax.tree.map(functools.partial(jnp.linalg.norm), gradient))
    return {name for name, tree in norms.items() if any(jax.tree.leaves(tree))}
