"""Graph modules on three classes, with random parameters."""

from functools import partial

import jax
import numpy as np

from drr_jax.config import Graph
from drr_jax.facs import labels as facs
from drr_jax.models.drr.graph import GraphModule

PRIOR = facs.au_prior(facs.REACTIONET_AUS_12).astype(float)
SMALL = np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]], float)
PRIORS = {
    "on": SMALL,
    "identity": np.eye(3),
    "all_ones": np.ones((3, 3)),
    "soft": np.array([[1, 0.5, 0], [0.5, 1, 0.25], [0, 0.25, 1]]),
    "learned": SMALL,
}
FORMS = ("strict", "full", "cross_only")
ASSUMPTIONS = ("both", "homophily", "heterophily", "none")
DEFAULT = {
    "assumption": "both",
    "form": "strict",
    "semantics": "label",
    "conv": "gcn",
    "readout": "per_class",
    "prior": "on",
}


def module_of(case, **changes):
    settings = {
        "prior": "learned" if case["prior"] == "learned" else "on",
        "assumption": case["assumption"],
        "het_form": case["form"],
        "semantics": case["semantics"],
        "conv": case["conv"],
        "readout": case["readout"],
        "width": 4,
        "layers": 2,
        "dropout": 0.0,
    }
    prior = tuple(map(tuple, PRIORS[case["prior"]].tolist()))
    return GraphModule(prior, Graph(**settings | changes))


def drawn(module, embeddings, seed=0, **others):
    """Parameters of the module's shapes, all of them random."""
    init = partial(module.init, train=False, **others)
    shapes = jax.eval_shape(init, jax.random.key(0), embeddings)["params"]
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: rng.normal(size=leaf.shape) * 0.6, shapes)


def logits_of(module, params, embeddings):
    return module.apply({"params": params}, embeddings, False)[0]
