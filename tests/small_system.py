"""A system small enough to compile in a second or two, its batch, and a few steps of training."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from drr_jax import config as configs
from drr_jax import config_rules, facs, losses
from drr_jax.models import systems

SIZE, BATCH, CLASSES = 32, 4, 12
PRIOR = facs.au_prior(facs.REACTIONET_AUS_12)
SMALL = {
    "encoder.backbone": "vit_s16",
    "encoder.depth": 1,
    "encoder.width": 4,
    "head.embedding": 8,
    "head.projection": 4,
    "graph.width": 8,
    "data.image_size": SIZE,
    "conv": "lax",
}


def config(name: str, domains: str, **changes) -> configs.Config:
    made = configs.Config()
    pairs = {"model.name": name, "domains": domains, **SMALL, **changes}
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
        self.variables = jax.jit(lambda: module.init(jax.random.key(0), batch or faces()))()

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

    def gradients(self, batch) -> dict:
        """Of every loss term: {term: gradient by parameter}."""

        def stacked(params):
            _, terms = self.terms(params, batch)
            return terms

        return jax.jit(jax.jacrev(stacked))(self.variables["params"])

    def fit(self, batch, steps: int = 20, rate: float = 0.01) -> list[dict[str, float]]:
        """Adam on one batch, with new randomness a step; the loss and its terms of every step."""
        optimizer = optax.adam(rate)
        params = self.variables["params"]
        state = optimizer.init(params)

        @jax.jit
        def step(params, state, key):
            grad = jax.value_and_grad(self.terms, has_aux=True)
            (total, terms), gradient = grad(params, batch, key)
            updates, state = optimizer.update(gradient, state)
            return optax.apply_updates(params, updates), state, terms | {"loss": total}

        history = []
        for key in jax.random.split(jax.random.key(1), steps):
            params, state, terms = step(params, state, key)
            history.append({name: float(value) for name, value in terms.items()})
        return history


def build(name: str, domains: str, **changes) -> System:
    return System(systems.build(config(name, domains, **changes), CLASSES, PRIOR))


def reached(gradient: dict) -> set[str]:
    """The submodules that a gradient is not zero in."""
    norms = jax.device_get(jax.tree.map(functools.partial(jnp.linalg.norm), gradient))
    return {name for name, tree in norms.items() if any(jax.tree.leaves(tree))}
