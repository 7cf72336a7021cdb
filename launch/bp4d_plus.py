"""AU detection on BP4D+: 12 action units, three subject folds.

    python -m drr_jax.main --config=launch/bp4d_plus.py --workdir=runs/bp4d_plus \
        --config.data.manual_dir=/data/BP4D+ --config.fold=all

The supplement's protocol (3.1, 3.2): 12 AUs, three-fold cross validation; the paper's lists are
not public, see the builder's README. The face is the only domain, so the graph relates classes
alone. 20 epochs are a reconstruction (docs/method.md 9.6).
"""

from drr_jax.config import Config, parse_arg


def get_config(arg: str = "") -> Config:
    """`arg` stands behind the file's name: KEY=VALUE pairs, with commas."""
    config = Config()
    config.data.name = "bp4d_plus/rgb"
    config.domains = "R"
    config.optim.epochs = 20.0
    return parse_arg(config, arg, {})
