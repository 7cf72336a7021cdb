"""Expression recognition on RAF-DB: 7 classes, 12,271 images to train and 3,068 to test.

    python -m drr_jax.main --config=launch/raf_db.py --workdir=runs/raf_db \
        --config.data.manual_dir=/data/RAF-DB --config.fold=all

The supplement's protocol (3.1, 3.2): 7 classes, the official parts.
"""

from drr_jax.config import Config
from drr_jax.recipes import faces


def get_config(arg: str = "") -> Config:
    """`arg` stands behind the file's name: KEY=VALUE pairs, with commas."""
    return faces(arg, "raf_db", "expression")
