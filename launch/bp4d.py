"""AU detection on BP4D: 12 action units, the three published subject folds.

    python -m drr_jax.main --config=launch/bp4d.py --workdir=runs/bp4d \
        --config.data.manual_dir=/data/BP4D --config.fold=all

The supplement's protocol (3.1, 3.2): 12 AUs, subject-exclusive three-fold cross validation.
`launch/bp4d.py:intensity` learns the intensities, 0 to 5, of the five AUs that are graded (6, 10,
12, 14 and 17, those of FERA 2015) in the same folds.
"""

from drr_jax.config import Config
from drr_jax.recipes import INTENSITY, faces


def get_config(arg: str = "") -> Config:
    """`arg` stands behind the file's name: intensity and KEY=VALUE pairs, with commas."""
    return faces(arg, "bp4d/rgb", variants=INTENSITY)
