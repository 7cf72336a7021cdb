"""Expression recognition on MMI: six classes, the three middle frames of each sequence.

    python -m drr_jax.main --config=launch/mmi.py --workdir=runs/mmi \
        --config.data.manual_dir=/data/MMI --config.fold=all

The supplement's protocol (3.1, 3.2): six classes; the split is not stated, so ten subject folds
are drawn. A fold has some 600 images: 200 epochs are about 2,000 steps (reconstruction).
"""

from drr_jax.config import Config
from drr_jax.recipes import faces


def get_config(arg: str = "") -> Config:
    """`arg` stands behind the file's name: KEY=VALUE pairs, with commas."""
    return faces(arg, "mmi", "expression", epochs=200.0)
