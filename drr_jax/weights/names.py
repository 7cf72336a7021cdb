"""What the encoders' parameters are called in other people's files, and how they lie there.

A format is a function from the path of one of our arrays ("params", "layer1_0", "conv1", "kernel")
to the names of the tensors it is made of, and a list of what a file may hold beside them: the heads
of the tasks it was trained on, which are dropped because they are named here. Everything else that
is not asked for is an error.
"""

import dataclasses
import math
import re
from collections.abc import Callable, Iterable

import numpy as np

from drr_jax.models.encoders import PATCH, resize_positions

Path = tuple[str, ...]
Shape = tuple[int, ...]
LEAVES = {
    **{"kernel": "weight", "scale": "weight", "embedding": "weight", "bias": "bias"},
    **{"mean": "running_mean", "var": "running_var"},
}


@dataclasses.dataclass(frozen=True)
class Format:
    """One family of files."""

    name: str
    family: str  # of encoders it fits: resnet, vit or bert
    sign: str  # a tensor that no other format has
    prefix: str  # in front of the encoder's names where the file is of a model with a head
    names: Callable[[Path], Path]
    dropped: re.Pattern[str]

    def canonical(self, name: str) -> str:
        """A tensor's name without prefix, and as newer versions of its library call it."""
        name = name.removeprefix(self.prefix)
        return re.sub(r"LayerNorm\.gamma$", "LayerNorm.weight", name).replace(
            "LayerNorm.beta", "LayerNorm.bias"
        )


def _torchvision_resnet(path: Path) -> Path:
    *modules, leaf = path[1:]
    text = ".".join(modules).replace("downsample_conv", "downsample.0")
    text = text.replace("downsample_bn", "downsample.1")
    text = re.sub(r"^(layer\d+)_", r"\1.", text)
    return (f"{text}.{LEAVES[leaf]}",)


def _huggingface_resnet(path: Path) -> Path:
    *modules, leaf = path[1:]
    kind = "normalization" if "bn" in modules[-1] else "convolution"
    if len(modules) == 1:
        where = "embedder.embedder"
    else:
        stage, layer = modules[0].removeprefix("layer").split("_")
        part = modules[1][-1]  # conv1, bn1, ..., or downsample_conv, downsample_bn
        inside = f"layer.{int(part) - 1}" if part.isdecimal() else "shortcut"
        where = f"encoder.stages.{int(stage) - 1}.layers.{layer}.{inside}"
    return (f"{where}.{kind}.{LEAVES[leaf]}",)


def _timm_vit(path: Path) -> Path:
    *modules, leaf = path[1:]
    if not modules:
        return ({"class_token": "cls_token", "positions": "pos_embed"}[leaf],)
    text = ".".join(modules)
    for ours, theirs in (
        ("patches", "patch_embed.proj"),
        ("attention.qkv", "attn.qkv"),
        ("attention.out", "attn.proj"),
        ("mlp.hidden", "mlp.fc1"),
        ("mlp.out", "mlp.fc2"),
    ):
        text = text.replace(ours, theirs)
    text = re.sub(r"^block(\d+)", r"blocks.\1", text)
    return (f"{text}.{LEAVES[leaf]}",)


def _huggingface_layer(modules: list[str], parts: dict[str, Path], leaf: str) -> Path:
    layer = re.sub(r"\D", "", modules[0])
    return tuple(
        f"encoder.layer.{layer}.{part}.{LEAVES[leaf]}" for part in parts[".".join(modules[1:])]
    )


def _huggingface_vit(path: Path) -> Path:
    *modules, leaf = path[1:]
    if not modules:
        return (f"embeddings.{'cls_token' if leaf == 'class_token' else 'position_embeddings'}",)
    if len(modules) == 1:
        module = {"patches": "embeddings.patch_embeddings.projection", "norm": "layernorm"}
        return (f"{module[modules[0]]}.{LEAVES[leaf]}",)
    return _huggingface_layer(modules, _VIT_PARTS, leaf)


def _huggingface_bert(path: Path) -> Path:
    *modules, leaf = path[1:]
    if not modules:
        module = {"positions": "position_embeddings", "sentence": "token_type_embeddings"}
        return (f"embeddings.{module[leaf]}.weight",)
    if len(modules) == 1:
        module = {"words": "word_embeddings", "norm": "LayerNorm"}
        return (f"embeddings.{module[modules[0]]}.{LEAVES[leaf]}",)
    return _huggingface_layer(modules, _BERT_PARTS, leaf)


_QKV = ("query", "key", "value")
_MLP: dict[str, Path] = {"mlp.hidden": ("intermediate.dense",), "mlp.out": ("output.dense",)}
_VIT_PARTS: dict[str, Path] = _MLP | {
    "attention.qkv": tuple(f"attention.attention.{part}" for part in _QKV),
    "attention.out": ("attention.output.dense",),
    "norm1": ("layernorm_before",),
    "norm2": ("layernorm_after",),
}
_BERT_PARTS: dict[str, Path] = _MLP | {
    "attention.qkv": tuple(f"attention.self.{part}" for part in _QKV),
    "attention.out": ("attention.output.dense",),
    "norm1": ("attention.output.LayerNorm",),
    "norm2": ("output.LayerNorm",),
}
_COUNTERS = r"(.*\.)?num_batches_tracked"
FORMATS = (
    Format(
        "torchvision or timm ResNet",
        "resnet",
        "layer1.0.conv1.weight",
        "",
        _torchvision_resnet,
        re.compile(rf"fc\.(weight|bias)|{_COUNTERS}"),
    ),
    Format(
        "Hugging Face ResNet",
        "resnet",
        "embedder.embedder.convolution.weight",
        "resnet.",
        _huggingface_resnet,
        re.compile(rf"classifier\.1\.(weight|bias)|{_COUNTERS}"),
    ),
    Format(
        "timm ViT",
        "vit",
        "blocks.0.attn.qkv.weight",
        "",
        _timm_vit,
        re.compile(r"(head|pre_logits\.fc)\.(weight|bias)"),
    ),
    Format(
        "Hugging Face ViT",
        "vit",
        "embeddings.patch_embeddings.projection.weight",
        "vit.",
        _huggingface_vit,
        re.compile(r"(classifier|pooler\.dense)\.(weight|bias)"),
    ),
    Format(
        "Hugging Face BERT",
        "bert",
        "embeddings.word_embeddings.weight",
        "bert.",
        _huggingface_bert,
        re.compile(
            r"(classifier|pooler\.dense)\.(weight|bias)|embeddings\.position_ids"
            r"|cls\.(predictions|seq_relationship)\..*"
        ),
    ),
)


def detect(names: Iterable[str]) -> Format | None:
    """The format of a file with tensors of these names, None if it is none of `FORMATS`."""
    names = set(names)
    for format in FORMATS:
        if {format.sign, format.prefix + format.sign} & names:
            return format
    return None


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
        same = all(wanted in (size, None) for size, wanted in pairs)
        return same and self.fits(theirs, ours)


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
        if family == "vit":
            return GRID if own else THEIR_GRID
        return FIRST_ROWS
    if own:
        return SAME
    if path[1:] == ("class_token",):
        return CLASS_TOKEN
    if path[1:] == ("sentence",):
        return FIRST_SENTENCE
    if path[1:] == ("patches", "kernel"):
        return PATCHES
    if path[-1] == "kernel":
        return CONV if len(shape) == 4 else DENSE
    return SAME
