"""Expression recognition on FER+: 8 classes, the official test part.

    python -m drr_jax.main --config=launch/fer_plus.py --workdir=runs/fer_plus \
        --config.data.manual_dir=/data/FERPlus --config.fold=all

The supplement's protocol (3.1, 3.2): 8 classes, majority of the votes. Softmax over the classes;
accuracy of the most probable one. The face is the only domain; the number of epochs is a
reconstruction.
"""

from drr_jax.config import Config, parse_arg


def get_config(arg: str = "") -> Config:
    """`arg` stands behind the file's name: KEY=VALUE pairs, with commas."""
    config = Config()
    config.data.name = "fer_plus/majority"
    config.domains = "R"
    config.task = "expression"
    config.optim.epochs = 20.0
    return parse_arg(config, arg, {})
