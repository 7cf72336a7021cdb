"""Expression recognition on AffectNet: 7 or 8 classes, the official validation part to test.

    python -m drr_jax.main --config=launch/affectnet.py --workdir=runs/affectnet \
        --config.data.manual_dir=/data/AffectNet --config.fold=all

The supplement's protocol (3.1, 3.2): 7 classes without contempt, 283,901 images to train and
3,500 to test. `launch/affectnet.py:eight` has contempt, too (AffectNet-8, not the paper's). There
are 35 times as many happy faces as disgusted ones to train on, and as many to test:
`loss.class_weights=true` or `data.balance=1` makes up for that.
"""

from drr_jax.config import Config
from drr_jax.recipes import faces


def get_config(arg: str = "") -> Config:
    """`arg` stands behind the file's name: eight and KEY=VALUE pairs, with commas."""
    eight = {"data.name": "affectnet/eight"}
    return faces(arg, "affectnet", "expression", epochs=12.0, variants={"eight": eight})
