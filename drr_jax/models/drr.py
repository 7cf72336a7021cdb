"""Dyadic Relation Reasoning: encoders, class-wise heads, common space and graph in one module."""

from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt8

from drr_jax import losses
from drr_jax.losses import Targets
from drr_jax.models.encoders import build_image_encoder, build_text_encoder, normalise_image
from drr_jax.models.graph import GraphModule
from drr_jax.models.heads import ClassHead, Projection
from drr_jax.models.system import DOMAIN_INPUTS, System, Terms, batch_key
from drr_jax.models.text import PAD

PREDICT_DOMAINS = {"reaction": ("R", "V"), "stimulus": ("S",)}  # whose logits are the prediction


class DRR(System):
    """The framework of the paper (supplement 2; forward pass: reconstruction, method 9.1).

    Domains are R, S and T, or the modalities V, D and Th of one face (DRR MM, supplement 3.5). The
    prediction needs one image alone (supplement 2.1), unless `predict` asks for the graph: it
    touches no parameter of the other domains, of the common space or of the graph.
    """

    def setup(self):
        config = self.config
        for domain in self.domains:
            build = build_text_encoder if domain == "T" else build_image_encoder
            setattr(self, f"encoder_{domain}", build(config, self.dtype))
            setattr(self, f"head_{domain}", ClassHead(self.classes, config.head.embedding))
        if config.contrast.enabled:
            self.projection = Projection(config.head.projection)
        if config.graph.enabled:
            graph = config.graph
            self.graph_module = GraphModule(
                self.prior,
                graph.assumption,
                graph.het_form,
                graph.semantics,
                graph.conv,
                graph.prior == "learned",
                graph.layers,
                graph.width,
                graph.dropout,
                graph.readout,
            )

    @property
    def predicted_domain(self) -> str | None:
        """The domain whose own logits are the prediction, None if the graph takes part."""
        wanted = PREDICT_DOMAINS.get(self.config.predict, ())
        return next((domain for domain in wanted if domain in self.domains), None)

    @property
    def test_inputs(self) -> tuple[str, ...]:
        """The predicted domain's image alone, or all if the graph takes part."""
        domain = self.predicted_domain
        return (DOMAIN_INPUTS[domain],) if domain else self.train_inputs

    def _domain(self, domain: str, batch: Mapping[str, Array], train: bool) -> dict[str, Array]:
        """Steps 1 to 7 of method 9.1 for one domain."""
        encoder, head = getattr(self, f"encoder_{domain}"), getattr(self, f"head_{domain}")
        value = batch[batch_key(domain)]
        if domain == "T":
            return head(encoder(value), value != PAD)
        features = encoder(normalise_image(value, self.dtype), train=train)
        size, height, width, channels = features.shape
        out = head(features.reshape(size, height * width, channels))
        return out | {"attention": out["attention"].reshape(size, height, width, -1)}

    def __call__(self, batch: Mapping[str, Array], train: bool = False) -> dict:
        """Runs every training domain and the graph; names everything in between.

        `batch` holds uint8 images [batch, height, width, 3] and int32 tokens [batch, tokens].
        Returns logits {domain: [batch, classes]}; attention {domain: [batch, height, width,
        classes], T: [batch, tokens, classes]}; embeddings {domain: [batch, classes, features]};
        with contrast also projections {domain: [batch, classes, projection]}; with the graph
        graph_logits [batch, classes] and graph {prototype (u of the U-SR relation), states,
        relation/BRANCH}.
        """
        heads = {domain: self._domain(domain, batch, train) for domain in self.domains}
        outputs: dict = {
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
            outputs["graph_logits"], outputs["graph"] = self.graph_module(nodes, train)
        return outputs

    def predict(self, batch: Mapping[str, Array]) -> Float[Array, "batch classes"]:
        """Class probabilities; of a domain's own logits by running that domain alone."""
        domain = self.predicted_domain
        if domain:
            return self.activation(self._domain(domain, batch, train=False)["logits"])
        return self.probabilities(self(batch))

    def predict_reaction(
        self, reaction: UInt8[Array, "batch height width 3"]
    ) -> Float[Array, "batch classes"]:
        """Probabilities from the face alone, the paper's inference (supplement 2.1)."""
        domain = "V" if "V" in self.domains else "R"
        return self.activation(self._domain(domain, {"reaction": reaction}, False)["logits"])

    @nn.nowrap
    def probabilities(self, outputs: Mapping) -> Float[Array, "batch classes"]:
        """Class probabilities from a call's outputs, chosen by `predict`.

        reaction is the paper's choice (supplement 2.1); fuse is half the mean over domains and
        half the graph's (supplement 3.5; method 9.4).
        """
        domain = self.predicted_domain
        if domain:
            return self.activation(outputs["logits"][domain])
        graph = self.activation(outputs["graph_logits"])
        if self.config.predict == "graph":
            return graph
        domains = jnp.stack([self.activation(logits) for logits in outputs["logits"].values()])
        return domains.mean(0) / 2 + graph / 2

    @nn.nowrap
    def loss(
        self, outputs: Mapping, batch: Mapping[str, Array], targets: Targets
    ) -> tuple[Float[Array, ""], Terms]:
        """Method 9.5; a learned relation of the graph also shapes the contrast, if asked."""
        config, prior = self.config, targets.contrast_prior
        if config.contrast.enabled and config.contrast.prior == "learned":
            # The contrast follows the graph's relation, and must not bend it to its own ease.
            learned = jax.lax.stop_gradient(outputs["graph"]["relation/heterophily"])
            related = losses.class_relation(learned, self.classes)
            prior = jnp.where(jnp.eye(self.classes) > 0, 1.0, related)
        return losses.total_loss(
            outputs,
            targets.labels,
            targets.class_weights,
            prior,
            config.loss,
            config.contrast,
            config.task,
        )
