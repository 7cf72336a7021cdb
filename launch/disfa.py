"""AU detection on DISFA: 8 action units at intensity 2 and above, three published folds.

    python -m drr_jax.main --config=launch/disfa.py --workdir=runs/disfa \
        --config.data.manual_dir=/data/DISFA --config.fold=all

The supplement's protocol (3.1, 3.2): 8 AUs, left camera, intensity above 1, subject-exclusive
three-fold cross validation. `launch/disfa.py:intensity` learns the intensities, 0 to 5, of
all 12 AUs that are coded, in the same folds; ICC(3,1), MSE, MAE and PCC are averaged over AUs.
"""

from drr_jax.config import Config
from drr_jax.recipes import INTENSITY, faces


def get_config(arg: str = "") -> Config:
    """`arg` stands behind the file's name: intensity and KEY=VALUE pairs, with commas."""
    return faces(arg, "disfa/left", variants=INTENSITY)
