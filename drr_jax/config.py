"""Typed configuration: what launch/*.py return, and how a key is set; config_rules.py checks it."""

import dataclasses
import functools
import os
import re
import typing
from dataclasses import dataclass, field

from drr_jax.errors import InputError, nearest
from drr_jax.ranges import number, positive

_MANY, _LARGE = 2**31 - 1, 1 << 24  # steps; sizes


@dataclass
class Data:
    """The prepared data set and how batches are made of it."""

    name: str = "reactionet/full"  # data set / builder config: full, keyframes or demo
    data_dir: str = field(default_factory=lambda: os.environ.get("DRR_DATA_DIR", "data"))
    manual_dir: str = ""  # raw release; empty: <data_dir>/downloads/manual/NAME
    # The classes to learn and evaluate, as in AU01+AU12; empty: all that the set is evaluated on.
    classes: str = ""
    image_size: int = positive(256, 8192)  # supplement 3.2
    batch_size: int = positive(64, _LARGE)  # tuples in the global batch (supplement 3.2)
    augment_on: str = "auto"  # auto (host on CPU, device on accelerators), host or device
    worker_count: int = number(
        0, 0, 1024
    )  # Grain worker processes; 0 reads in threads, which start at once
    read_threads: int = positive(2, 1024)
    prefetch: int = positive(2, 1024)  # batches kept ready on the device


@dataclass
class Augment:
    """Training augmentation of R and S (supplement 3.2; jitter strength is a reconstruction)."""

    rotation: float = number(45.0, 0, 180)  # degrees, U(-rotation, rotation)
    flip: float = number(0.5, 0, 1)  # probability
    brightness: float = number(0.4, 0, 10)
    contrast: float = number(0.4, 0, 10)
    saturation: float = number(0.4, 0, 10)


@dataclass
class Encoder:
    """The image encoder of R and S, with separate weights for each domain."""

    backbone: str = "resnet18"  # resnet18, resnet50, vit_s16 or vit_b16
    width: int = positive(
        64, 8192
    )  # of a ResNet's first stage or a ViT's attention head; 64 as published
    depth: int = number(0, 0, 256)  # layers of a ViT; 0: as published
    # of a ResNet: imagenet (7x7/2, pool: stride 32 in all), small (3x3/2: stride 16) or patch
    # (4x4/4: stride 32)
    stem: str = "imagenet"
    bn_group: int = number(
        0, 0, _LARGE
    )  # BatchNorm statistics over groups of this many tuples; 0: global batch


@dataclass
class Text:
    """The caption encoder (reconstruction, method 4); weights bring their own sizes and pieces."""

    encoder: str = "small"  # small, or bert: the BERT family
    frozen: bool = False  # of bert: train only what comes after it
    vocabulary: int = positive(8192, _LARGE)  # word pieces; supplement 1.9 counts 8,049 words
    max_tokens: int = positive(32, 65536)
    width: int = positive(256, _LARGE)
    layers: int = positive(2, 256)
    heads: int = positive(4, 256)
    hidden: int = number(0, 0, _LARGE)  # of bert's MLP; 0: four times the width


@dataclass
class Head:
    """Class-wise attention, embeddings and projection (reconstruction, method 9.1)."""

    embedding: int = positive(256, _LARGE)  # K
    projection: int = positive(128, _LARGE)  # Z


@dataclass
class Graph:
    """The graph module (supplement 2.2, 3.2; reconstruction, method 5)."""

    enabled: bool = True
    assumption: str = "both"  # both, homophily, heterophily or none
    het_form: str = "strict"  # strict, full or cross_only
    semantics: str = "label"  # label, similarity or filter
    conv: str = "gcn"  # gcn, h2gcn, fagcn, acm, gprgnn or cpgnn
    prior: str = "on"  # on, identity, all_ones, soft, learned or file:PATH.csv
    layers: int = positive(2, 64)
    width: int = positive(256, _LARGE)  # G
    dropout: float = number(0.2, 0, 0.99)
    readout: str = "per_class"  # per_class or concat_fc


@dataclass
class Fusion:
    """How late_fusion joins its domains (reconstruction, method 7.2)."""

    level: str = "features"  # features side by side, or the mean of probabilities


@dataclass
class AuGcn:
    """What au_gcn cuts its regions out by (reconstruction, method 7.2)."""

    landmarks: bool = True  # False for sets without: by where the builders put eyes and mouth


