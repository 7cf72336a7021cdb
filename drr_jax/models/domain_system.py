"""A system with an encoder of its own for every domain: what DRR and the baselines share."""

from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from drr_jax.facs import PREDICT_DOMAINS, SOUND
from drr_jax.models.encoders import (
    PAD,
    build_image_encoder,
    build_sound_encoder,
    build_text_encoder,
    heard,
    positions_heard,
)
from drr_jax.models.rows import devices, own_rows
from drr_jax.models.system import System, batch_key
from drr_jax.models.vectors import mean_of_known


class DomainSystem(System):
    """Encoders by domain, and the two ways their features are read: by position, or pooled.

    A subclass's `setup` calls this one's, and sets `head_<DOMAIN>` if it calls `class_wise`.
    """

    def setup(self):
        for domain in self.domains:
            if domain == SOUND:
                encoder = build_sound_encoder(self.config, self.dtype)
            elif domain == "T":
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

    def heard(self, batch: Mapping[str, Array]) -> Bool[Array, " batch"] | None:
        """Which tuples have a sound; None if the system has no use for it."""
        if SOUND not in self.domains:
            return None
        return heard(batch[batch_key(SOUND)]).any(1)

    def kept(self, batch: Mapping[str, Array], train: bool) -> Int[Array, " batch"] | None:
        """How many of its domains a tuple has for graph, fusion and contrast: the first so many.

        One without a sound has all but that, the last; one that model.drop_domains drew for this
        step has the first, the face, alone. None: all tuples have all. The draws are for the whole
        batch, the same on any number of devices (method 9.8).
        """
        rate, count, heard = self.config.model.drop_domains, len(self.domains), self.heard(batch)
        kept = None if heard is None else jnp.where(heard, count, count - 1)
        if not (train and rate):
            return kept
        rows = len(batch[batch_key(self.face)]) * devices()
        whole = own_rows(jax.random.bernoulli(self.make_rng("dropout"), 1 - rate, (rows,)))
        return jnp.where(whole, count if kept is None else kept, 1)

    def fewer(self, train: bool) -> tuple[int, ...]:
        """The numbers that `kept` may have beside that of all domains."""
        dropped = (1,) if train and self.config.model.drop_domains else ()
        unheard = (len(self.domains) - 1,) if SOUND in self.domains else ()
        return tuple(dict.fromkeys((*dropped, *unheard)))

    def features(
        self, domain: str, batch: Mapping[str, Array], train: bool
    ) -> Float[Array, "batch *positions channels"]:
        """What the domain's encoder makes of the positions of an image or a spectrogram, or of a
        caption's tokens."""
        encoder = getattr(self, f"encoder_{domain}")
        if domain in ("T", SOUND):
            return encoder(batch[batch_key(domain)])
        return encoder(self.image(domain, batch), train=train)

    def class_wise(self, domain: str, batch: Mapping[str, Array], train: bool) -> dict[str, Array]:
        """What the domain's head makes of its features, by class: steps 1 to 7 of method 9.1.

        The attention of an image is [batch, height, width, classes], of a spectrogram [batch, time,
        pitch, classes], of a caption [batch, tokens, classes].
        """
        features, head = self.features(domain, batch, train), getattr(self, f"head_{domain}")
        if domain == "T":
            return head(features, batch[batch_key(domain)] != PAD)
        size, height, width, channels = features.shape
        mask = None
        if domain == SOUND:
            mask = positions_heard(batch[batch_key(domain)], height, width)
        out = head(features.reshape(size, height * width, channels), mask)
        return out | {"attention": out["attention"].reshape(size, height, width, -1)}

    def pooled(
        self, domain: str, batch: Mapping[str, Array], train: bool
    ) -> Float[Array, "batch features"]:
        """One feature vector an example; of a caption the mean over its word pieces, of a sound
        that over the positions at which there is one."""
        if domain not in ("T", SOUND):
            encoder = getattr(self, f"encoder_{domain}")
            return encoder.pooled(self.image(domain, batch), train=train).astype(jnp.float32)
        features, read = self.features(domain, batch, train), batch[batch_key(domain)]
        if domain == SOUND:
            size, height, width, channels = features.shape
            features = features.reshape(size, height * width, channels)
            return mean_of_known(features, positions_heard(read, height, width))
        return mean_of_known(features, read != PAD)

    @nn.nowrap
    def mean_answer(self, outputs: Mapping) -> Float[Array, "batch classes"]:
        """The mean of what a tuple's domains say, of those that it has."""
        each = jnp.stack([self.activation(logits) for logits in outputs["logits"].values()])
        there = None
        if "kept" in outputs:
            there = (jnp.arange(len(each))[:, None] < outputs["kept"])[..., None]
        return each.mean(0, where=there)
