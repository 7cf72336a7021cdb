"""AU detection on EmotioNet's 25,000 hand-labelled images, three folds.

    python -m drr_jax.main --config=launch/emotionet.py --workdir=runs/emotionet \
        --config.data.manual_dir=/data/EmotioNet --config.fold=all

The supplement's protocol (3.1, 3.2): the validation set's 25 K images; the split is not stated,
so folds are drawn. The face is the only domain, so the graph relates classes alone. 20 epochs are
a reconstruction (docs/method.md 9.6).
"""

from drr_jax.config import Config, parse_arg


def get_config(arg: str = "") -> Config:
    """`arg` stands behind the file's name: KEY=VALUE pairs, with commas."""
    config = Config()
    config.data.name = "emotionet"
    config.domains = "R"
    config.optim.epochs = 20.0
    return parse_arg(config, arg, {})
