"""Expression recognition on FER+: 8 classes, the official test part.

    python -m drr_jax.main --config=launch/fer_plus.py --workdir=runs/fer_plus \
        --config.data.manual_dir=/data/FERPlus --config.fold=all

The supplement's protocol (3.1, 3.2): 8 classes, majority of the votes.
"""

from drr_jax.config import Config
from drr_jax.recipes import faces


def get_config(arg: str = "") -> Config:
    """`arg` stands behind the file's name: KEY=VALUE pairs, with commas."""
    return faces(arg, "fer_plus/majority", "expression")