@dataclass
class Contrast:
    """Cross-domain contrastive learning (supplement 1.9, 2.2; reconstruction, method 6)."""

    enabled: bool = True
    scope: str = "batch_gated"  # batch_gated (C2), tuple (C1) or tuple_batchneg (C3)
    prior: str = "on"  # on, identity, all_ones, soft, learned or file:PATH.csv
    pairs: str = "dyadic"  # dyadic (R with S, R with T) or all
    tau: float = positive(0.07, 1e3)
    related_weight: float = number(1.0, 0, 1e3)  # rho, weight of a related class as a positive
    group_size: int = positive(
        64, _LARGE
    )  # tuples contrasted with each other, whatever the global batch


@dataclass
class Loss:
    """Weights of the loss terms (reconstruction, method 9.5)."""

    au_weights: bool = True
    # An AU without a positive to learn from: error, or zero (weight 0, said at the start).
    no_positive: str = "error"
    lambda_graph: float = number(1.0, 0, 1e6)
    lambda_contrast: float = number(0.1, 0, 1e6)
    lambda_domain: float = number(0.1, 0, 1e6)  # of UDA: how strong the reversed gradient becomes
    omega_reaction: float = number(1.0, 0, 1e6)
    omega_stimulus: float = number(1.0, 0, 1e6)
    omega_text: float = number(1.0, 0, 1e6)


@dataclass
class Scene:
    """The sub-scenes that task=scene tells apart (supplement: 24; which, is a reconstruction)."""

    classes: int = number(24, 2, 1000)
    choice: str = "sequences"  # sequences (those with most), sport_show or list
    names: str = ""  # of choice=list, with a + between them: sport/soccerball+film/horror+...


@dataclass
class Optim:
    """SGD of supplement 3.2 and its schedule."""

    name: str = "sgd"  # sgd, or adamw as for ViT
    lr: float = positive(0.01, 1e3)  # for batches up to 64; scaled by batch / 64 above that
    # step (lr, then lr_late after lr_epochs), cosine (to zero) or decay (lr_factor every lr_epochs)
    schedule: str = "step"
    lr_late: float = number(0.001, 0, 1e3)
    lr_epochs: float = number(2.0, 0, 1e6)
    lr_factor: float = positive(0.3, 1e3)
    warmup_steps: int = number(0, 0, _MANY)
    momentum: float = number(0.9, 0, 1)
    nesterov: bool = False  # sgd
    weight_decay: float = number(1e-4, 0, 1e3)
    decay_all: bool = True  # as PyTorch; False spares biases and normalisation
    epochs: float = positive(12.0, 1e6)
    max_steps: int = number(0, 0, _MANY)  # 0: epochs decide


@dataclass
class Log:
    """What is written while training, and how often."""

    every_steps: int = positive(10, _MANY)
    eval_every_epochs: float = positive(1.0, 1e6)
    checkpoint_every_steps: int = positive(500, _MANY)
    keep_checkpoints: int = positive(3, 10_000)
    samples: int = positive(24, 10_000)  # test tuples shown in the report


@dataclass
class DomainEncoder:
    """What one domain's encoder starts from."""

    # none (random), PATH of a file or folder, hf:ORG/NAME or hf:ORG/NAME@REVISION
    weights: str = "none"


@dataclass
class ImageEncoder(DomainEncoder):
    """Likewise; and what its weights expect of images, which are grey levels of 0 to 1."""

    # Of red, green and blue with a + between, as in 0.5+0.5+0.5; empty: as the files beside the
    # weights say, else ImageNet's.
    mean: str = ""
    std: str = ""
    epsilon: float = number(
        0.0, 0, 0.1
    )  # of a ViT's layer normalisation; 0: as those files say, else 1e-6


@dataclass
class Encoders:
    """The encoders by domain; what they are made of stands under `encoder` and `text`."""

    R: ImageEncoder = field(default_factory=ImageEncoder)
    S: ImageEncoder = field(default_factory=ImageEncoder)
    T: DomainEncoder = field(default_factory=DomainEncoder)
    V: ImageEncoder = field(default_factory=ImageEncoder)
    D: ImageEncoder = field(default_factory=ImageEncoder)
    Th: ImageEncoder = field(default_factory=ImageEncoder)


@dataclass
class Model:
    """Which system learns: DRR, a baseline or a comparator of the paper's tables."""

    name: str = "drr"
    encoders: Encoders = field(default_factory=Encoders)


