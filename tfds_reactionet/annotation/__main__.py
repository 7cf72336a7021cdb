"""python -m tfds_reactionet.annotation"""

from drr_jax import stops

if __name__ == "__main__":
    stops.end_at_once()  # while all this is imported

from drr_jax import errors
from tfds_reactionet.annotation.command import main

if __name__ == "__main__":
    errors.run(main)
