"""DRR on ReactioNet: 12 action units, three-fold cross validation (supplement 3.2).

    python -m drr_jax.main --config=launch/reactionet.py --workdir=runs/reactionet \
        --config.data.manual_dir=/data/ReactioNet --config.fold=all

Images of 256x256, batch 64, SGD 0.01 for two epochs and 0.001 after, 12 epochs (the number of
epochs is a reconstruction). `launch/reactionet.py:demo` is the same job on the rendered demo
release, small enough for a laptop CPU: see `demo` below for what it changes, and the README for
the score to expect.
"""

from drr_jax.config import Config, parse_arg


def demo(config: Config) -> None:
    """The rendered demo release on two CPU cores in about three minutes."""
    config.data.name = "reactionet/demo"
    config.data.image_size = 64
    config.data.batch_size = 32
    # A narrow ResNet-18 that keeps the resolution of small images.
    config.encoder.stem = "small"
    config.encoder.width = 16
    config.text.vocabulary = 2048
    config.text.width = 64
    config.head.embedding = 64
    config.head.projection = 64
    config.graph.width = 64
    # 2,400 training tuples and random weights: AdamW leaves the plateau of the first epochs sooner
    # than SGD, and 45 degrees of rotation would take more epochs than three minutes hold.
    config.augment.rotation = 8.0
    config.augment.brightness = config.augment.contrast = config.augment.saturation = 0.2
    config.optim.name = "adamw"
    config.optim.lr = 0.003
    config.optim.weight_decay = 0.05
    config.optim.schedule = "cosine"
    config.optim.warmup_steps = 50
    config.optim.epochs = 10.0
    config.log.eval_every_epochs = 2.0
    config.log.checkpoint_every_steps = 100


def get_config(arg: str = "") -> Config:
    """`arg` stands behind the file's name: demo, and KEY=VALUE pairs, with commas."""
    return parse_arg(Config(), arg, {"demo": demo})
