"""python -m tfds_reactionet.openface: the user's own OpenFace (annotation/openface_extract.py)."""

from drr_jax import stops

if __name__ == "__main__":
    stops.end_at_once()  # while all this is imported

from drr_jax import errors
from tfds_reactionet.annotation import run_openface

if __name__ == "__main__":
    errors.run(run_openface)
