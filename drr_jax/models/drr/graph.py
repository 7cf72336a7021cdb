"""Extended adjacency over class nodes and the graph module (method section 5).

Nodes are (domain, class) pairs; node index = domain * classes + class.
"""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from drr_jax.config import Graph
from drr_jax.facs import check_prior
from drr_jax.models.drr.graph_conv import CONVOLUTIONS, centred
from drr_jax.models.drr.heads import class_scores

Matrix = Float[np.ndarray, "nodes nodes"]


def lift(prior: Float[np.ndarray, "classes classes"], domains: int, form: str) -> Matrix:
    """Lifts a class relation to the nodes of all domains, self loops included.

    full links related classes within and across domains, J_D (x) P; strict leaves the copies of a
    class unlinked, J_D (x) (P - I) + I; cross_only links across domains alone.
    Raises InputError if `prior` is not symmetric with unit diagonal.
    Source: supplement 2.2 ("extended" adjacency); the lift is a reconstruction (method 5.3).
    """
    classes = len(prior)
    check_prior(np.asarray(prior), classes)
    everywhere = np.ones((domains, domains))
    loops = np.eye(domains * classes)
    if form == "full":
        return np.kron(everywhere, prior)
    if form == "strict":
        return np.kron(everywhere, prior - np.eye(classes)) + loops
    return np.maximum(np.kron(everywhere - np.eye(domains), prior), loops)


def extended_adjacency(
    prior: Float[np.ndarray, "classes classes"],
    domains: int,
    assumption: str,
    het_form: str = "strict",
    semantics: str = "label",
) -> Matrix:
    """Adjacency A of one branch, assumption "homophily", "heterophily" or "none".

    semantics=label: homophily links the copies of a class over the domains, heterophily links
    different but related classes. similarity: homophily links related classes, heterophily
    unrelated ones. filter: both branches share the heterophily graph and differ in their filter.
    Raises InputError if `prior` is not symmetric with unit diagonal.
    Source: reconstruction (method 5.2, 5.3).
    """
    classes = len(prior)
    if assumption == "none":
        return np.eye(domains * classes)
    if semantics == "similarity":
        related = prior if assumption == "homophily" else 1 - prior + np.eye(classes)
        return lift(related, domains, "full")
    if semantics == "label" and assumption == "homophily":
        return lift(np.eye(classes), domains, "full")
    return lift(prior, domains, het_form)


def branches(assumption: str) -> tuple[str, ...]:
    """The graph branches of an assumption: both has two, with separate weights."""
    return ("homophily", "heterophily") if assumption == "both" else (assumption,)


class Adjacency(nn.Module):
    """A fixed adjacency, or one learned on its support: A = mask * softplus(theta), 1 at start."""

    adjacency: Sequence[Sequence[float]]
    learned: bool = False

    @nn.compact
    def __call__(self) -> Float[Array, "nodes nodes"]:
        fixed = jnp.asarray(self.adjacency, float)
        if not self.learned:
            return fixed
        start = np.log(np.e - 1)  # softplus(start) = 1
        theta = self.param("theta", nn.initializers.constant(start), fixed.shape)
        # Relations are mutual: the learned one stays symmetric (reconstruction).
        return (fixed > 0) * nn.softplus((theta + theta.T) / 2)


class GraphModule(nn.Module):
    """Relates the class embeddings of all domains; one logit a class comes out.

    Each branch convolves the nodes under its assumption; their outputs stand beside the nodes'
    own features (ego separation) and are mixed; the mean over domains is the U-SR prototype u.
    Source: supplement 2.1, 2.2; reconstruction (method 5.4, 5.6, 9.1 steps 9 to 14). A tuple that
    keeps its first domains alone has their nodes and no others: these are related among themselves,
    and their mean is the prototype.
    """

    prior: Sequence[Sequence[float]]  # P, or its soft variant
    config: Graph

    @nn.compact
    def __call__(
        self,
        embeddings: Float[Array, "batch domains classes features"],
        train: bool,
        kept: Int[Array, " batch"] | None = None,
        fewer: Sequence[int] = (),
    ) -> tuple[Float[Array, "batch classes"], dict[str, Array]]:
        """Returns (logits, named intermediates: prototype, node states, a relation a branch, and
        cpgnn's compatibility of classes, zero-centred).

        `kept` says how many domains each tuple has, the first so many: all, or one of the numbers
        in `fewer`; the states of the others are zeros. None: all tuples have all.
        """
        config = self.config
        if config.stop_gradient:
            first, others = embeddings[:, :1], jax.lax.stop_gradient(embeddings[:, 1:])
            embeddings = jnp.concatenate([first, others], axis=1)
        batch, domains, classes, features = embeddings.shape
        nodes = embeddings.reshape(batch, domains * classes, features)
        prior = np.asarray(self.prior)
        outputs, named = [nodes], {}
        partial = {count: [nodes[:, : count * classes]] for count in fewer}
        for branch in branches(config.assumption):
            fixed = extended_adjacency(prior, domains, branch, config.het_form, config.semantics)
            learned = config.prior == "learned" and branch != "none"
            relation = Adjacency(tuple(map(tuple, fixed)), learned, name=f"relation_{branch}")()
            own: dict[str, int] = {"classes": classes} if config.conv == "cpgnn" else {}
            if config.conv == "gcn":
                own["residual"] = config.residual
            if config.semantics == "filter" and branch == "heterophily":
                own["high_pass"] = True
            convolution = CONVOLUTIONS[config.conv](
                config.width,
                config.layers,
                config.dropout,
                config.normalise == "row",
                **own,
                name=f"{config.conv}_{branch}",
            )
            outputs.append(convolution(nodes, relation, train))
            for part in partial.values():
                there = part[0].shape[1]
                part.append(convolution(part[0], relation[:there, :there], train))
            named[f"relation/{branch}"] = relation
            if config.conv == "cpgnn":
                free = convolution.variables["params"]["compatibility"]
                named[f"compatibility/{branch}"] = centred(free)
        mix = nn.Dense(config.width, name="mix")
        states = mix(jnp.concatenate(outputs, -1))
        states = states.reshape(batch, domains, classes, config.width)
        prototype = states.mean(1)
        for count, part in partial.items():
            first = mix(jnp.concatenate(part, -1)).reshape(batch, count, classes, config.width)
            chosen = (jnp.asarray(kept) == count)[:, None, None]
            prototype = jnp.where(chosen, first.mean(1), prototype)
            rest = jnp.zeros_like(states[:, count:])
            states = jnp.where(chosen[..., None], jnp.concatenate([first, rest], axis=1), states)
        if config.readout == "per_class":
            logits = class_scores(self, prototype, "readout", "readout_bias")
        else:
            logits = nn.Dense(classes, name="readout")(states.reshape(batch, -1))
        return logits, named | {"prototype": prototype, "states": states}
