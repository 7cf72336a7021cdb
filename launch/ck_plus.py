"""AU detection on CK+: 12 action units of 309 posed sequences, three subject folds; expressions.

    python -m drr_jax.main --config=launch/ck_plus.py --workdir=runs/ck_plus \
        --config.data.manual_dir=/data/CK+ --config.fold=all

The supplement's protocol (3.1, 3.2): 309 sequences of 106 subjects; the split is not stated, so
subject-exclusive folds are drawn. `launch/ck_plus.py:expression` tells the six emotions of the same
sequences, `:contempt` seven emotions of all 327, and `:eight` those and neutral, which a sequence's
first frame is; these two are not the paper's. A fold has some 600 images: 200 epochs are about
2,000 steps (reconstruction).
"""

from drr_jax.config import Config
from drr_jax.recipes import faces


def get_config(arg: str = "") -> Config:
    """`arg` stands behind the file's name: expression, contempt or eight, then KEY=VALUE pairs."""
    told = {
        config: {"data.name": f"ck_plus/{config}", "task": "expression"}
        for config in ("expression", "contempt", "eight")
    }
    return faces(arg, "ck_plus/au", epochs=200.0, variants=told)
