"""AU detection on DISFA+: 12 action units at intensity 2 and above, each of nine subjects a fold.

    python -m drr_jax.main --config=launch/disfa_plus.py --workdir=runs/disfa_plus \
        --config.data.manual_dir=/data/DISFA+ --config.fold=all

Not one of the paper's data sets: DISFA's protocol is taken over, with all 12 AUs.
`launch/disfa_plus.py:intensity` learns their intensities, 0 to 5.
"""

from drr_jax.config import Config
from drr_jax.recipes import INTENSITY, faces


def get_config(arg: str = "") -> Config:
    """`arg` stands behind the file's name: intensity and KEY=VALUE pairs, with commas."""
    return faces(arg, "disfa_plus/trials", variants=INTENSITY)
