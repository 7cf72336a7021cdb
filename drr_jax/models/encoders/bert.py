"""BERT-family text encoders (Devlin et al. 2019; BERT, MiniLM), equal in numbers to Hugging Face's.

The sizes are the config's `text.width`, `text.layers`, ...; with weights they are those of the
config.json beside them.
"""

import dataclasses
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from drr_jax import files
from drr_jax.config import Text
from drr_jax.errors import InputError
from drr_jax.models.encoders.attention import Block, Tokens, initializer
from drr_jax.models.encoders.layers import run_block
from drr_jax.models.encoders.text import PAD

EPSILON = 1e-12
# What our modules compute; a model whose config.json says otherwise is another one.
EXPECTED = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
    "layer_norm_eps": EPSILON,
    "pad_token_id": PAD,
    "is_decoder": False,  # whose words see those before them alone
}


class Bert(nn.Module):
    """Token ids -> contextual features; padding (id 0) is masked out, and zero in the result.

    Without dropout and pooler, for one sentence; `positions` is the longest. `frozen` lets no
    gradient in (the optimiser must then leave the parameters alone too). dtype: of the
    computation; parameters are float32. remat: see `layers.run_block`.
    """

    vocabulary: int
    width: int
    layers: int
    heads: int
    hidden: int
    positions: int
    frozen: bool = False
    dtype: jnp.dtype = jnp.float32
    remat: bool = False

    @nn.compact
    def __call__(self, token_ids: Int[Array, "batch tokens"]) -> Tokens:
        mask = token_ids != PAD
        words = nn.Embed(
            self.vocabulary, self.width, self.dtype, embedding_init=initializer, name="words"
        )
        positions = self.param("positions", initializer, (self.positions, self.width))
        sentence = self.param("sentence", initializer, (self.width,))
        places = (positions[: token_ids.shape[1]] + sentence).astype(self.dtype)
        norm = nn.LayerNorm(EPSILON, dtype=self.dtype, name="norm")
        tokens = norm(words(token_ids) + places)
        for layer in range(self.layers):
            block = Block(
                self.heads, self.dtype, self.hidden, EPSILON, after=True, name=f"layer{layer}"
            )
            tokens = run_block(block, self.remat, tokens, mask)
        tokens = jnp.where(mask[..., None], tokens, 0)
        return jax.lax.stop_gradient(tokens) if self.frozen else tokens


def read_sizes(path: Path, text: Text) -> Text:
    """`text` with the sizes of the BERT-family model whose Hugging Face config.json is at `path`.

    Raises InputError if the file is missing or damaged, or describes a model that `Bert` is not.
    """
    try:
        found = files.read_json(path)
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such file; a text encoder's weights need their config.json beside them"
        ) from None
    except ValueError as error:
        raise InputError(f"{path}: not a config.json ({error})") from None
    for key, expected in EXPECTED.items():
        value = found.get(key, None if key == "model_type" else expected)
        if value != expected:
            raise InputError(f"{path}: {key} is {value!r}, text.encoder=bert expects {expected!r}")
    names = {
        "vocabulary": "vocab_size",
        "width": "hidden_size",
        "layers": "num_hidden_layers",
        "heads": "num_attention_heads",
        "hidden": "intermediate_size",
        "max_tokens": "max_position_embeddings",
    }
    sizes: dict[str, int] = {}
    for ours, theirs in names.items():
        size, limit = found.get(theirs), 256 if ours in ("layers", "heads") else 1 << 24
        if not isinstance(size, int) or not 0 < size <= limit:
            raise InputError(f"{path}: {theirs} is {size!r}, expected 1 to {limit}")
        sizes[ours] = size
    if sizes["width"] % sizes["heads"]:
        raise InputError(
            f"{path}: hidden_size is {sizes['width']}, expected a multiple of "
            f"num_attention_heads, {sizes['heads']}"
        )
    longest = sizes.pop("max_tokens")
    if text.max_tokens > longest:
        raise InputError(
            f"config key text.max_tokens={text.max_tokens}: {path} allows {longest} tokens"
        )
    return dataclasses.replace(text, **sizes)
