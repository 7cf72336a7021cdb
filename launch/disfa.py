"""AU detection on DISFA: 8 action units at intensity 2 and above, three published folds.

    python -m drr_jax.main --config=launch/disfa.py --workdir=runs/disfa \
        --config.data.manual_dir=/data/DISFA --config.fold=all

The supplement's protocol (3.1, 3.2): 8 AUs, left camera, intensity above 1, subject-exclusive
three-fold cross validation.
"""

from drr_jax.config import Config
from drr_jax.recipes import faces


def get_config(arg: str = "") -> Config:
    """`arg` stands behind the file's name: KEY=VALUE pairs, with commas."""
    return faces(arg, "disfa/left")
