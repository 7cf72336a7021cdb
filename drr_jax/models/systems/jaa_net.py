"""JAA-Net (Shao et al., ECCV 2018; IJCV 2021): AUs and landmarks found together.

Sizes and formulas are method 7.2's; what it leaves open is a reconstruction and said so. Written
from the description, not from the public code, which has no licence. The paper crops 176 pixels;
here the image has `data.image_size`, and the attention map a quarter of it (44 at 176).
"""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from drr_jax.data import INNER_49
from drr_jax.facs import DOMAINS
from drr_jax.models.encoders import BatchNorm, Conv, How, Images
from drr_jax.models.losses import Labels, Targets, landmark_loss, masked_bce
from drr_jax.models.system import System
from drr_jax.models.systems.au_places import check_names, resting_face
from drr_jax.models.systems.jaa_attention import attention_maps
from drr_jax.models.systems.shapes import Batch, ByClass, Loss, Outputs

POINTS = len(INNER_49)
STRIDE = 4  # pixels of the image in a position of the map
MANY = "rows"  # the convolution of many kernels at once, see `layers.conv2d`
SMOOTH = 1.0  # of the Dice loss
LAMBDA_DICE, LAMBDA_ALIGNMENT, LAMBDA_REFINEMENT = 1.0, 0.5, 2e-4
ENHANCEMENT = 2.0  # of the gradient that AU detection sends into the attention maps


