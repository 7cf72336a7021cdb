"""The command `drr`, and `python -m drr_jax`: `drr_jax.main` without waiting for its imports."""

from typing import NoReturn

from drr_jax import stops, supervisor


def drr() -> NoReturn:
    """The console script `drr`."""
    stops.end_at_once()
    supervisor.split()
    from drr_jax import main  # takes seconds, in which signals are heard

    main.drr()


if __name__ == "__main__":
    drr()
