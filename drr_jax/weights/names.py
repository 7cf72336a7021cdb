"""What the encoders' parameters are called in other people's files, and how they lie there.

A format is a list of what our names are replaced by, and a list of what a file may hold beside
them: the heads of the tasks it was trained on, which are dropped because they are named here.
Everything else that is not asked for is an error.
"""

import dataclasses
import math
import re
from collections.abc import Callable, Iterable

import numpy as np

from drr_jax.models.encoders import PATCH, resize_positions

Path = tuple[str, ...]
Shape = tuple[int, ...]
Renames = tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...]
QKV = "{qkv}"  # in a name: three tensors, of queries, keys and values
_LEAVES: Renames = (
    (r"\.(kernel|scale|embedding)$", ".weight"),
    (r"\.(mean|var)$", r".running_\1"),
)


@dataclasses.dataclass(frozen=True)
class Format:
    """One family of files."""

    name: str
    family: str  # of encoders it fits: resnet, vit or bert
    sign: str  # a tensor that no other format has
    prefix: str  # in front of the encoder's names where the file is of a model with a head
    dropped: str  # a pattern of what a file may hold besides
    renames: Renames  # patterns and what replaces them, one after the other

    def names(self, path: Path) -> Path:
        """The tensors that our array at `path`, ("params", "conv1", "kernel"), is made of."""
        text = ".".join(path[1:])
        for pattern, theirs in self.renames + _LEAVES:
            text = re.sub(pattern, theirs, text)
        parts = ("query", "key", "value") if QKV in text else ("",)
        return tuple(text.replace(QKV, part) for part in parts)

    def canonical(self, name: str) -> str:
        """A tensor's name without prefix, and as newer versions of its library call it."""
        name = name.removeprefix(self.prefix)
        name = re.sub(r"LayerNorm\.gamma$", "LayerNorm.weight", name)
        return name.replace("LayerNorm.beta", "LayerNorm.bias")


_COUNTERS = r"(.*\.)?num_batches_tracked"
_HUGGING_FACE_LAYER: Renames = (
    (r"^(block|layer)(\d+)", r"encoder.layer.\2"),
    ("attention.out", "attention.output.dense"),
    ("mlp.hidden", "intermediate.dense"),
    ("mlp.out", "output.dense"),
)
FORMATS = (
    Format(
        "torchvision or timm ResNet",
        family="resnet",
        sign="layer1.0.conv1.weight",
        prefix="",
        dropped=rf"fc\.(weight|bias)|{_COUNTERS}",
        renames=(
            ("downsample_conv", "downsample.0"),
            ("downsample_bn", "downsample.1"),
            (r"^(layer\d+)_", r"\1."),
        ),
    ),
    Format(
        "Hugging Face ResNet",
        family="resnet",
        sign="embedder.embedder.convolution.weight",
        prefix="resnet.",
        dropped=rf"classifier\.1\.(weight|bias)|{_COUNTERS}",
        renames=(
            (r"^(conv|bn)1", r"embedder.embedder.\1"),
            (r"^layer(\d+)_(\d+)", lambda m: f"encoder.stages.{int(m[1]) - 1}.layers.{m[2]}"),
            (r"downsample_", "shortcut."),
            (r"\.(conv|bn)(\d)", lambda m: f".layer.{int(m[2]) - 1}.{m[1]}"),
            (r"\.conv\.", ".convolution."),
            (r"\.bn\.", ".normalization."),
        ),
    ),
    Format(
        "timm ViT",
        family="vit",
        sign="blocks.0.attn.qkv.weight",
        prefix="",
        dropped=r"(head|pre_logits\.fc)\.(weight|bias)",
        renames=(
            ("class_token", "cls_token"),
            ("positions", "pos_embed"),
            ("patches", "patch_embed.proj"),
            ("attention.qkv", "attn.qkv"),
            ("attention.out", "attn.proj"),
            ("mlp.hidden", "mlp.fc1"),
            ("mlp.out", "mlp.fc2"),
            (r"^block(\d+)", r"blocks.\1"),
        ),
    ),
    Format(
        "Hugging Face ViT",
        family="vit",
        sign="embeddings.patch_embeddings.projection.weight",
        prefix="vit.",
        dropped=r"(classifier|pooler\.dense)\.(weight|bias)",
        renames=(
            ("class_token", "embeddings.cls_token"),
            ("positions", "embeddings.position_embeddings"),
            ("patches", "embeddings.patch_embeddings.projection"),
            (r"^norm\.", "layernorm."),
            *_HUGGING_FACE_LAYER,
            ("attention.qkv", f"attention.attention.{QKV}"),
            ("norm1", "layernorm_before"),
            ("norm2", "layernorm_after"),
        ),
    ),
    Format(
        "Hugging Face BERT",
        family="bert",
        sign="embeddings.word_embeddings.weight",
        prefix="bert.",
        dropped=r"(classifier|pooler\.dense)\.(weight|bias)|embeddings\.position_ids"
        r"|cls\.(predictions|seq_relationship)\..*",
        renames=(
            ("positions", "embeddings.position_embeddings.weight"),
            ("sentence", "embeddings.token_type_embeddings.weight"),
            ("words", "embeddings.word_embeddings"),
            (r"^norm\.", "embeddings.LayerNorm."),
            *_HUGGING_FACE_LAYER,
            ("attention.qkv", f"attention.self.{QKV}"),
            ("norm1", "attention.output.LayerNorm"),
            ("norm2", "output.LayerNorm"),
        ),
    ),
)


