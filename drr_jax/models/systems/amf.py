"""AMF (Yang, Wang and Yin, ACM MM 2020): features sampled from modalities by rated quality."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, UInt8

from drr_jax.models.domain_system import DomainSystem
from drr_jax.models.rows import devices, own_rows
from drr_jax.models.system import batch_key
from drr_jax.models.systems.shapes import Batch

SWITCHED = 0.5  # share of the training faces in which a block is switched
BLOCK = (0.1, 0.5)  # least and greatest side of a block, over the image's


def cut_switch(
    images: UInt8[Array, "batch modalities height width 3"], key: Key[Array, ""]
) -> UInt8[Array, "batch modalities height width 3"]:
    """Switches a random block between the modalities of a face, for half of the faces.

    The block's sides are U(0.1, 0.5) of the image's, its place is uniform, and every modality gets
    the block of another one. Labels stay: all modalities show the same face.
    Source: the paper's abstract; shares and sizes are a reconstruction.
    """
    _, modalities, height, width, _ = images.shape
    batch = len(images) * devices()
    often, sides, places, shifts = jax.random.split(key, 4)
    shape = jnp.array([height, width])
    share = jax.random.uniform(sides, (batch, 2), minval=BLOCK[0], maxval=BLOCK[1])
    side = jnp.ceil(own_rows(share) * shape)
    # the last corner that keeps the block inside
    first = jnp.floor(own_rows(jax.random.uniform(places, (batch, 2))) * (shape - side + 1))
    rows, columns = (
        (jnp.arange(size) >= first[:, axis, None])
        & (jnp.arange(size) < (first + side)[:, axis, None])
        for axis, size in enumerate((height, width))
    )
    switched = own_rows(jax.random.bernoulli(often, SWITCHED, (batch, 1, 1)))
    block = switched & rows[:, :, None] & columns[:, None, :]
    shift = own_rows(jax.random.randint(shifts, (batch, 1), 1, modalities))
    source = (jnp.arange(modalities) + shift) % modalities
    others = jnp.take_along_axis(images, source[:, :, None, None, None], axis=1)
    return jnp.where(block[:, None, :, :, None], others, images)


def select(
    features: Float[Array, "batch positions modalities channels"],
    scores: Float[Array, "batch positions modalities"],
    key: Key[Array, ""] | None,
) -> tuple[Float[Array, "batch positions channels"], Float[Array, "batch positions modalities"]]:
    """Takes each position's features from one modality, drawn with probabilities softmax(scores).

    Returns the features and the weights they were taken with. The draw's gradient is that of the
    softmax with the same Gumbel noise (straight through). Without `key` nothing is drawn: features
    then have the mean that draws have, as with dropout.
    Source: re-sampling by scores is the paper's abstract; the draw is a reconstruction.
    """
    if key is None:
        weights = nn.softmax(scores)
    else:
        noise = jax.random.gumbel(key, (len(scores) * devices(), *scores.shape[1:]))
        noisy = scores + own_rows(noise)
        soft = nn.softmax(noisy)
        hard = jax.nn.one_hot(noisy.argmax(-1), scores.shape[-1])
        weights = hard + soft - jax.lax.stop_gradient(soft)
    return jnp.einsum("bpm,bpmc->bpc", weights.astype(features.dtype), features), weights


class Rated(nn.Module):
    """One modality's features in the space of all modalities, and a score of their quality."""

    channels: int = 256

    @nn.compact
    def __call__(
        self, feature_map: Float[Array, "batch positions features"]
    ) -> tuple[Float[Array, "batch positions channels"], Float[Array, "batch positions"]]:
        dtype = feature_map.dtype
        local = nn.Dense(self.channels, dtype=dtype, name="reduce")(feature_map)
        local = nn.relu(nn.LayerNorm(dtype=dtype, name="norm")(local))
        hidden = nn.relu(nn.Dense(max(self.channels // 4, 1), dtype=dtype, name="hidden")(local))
        return local, nn.Dense(1, name="score")(hidden.astype(jnp.float32))[..., 0]


class AMF(DomainSystem):
    """An encoder a modality; a scoring module rates their features, and a draw picks among them.

    Trained on faces with blocks switched between the modalities. Source: the paper's abstract, the
    only public part; layers and sizes are a reconstruction.
    """

    def setup(self):
        super().setup()
        for domain in self.domains:
            setattr(self, f"rate_{domain}", Rated(self.config.head.embedding))
        self.classify = nn.Dense(self.classes)

    def __call__(self, batch: Batch, train: bool = False) -> dict:
        """`batch` holds the uint8 images [batch, height, width, 3] of all modalities.

        Returns logits {fused: [batch, classes]} and selection {domain: [batch, rows, columns]}: the
        weight of each modality in the features of a position, 0 or 1 in training.
        """
        images = jnp.stack([batch[batch_key(domain)] for domain in self.domains], 1)
        if train:
            images = cut_switch(images, self.make_rng("dropout"))
        rated, size = [], ()
        for index, domain in enumerate(self.domains):
            encoded = self.features(domain, {batch_key(domain): images[:, index]}, train)
            *size, channels = encoded.shape
            rate = getattr(self, f"rate_{domain}")
            rated.append(rate(encoded.reshape(encoded.shape[0], -1, channels)))
        features, scores = zip(*rated, strict=True)
        key = self.make_rng("dropout") if train else None
        fused, weights = select(jnp.stack(features, 2), jnp.stack(scores, -1), key)
        return {
            "logits": {"fused": self.classify(fused.mean(1).astype(jnp.float32))},
            "selection": {
                domain: weights[..., index].reshape(size)
                for index, domain in enumerate(self.domains)
            },
        }
