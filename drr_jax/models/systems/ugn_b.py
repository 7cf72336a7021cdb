"""UGN-B (Song, Chen, Zheng, Ji; AAAI 2021): AU detection on a graph whose edges are uncertain.

From the abstract: a probabilistic mask on the edges of a learned AU graph captures what each sample
depends on and how sure that is, and samples are weighted by epistemic uncertainty. B is for the
mask's Bernoulli distribution. All formulas and sizes are a reconstruction (method 7.2); there is no
public code.
"""

import math
from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from drr_jax.models.domain_system import DomainSystem
from drr_jax.models.drr import ClassScores
from drr_jax.models.losses import Labels, Targets, masked_bce
from drr_jax.models.rows import devices, own_rows
from drr_jax.models.systems.shapes import Batch, ByClass, Edges, Loss, Nodes, Outputs

START = {True: 1.0, False: 0.1}  # weight of an edge between related AUs, and of any other one
Samples = Float[Array, "samples batch classes classes"]


def relaxed_mask(edges: Edges, uniform: Samples, temperature: float) -> Samples:
    """Differentiable samples of a Bernoulli mask: sigmoid((edges + logit(uniform)) / temperature).

    `edges` are the log odds that an edge is there. As the temperature falls, the samples become
    `hard_mask`'s. Source: the concrete relaxation (Maddison et al. 2017; Jang et al. 2017).
    """
    return nn.sigmoid((edges + jax.scipy.special.logit(uniform)) / temperature)


def hard_mask(edges: Edges, uniform: Samples) -> Samples:
    """Samples of a Bernoulli mask of log odds `edges`: 0 or 1."""
    return (edges + jax.scipy.special.logit(uniform) > 0).astype(edges.dtype)


def epistemic_uncertainty(sample_logits: Float[Array, "samples batch classes"]) -> ByClass:
    """Variance of the predicted probability over samples of the mask, 0 to 1/4."""
    return jnp.var(nn.sigmoid(sample_logits), axis=0)


def adaptive_weights(uncertainty: ByClass, labels: Labels) -> ByClass:
    """(1 + u / mean u) / 2: uncertain predictions weigh more, none less than half the average.

    The mean is over the known labels, over which the weights have mean 1. They are constants to the
    gradient. Source: reconstruction; the paper says that epistemic uncertainty sets the weights,
    which evens out AUs that are rare in training.
    """
    known = labels >= 0
    mean = jnp.where(known, uncertainty, 0).sum() / jnp.maximum(known.sum(), 1)
    relative = jnp.where(mean > 0, uncertainty / jnp.where(mean > 0, mean, 1), 1)
    return jax.lax.stop_gradient((1 + relative) / 2)


class UncertainGraph(nn.Module):
    """AU nodes on a graph A * M: A is learned for all samples, M is drawn for each.

    A_ij = softplus(theta_ij), which starts higher where the relation prior P links i and j. The log
    odds of M_ij come from the features of i and j. A node always sees itself.
    """

    prior: Sequence[Sequence[float]]
    layers: int = 2
    width: int = 256

    def setup(self):
        related = np.asarray(self.prior) > 0
        start = np.log(np.expm1(np.where(related, START[True], START[False])))
        self.theta = self.param("theta", lambda key: jnp.asarray(start, jnp.float32))
        self.source = nn.Dense(self.width)
        self.target = nn.Dense(self.width)
        self.weights = [nn.Dense(self.width) for _ in range(self.layers)]
        self.scores = ClassScores()

    def edges(self, nodes: Nodes) -> Edges:
        """Log odds that node i (row) depends on node j (column), sample by sample."""
        scale = self.width**-0.5
        return jnp.einsum("bik,bjk->bij", self.target(nodes), self.source(nodes)) * scale

    def __call__(
        self, nodes: Nodes, mask: Float[Array, "*samples batch classes classes"]
    ) -> Float[Array, "*samples batch classes"]:
        """Logits under a mask, or under several samples of it.

        H' = ReLU(rows of (A * M + I) scaled to sum 1, times H W), from the nodes' own features,
        which stand beside the last layer's at the read-out.
        """
        loops = jnp.eye(nodes.shape[1])
        adjacency = nn.softplus(self.theta) * (1 - loops) * mask + loops
        adjacency = adjacency / adjacency.sum(-1, keepdims=True)
        states = nodes
        for weight in self.weights:
            states = nn.relu(weight(adjacency @ states))
        own = jnp.broadcast_to(nodes, (*states.shape[:-1], nodes.shape[-1]))
        both = jnp.concatenate([own, states], -1)
        return self.scores(both.reshape(-1, *both.shape[-2:])).reshape(both.shape[:-1])


class UGNB(DomainSystem):
    """The face alone (R or V): encoder, one feature vector an AU, uncertain graph.

    Trained on relaxed samples of the mask, drawn anew each step; the loss is the class-weighted
    cross-entropy of all samples under `adaptive_weights`. A prediction takes the mask's mean, M_ij
    = P(edge), so it is one pass and has no noise; `uncertainty` comes from samples that are the
    same for every image, so it does not depend on what else is in a batch.
    """

    samples: int = 10
    temperature: float = 0.5

    def setup(self):
        super().setup()
        config = self.config
        # One matrix a class, side by side.
        self.embed = nn.Dense(self.classes * config.head.embedding, dtype=self.dtype)
        self.norm = nn.LayerNorm()
        self.graph = UncertainGraph(self.prior, config.graph.layers, config.graph.width)

    def __call__(self, batch: Batch, train: bool = False) -> dict:
        """Returns logits {face: [batch, classes]}, of the mask's mean, and what is uncertain.

        sample_logits [samples, batch, classes]; uncertainty [batch, classes], their variance as
        probabilities; edges [batch, classes, classes], the probability that a class (row) depends
        on another one (column) in this sample.
        """
        pooled = self.pooled(self.face, batch, train)
        nodes = self.embed(pooled).reshape(pooled.shape[0], self.classes, -1)
        nodes = nn.relu(self.norm(nodes.astype(jnp.float32)))
        edges = self.graph.edges(nodes)
        if train:
            uniform = self._uniform(self.make_rng("dropout"), len(nodes) * devices())
            uniform = own_rows(uniform, axis=1)
            mask = relaxed_mask(edges, uniform, self.temperature)
        else:
            mask = hard_mask(edges, self._uniform(jax.random.key(0), 1))
        sample_logits = self.graph(nodes, mask)
        return {
            "logits": {self.face: self.graph(nodes, nn.sigmoid(edges))},
            "sample_logits": sample_logits,
            "uncertainty": epistemic_uncertainty(sample_logits),
            "edges": nn.sigmoid(edges),
        }

    @nn.nowrap
    def _uniform(self, key: Array, batch: int) -> Samples:
        shape = (self.samples, batch, self.classes, self.classes)
        tiny = float(np.finfo(np.float32).tiny)  # 0 has no logit
        # In one row: see `layers.kaiming_normal`.
        return jax.random.uniform(key, (math.prod(shape),), minval=tiny).reshape(shape)

    @nn.nowrap
    def loss(self, outputs: Outputs, batch: Batch, targets: Targets) -> Loss:
        """Mean over the mask's samples of the cross-entropy, weighted by class and uncertainty."""
        weights = adaptive_weights(outputs["uncertainty"], targets.labels) * targets.class_weights
        each = jax.vmap(lambda logits: masked_bce(logits, targets.labels, weights))
        total = each(outputs["sample_logits"]).mean()
        return total, {f"loss/{self.face}": total}
