"""python -m drr_jax.relations: a run's relations, written and drawn; report/relations.py has it."""

from drr_jax import errors
from drr_jax.report.relations import main

if __name__ == "__main__":
    errors.run(main)