def detect(names: Iterable[str]) -> tuple[Format | None, str]:
    """The format of a file with tensors of these names, and what must be cut off all of them.

    That is a prefix such as "module." or "backbone." which every name has, else "". The format is
    None if it is none of `FORMATS`.
    """
    prefix, names = "", set(names)
    while names:
        for format in FORMATS:
            if names & {format.sign, format.prefix + format.sign}:
                return format, prefix
        first, *others = {name.partition(".")[0] for name in names}
        if others or not all("." in name for name in names):
            break
        prefix += f"{first}."
        names = {name.partition(".")[2] for name in names}
    return None, ""


@dataclasses.dataclass(frozen=True)
class Layout:
    """How an array lies in a file: None in `expected` stands for any size."""

    expected: Callable[[Shape], tuple[int | None, ...]]
    convert: Callable[[np.ndarray, Shape], np.ndarray]
    fits: Callable[[Shape, Shape], bool] = lambda theirs, ours: True

    def accepts(self, theirs: Shape, ours: Shape) -> bool:
        """Whether a tensor of shape `theirs` can become an array of shape `ours`."""
        expected = self.expected(ours)
        if len(theirs) != len(expected):
            return False
        pairs = zip(theirs, expected, strict=True)
        return all(wanted in (size, None) for size, wanted in pairs) and self.fits(theirs, ours)


def _square(tokens: int) -> bool:
    return tokens > 1 and math.isqrt(tokens - 1) ** 2 == tokens - 1


SAME = Layout(lambda ours: ours, lambda array, ours: array)
DENSE = Layout(lambda ours: ours[::-1], lambda array, ours: array.T)
CONV = Layout(
    lambda ours: (ours[3], ours[2], ours[0], ours[1]),
    lambda array, ours: array.transpose(2, 3, 1, 0),
)
PATCHES = Layout(
    lambda ours: (ours[1], ours[0] // PATCH**2, PATCH, PATCH),
    lambda array, ours: array.transpose(2, 3, 1, 0).reshape(ours),
)
CLASS_TOKEN = Layout(lambda ours: (1, 1, *ours), lambda array, ours: array[0, 0])
GRID = Layout(  # position embeddings of our own files: of any square grid
    lambda ours: (None, ours[1]),
    lambda array, ours: resize_positions(array, ours[0]),
    lambda theirs, ours: theirs[0] == ours[0] or (_square(theirs[0]) and _square(ours[0])),
)
THEIR_GRID = Layout(
    lambda ours: (1, None, ours[1]),
    lambda array, ours: resize_positions(array[0], ours[0]),
    lambda theirs, ours: _square(theirs[1]) and _square(ours[0]),
)
FIRST_ROWS = Layout(  # positions of texts no longer than ours
    lambda ours: (None, ours[1]),
    lambda array, ours: array[: ours[0]],
    lambda theirs, ours: theirs[0] >= ours[0],
)
FIRST_SENTENCE = Layout(lambda ours: (None, *ours), lambda array, ours: array[0])


def layout(path: Path, shape: Shape, family: str, own: bool) -> Layout:
    """How the array at `path` of an encoder of `family` lies in a file, ours or another's."""
    if path[1:] == ("positions",):
        vit = GRID if own else THEIR_GRID
        return vit if family == "vit" else FIRST_ROWS
    if own:
        return SAME
    kernel = CONV if len(shape) == 4 else DENSE
    special = {
        ("class_token",): CLASS_TOKEN,
        ("sentence",): FIRST_SENTENCE,
        ("patches", "kernel"): PATCHES,
    }
    return special.get(path[1:], kernel if path[-1] == "kernel" else SAME)
