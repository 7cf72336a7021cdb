"""Expression recognition on BU-3DFE: ten subject folds; from texture alone, or with depth.

    python -m drr_jax.main --config=launch/bu3dfe.py --workdir=runs/bu3dfe \
        --config.data.manual_dir=/data/BU_3DFE --config.fold=all

The supplement's protocol (3.1, 3.2): texture images of 100 subjects; the split is not stated, so
ten subject folds are drawn. `launch/bu3dfe.py:drr_mm` is DRR MM on texture and depth (3.5).
"""

from drr_jax.config import Config
from drr_jax.recipes import DRR_MM, faces


def get_config(arg: str = "") -> Config:
    """`arg` stands behind the file's name: drr_mm and KEY=VALUE pairs, with commas."""
    both = {"data.name": "bu3dfe/rgb_depth", "domains": "VD", **DRR_MM}
    return faces(arg, "bu3dfe/rgb", "expression", epochs=60.0, variants={"drr_mm": both})
