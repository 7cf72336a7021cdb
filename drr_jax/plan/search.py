"""The largest batch that fits, found by compiling a few."""

from collections.abc import Callable
from typing import Any

from drr_jax.config import Config
from drr_jax.plan.chips import Chip
from drr_jax.plan.roofline import fits
from drr_jax.plan.variants import batch_unit, with_batch

MOST = 6  # compilations
LARGEST = 1 << 24  # of the key data.batch_size


def largest_batch(
    config: Config, chip: Chip, first: dict[str, Any], ask: Callable[[Config], dict[str, Any]]
) -> dict[str, Any]:
    """Compiles other batches, by a straight line through what two of them need, up to `MOST`.

    `first` are the facts of the config itself, `ask` gives those of another. Returns the largest
    that was seen to fit (None if none was), the smallest that was seen not to, and what each needs.
    """
    unit = batch_unit(config, first["devices"])
    needs: dict[int, int | None] = {}  # bytes; None: the compiler gave up

    def try_batch(units: int, facts: dict[str, Any]) -> None:
        needs[units] = facts["memory"]["total"] if "memory" in facts else None
        (good if fits(chip, facts) else bad).append(units)

    good: list[int] = []
    bad: list[int] = []
    start = max(1, config.data.batch_size // unit)
    if config.data.batch_size == start * unit:
        try_batch(start, first)
    while len(needs) < MOST:
        units = _next(needs, good, bad, start, chip)
        units = min(units, LARGEST // unit)
        if units < 1 or units in needs:
            break
        try_batch(units, ask(with_batch(config, units * unit)))
    return {
        "unit": unit,
        "fits": max(good) * unit if good else None,
        "too_large": min(bad) * unit if bad else None,
        "tried": {str(units * unit): bytes_ for units, bytes_ in sorted(needs.items())},
    }


def _next(
    needs: dict[int, int | None], good: list[int], bad: list[int], start: int, chip: Chip
) -> int:
    """The number of units to try next; one that was tried ends the search."""
    low, high = max(good, default=0), min(bad, default=0)
    known = sorted((units, need) for units, need in needs.items() if need is not None)
    if not needs:
        return start
    if len(known) < 2:
        return 2 * low if low else high // 2
    (a, needed_a), (b, needed_b) = known[-2:]
    slope = max((needed_b - needed_a) / (b - a), 1e-9)
    guess = int(b + ((chip.memory or 0) - needed_b) / slope)
    if high:
        guess = min(guess, high - 1)
    return max(guess, low + 1) if low + 1 < (high or guess + 2) else low
