"""TEMT-Net (Liu, Zhang, Yang and Yin, WACV 2019): other modalities teach a network of the face."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from drr_jax.facs import DOMAINS
from drr_jax.models.encoders import How, build_image_encoder
from drr_jax.models.losses import Targets, landmark_loss
from drr_jax.models.system import System
from drr_jax.models.systems.shapes import Batch, ByClass, Loss, Outputs

POINTS = 68
LANDMARK_CHANNELS = 64
LEAST_CHANNELS = 8  # of the generator, whose layers have half the channels of the one before


class LandmarkHead(nn.Module):
    """Features -> 68 landmarks, by two layers over the whole map: where a feature is, counts."""

    hidden: int = 256

    @nn.compact
    def __call__(
        self, features: Float[Array, "batch rows columns channels"]
    ) -> Float[Array, "batch 68 2"]:
        """Returns x, y from the image's centre, over its side."""
        dtype = features.dtype
        local = nn.relu(nn.Dense(LANDMARK_CHANNELS, dtype=dtype, name="reduce")(features))
        flat = local.reshape(local.shape[0], -1)
        hidden = nn.Dense(self.hidden, dtype=dtype, name="hidden")(flat)
        return nn.Dense(2 * POINTS, name="out")(nn.relu(hidden)).reshape(-1, POINTS, 2)


class Generator(nn.Module):
    """Features -> a grey image: doubled and convolved until it is as high as it shall be."""

    height: int
    how: How = How()

    @nn.compact
    def __call__(
        self, features: Float[Array, "batch rows columns channels"], train: bool
    ) -> Float[Array, "batch height width"]:
        """Returns grey levels, 0 black and 1 white, not clipped."""
        x, layer = features, 0
        while x.shape[1] < self.height:
            x = x.repeat(2, 1).repeat(2, 2)
            channels = max(x.shape[-1] // 2, LEAST_CHANNELS)
            x = nn.relu(self.how.conv_norm(x, channels, 3, 1, train, f"{{}}{layer}"))
            layer += 1
        return nn.Dense(1, name="out")(x.astype(jnp.float32))[..., 0]


class TEMTNet(System):
    """AUs, landmarks and the images of other modalities from the features of one visible face.

    Training has the other modalities as targets, the prediction sees the visible face alone:
    `domains` is V and what is to be reconstructed, the thermal image in the paper, the depth map
    where there is none (supplement, Table 5). That the three tasks share their features, and that
    the prediction has one modality, is the paper's abstract; the layers, the L1 distance of the
    images and the weights of the losses are a reconstruction.
    """

    def setup(self):
        config = self.config
        self.encoder_V = build_image_encoder(config, self.dtype, "V")
        self.classify = nn.Dense(self.classes)
        self.landmark_head = LandmarkHead(config.head.embedding)
        for domain in self.targets:
            generator = Generator(config.data.image_size, How.of(config, self.dtype))
            setattr(self, f"generator_{domain}", generator)

    @property
    def targets(self) -> tuple[str, ...]:
        """The modalities that are reconstructed."""
        return tuple(domain for domain in self.domains if domain != "V")

    @property
    def train_inputs(self) -> tuple[str, ...]:
        """The images of all modalities, and the landmarks."""
        return (*super().train_inputs, "landmarks")

    @property
    def test_inputs(self) -> tuple[str, ...]:
        """The visible face alone."""
        return (DOMAINS["V"].input,)

    def _features(self, batch: Batch, train: bool) -> Array:
        return self.encoder_V(self.image("V", batch), train=train)

    def _logits(self, features: Array) -> ByClass:
        return self.classify(features.mean((1, 2)).astype(jnp.float32))

    def __call__(self, batch: Batch, train: bool = False) -> dict:
        """Runs the three tasks on uint8 `reaction` [batch, height, width, 3], and reads no other.

        Returns logits {V: [batch, classes]}, landmarks [batch, 68, 2] in pixels and reconstruction
        {D, Th: [batch, height, width]}, grey levels of 0 to 1.
        """
        features = self._features(batch, train)
        side = batch["reaction"].shape[1]
        return {
            "logits": {"V": self._logits(features)},
            "landmarks": self.landmark_head(features) * side + (side - 1) / 2,
            "reconstruction": {
                domain: getattr(self, f"generator_{domain}")(features, train)
                for domain in self.targets
            },
        }

    def predict(self, batch: Batch) -> ByClass:
        """Class probabilities from the visible face; neither landmarks nor images are computed."""
        return self.activation(self._logits(self._features(batch, train=False)))

    @nn.nowrap
    def loss(self, outputs: Outputs, batch: Batch, targets: Targets) -> Loss:
        """Classification, landmarks over the inter-ocular distance, and the images' L1 distance.

        `batch` has landmarks and the uint8 images of the modalities that are reconstructed, whose
        grey level is the mean of their channels. The terms are before their weights.
        """
        total, terms = super().loss(outputs, batch, targets)
        terms["loss/landmarks"] = landmark_loss(outputs["landmarks"], batch["landmarks"])
        weights = self.config.loss
        total = total + weights.lambda_landmarks * terms["loss/landmarks"]
        for domain, image in outputs["reconstruction"].items():
            truth = batch[DOMAINS[domain].input].astype(jnp.float32).mean(-1) / 255
            terms[f"loss/reconstruction_{domain}"] = term = jnp.abs(image - truth).mean()
            total = total + weights.lambda_reconstruction * term
        return total, terms
