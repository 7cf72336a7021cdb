"""python -m drr_jax.page --model=FOLDER: a page to try a model on; tryout/command.py has it."""

from drr_jax import stops

if __name__ == "__main__":
    stops.end_at_once()  # while all this is imported

from drr_jax import errors
from drr_jax.tryout import main

if __name__ == "__main__":
    errors.run(main)
