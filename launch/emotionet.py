"""AU detection on EmotioNet's 25,000 hand-labelled images, three folds.

    python -m drr_jax.main --config=launch/emotionet.py --workdir=runs/emotionet \
        --config.data.manual_dir=/data/EmotioNet --config.fold=all

The supplement's protocol (3.1, 3.2): the validation set's 25 K images; the split is not stated,
so folds are drawn.
"""

from drr_jax.config import Config
from drr_jax.recipes import faces


def get_config(arg: str = "") -> Config:
    """`arg` stands behind the file's name: KEY=VALUE pairs, with commas."""
    return faces(arg, "emotionet")
