"""Dyadic Relation Reasoning: encoders, class-wise heads, common space and graph in one module."""

from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from drr_jax.facs import DOMAINS, SOUND
from drr_jax.models import losses
from drr_jax.models.domain_system import DomainSystem
from drr_jax.models.drr.delay import LagAttention, attended, mean_lag
from drr_jax.models.drr.graph import GraphModule
from drr_jax.models.drr.heads import ClassHead, Projection
from drr_jax.models.losses import Targets
from drr_jax.models.system import Terms


class DRR(DomainSystem):
    """The framework of the paper (supplement 2; forward pass: reconstruction, method 9.1).

    Domains are R, S, T and A, or the modalities V, D and Th of one face (DRR MM, supplement 3.5).
    The prediction needs one image alone (supplement 2.1), unless `predict` asks for the graph: it
    touches no parameter of the other domains, of the common space or of the graph.
    """

    def setup(self):
        super().setup()
        config = self.config
        for domain in self.domains:
            head = ClassHead(
                self.classes, config.head.embedding, config.head.norm, config.head.plain
            )
            setattr(self, f"head_{domain}", head)
        if config.contrast.enabled:
            self.projection = Projection(config.head.projection)
        if config.graph.enabled:
            self.graph_module = GraphModule(self.prior, config.graph)
        if config.model.delay == "window":
            self.delay = LagAttention(config.data.window, config.model.delay_by == "person")

    @property
    def test_inputs(self) -> tuple[str, ...]:
        """The predicted domain's image alone, or all if the graph takes part."""
        domain = self.predicted_domain
        return (DOMAINS[domain].input,) if domain else self.train_inputs

    def __call__(self, batch: Mapping[str, Array], train: bool = False) -> dict:
        """Runs every training domain and the graph; names everything in between.

        `batch` holds uint8 images [batch, height, width, 3], int32 tokens [batch, tokens] and uint8
        audio [batch, steps, bands]; with
        a window of the stimulus [clips, span, height, width, 3] of it and int32 stimulus_at
        [batch, window] (data/pipeline.py). A single image is a window in which nothing changes.
        Returns logits {domain: [batch, classes]}; attention {domain: [batch, height, width,
        classes], T: [batch, tokens, classes], A: [batch, time, pitch, classes]}; embeddings
        {domain: [batch, classes, features]}; with contrast also projections {domain: [batch,
        classes, projection]}; with the graph graph_logits [batch, classes] and graph {prototype (u
        of the U-SR relation), states, relation/BRANCH}; kept [batch], how many domains a tuple has,
        if any lack some; heard [batch], the tuples with a sound, if A is a domain; lag_weights
        [batch, window].
        """
        heads: dict[str, dict[str, Array]] = {}
        outputs: dict = {}
        for domain in self.domains:
            if domain == "S" and self.config.model.delay == "window":
                outputs["lag_weights"] = self.delay(heads[self.face]["embedding"])
                heads[domain] = self._delayed(batch, train, outputs["lag_weights"])
            else:
                heads[domain] = self.class_wise(domain, batch, train)
        kept = self.kept(batch, train)
        outputs |= {} if kept is None else {"kept": kept}
        if SOUND in self.domains:
            outputs["heard"] = self.heard(batch)
        outputs |= {
            name: {domain: head[key] for domain, head in heads.items()}
            for name, key in (
                ("logits", "logits"),
                ("attention", "attention"),
                ("embeddings", "embedding"),
            )
        }
        if self.config.contrast.enabled:
            outputs["projections"] = {
                domain: self.projection(e) for domain, e in outputs["embeddings"].items()
            }
        if self.config.graph.enabled:
            nodes = jnp.stack(list(outputs["embeddings"].values()), axis=1).astype(jnp.float32)
            related = self.graph_module(nodes, train, kept, self.fewer(train))
            outputs["graph_logits"], outputs["graph"] = related
        return outputs

    def _delayed(
        self, batch: Mapping[str, Array], train: bool, weights: Float[Array, "batch window"]
    ) -> dict[str, Array]:
        """What the head of S says of all frames before a face, by the weights of their lags.

        Logits are linear in embeddings, so that the mean's are the mean. A head behind the mean
        could tell the time since a change from any weights, and would leave them as they are.
        """
        images = batch["stimulus"]
        if images.ndim == 4:
            return self.class_wise("S", batch, train)
        at, clips = batch["stimulus_at"], images.shape[:2]
        heads = self.class_wise("S", {"stimulus": images.reshape(-1, *images.shape[2:])}, train)
        return {
            name: attended(value.reshape(*clips, *value.shape[1:]), at, weights)
            for name, value in heads.items()
        }

    def predict(self, batch: Mapping[str, Array]) -> Float[Array, "batch classes"]:
        """Class probabilities; of a domain's own logits by running that domain alone."""
        domain = self.predicted_domain
        if domain:
            return self.activation(self.class_wise(domain, batch, train=False)["logits"])
        return self.probabilities(self(batch))

    def explain(
        self, batch: Mapping[str, Array]
    ) -> tuple[Float[Array, "batch classes"], Float[Array, "batch height width classes"] | None]:
        """As the base has it; by the face's own head where that is the prediction."""
        domain = self.predicted_domain
        if domain is None:
            outputs = self(batch)
            return self.probabilities(outputs), outputs["attention"].get(self.face)
        head = self.class_wise(domain, batch, train=False)
        return self.activation(head["logits"]), head["attention"]

    @nn.nowrap
    def probabilities(self, outputs: Mapping) -> Float[Array, "batch classes"]:
        """Class probabilities from a call's outputs, chosen by `predict`.

        reaction is the paper's choice (supplement 2.1); fuse is half the mean over domains and
        half the graph's (supplement 3.5; method 9.4); a sound that is not there says nothing.
        """
        domain = self.predicted_domain
        if domain:
            return self.activation(outputs["logits"][domain])
        graph = self.activation(outputs["graph_logits"])
        if self.config.predict == "graph":
            return graph
        return self.mean_answer(outputs) / 2 + graph / 2

    @nn.nowrap
    def loss(
        self, outputs: Mapping, batch: Mapping[str, Array], targets: Targets
    ) -> tuple[Float[Array, ""], Terms]:
        """Method 9.5; a learned relation of the graph also shapes the contrast, if asked.

        With a window the mean lag in frames, `lag`, stands beside the terms.
        """
        config, prior = self.config, targets.contrast_prior
        if config.contrast.enabled and config.contrast.prior == "learned":
            # The contrast follows the graph's relation, and must not bend it to its own ease.
            learned = jax.lax.stop_gradient(outputs["graph"]["relation/heterophily"])
            related = losses.class_relation(learned, self.classes)
            prior = jnp.where(jnp.eye(self.classes) > 0, 1.0, related)
        total, terms = losses.total_loss(
            outputs,
            targets.labels,
            targets.class_weights,
            prior,
            config.loss,
            config.contrast,
            config.task,
            batch.get("step"),
        )
        if "lag_weights" in outputs:
            terms = terms | {"lag": mean_lag(outputs["lag_weights"])}
        return total, terms
