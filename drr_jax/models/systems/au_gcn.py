"""AU-GCN (Liu et al. 2020): regions of the face, their codes, and a graph over the codes."""

from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from drr_jax.models.drr import GraphModule
from drr_jax.models.encoders import How
from drr_jax.models.losses import Targets
from drr_jax.models.system import System
from drr_jax.models.systems import au_places, au_regions
from drr_jax.models.systems.shapes import Batch, Loss, Outputs

PATCH = 32  # pixels of a region's side
WIDTHS = (16, 32, 64)  # channels of the auto-encoder, half the resolution each


class AutoEncoder(nn.Module):
    """A patch -> its code -> the patch again, by three strided convolutions and their mirror."""

    features: int
    how: How = How()

    @nn.compact
    def __call__(
        self, patches: Float[Array, "patches side side channels"], train: bool
    ) -> tuple[Float[Array, "patches features"], Float[Array, "patches side side channels"]]:
        """Returns codes and reconstructions; `side` is a multiple of 8."""
        how = self.how
        x = patches.astype(how.dtype)
        for layer, width in enumerate(WIDTHS):
            x = nn.relu(how.conv_norm(x, width, 3, 2, train, f"down{layer}_{{}}"))
        small = x.shape[1:]
        code = nn.Dense(self.features, dtype=how.dtype, name="code")(x.reshape(x.shape[0], -1))
        x = nn.Dense(small[0] * small[1] * small[2], dtype=how.dtype, name="decode")(code)
        x = nn.relu(x).reshape(x.shape[0], *small)
        for layer, width in enumerate((*WIDTHS[-2::-1], WIDTHS[0])):
            x = x.repeat(2, axis=1).repeat(2, axis=2)
            x = nn.relu(how.conv_norm(x, width, 3, 1, train, f"up{layer}_{{}}"))
        out = nn.Dense(patches.shape[-1], dtype=how.dtype, name="out")(x)
        return code.astype(jnp.float32), out.astype(jnp.float32)


class AUGCN(System):
    """One face: a region an AU and side, one auto-encoder for all, a GCN over the AUs' relation.

    Regions are placed by landmarks where the data set has them, else (`au_gcn.landmarks` off, or a
    lost landmark) where they lie in a face that was cut out; see au_regions. The codes of an AU's
    two regions are its node, P its edges, and the nodes after the graph side by side give the
    logits. Everything is trained at once. Source: the abstract (method 7.2); sizes: reconstruction.
    """

    features: int = 150  # of a code

    def setup(self):
        how = How.of(self.config, self.dtype)._replace(bn_group=0)  # patches are no tuples
        self.auto_encoder = AutoEncoder(self.features, how)
        self.graph_module = GraphModule(self.prior, self.config.graph)

    @classmethod
    def check_names(cls, names: Sequence[str]) -> None:
        """Raises InputError for an AU that has no region."""
        au_places.check_names(names)

    @property
    def train_inputs(self) -> tuple[str, ...]:
        """The face, and its landmarks unless the config says that there are none."""
        landmarks = ("landmarks",) if self.config.au_gcn.landmarks else ()
        return super().train_inputs + landmarks

    def __call__(self, batch: Batch, train: bool = False) -> dict:
        """Returns logits {"graph": [batch, classes]}; graph {prototype, states,
        relation/heterophily}; patches and reconstructions [batch, classes, 2, 32, 32, 3]."""
        (domain,) = self.domains
        images = self.image(domain, batch, jnp.float32)
        size = images.shape[1]
        if self.config.au_gcn.landmarks:
            where = au_regions.frames(batch["landmarks"], self.names, size)
        else:
            where = au_regions.fixed_frames(self.names, size)
        patches = au_regions.crop(images, where, PATCH)
        codes, again = self.auto_encoder(patches.reshape(-1, *patches.shape[3:]), train)
        nodes = codes.reshape(images.shape[0], 1, self.classes, 2 * self.features)
        logits, graph = self.graph_module(nodes, train)
        return {
            "logits": {"graph": logits},
            "graph": graph,
            "patches": patches,
            "reconstructions": again.reshape(patches.shape),
        }

    @nn.nowrap
    def loss(self, outputs: Outputs, batch: Batch, targets: Targets) -> Loss:
        """The classification loss and loss/reconstruction, the patches' mean squared error."""
        total, terms = super().loss(outputs, batch, targets)
        error = jnp.square(outputs["reconstructions"] - outputs["patches"]).mean()
        return total + error, terms | {"loss/reconstruction": error}
