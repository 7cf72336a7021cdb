"""The encoder of sound: a few convolutions over a spectrogram (reconstruction, method 9.10).

Positions are normalised over their own channels, not over the batch: what a tuple without sound
has here is seen by no other.
"""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, UInt8

from drr_jax.models.encoders.layers import Conv

STAGES = 4  # strided convolutions: a position is of 16 steps (160 ms) and 16 bands
SILENT = 0  # the level of a step that no sound was heard in
MIDDLE, SPREAD = 128.0, 64.0  # of the levels of sound, which are 1 to 255

Levels = UInt8[Array, "batch steps bands"]


def heard(levels: Levels) -> Bool[Array, "batch steps"]:
    """The steps in which there is a sound at all, be it a silent one."""
    return (levels != SILENT).any(2)


class SpectrogramEncoder(nn.Module):
    """Levels of a log-mel spectrogram -> features at positions in time and pitch.

    Each of STAGES stages halves both and doubles the channels, `width` at first.
    """

    width: int = 32
    conv_impl: str = "lax"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, levels: Levels) -> Float[Array, "batch rows columns features"]:
        x = (levels.astype(jnp.float32) - MIDDLE) / SPREAD
        x = jnp.where(heard(levels)[..., None], x, 0)[..., None].astype(self.dtype)
        for stage in range(STAGES):
            features = self.width * 2**stage
            x = Conv(features, 3, 2, self.conv_impl, self.dtype, name=f"conv{stage}")(x)
            x = nn.relu(nn.LayerNorm(dtype=self.dtype, name=f"norm{stage}")(x))
        return x


def positions_heard(levels: Levels, rows: int, columns: int) -> Bool[Array, "batch positions"]:
    """The positions of the encoder's features, row by row, in whose steps there is a sound."""
    batch, steps, _ = levels.shape
    by_row = heard(levels).reshape(batch, rows, steps // rows).any(2)
    return jnp.repeat(by_row, columns, axis=1)
