"""python -m tfds_reactionet.statistics"""

from drr_jax import errors
from tfds_reactionet.statistics.command import main

if __name__ == "__main__":
    errors.run(main)
