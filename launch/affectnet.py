"""Expression recognition on AffectNet: 7 classes, the official validation part to test.

    python -m drr_jax.main --config=launch/affectnet.py --workdir=runs/affectnet \
        --config.data.manual_dir=/data/AffectNet --config.fold=all

The supplement's protocol (3.1, 3.2): 7 classes without contempt, 283,901 images to train and
3,500 to test.
"""

from drr_jax.config import Config
from drr_jax.recipes import faces


def get_config(arg: str = "") -> Config:
    """`arg` stands behind the file's name: KEY=VALUE pairs, with commas."""
    return faces(arg, "affectnet", "expression", epochs=12.0)
