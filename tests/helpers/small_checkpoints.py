"""Small states to be saved, and what their checkpoints give back."""

import logging

import jax
import jax.numpy as jnp
import numpy as np
import optax

from drr_jax.runs import distributed
from drr_jax.runs.checkpoint import Checkpoints, abstract
from drr_jax.training.experiment import State

OPTIMISER = optax.sgd(0.1, momentum=0.9)


def make_state(seed, rows=64, step=None):
    rng = np.random.default_rng(seed)
    params = {
        "dense": {"kernel": rng.standard_normal((rows, 128), np.float32), "bias": np.ones(128)},
        "half": rng.standard_normal(40).astype(jnp.bfloat16),
    }
    params = jax.tree.map(jnp.asarray, params)
    opt_state = jax.tree.map(lambda x: x + seed, OPTIMISER.init(params))
    return State(
        jnp.asarray(seed if step is None else step),
        params,
        {"mean": jnp.full(3, np.nan)},
        opt_state,
    )


def placed(state, mesh):
    return jax.device_put(state, distributed.state_shardings(state, mesh))


def target(state, mesh):
    return abstract(state, distributed.state_shardings(state, mesh))


def assert_same(found, expected):
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for x, y in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert x.dtype == y.dtype
        assert np.asarray(x).tobytes() == np.asarray(y).tobytes()


def restore(workdir, mesh, **options):
    with Checkpoints(workdir, **options) as checkpoints:
        return checkpoints.restore(target(make_state(0), mesh))


def warnings_of(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