def halve(x: Images) -> Float[Array, "batch half_height half_width channels"]:
    """2x2 maximum at stride 2; a last odd row or column is left out."""
    batch, height, width, channels = x.shape
    x = x[:, : height // 2 * 2, : width // 2 * 2]
    return x.reshape(batch, height // 2, 2, width // 2, 2, channels).max((2, 4))


def enhance(x: Array, factor: float) -> Array:
    """`x` itself, with `factor` times its gradient."""
    return factor * x - jax.lax.stop_gradient((factor - 1) * x)


def weighted_dice(
    logits: ByClass, labels: Labels, class_weights: Float[Array, " classes"]
) -> Float[Array, ""]:
    """Mean over classes of w (1 - (2 sum(y p) + 1) / (sum(y^2) + sum(p^2) + 1)), of known labels.

    The sums are over the batch, so that it is one minus a soft F1 (reconstruction: the formula
    leaves open what is summed).
    """
    known = (labels >= 0).astype(jnp.float32)
    p, y = nn.sigmoid(logits) * known, (labels == 1).astype(jnp.float32)
    overlap, total = (y * p).sum(0), (y * y + p * p).sum(0)
    return (class_weights * (1 - (2 * overlap + SMOOTH) / (total + SMOOTH))).mean()


def alignment_loss(
    predicted: Float[Array, "batch 49 2"], landmarks: Float[Array, "batch 68 2"]
) -> Float[Array, ""]:
    """Squared distance of the landmarks over twice the squared inter-ocular one, mean over faces.

    A sum over the 49 points; where some are unknown (NaN), 49 times the mean of the others. A face
    with an eye unknown is left out.
    """
    points = np.array(INNER_49)
    everywhere = jnp.zeros_like(landmarks).at[:, points].set(predicted)
    wanted = np.isin(np.arange(landmarks.shape[1]), points)
    truth = jnp.where(wanted[:, None], landmarks, jnp.nan)
    return POINTS * landmark_loss(everywhere, truth)


def refinement_loss(
    map_logits: Float[Array, "batch height width classes"],
    initial_maps: Float[Array, "batch height width classes"],
) -> Float[Array, ""]:
    """Cross-entropy of refined maps against the initial ones: summed over positions, mean over AUs.

    What is summed and what is averaged is a reconstruction.
    """
    return optax.sigmoid_binary_cross_entropy(map_logits, initial_maps).sum((1, 2)).mean()


class Block(nn.Module):
    """3x3 convolution, batch normalisation (reconstruction) and ReLU.

    With grid > 1 the image falls into grid x grid cells; each has a kernel of its own and sees
    nothing of its neighbours.
    """

    features: int
    how: How
    grid: int = 1

    @nn.compact
    def __call__(self, x: Images, train: bool) -> Float[Array, "batch height width features"]:
        how = self.how
        if self.grid == 1:
            return nn.relu(how.conv_norm(x, self.features, 3, 1, train))
        conv = nn.vmap(Conv, variable_axes={"params": 0}, split_rngs={"params": True})
        conv = conv(self.features, 3, 1, MANY, how.dtype, name="conv")
        x = from_cells(conv(to_cells(x, self.grid)), self.grid)
        return nn.relu(BatchNorm(how.bn_group, how.dtype, name="bn")(x, train))


def to_cells(x: Images, grid: int) -> Float[Array, "cells batch cell_height cell_width channels"]:
    """Cuts an image into grid x grid cells, row by row."""
    batch, height, width, channels = x.shape
    x = x.reshape(batch, grid, height // grid, grid, width // grid, channels)
    return x.transpose(1, 3, 0, 2, 4, 5).reshape(-1, batch, height // grid, width // grid, channels)


def from_cells(
    cells: Float[Array, "cells batch cell_height cell_width channels"], grid: int
) -> Images:
    """What `to_cells` cut, put together."""
    _, batch, height, width, channels = cells.shape
    x = cells.reshape(grid, grid, batch, height, width, channels)
    return x.transpose(2, 0, 3, 1, 4, 5).reshape(batch, grid * height, grid * width, channels)


class MultiScaleRegion(nn.Module):
    """Hierarchical multi-scale region layer: kernels of their own for ever larger cells.

    A plain convolution, then 8x8, 4x4 and 2x2 cells, each on the output of the one before, with
    1/2, 1/4 and 1/4 of the channels; these side by side are added to the plain one's.
    """

    features: int
    how: How

    @nn.compact
    def __call__(self, x: Images, train: bool) -> Float[Array, "batch height width features"]:
        x = level = Block(self.features, self.how, name="plain")(x, train)
        levels = []
        for grid, share in ((8, 2), (4, 4), (2, 4)):
            block = Block(self.features // share, self.how, grid, name=f"cells{grid}")
            level = block(level, train)
            levels.append(level)
        return x + jnp.concatenate(levels, -1)


class HighLevel(nn.Module):
    """High-level (HL) features: three times two convolutions and a halving, flat in the end."""

    unit: int
    how: How

    @nn.compact
    def __call__(self, x: Images, train: bool) -> Float[Array, "batch features"]:
        for stage, factor in enumerate((12, 16, 20)):
            for number in (1, 2):
                name = f"block{stage + 1}_{number}"
                x = Block(factor * self.unit, self.how, name=name)(x, train)
            x = halve(x)
        return x.reshape(x.shape[0], -1)


class Refinement(nn.Module):
    """One AU's map -> logits of its refined map, by four convolutions on the map alone."""

    features: int
    how: How

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width 1"]
    ) -> Float[Array, "batch height width 1"]:
        for number in (1, 2, 3):
            x = nn.relu(self.how.conv(self.features, 3, name=f"conv{number}")(x))
        x = self.how.conv(1, 3, name="conv4")(x)
        bias = self.param("bias", nn.initializers.zeros, (1,))
        return x.astype(jnp.float32) + bias


def _each_class(module: type[nn.Module], *in_axes: int | None) -> type[nn.Module]:
    """The module with parameters of its own for every class, axis 0 of what goes in and out."""
    axes: Any = in_axes  # of each argument; Flax declares one for all
    return nn.vmap(
        module,
        in_axes=axes,
        variable_axes={"params": 0, "batch_stats": 0},
        split_rngs={"params": True},
    )


class JAANet(System):
    """Face alignment and AU detection from one image (R or V); landmarks are only needed to train.

    The face's features go to three places: alignment, whose landmarks say where each AU is looked
    for; a global branch; and a local branch an AU, on features under the AU's attention map. The
    maps start from the predicted landmarks, in training as in prediction, so unknown true ones
    (NaN) only leave the alignment loss. They are then refined by convolutions of their own, between
    two pulls: to stay near the initial map, and to serve detection, whose gradient counts twice.

    Widths are in units of `encoder.width` / 8, 8 as published (32 to 160 channels); no other key of
    `encoder` matters. Losses and their weights: `weighted cross-entropy + Dice + 0.5 alignment +
    2e-4 refinement`.
    """

    @classmethod
    def check_names(cls, names: Sequence[str]) -> None:
        check_names(names)

    def setup(self):
        config = self.config
        if len(self.names) != self.classes:
            raise ValueError(f"jaa_net: {len(self.names)} names of {self.classes} classes")
        unit = max(1, config.encoder.width // 8)
        how = How.of(config, self.dtype)
        self.region1 = MultiScaleRegion(4 * unit, how)
        self.region2 = MultiScaleRegion(8 * unit, how)
        self.align = HighLevel(unit, how)
        self.align_hidden = nn.Dense(64 * unit, dtype=self.dtype)
        # Landmarks in positions of the map; they start at a face at rest (reconstruction).
        start = resting_face()[list(INNER_49)] * (config.data.image_size / STRIDE) - 0.5
        self.align_out = nn.Dense(
            2 * POINTS,
            kernel_init=nn.initializers.normal(0.01),
            bias_init=lambda key, shape, dtype: jnp.asarray(start, dtype).reshape(shape),
        )
        many = how._replace(conv_impl=MANY)
        self.refine = _each_class(Refinement, 0)(8 * unit, many)
        self.local = _each_class(HighLevel, 0, None)(unit, many)
        self.overall = HighLevel(unit, how)
        self.detect_hidden = nn.Dense(64 * unit, dtype=self.dtype)
        self.detect_out = nn.Dense(2 * self.classes)

    @property
    def train_inputs(self) -> tuple[str, ...]:
        return (DOMAINS[self.face].input, "landmarks")

    @property
    def test_inputs(self) -> tuple[str, ...]:
        return (DOMAINS[self.face].input,)

    def explain(self, batch: Batch) -> tuple[Array, Array]:
        """As the base has it: it learns from landmarks, and needs none to predict."""
        outputs = self(batch)
        return self.probabilities(outputs), outputs["attention"][self.face]

    def __call__(self, batch: Batch, train: bool = False) -> dict:
        """Returns logits {face: [batch, classes]} and what lies between.

        landmarks [batch, 49, 2] in pixels of the image; initial_maps, 0 to 1, and map_logits of the
        refined ones [batch, height, width, classes]; attention {face: the refined maps, each scaled
        to sum 1}.
        """
        image = self.image(self.face, batch)
        features = halve(self.region1(image, train))
        features = halve(self.region2(features, train))

        aligned = self.align(features, train)
        hidden = nn.relu(self.align_hidden(aligned)).astype(jnp.float32)
        points = self.align_out(hidden).reshape(-1, POINTS, 2)
        landmarks = (points + 0.5) * STRIDE - 0.5

        seen = jax.lax.stop_gradient(landmarks)
        initial = attention_maps(seen, self.names, image.shape[1], features.shape[1])
        each = jnp.moveaxis(initial, -1, 0)[..., None]
        map_logits = self.refine(each.astype(self.dtype))
        maps = enhance(nn.sigmoid(map_logits), ENHANCEMENT).astype(self.dtype)
        local = self.local(features * maps, train).mean(0)

        found = jnp.concatenate([aligned, self.overall(features, train), local], -1)
        hidden = nn.relu(self.detect_hidden(found)).astype(jnp.float32)
        absent, present = jnp.split(self.detect_out(hidden), 2, axis=-1)
        refined = nn.sigmoid(map_logits)
        shares = refined / refined.sum((2, 3), keepdims=True)
        return {
            # The softmax over absent and present is the sigmoid of their difference.
            "logits": {self.face: present - absent},
            "landmarks": landmarks,
            "initial_maps": initial,
            "map_logits": jnp.moveaxis(map_logits[..., 0], 0, -1),
            "attention": {self.face: jnp.moveaxis(shares[..., 0], 0, -1)},
        }

    @nn.nowrap
    def loss(self, outputs: Outputs, batch: Batch, targets: Targets) -> Loss:
        """Method 7.2's total; the terms are before their weights."""
        logits, weights = outputs["logits"][self.face], targets.class_weights
        terms = {
            f"loss/{self.face}": masked_bce(logits, targets.labels, weights),
            "loss/dice": weighted_dice(logits, targets.labels, weights),
            "loss/alignment": alignment_loss(outputs["landmarks"], batch["landmarks"]),
            "loss/refinement": refinement_loss(outputs["map_logits"], outputs["initial_maps"]),
        }
        factors = (1.0, LAMBDA_DICE, LAMBDA_ALIGNMENT, LAMBDA_REFINEMENT)
        parts = (factor * term for factor, term in zip(factors, terms.values(), strict=True))
        return sum(parts, jnp.zeros(())), terms
