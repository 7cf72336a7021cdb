"""The systems of the paper's tables by the name that `model.name` gives them."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from drr_jax.config import Config
from drr_jax.models.drr import DRR
from drr_jax.models.system import System
from drr_jax.models.systems import (
    AMF,
    AUGCN,
    GCN,
    MFT,
    UDA,
    UGNB,
    Classifier,
    EarlyFusion,
    JAANet,
    LateFusion,
    SEVNet,
    TEMTNet,
)

SYSTEMS: dict[str, type[System]] = {
    "drr": DRR,
    "classifier": Classifier,
    "gcn": GCN,
    "cross_domain_gcn": GCN,
    "multimodal_gcn": GCN,
    "late_fusion": LateFusion,
    "early_fusion": EarlyFusion,
    "uda": UDA,
    "au_gcn": AUGCN,
    "jaa_net": JAANet,
    "sev_net": SEVNet,
    "ugn_b": UGNB,
    "temt_net": TEMTNet,
    "amf": AMF,
    "mft": MFT,
}
# What tables and reports call them; see `system_name`.
TITLES = {
    "drr": "DRR",
    "gcn": "GCN",
    "cross_domain_gcn": "Cross-domain GCN",
    "multimodal_gcn": "Multi-modal GCN",
    "late_fusion": "Late fusion",
    "early_fusion": "Early fusion",
    "uda": "UDA",
    "au_gcn": "AU-GCN",
    "jaa_net": "JAA-Net",
    "sev_net": "SEV-Net",
    "ugn_b": "UGN-B",
    "temt_net": "TEMT-Net",
    "amf": "AMF",
    "mft": "MFT",
    "resnet18": "ResNet-18",
    "resnet50": "ResNet-50",
    "vit_s16": "ViT-S/16",
    "vit_b16": "ViT-B/16",
}


def system_name(model: str, backbone: str) -> str:
    """What people call a system, as in "DRR"; a classifier is called after its network."""
    key = backbone if model == "classifier" else model
    return TITLES.get(key, key)


def system_title(config: Config) -> str:
    """A short name with the domains, as in "ResNet-18 (R)" or "DRR (VD, fuse)".

    What DRR predicts by is said if it is not the reaction.
    """
    by = "" if config.predict == "reaction" else f", {config.predict}"
    return f"{system_name(config.model.name, config.encoder.backbone)} ({config.domains}{by})"


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
