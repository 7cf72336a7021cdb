"""python -m drr_jax.costs: what a system costs; tables/costs.py has it."""

from drr_jax import stops

if __name__ == "__main__":
    stops.end_at_once()  # while all this is imported

from drr_jax import errors
from drr_jax.tables import measure_costs

if __name__ == "__main__":
    errors.run(measure_costs)
