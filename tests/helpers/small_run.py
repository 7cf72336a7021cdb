"""Runs that a test can train: a rendered data set, and launch files at sizes that compile fast."""

from pathlib import Path
from typing import Any

from drr_jax import data, training
from drr_jax.config import Config
from tfds_reactionet import build
from tfds_reactionet.demo import write as demo

LAUNCH = Path(__file__).parents[2] / "launch"
TINY = {
    "data.image_size": 32,
    "data.batch_size": 16,
    "encoder.backbone": "vit_s16",  # compiles in a tenth of a ResNet's time
    "encoder.depth": 1,
    "encoder.width": 4,
    "text.width": 16,
    "text.layers": 1,
    "text.heads": 2,
    "text.vocabulary": 256,
    "head.embedding": 8,
    "head.projection": 8,
    "graph.width": 8,
    "contrast.group_size": 8,
    "optim.max_steps": 3,
    "optim.warmup_steps": 0,
    "log.samples": 6,
}


def render(folder: Path, tuples: int = 96, size: int = 48, seed: int = 2) -> Path:
    """A small demo release, raw and prepared, in `folder`, which is returned.

    With seed 2 each of the 12 AUs occurs in every part of so few tuples.
    """
    release = folder / "downloads" / "manual" / "reactionet_demo"
    demo.write_release(release, tuples, size, seed, jobs=1, progress=False)
    build.prepare("reactionet/demo", folder, size=size, jobs=1, progress=False)
    return folder


def config(data_dir: Path, variant: str = "demo", table: str = "reactionet", **changes: Any) -> str:
    """What stands behind --config=: TINY on the data in `data_dir`, with keys changed."""
    pairs = TINY | {"data.data_dir": data_dir} | changes
    text = ",".join(f"{key}={value}" for key, value in pairs.items())
    return f"{LAUNCH / table}.py:{','.join(filter(None, (variant, text)))}"


def experiment(config: Config, fold: int = 0, directory: Path | None = None) -> training.Experiment:
    """The parts of a run, as the training command puts them together."""
    prepared = data.open_dataset(directory or data.find_data(config))
    read = data.read_fold(config, prepared, fold)
    training.check(config, read)
    return training.build(config, read)
