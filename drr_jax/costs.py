"""python -m drr_jax.costs: what a system costs; tables/costs.py has it."""

from drr_jax import errors
from drr_jax.tables.costs import run

if __name__ == "__main__":
    errors.run(run)
