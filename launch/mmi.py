"""Expression recognition on MMI: six classes, the three middle frames of each sequence.

    python -m drr_jax.main --config=launch/mmi.py --workdir=runs/mmi \
        --config.data.manual_dir=/data/MMI --config.fold=all

The supplement's protocol (3.1, 3.2): six classes; the split is not stated, so ten subject folds
are drawn. Softmax over the classes; accuracy of the most probable one. The face is the only
domain; the number of epochs is a reconstruction.
"""

from drr_jax.config import Config, parse_arg


def get_config(arg: str = "") -> Config:
    """`arg` stands behind the file's name: KEY=VALUE pairs, with commas."""
    config = Config()
    config.data.name = "mmi"
    config.domains = "R"
    config.task = "expression"
    config.optim.epochs = 20.0
    return parse_arg(config, arg, {})
