"""A system with an encoder of its own for every domain: what DRR and the baselines share."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from drr_jax.facs import PREDICT_DOMAINS
from drr_jax.models.encoders import PAD, build_image_encoder, build_text_encoder
from drr_jax.models.rows import devices, own_rows
from drr_jax.models.system import System, batch_key


class DomainSystem(System):
    """Encoders by domain, and the two ways their features are read: by position, or pooled.

    A subclass's `setup` calls this one's, and sets `head_<DOMAIN>` if it calls `class_wise`.
    """

    def setup(self):
        for domain in self.domains:
            if domain == "T":
                encoder = build_text_encoder(self.config, self.dtype)
            else:
                encoder = build_image_encoder(self.config, self.dtype, domain)
            setattr(self, f"encoder_{domain}", encoder)

    @property
    def predicted_domain(self) -> str | None:
        """The domain whose own logits `predict` asks for, None for a prediction of several."""
        wanted = PREDICT_DOMAINS.get(self.config.predict, ())
        return next((domain for domain in wanted if domain in self.domains), None)

    @property
    def face_encoder(self) -> str:
        """The encoder of the face's image."""
        return f"encoder_{self.face}"

    def kept(self, batch: Mapping[str, Array], train: bool) -> Bool[Array, " batch"] | None:
        """Which tuples keep all their domains; the others are for graph, fusion and contrast of
        their first domain, the face, alone. None: all keep them, as always outside training.

        They are drawn for the whole batch, the same on any number of devices (method 9.8).
        """
        rate = self.config.model.drop_domains
        if not (train and rate):
            return None
        rows = len(batch[batch_key(self.face)]) * devices()
        return own_rows(jax.random.bernoulli(self.make_rng("dropout"), 1 - rate, (rows,)))

    def features(
        self, domain: str, batch: Mapping[str, Array], train: bool
    ) -> Float[Array, "batch *positions channels"]:
        """What the domain's encoder makes of an image's positions, or of a caption's tokens."""
        encoder = getattr(self, f"encoder_{domain}")
        if domain == "T":
            return encoder(batch[batch_key(domain)])
        return encoder(self.image(domain, batch), train=train)

    def class_wise(self, domain: str, batch: Mapping[str, Array], train: bool) -> dict[str, Array]:
        """What the domain's head makes of its features, by class: steps 1 to 7 of method 9.1.

        The attention of an image is [batch, height, width, classes], of a caption [batch, tokens,
        classes].
        """
        features, head = self.features(domain, batch, train), getattr(self, f"head_{domain}")
        if domain == "T":
            return head(features, batch[batch_key(domain)] != PAD)
        size, height, width, channels = features.shape
        out = head(features.reshape(size, height * width, channels))
        return out | {"attention": out["attention"].reshape(size, height, width, -1)}

    def pooled(
        self, domain: str, batch: Mapping[str, Array], train: bool
    ) -> Float[Array, "batch features"]:
        """One feature vector an example; of a caption the mean over its word pieces."""
        if domain != "T":
            encoder = getattr(self, f"encoder_{domain}")
            return encoder.pooled(self.image(domain, batch), train=train).astype(jnp.float32)
        words = (batch[batch_key(domain)] != PAD)[..., None]
        features = self.features(domain, batch, train).astype(jnp.float32)
        return (features * words).sum(1) / jnp.maximum(words.sum(1), 1)
