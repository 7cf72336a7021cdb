"""AU detection on DISFA: 8 action units at intensity 2 and above, three published folds.

    python -m drr_jax.main --config=launch/disfa.py --workdir=runs/disfa \
        --config.data.manual_dir=/data/DISFA --config.fold=all

The supplement's protocol (3.1, 3.2): 8 AUs, left camera, intensity above 1, subject-exclusive
three-fold cross validation. The face is the only domain, so the graph relates classes alone. 20
epochs are a reconstruction (docs/method.md 9.6).
"""

from drr_jax.config import Config, parse_arg


def get_config(arg: str = "") -> Config:
    """`arg` stands behind the file's name: KEY=VALUE pairs, with commas."""
    config = Config()
    config.data.name = "disfa/left"
    config.domains = "R"
    config.optim.epochs = 20.0
    return parse_arg(config, arg, {})
