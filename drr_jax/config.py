"""Typed configuration: what launch/*.py return, and how a key is set; config_rules.py checks it."""

import dataclasses
import functools
import os
import re
import typing
from dataclasses import dataclass, field

from drr_jax.config_model import (
    Audio,
    AuGcn,
    Contrast,
    Encoder,
    Fusion,
    Graph,
    Head,
    Model,
    Text,
)
from drr_jax.errors import InputError, nearest
from drr_jax.keys import HELP, LARGE, MANY, key, number, positive


@dataclass
class Data:
    """The prepared data set and how batches are made of it."""

    name: str = key("reactionet/full", "data set, with / and the builder's config behind it")
    data_dir: str = field(
        default_factory=lambda: os.environ.get("DRR_DATA_DIR", "data"),
        metadata={HELP: "folder of prepared data sets; DRR_DATA_DIR, if that is set"},
    )
    manual_dir: str = key("", "raw release; empty: DATA_DIR/downloads/manual/NAME")
    classes: str = key("", "learnt and evaluated, as in AU01+AU12; empty: all of the set")
    records: int = number(
        0, 0, MANY, "training records that are used, the same for every seed; 0: all"
    )
    image_size: int = positive(256, 8192, "pixels of an image's side (supplement 3.2)")
    batch_size: int = positive(64, LARGE, "tuples in the global batch (supplement 3.2)")
    balance: float = number(
        0.0,
        0,
        1,
        "draws of a softmax task's classes: 0 as they are, 1 all as often; between, n^(1 - this)",
    )
    augment_on: str = key("auto", "where images are augmented; auto: device on GPUs, else host")
    worker_count: int = number(
        0, 0, 1024, "Grain worker processes; 0: threads, which start at once"
    )
    read_threads: int = number(
        0, 0, 1024, "threads that read in each process; 0: as many as the machine lends cores"
    )
    prefetch: int = positive(2, 1024, "batches kept ready on the device")
    stimulus_lag: int = number(
        0, 0, 10_000, "frames by which stimulus and caption are from before the face"
    )
    window: int = number(
        25, 1, 10_000, "of model.delay=window: frames of the stimulus, the face's own and before it"
    )
    clips: int = number(
        0, 0, LARGE, "neighbouring tuples of a sequence that are drawn together; 0: none, shuffled"
    )
    permute_context: bool = key(
        False, "a control: in training a face has S, T and A of another tuple in its batch"
    )


@dataclass
class Augment:
    """Training augmentation of R and S (supplement 3.2; jitter strength is a reconstruction)."""

    rotation: float = number(45.0, 0, 180, "degrees, U(-rotation, rotation)")
    flip: float = number(0.5, 0, 1, "probability of a mirror image")
    shift: float = number(0.0, 0, 1, "share of the side to move by, across and down, at most")
    zoom: float = number(0.0, 0, 0.9, "side that is seen, drawn from 1 - this to 1 + this")
    brightness: float = number(0.4, 0, 10, "factor drawn from 1 - this to 1 + this")
    contrast: float = number(0.4, 0, 10, "likewise, of the distance to the mean grey")
    saturation: float = number(0.4, 0, 10, "likewise, of the distance to the pixel's grey")


@dataclass
class Loss:
    """Weights of the loss terms (reconstruction, method 9.5)."""

    au_weights: bool = key(True, "whether an AU's loss has a weight, by how rare it is")
    class_weights: bool = key(False, "likewise, of expressions or scenes")
    no_positive: str = key("error", "of a class without a positive: error, or zero weight")
    lambda_graph: float = number(0.1, 0, 1e6, "weight of the graph's loss")
    lambda_contrast: float = number(0.1, 0, 1e6, "weight of the contrastive loss")
    lambda_instance: float = number(
        0.0, 0, 1e6, "of the contrast of whole tuples: a face with its own S and T (method 6.3)"
    )
    balance: float = number(
        0.0, 0, 1e6, "longest gradient of both contrasts, in that of R's own loss, on R; 0: any"
    )
    lambda_distill: float = number(
        0.0, 0, 1e6, "of what the graph, which sees all domains, teaches R's own head (method 9.5)"
    )
    lambda_domain: float = number(0.1, 0, 1e6, "of uda: how strong the reversed gradient becomes")
    lambda_landmarks: float = number(1.0, 0, 1e6, "of temt_net: weight of the landmarks' loss")
    lambda_reconstruction: float = number(1.0, 0, 1e6, "of temt_net: of the other images' loss")
    omega_reaction: float = number(
        1.0, 0, 1e6, "weight of the loss of R's own head, or V's, D's and Th's"
    )
    omega_stimulus: float = number(1.0, 0, 1e6, "weight of the loss of S's own head")
    omega_text: float = number(1.0, 0, 1e6, "weight of the loss of T's own head")
    omega_audio: float = number(1.0, 0, 1e6, "weight of the loss of A's own head")


@dataclass
class Scene:
    """The sub-scenes that task=scene tells apart (supplement: 24; which, is a reconstruction)."""

    classes: int = number(24, 2, 1000, "how many")
    choice: str = key("sequences", "which: sequences (those with most), sport_show or list")
    names: str = key("", "of scene.choice=list: sport/soccerball+film/horror+...")


