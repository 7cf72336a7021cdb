"""python -m tfds_reactionet.annotation"""

from drr_jax import errors
from tfds_reactionet.annotation.command import main

if __name__ == "__main__":
    errors.run(main)
