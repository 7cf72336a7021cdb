"""python -m drr_jax.relations: a run's relations, written and drawn; report/relations.py has it."""

from drr_jax import stops

if __name__ == "__main__":
    stops.end_at_once()  # while all this is imported

from drr_jax import errors
from drr_jax.report import export_relations

if __name__ == "__main__":
    errors.run(export_relations)