@dataclass
class Optim:
    """SGD of supplement 3.2 and its schedule."""

    name: str = key("sgd", "optimiser; adamw as for ViT")
    lr: float = positive(0.01, 1e3, "for batches up to 64; scaled by batch / 64 above that")
    schedule: str = key(
        "step",
        "step (lr, then lr_late after lr_epochs), cosine (to zero) or decay (lr_factor every "
        "lr_epochs)",
    )
    lr_late: float = number(0.001, 0, 1e3, "of schedule=step: the rate after lr_epochs")
    lr_epochs: float = number(2.0, 0, 1e6, "of step and decay: epochs between two rates")
    lr_factor: float = positive(0.3, 1e3, "of schedule=decay")
    warmup_steps: int = number(
        0, 0, MANY, "in which the rate rises; 0: none, or an epoch above batch 64"
    )
    momentum: float = number(0.9, 0, 1, "of sgd")
    nesterov: bool = key(False, "of sgd")
    weight_decay: float = number(1e-4, 0, 1e3, "of sgd added to the gradient, of adamw decoupled")
    decay_all: bool = key(True, "as PyTorch; false spares biases and normalisation")
    clip_norm: float = number(0.0, 0, 1e9, "longest gradient, others are cut to it; 0: any")
    accumulate: int = positive(1, LARGE, "parts of a batch, taken one after the other")
    context_rate: float = number(1.0, 0, 1e3, "factor of the rate for encoders of S, T, A")
    patience: int = number(
        0, 0, MANY, "validations without a better one, after which training ends; 0: it goes on"
    )
    epochs: float = positive(12.0, 1e6, "passes over the training records")
    max_steps: int = number(0, 0, MANY, "0: epochs decide")


@dataclass
class Log:
    """What is written while training, and how often."""

    also: str = key("", "tracker that gets what TensorBoard gets; empty: none")
    every_steps: int = positive(10, MANY, "steps between two rows of losses")
    gradients_every: int = number(
        0, 0, MANY, "steps between two rows of each loss term's gradient on R's encoder; 0: none"
    )
    eval_every_epochs: float = positive(1.0, 1e6, "epochs between two evaluations")
    checkpoint_every_steps: int = positive(500, MANY, "steps between two checkpoints")
    checkpoint_seconds: float = number(
        0.0,
        0,
        1e7,
        "and after so many seconds without one (process 0's clock); 0: by steps alone",
    )
    keep_checkpoints: int = positive(3, 10_000, "latest checkpoints that are kept")
    profile_steps: str = key("", "steps to trace into WORKDIR/trace, as in 100:105; empty: none")
    samples: int = positive(24, 10_000, "test tuples shown in the report")


@dataclass
class Mesh:
    """What a run expects to start on, and how long it waits for the others."""

    hosts: int = number(0, 0, 65536, "hosts there must be; 0: whatever is there")
    devices: int = number(0, 0, LARGE, "devices there must be on all hosts; 0: likewise")
    start_seconds: int = positive(60, 86400, "how long a process waits for the others at the start")
    heartbeat_seconds: int = number(30, 5, 86400, "of silence, after which a process is lost")


@dataclass
class Config:
    """One run. Overridden by --config.a.b=VALUE or by `:KEY=VALUE` behind the config file."""

    model: Model = field(default_factory=Model)
    data: Data = field(default_factory=Data)
    augment: Augment = field(default_factory=Augment)
    encoder: Encoder = field(default_factory=Encoder)
    text: Text = field(default_factory=Text)
    audio: Audio = field(default_factory=Audio)
    head: Head = field(default_factory=Head)
    graph: Graph = field(default_factory=Graph)
    fusion: Fusion = field(default_factory=Fusion)
    au_gcn: AuGcn = field(default_factory=AuGcn)
    contrast: Contrast = field(default_factory=Contrast)
    loss: Loss = field(default_factory=Loss)
    scene: Scene = field(default_factory=Scene)
    optim: Optim = field(default_factory=Optim)
    log: Log = field(default_factory=Log)
    mesh: Mesh = field(default_factory=Mesh)
    task: str = key(
        "au",
        "au (occurrence), intensity (of AUs, 0 to 5), or by softmax expression or scene (the "
        "stimulus's sub-scene)",
    )
    # DRR's inference needs R alone.
    domains: str = key(
        "RST",
        "of R (reaction), S (stimulus), T (caption), with R also A (sound), the last; or of V "
        "(visible), D (depth), Th (thermal)",
    )
    predict: str = key("reaction", "whose logits count; the paper's are the reaction's")
    fold: str = key("0", "the fold whose test part is held out, or all for one run each")
    selection: str = key("last", "checkpoint that counts: last, or best on a validation part")
    validation_share: float = number(
        0.15,
        0,
        0.99,
        "of the training records, of other people, held out for validation",
        above=True,
    )
    seed: int = number(0, 0, 2**32 - 1, "of initial weights, order and augmentation")
    fsdp: int = positive(1, 65536, "devices that share one copy of the parameters; it divides all")
    conv: str = key("auto", "auto: lax, or on a CPU that XLA could not be tuned for, im2col")
    precision: str = key("auto", "auto: float32 on CPU, bfloat16 on accelerators")


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


def span(text: str) -> tuple[int, int] | None:
    """Two whole numbers, the second the larger: "100:105" -> 100, 105; None of "". ValueError."""
    if not text:
        return None
    first, last = map(int, text.split(":"))
    if not 0 <= first < last:
        raise ValueError(text)
    return first, last


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


# What runs and exports were made with that do not have these keys, because they are older.
BEFORE: dict[str, str | bool] = {"head.norm": "layer", "head.plain": False}
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
