"""DRR on ReactioNet: 12 action units, three-fold cross validation (supplement 3.2).

    python -m drr_jax.main --config=launch/reactionet.py --workdir=runs/reactionet \
        --config.data.manual_dir=/data/ReactioNet --config.fold=all

Images of 256x256, batch 64, SGD 0.01 for two epochs and 0.001 after, 12 epochs (the number of
epochs is a reconstruction). `launch/reactionet.py:demo` is the same job on the rendered demo
release, small enough for a laptop CPU: see `demo` in drr_jax/recipes.py for what it changes, and
the README for the score to expect.
"""

from drr_jax.config import Config, parse_arg
from drr_jax.recipes import demo


def get_config(arg: str = "") -> Config:
    """`arg` stands behind the file's name: demo, and KEY=VALUE pairs, with commas."""
    return parse_arg(Config(), arg, {"demo": demo})
