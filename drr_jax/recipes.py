"""Settings that several launch files share: the demo's size, optimisers of systems, table rows."""

import functools
from collections.abc import Mapping
from types import MappingProxyType

from drr_jax import config_rules
from drr_jax.config import Config, parse_arg, set_key
from drr_jax.errors import InputError

Settings = Mapping[str, str | float | bool]

# AdamW's betas are 0.9 and 0.999. "According to its original setup" (supplement 3.2); the values
# are DeiT's, the rate 5e-4 * batch / 512 (reconstruction, docs/method.md 7.2).
VIT: Settings = {
    "encoder.backbone": "vit_b16",
    "optim.name": "adamw",
    "optim.lr": 5e-4 * 64 / 512,
    "optim.weight_decay": 0.05,
    "optim.decay_all": False,
    "optim.schedule": "cosine",
    "optim.warmup_steps": 2000,
}
HETEROPHILY: Settings = config_rules.HETEROPHILY  # of the GCN baselines
# JAA-Net's own (docs/method.md 7.2), for batches of 8 to 16.
JAA: Settings = {
    "optim.schedule": "decay",
    "optim.lr": 0.01,
    "optim.lr_factor": 0.3,
    "optim.lr_epochs": 2.0,
    "optim.nesterov": True,
    "optim.weight_decay": 5e-4,
    "optim.epochs": 12.0,
    "data.batch_size": 16,
}

# DRR on modalities of one face relates these instead of stimulus and reaction, and fuses them
# (supplement 3.5).
DRR_MM: Settings = {"predict": "fuse", "contrast.pairs": "all"}
# Rows that Tables 5 and 6 share: one image of the face.
ONE_MODALITY: dict[str, Settings] = {
    "resnet18_v": {"model.name": "classifier", "domains": "V"},
    "resnet18_d": {"model.name": "classifier", "domains": "D"},
    "jaa_net": {"model.name": "jaa_net", "domains": "V", **JAA},
    "sev_net": {"model.name": "sev_net", "domains": "V"},
    "ugn_b": {"model.name": "ugn_b", "domains": "V"},
    "au_gcn": {"model.name": "au_gcn", "domains": "V", **HETEROPHILY, "graph.readout": "concat_fc"},
}


def several_modalities(domains: str) -> dict[str, Settings]:
    """Rows that Tables 5 and 6 share, of several images of the face at once."""
    return {
        "early_fusion": {"model.name": "early_fusion", "domains": domains},
        "late_fusion": {"model.name": "late_fusion", "domains": domains},
        "multimodal_gcn": {"model.name": "multimodal_gcn", "domains": domains, **HETEROPHILY},
        "amf": {"model.name": "amf", "domains": domains},
        "mft": {"model.name": "mft", "domains": domains},
        "drr_mm": {"domains": domains, **DRR_MM},
    }


# The rendered demo release on two CPU cores.
DEMO: Settings = {
    "data.image_size": 64,
    "data.batch_size": 32,
    # A narrow ResNet-18 that keeps the resolution of small images.
    "encoder.stem": "small",
    "encoder.width": 16,
    "text.vocabulary": 2048,
    **dict.fromkeys(("text.width", "head.embedding", "head.projection", "graph.width"), 64),
    # 2,400 training tuples and random weights: AdamW leaves the plateau of the first epochs sooner
    # than SGD, and 45 degrees of rotation would take more epochs than three minutes hold.
    "augment.rotation": 8.0,
    **{f"augment.{name}": 0.2 for name in ("brightness", "contrast", "saturation")},
    # Its faces are cut out by landmarks, those of a user's own images by a detector.
    "augment.shift": 0.04,
    "augment.zoom": 0.08,
    "optim.name": "adamw",
    "optim.lr": 0.006,
    "optim.weight_decay": 0.05,
    "optim.schedule": "cosine",
    "optim.warmup_steps": 50,
    "optim.epochs": 13.0,
    "log.eval_every_epochs": 2.0,
    "log.checkpoint_every_steps": 100,
}


