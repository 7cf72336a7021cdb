"""Graph convolutions over class nodes, one catalogue behind `graph.conv` (method 5.4, 5.5).

Each maps nodes [batch, nodes, features] and an adjacency A with self loops [nodes, nodes] to
[batch, nodes, features']. They are written from the papers' equations.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from drr_jax.models.rows import Dropout

Nodes = Float[Array, "batch nodes features"]
Matrix = Float[Array, "nodes nodes"]
SINKHORN_ROUNDS = 200  # 60 do for the priors of facs/labels.py in any form


def normalise(adjacency: Matrix, by_row: bool = False) -> Matrix:
    """Deg^{-1/2} A Deg^{-1/2}, or Deg^{-1} A; a node without edges gets a row of zeros."""
    degree = adjacency.sum(-1)
    if by_row:
        return adjacency / jnp.where(degree > 0, degree, 1)[:, None]
    scale = jnp.where(degree > 0, 1 / jnp.sqrt(jnp.where(degree > 0, degree, 1)), 0)
    return scale[:, None] * adjacency * scale


def propagate(matrix: Matrix, nodes: Nodes) -> Nodes:
    """One step over the graph: matrix @ nodes, for every sample of the batch."""
    return jnp.einsum("mk,bkf->bmf", matrix, nodes)


class Convolution(nn.Module):
    """What all of them have; `width` is that of the hidden features."""

    width: int
    layers: int = 2
    dropout: float = 0.0
    by_row: bool = False  # how the adjacency is normalised

    def normalised(self, adjacency: Matrix) -> Matrix:
        """S, the normalised adjacency."""
        return normalise(adjacency, self.by_row)

    def drop(self, train: bool) -> Dropout:
        """The dropout of features, a submodule."""
        return Dropout(self.dropout, deterministic=not train)


class GCN(Convolution):
    """H^{l+1} = Dropout(ReLU(S H^l W_l + b_l)); the layers' outputs stand side by side.

    S is the normalised A, or I - S for the high-pass filter. With `residual` a layer's output is
    added to H^l, whose features are then as many. Source: method 5.4 (Kipf and Welling's layer with
    the separation of layers that H2GCN proposes); the residual is a reconstruction (method 5.7).
    """

    high_pass: bool = False
    residual: bool = False

    @nn.compact
    def __call__(self, nodes: Nodes, adjacency: Matrix, train: bool) -> Nodes:
        matrix = self.normalised(adjacency)
        if self.high_pass:
            matrix = jnp.eye(len(matrix)) - matrix
        outputs = []
        for layer in range(self.layers):
            # Propagating after the product costs the same and keeps the bias out of the mixing.
            mixed = propagate(matrix, nn.Dense(self.width, use_bias=False, name=f"w{layer}")(nodes))
            bias = self.param(f"b{layer}", nn.initializers.zeros, (self.width,))
            passed = self.drop(train)(nn.relu(mixed + bias))
            nodes = nodes + passed if self.residual else passed
            outputs.append(nodes)
        return jnp.concatenate(outputs, -1)


class H2GCN(Convolution):
    """r^k = [A_1 r^{k-1} | A_2 r^{k-1}] from r^0 = ReLU(X W); all r^k side by side.

    A_1 is the normalised graph without self loops, A_2 the strict two-hop graph (neither a
    neighbour nor itself). No non-linearity between the rounds. Source: H2GCN, arXiv 2006.11468.
    """

    @nn.compact
    def __call__(self, nodes: Nodes, adjacency: Matrix, train: bool) -> Nodes:
        eye = jnp.eye(len(adjacency))
        one_hop = adjacency * (1 - eye)
        reached = ((adjacency > 0).astype(adjacency.dtype) @ (adjacency > 0)) > 0
        two_hop = reached * (adjacency == 0) * (1 - eye)
        matrices = self.normalised(one_hop), self.normalised(two_hop)
        state = nn.relu(nn.Dense(self.width, name="w")(nodes))
        states = [state]
        for _ in range(self.layers):
            state = jnp.concatenate([propagate(matrix, state) for matrix in matrices], -1)
            states.append(state)
        return self.drop(train)(jnp.concatenate(states, -1))


class FAGCN(Convolution):
    """h' = eps h^0 + sum_j e_ij h_j with signed e_ij = tanh(g . [h_i | h_j]) / sqrt(d_i d_j).

    Source: FAGCN, arXiv 2101.00797; eps = 0.3 as in the paper.
    """

    epsilon: float = 0.3

    @nn.compact
    def __call__(self, nodes: Nodes, adjacency: Matrix, train: bool) -> Nodes:
        edges = self.normalised(adjacency * (1 - jnp.eye(len(adjacency))))
        drop = self.drop(train)
        start = state = drop(nn.relu(nn.Dense(self.width, name="w")(nodes)))
        for layer in range(self.layers):
            ends = nn.Dense(2, use_bias=False, name=f"gate{layer}")(state)
            gate = jnp.tanh(ends[..., :, None, 0] + ends[..., None, :, 1])
            state = self.epsilon * start + jnp.einsum("bmk,bkf->bmf", gate * edges, drop(state))
        return state


class ACM(Convolution):
    """Mixes low-pass, high-pass and identity channels with weights of each node's own.

    h' = 3 (a_L relu(S H W_L) + a_H relu((I - S) H W_H) + a_I relu(H W_I)),
    a = softmax(sigmoid([H_L w_L, H_H w_H, H_I w_I]) V / 3). Source: ACM-GNN, arXiv 2210.07606.
    """

    @nn.compact
    def __call__(self, nodes: Nodes, adjacency: Matrix, train: bool) -> Nodes:
        low = self.normalised(adjacency)
        high = jnp.eye(len(low)) - low
        for layer in range(self.layers):

            def dense(name: str, features: int, layer: int = layer) -> nn.Dense:
                return nn.Dense(features, use_bias=False, name=f"{name}{layer}")

            channels = [
                nn.relu(propagate(low, dense("w_low", self.width)(nodes))),
                nn.relu(propagate(high, dense("w_high", self.width)(nodes))),
                nn.relu(dense("w_identity", self.width)(nodes)),
            ]
            scores = [
                dense(f"score_{name}", 1)(channel)
                for name, channel in zip(("low", "high", "identity"), channels, strict=True)
            ]
            gates = nn.sigmoid(jnp.concatenate(scores, -1))
            weights = nn.softmax(dense("mix", 3)(gates) / 3)
            nodes = 3 * jnp.einsum("bmc,cbmf->bmf", weights, jnp.stack(channels))
            nodes = self.drop(train)(nodes)
        return nodes


class GPRGNN(Convolution):
    """sum_k gamma_k S^k H with H = MLP(X) and learnable gamma_k, which may turn negative.

    gamma starts as personalised PageRank: alpha (1 - alpha)^k, the last (1 - alpha)^K.
    Source: GPR-GNN, arXiv 2006.07988; K = 10 and alpha = 0.1 from memory of the paper. `layers`
    is the depth of the MLP.
    """

    steps: int = 10
    alpha: float = 0.1

    @nn.compact
    def __call__(self, nodes: Nodes, adjacency: Matrix, train: bool) -> Nodes:
        drop = self.drop(train)
        for layer in range(self.layers):
            nodes = drop(nn.relu(nn.Dense(self.width, name=f"w{layer}")(nodes)))
        powers = (1 - self.alpha) ** jnp.arange(self.steps + 1)
        start = powers.at[:-1].multiply(self.alpha)
        gamma = self.param("gamma", lambda _: start)
        matrix, total = self.normalised(adjacency), gamma[0] * nodes
        for k in range(1, self.steps + 1):
            nodes = propagate(matrix, nodes)
            total = total + gamma[k] * nodes
        return total


def doubly_stochastic(matrix: Float[Array, "classes classes"]) -> Float[Array, "classes classes"]:
    """Scales rows and columns until both sum to one (Sinkhorn and Knopp).

    Expects a symmetric matrix without negative entries and with a positive diagonal: those have
    exactly one such scaling. A symmetric matrix stays symmetric.
    """

    def rescale(_: int, scale: Float[Array, " classes"]) -> Float[Array, " classes"]:
        # The geometric mean of the last scale and Sinkhorn's next: one scale for rows and columns.
        return jnp.sqrt(scale / (matrix @ scale))

    scale = jax.lax.fori_loop(0, SINKHORN_ROUNDS, rescale, jnp.ones(len(matrix), matrix.dtype))
    return scale[:, None] * matrix * scale


def starting_compatibility(adjacency: Matrix, classes: int) -> Float[Array, "classes classes"]:
    """H at CPGNN's start, zero-centred: Sinkhorn's scaling of the classes' relation."""
    blocks = adjacency.reshape(-1, classes, len(adjacency) // classes, classes)
    return doubly_stochastic(blocks.sum((0, 2))) - 1 / classes


def centred(free: Float[Array, "classes classes"]) -> Float[Array, "classes classes"]:
    """CPGNN's H of its free parameter: rows and columns sum to zero."""
    return free - free.mean(0) - free.mean(1, keepdims=True) + free.mean()


class CPGNN(Convolution):
    """Linearised belief propagation, B^k = B^0 + A B^{k-1} H, over a learnable compatibility H.

    B^0 = softmax(MLP(X)) - 1/N are a node's prior beliefs in the N classes, A is the graph without
    self loops, not normalised, and B^K comes out. H says which classes are neighbours; it starts
    as Sinkhorn's scaling of Y^T A Y minus 1/N, where Y are the nodes' labels. Source: CPGNN, arXiv
    2009.13566. Reconstruction: node (domain, class) has its class as label (method 5.2, I1), so
    that Y^T A Y is the relation prior as the graph form lifts it, self loops included since a
    scaling must exist; H is centred exactly, where the paper adds a penalty on its row sums; the
    beliefs are features of the graph module and have no loss of their own. `layers` is the depth
    of the MLP.
    """

    classes: int = 1
    steps: int = 1

    @nn.compact
    def __call__(self, nodes: Nodes, adjacency: Matrix, train: bool) -> Nodes:
        drop = self.drop(train)
        for layer in range(self.layers - 1):
            nodes = drop(nn.relu(nn.Dense(self.width, name=f"w{layer}")(nodes)))
        scores = nn.Dense(self.classes, name=f"w{self.layers - 1}")(nodes)
        prior = beliefs = nn.softmax(scores) - 1 / self.classes
        free = self.param(
            "compatibility", lambda _: starting_compatibility(adjacency, self.classes)
        )
        compatibility = centred(free)
        edges = adjacency * (1 - jnp.eye(len(adjacency)))
        for _ in range(self.steps):
            beliefs = prior + propagate(edges, beliefs @ compatibility)
        return beliefs


CONVOLUTIONS = {
    "gcn": GCN,
    "h2gcn": H2GCN,
    "fagcn": FAGCN,
    "acm": ACM,
    "gprgnn": GPRGNN,
    "cpgnn": CPGNN,
}
