"""SEV-Net (Yang et al., CVPR 2021): descriptions of the classes ask the image where to look.

From the abstract: intra-AU attention over the words of each AU's description, inter-AU attention
over the sentences, and a cross-modality attention whose maps weight the features of the image. All
sizes and formulas are a reconstruction (method 7.2); there is no public code.
"""

import math

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from drr_jax.models.domain_system import DomainSystem
from drr_jax.models.drr import ClassScores
from drr_jax.models.encoders import PAD, TransformerLayer, build_text_encoder
from drr_jax.models.system import batch_key
from drr_jax.models.systems.shapes import Batch, Nodes


class SemanticEmbedding(nn.Module):
    """Word features of a sentence a class -> one vector a class.

    Intra-AU attention lets the words of a sentence see each other, their mean is the sentence;
    inter-AU attention lets the sentences see each other. One transformer layer each.
    """

    heads: int
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(
        self, words: Float[Array, "classes tokens features"], mask: Bool[Array, "classes tokens"]
    ) -> Float[Array, "classes features"]:
        words = TransformerLayer(self.heads, self.dtype, name="intra")(words, mask)
        weight = mask[..., None] / mask.sum(1)[:, None, None]
        sentences = (words * weight.astype(self.dtype)).sum(1)
        everyone = jnp.ones((1, len(sentences)), bool)
        layer = TransformerLayer(self.heads, self.dtype, name="inter")
        sentences = layer(sentences[None], everyone)[0]
        return nn.LayerNorm(dtype=self.dtype, name="norm")(sentences)


class KeyValue(nn.Module):
    """Keys and values of a modality's positions: what is asked about, and what is answered."""

    features: int
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(
        self, positions: Float[Array, "batch positions channels"]
    ) -> tuple[Float[Array, "batch positions features"], Float[Array, "batch positions features"]]:
        dense = nn.Dense(2 * self.features, dtype=self.dtype, name="key_value")
        key, value = jnp.split(dense(positions), 2, axis=-1)
        return key, value


def cross_attention(
    query: Float[Array, "classes features"],
    key: Float[Array, "batch positions features"],
    value: Float[Array, "batch positions features"],
    mask: Bool[Array, "batch positions"] | None = None,
) -> tuple[Nodes, Float[Array, "batch positions classes"]]:
    """(features, attention) of every class: softmax over positions of q . k / sqrt(features).

    Masked positions get no attention. Source: reconstruction (method 7.2).
    """
    scores = jnp.einsum("nk,bpk->bpn", query, key).astype(jnp.float32) * key.shape[-1] ** -0.5
    if mask is not None:
        scores = jnp.where(mask[..., None], scores, jnp.finfo(jnp.float32).min)
    attention = nn.softmax(scores, axis=1)
    return jnp.einsum("bpn,bpk->bnk", attention.astype(value.dtype), value), attention


class SEVNet(DomainSystem):
    """Class descriptions attend to the face (R or V), and in RST mode to caption and stimulus.

    R mode (`domains` R or V) trains and predicts from the face alone. With T, the caption's tokens
    join the face's positions as keys and values; with S, the stimulus image is a second set of its
    own, and both answers stand beside each other (reconstruction, method 7.2; the paper has only
    the face). A prediction then needs what training had: unlike DRR's, S and T, too.

    Descriptions and captions pass one text encoder, `encoder_T`, which R mode has as well. The loss
    is the class-weighted cross-entropy.
    """

    needs_descriptions = True

    def setup(self):
        config = self.config
        if len(self.descriptions) != self.classes:
            raise ValueError(
                f"sev_net: {len(self.descriptions)} descriptions of {self.classes} classes"
            )
        super().setup()
        if "T" not in self.domains:
            self.encoder_T = build_text_encoder(config, self.dtype)
        self.semantic_embedding = SemanticEmbedding(config.text.heads, self.dtype)
        self.query = nn.Dense(config.head.embedding, dtype=self.dtype)
        for domain in self.domains:
            setattr(self, f"positions_{domain}", KeyValue(config.head.embedding, self.dtype))
        self.scores = ClassScores()

    def semantics(self) -> Float[Array, "classes features"]:
        """The embedding of every class's description, from no input but the parameters."""
        tokens = jnp.asarray(self.descriptions, jnp.int32)
        return self.semantic_embedding(self.encoder_T(tokens), tokens != PAD)

    def __call__(self, batch: Batch, train: bool = False) -> dict:
        """Returns logits {face: [batch, classes]}, semantics [classes, features] and attention.

        attention is {R or V, S: [batch, height, width, classes], T: [batch, tokens, classes]}; over
        the face and the caption together it sums to 1, and over the stimulus.
        """
        semantics = self.semantics()
        query, answers, attention = self.query(semantics), [], {}
        first = [domain for domain in self.domains if domain != "S"]
        for together in (first, ["S"]) if "S" in self.domains else (first,):
            parts, shapes = [], []
            for domain in together:
                features = self.features(domain, batch, train)
                size, *places, channels = features.shape
                pair = getattr(self, f"positions_{domain}")(features.reshape(size, -1, channels))
                real = jnp.ones((size, math.prod(places)), bool)
                if domain == "T":
                    real = batch[batch_key("T")] != PAD
                parts.append((*pair, real))
                shapes.append(places)
            key, value, mask = (jnp.concatenate(part, 1) for part in zip(*parts, strict=True))
            answer, maps = cross_attention(query, key, value, mask)
            answers.append(answer)
            ends = np.cumsum([math.prod(places) for places in shapes])[:-1]
            split = jnp.split(maps, ends, axis=1)
            for domain, places, part in zip(together, shapes, split, strict=True):
                attention[domain] = part.reshape(-1, *places, self.classes)
        logits = self.scores(jnp.concatenate(answers, -1))
        return {"logits": {self.face: logits}, "attention": attention, "semantics": semantics}
