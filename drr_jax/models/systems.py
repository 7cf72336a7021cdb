"""The systems of the paper's tables by the name that `model.name` gives them."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from drr_jax.config import Config
from drr_jax.models.amf import AMF
from drr_jax.models.drr import DRR
from drr_jax.models.mft import MFT
from drr_jax.models.system import System
from drr_jax.models.temt_net import TEMTNet

SYSTEMS: dict[str, type[System]] = {
    "drr": DRR,
    "temt_net": TEMTNet,
    "amf": AMF,
    "mft": MFT,
}


def build(
    config: Config,
    classes: int,
    prior: Float[np.ndarray, "classes classes"],
    dtype: jnp.dtype = jnp.float32,
    descriptions: Sequence[Sequence[int]] = (),
) -> System:
    """The system of a config; `prior` is the graph's P after `graph.prior` was applied."""
    relation = tuple(tuple(map(float, row)) for row in prior)
    return SYSTEMS[config.model.name](config, classes, relation, dtype, descriptions)
