"""DRR on ReactioNet: action units, expressions, scenes, intensities; three folds (supplement 3.2).

    python -m drr_jax.main --config=launch/reactionet.py --workdir=runs/reactionet \
        --config.data.manual_dir=/data/ReactioNet --config.fold=all

Images of 256x256, batch 64, SGD 0.01 for two epochs and 0.001 after, 12 epochs (the number of
epochs is a reconstruction). 12 action units are learnt; `launch/reactionet.py:expression` learns
seven expressions of the key frames, `launch/reactionet.py:scene` which of 24 sub-scenes the
stimulus shows, and `launch/reactionet.py:intensity` the intensities of 17 action units that
OpenFace gives. `launch/reactionet.py:demo`, `:demo,expression`, `:demo,scene` and `:demo,intensity`
are the same jobs on the rendered demo release, small enough for a laptop CPU: see `demo` in
drr_jax/recipes.py for what it changes, and the README for the score to expect. `:world` trains on
the rendered world (docs/world.md), where it is known how much a stimulus can tell.
"""

from drr_jax.config import Config, parse_arg
from drr_jax.recipes import demo, expression, intensity, scene, world


def get_config(arg: str = "") -> Config:
    """`arg` stands behind the file's name: demo or world, a task and KEY=VALUE pairs, with commas.

    The tasks are expression, scene and intensity; action units otherwise.
    """
    tasks = {"expression": expression, "scene": scene, "intensity": intensity}
    return parse_arg(Config(), arg, {"demo": demo, "world": world, **tasks})
