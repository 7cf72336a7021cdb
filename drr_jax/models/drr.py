"""Dyadic Relation Reasoning: encoders, class-wise heads, common space and graph in one module."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from drr_jax.config import Config
from drr_jax.models.encoders import build_image_encoder, normalise_image
from drr_jax.models.graph import GraphModule
from drr_jax.models.heads import ClassHead, Projection
from drr_jax.models.text import PAD, SmallTextEncoder

ACTIVATIONS = {"au": nn.sigmoid, "expression": nn.softmax}  # logits -> probabilities, by task


class DRR(nn.Module):
    """The framework of the paper (supplement 2; forward pass: reconstruction, method 9.1).

    The prediction needs the reaction image alone (supplement 2.1): `predict_reaction` touches no
    parameter of the other domains, of the common space or of the graph.
    """

    config: Config
    classes: int
    prior: Sequence[Sequence[float]]  # P of the graph, [classes, classes]
    dtype: jnp.dtype = jnp.float32

    def setup(self):
        config = self.config
        image_encoder = partial(build_image_encoder, config, self.dtype)
        class_head = partial(ClassHead, self.classes, config.head.embedding)
        self.encoder_R, self.head_R = image_encoder(), class_head()
        if "S" in config.domains:
            self.encoder_S, self.head_S = image_encoder(), class_head()
        if "T" in config.domains:
            text = config.text
            self.encoder_T = SmallTextEncoder(
                text.vocabulary, text.width, text.layers, text.heads, self.dtype
            )
            self.head_T = class_head()
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

    def _image_domain(self, encoder: nn.Module, head: nn.Module, image, train: bool):
        features = encoder(normalise_image(image, self.dtype), train=train)
        batch, height, width, channels = features.shape
        out = head(features.reshape(batch, height * width, channels))
        return out | {"attention": out["attention"].reshape(batch, height, width, -1)}

    def __call__(self, batch: Mapping[str, Array], train: bool = False) -> dict:
        """Runs every training domain and the graph; names everything in between.

        `batch` holds reaction and stimulus uint8 [batch, height, width, 3] and tokens int32
        [batch, tokens]. Returns logits {domain: [batch, classes]}; attention {domain: [batch,
        height, width, classes], T: [batch, tokens, classes]}; embeddings {domain: [batch, classes,
        features]}; with contrast also projections {domain: [batch, classes, projection]}; with the
        graph graph_logits [batch, classes] and graph {prototype (u of the U-SR relation), states,
        relation/BRANCH}.
        """
        heads = {"R": self._image_domain(self.encoder_R, self.head_R, batch["reaction"], train)}
        if "S" in self.config.domains:
            heads["S"] = self._image_domain(self.encoder_S, self.head_S, batch["stimulus"], train)
        if "T" in self.config.domains:
            tokens = batch["tokens"]
            heads["T"] = self.head_T(self.encoder_T(tokens), tokens != PAD)
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

    def predict_reaction(
        self, reaction: UInt8[Array, "batch height width 3"]
    ) -> Float[Array, "batch classes"]:
        """Probabilities from the face alone, the paper's inference (supplement 2.1)."""
        head = self._image_domain(self.encoder_R, self.head_R, reaction, train=False)
        return ACTIVATIONS[self.config.task](head["logits"])


def predict(
    model: DRR, variables: Mapping, batch: Mapping[str, Array], choice: str
) -> Float[Array, "batch classes"]:
    """Class probabilities of a trained DRR; choice "reaction" runs the face's encoder alone."""
    if choice == "reaction":
        reaction = model.apply(variables, batch["reaction"], method="predict_reaction")
        assert isinstance(reaction, jax.Array)
        return reaction
    outputs = model.apply(variables, batch)
    assert isinstance(outputs, dict)
    return probabilities(outputs, choice, ACTIVATIONS[model.config.task])


def probabilities(
    outputs: Mapping, predict: str, activation: Callable = nn.sigmoid
) -> Float[Array, "batch classes"]:
    """Class probabilities from a DRR's outputs; reaction is the paper's choice (supplement 2.1).

    fuse is half the mean over domains and half the graph's (supplement 3.5; method 9.4).
    """
    if predict == "graph":
        return activation(outputs["graph_logits"])
    if predict == "fuse":
        domains = jnp.stack([activation(logits) for logits in outputs["logits"].values()])
        return domains.mean(0) / 2 + activation(outputs["graph_logits"]) / 2
    return activation(outputs["logits"]["S" if predict == "stimulus" else "R"])


def build(
    config: Config,
    classes: int,
    prior: Float[np.ndarray, "classes classes"],
    dtype: jnp.dtype = jnp.float32,
) -> DRR:
    """The DRR of a config; `prior` is the graph's P after `graph.prior` was applied."""
    return DRR(config, classes, tuple(tuple(map(float, row)) for row in prior), dtype)
