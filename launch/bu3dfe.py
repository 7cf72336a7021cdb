"""Expression recognition on BU-3DFE: ten subject folds.

    python -m drr_jax.main --config=launch/bu3dfe.py --workdir=runs/bu3dfe \
        --config.data.manual_dir=/data/BU_3DFE --config.fold=all

The supplement's protocol (3.1, 3.2): texture images of 100 subjects; the split is not stated, so
ten subject folds are drawn.
"""

from drr_jax.config import Config
from drr_jax.recipes import faces


def get_config(arg: str = "") -> Config:
    """`arg` stands behind the file's name: KEY=VALUE pairs, with commas."""
    return faces(arg, "bu3dfe/rgb", "expression")
