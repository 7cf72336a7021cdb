"""The systems of the paper's tables by the name that `model.name` gives them."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from drr_jax.config import Config
from drr_jax.models.amf import AMF
from drr_jax.models.drr import DRR
from drr_jax.models.jaa_net import JAANet
from drr_jax.models.mft import MFT
from drr_jax.models.sev_net import SEVNet
from drr_jax.models.system import System
from drr_jax.models.temt_net import TEMTNet
from drr_jax.models.ugn_b import UGNB

SYSTEMS: dict[str, type[System]] = {
    "drr": DRR,
    "jaa_net": JAANet,
    "sev_net": SEVNet,
    "ugn_b": UGNB,
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
    names: Sequence[str] = (),
) -> System:
    """The system of a config; `prior` is the graph's P after `graph.prior` was applied.

    Raises InputError for a class among `names` that the system cannot detect.
    """
    system = SYSTEMS[config.model.name]
    system.check_names(names)
    relation = tuple(tuple(map(float, row)) for row in prior)
    tokens = tuple(tuple(map(int, row)) for row in descriptions)
    return system(config, classes, relation, dtype, tokens, tuple(names))
