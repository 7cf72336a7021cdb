"""DRR on ReactioNet: action units, expressions or scenes, three folds (supplement 3.2).

    python -m drr_jax.main --config=launch/reactionet.py --workdir=runs/reactionet \
        --config.data.manual_dir=/data/ReactioNet --config.fold=all

Images of 256x256, batch 64, SGD 0.01 for two epochs and 0.001 after, 12 epochs (the number of
epochs is a reconstruction). 12 action units are learnt; `launch/reactionet.py:expression` learns
seven expressions of the key frames and `launch/reactionet.py:scene` which of 24 sub-scenes the
stimulus shows. `launch/reactionet.py:demo`, `:demo,expression` and `:demo,scene` are the same jobs
on the rendered demo release, small enough for a laptop CPU: see `demo` in
drr_jax/recipes.py for what it changes, and the README for the score to expect.
"""

from drr_jax.config import Config, parse_arg
from drr_jax.recipes import demo, expression, scene


def get_config(arg: str = "") -> Config:
    """`arg` stands behind the file's name: demo, expression, scene and KEY=VALUE, with commas."""
    return parse_arg(Config(), arg, {"demo": demo, "expression": expression, "scene": scene})
