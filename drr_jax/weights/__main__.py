"""python -m drr_jax.weights"""

from drr_jax import stops

if __name__ == "__main__":
    stops.end_at_once()  # while all this is imported

from drr_jax import errors
from drr_jax.weights.command import main

if __name__ == "__main__":
    errors.run(main)
