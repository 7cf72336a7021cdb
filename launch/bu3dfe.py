"""Expression recognition on BU-3DFE: ten subject folds.

    python -m drr_jax.main --config=launch/bu3dfe.py --workdir=runs/bu3dfe \
        --config.data.manual_dir=/data/BU_3DFE --config.fold=all

The supplement's protocol (3.1, 3.2): texture images of 100 subjects; the split is not stated, so
ten subject folds are drawn. Softmax over the classes; accuracy of the most probable one. The face
is the only domain; the number of epochs is a reconstruction.
"""

from drr_jax.config import Config, parse_arg


def get_config(arg: str = "") -> Config:
    """`arg` stands behind the file's name: KEY=VALUE pairs, with commas."""
    config = Config()
    config.data.name = "bu3dfe/rgb"
    config.domains = "R"
    config.task = "expression"
    config.optim.epochs = 20.0
    return parse_arg(config, arg, {})
