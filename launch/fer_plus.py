"""Expression recognition on FER+: 8 classes, the official test part.

    python -m drr_jax.main --config=launch/fer_plus.py --workdir=runs/fer_plus \
        --config.data.manual_dir=/data/FERPlus --config.fold=all

The supplement's protocol (3.1, 3.2): 8 classes, majority of the votes. `launch/fer_plus.py:fer2013`
has FER2013's own labels instead, 7 classes of all 35,887 faces (not the paper's).
"""

from drr_jax.config import Config
from drr_jax.recipes import faces


def get_config(arg: str = "") -> Config:
    """`arg` stands behind the file's name: fer2013 and KEY=VALUE pairs, with commas."""
    own = {"data.name": "fer_plus/fer2013"}
    return faces(arg, "fer_plus/majority", "expression", variants={"fer2013": own})