@dataclass
class Config:
    """One run. Overridden by --config.a.b=VALUE or by `:KEY=VALUE` behind the config file."""

    model: Model = field(default_factory=Model)
    data: Data = field(default_factory=Data)
    augment: Augment = field(default_factory=Augment)
    encoder: Encoder = field(default_factory=Encoder)
    text: Text = field(default_factory=Text)
    head: Head = field(default_factory=Head)
    graph: Graph = field(default_factory=Graph)
    fusion: Fusion = field(default_factory=Fusion)
    au_gcn: AuGcn = field(default_factory=AuGcn)
    contrast: Contrast = field(default_factory=Contrast)
    loss: Loss = field(default_factory=Loss)
    scene: Scene = field(default_factory=Scene)
    optim: Optim = field(default_factory=Optim)
    log: Log = field(default_factory=Log)
    task: str = "au"  # au, or by softmax expression, or scene (the stimulus's sub-scene)
    # Training domains: of R (reaction), S (stimulus), T (caption), or of the same face's modalities
    # V (visible), D (depth), Th (thermal). DRR's inference needs R alone.
    domains: str = "RST"
    predict: str = "reaction"  # reaction (the paper's), fuse, graph or stimulus
    fold: str = "0"  # the fold whose test part is held out, or all for one run each
    # Whose results count: the last checkpoint's, or that of the one which is best on a validation
    # part; `validation_share` of the training records, of other people, are then held out for it.
    selection: str = "last"
    validation_share: float = number(0.15, 0, 0.99, above=True)
    seed: int = number(0, 0, 2**32 - 1)
    fsdp: int = positive(1, 65536)  # devices that share one copy of the parameters
    # auto: lax, or on a CPU that runs/cpu.py could not tune im2col, whose kernel gradients are
    # matrix products
    conv: str = "auto"
    precision: str = "auto"  # auto (float32 on CPU, bfloat16 on accelerators), float32, bfloat16


def flatten(config: typing.Any) -> dict[str, typing.Any]:
    """Returns {"data.batch_size": 64, ...}, in the order of the definitions."""
    flat: dict[str, typing.Any] = {}
    for outer in dataclasses.fields(config):
        value = getattr(config, outer.name)
        if dataclasses.is_dataclass(value):
            flat |= {f"{outer.name}.{inner}": leaf for inner, leaf in flatten(value).items()}
        else:
            flat[outer.name] = value
    return flat


def letters(domains: str) -> tuple[str, ...]:
    """The domains that a config's `domains` names: "RST" -> R, S, T; "VDTh" -> V, D, Th."""
    return tuple(re.findall("Th|.", domains))


def channels(text: str) -> tuple[float, ...]:
    """Numbers with a + between them: "0.5+0.5+0.5" -> 0.5, 0.5, 0.5. Raises ValueError."""
    return tuple(map(float, text.split("+")))


def check_key(key: str) -> None:
    """Raises InputError, naming the nearest keys, if a config has no such key."""
    known = list(flatten(Config()))
    if key not in known:
        leaf = {name.rsplit(".", 1)[-1]: name for name in known}
        hint = leaf.get(key.rsplit(".", 1)[-1])
        hint = f"did you mean {hint}?" if hint else nearest(key, known)
        raise InputError(f"config key {key!r} does not exist: {hint}")


def set_key(config: Config, key: str, text: str) -> None:
    """Sets `key` (as in "optim.lr") from its text. Raises InputError for a bad key or value."""
    check_key(key)
    *outer, name = key.split(".")
    owner = functools.reduce(getattr, outer, config)
    kind = typing.get_type_hints(type(owner))[name]
    try:
        value = _BOOLEANS[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError):
        raise InputError(
            f"config key {key}={text!r}: expected a {kind.__name__}, as in "
            f"{key}={getattr(owner, name)}"
        ) from None
    setattr(owner, name, value)


_BOOLEANS = {"true": True, "1": True, "on": True, "false": False, "0": False, "off": False}


def parse_arg(config: Config, arg: str, variants: typing.Mapping[str, typing.Callable]) -> Config:
    """Applies what stands behind the config file: a variant's name, then KEY=VALUE pairs.

    `demo,optim.lr=0.02,fold=1` calls variants["demo"](config), then sets the two keys.
    Raises InputError for an unknown variant, key or value.
    """
    for item in filter(None, (item.strip() for item in arg.split(","))):
        key, equals, value = item.partition("=")
        if equals:
            set_key(config, key.strip(), value.strip())
        elif item in variants:
            variants[item](config)
        else:
            raise InputError(
                f"config argument {item!r} is unknown: {nearest(item, list(variants))}"
            )
    return config