def demo(config: Config, data: str = "reactionet/demo") -> None:
    """The rendered demo release `data`: about three minutes on two CPU cores for DRR."""
    apply(config, {"data.name": data, **DEMO})
    if config.encoder.backbone.startswith("vit"):
        # At the ResNets' rate a ViT from random numbers stays on the plateau of the base rates.
        config.optim.lr = 0.0005
    if config.task == "expression":
        expression(config)


def world(config: Config) -> None:
    """The rendered world: 19,200 training tuples whose stimuli say much of weakly seen faces.

    python -m tfds_reactionet.demo --preset=world writes others, by their dials (docs/world.md).
    """
    demo(config, "reactionet/world")
    apply(config, {"data.image_size": 48, "optim.epochs": 4.0, "log.eval_every_epochs": 1.0})
    apply(config, dict.fromkeys(("augment.shift", "augment.zoom"), 0.0))  # whole images


def expression(config: Config) -> None:
    """Seven expressions by a softmax, predicted from the face; coded on key frames alone.

    The demo has 400 of them to learn from: more epochs are no more steps than those of its AUs.
    """
    config.task = "expression"
    if config.data.name == "reactionet/full":
        config.data.name = "reactionet/keyframes"
    if config.data.name == "reactionet/demo":
        config.data.name = "reactionet/demo_keyframes"
        config.optim.epochs = 60.0
        config.log.eval_every_epochs = 10.0


def intensity(config: Config) -> None:
    """Intensities of 0 to 5 of the AUs that OpenFace grades, predicted from the face."""
    config.task = "intensity"


INTENSITY: Mapping[str, Settings] = {"intensity": {"task": "intensity"}}  # a variant of `faces`


def scene(config: Config) -> None:
    """The stimulus's sub-scene, one of 24 by a softmax, predicted from the stimulus.

    What the stimulus shows is its own image's to tell (reconstruction, docs/method.md 9.3);
    predict=reaction asks how much of it the face betrays.
    """
    config.task = "scene"
    config.predict = "stimulus"


def apply(config: Config, settings: Settings) -> None:
    """Sets the keys of `settings`. Raises InputError for a bad key or value."""
    for key, value in settings.items():
        set_key(config, key, str(value))


def faces(
    arg: str,
    data: str,
    task: str = "au",
    epochs: float = 20.0,
    variants: Mapping[str, Settings] = MappingProxyType({}),
) -> Config:
    """A published set of faces: one domain, so that the graph relates classes alone.

    `arg` stands behind the launch file's name: names of `variants` and KEY=VALUE pairs, with
    commas. Expressions are told by a softmax, and the accuracy of the most probable one counts.
    The number of epochs is a reconstruction (docs/method.md 9.6), the first 2 or a tenth of them at
    the higher rate; small sets have more, for some thousand steps. Neither a run time nor a score
    to expect is known: owners give these sets out on request alone. Raises InputError for a bad
    key or value.
    """
    config = Config()
    apply(config, {"data.name": data, "domains": "R", "task": task})
    apply(config, {"optim.epochs": epochs, "optim.lr_epochs": max(2.0, epochs / 10)})
    changes = {
        name: functools.partial(apply, settings=settings) for name, settings in variants.items()
    }
    return parse_arg(config, arg, changes)


def table(
    arg: str,
    rows: Mapping[str, Settings],
    common: Settings = MappingProxyType({}),
    demo_data: str = "reactionet/demo",
) -> Config:
    """The config of a table's row: `arg` is its name, then demo and KEY=VALUE pairs, with commas.

    The keys that all rows have in `common`, and then the row's, are set first, wherever it stands,
    so that the demo's size is the last word on them. Raises InputError, listing the rows, unless
    `arg` names one of them.
    """
    items = [item.strip() for item in arg.split(",")]
    named = [item for item in items if item in rows]
    if len(named) != 1:
        raise InputError(
            f"config argument {arg!r}: expected one row of the table, {', '.join(rows)}, as in "
            f"{next(iter(rows))} or {next(iter(rows))},demo"
        )
    config = Config()
    apply(config, {**common, **rows[named[0]]})
    rest = ",".join(item for item in items if item not in rows)
    return parse_arg(config, rest, {"demo": functools.partial(demo, data=demo_data)})
