"""Means over folds and seeds, and paired differences of two systems, with their uncertainty.

Folds share most of their training data, so their spread is not that of independent trials; the
interval of a difference is therefore taken over seeds, each with its mean over the same folds
(docs/method.md 8.1: fixed folds, several seeds, paired comparison).
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats

LEVEL = 0.95  # of the confidence intervals


@dataclass(frozen=True)
class Difference:
    """How much higher one system scores than another on the same seeds and folds."""

    mean: float
    half_width: float | None  # of the confidence interval; None with a single seed
    pairs: int
    better: int  # pairs in which it scores higher
    seeds: int
    folds: int

    @property
    def interval(self) -> tuple[float, float] | None:
        """The confidence interval of the mean difference."""
        if self.half_width is None:
            return None
        return self.mean - self.half_width, self.mean + self.half_width

    @property
    def decided(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.half_width is not None and abs(self.mean) > self.half_width


def spread(values: Float[np.ndarray, "seeds folds"]) -> tuple[float, float | None, float | None]:
    """The mean of a score, its sample SD over folds of the means over seeds, and the reverse.

    A deviation is None where there is a single fold or seed.
    """
    over_folds, over_seeds = (
        float(means.std(ddof=1)) if len(means) > 1 else None
        for means in (values.mean(0), values.mean(1))
    )
    return float(values.mean()), over_folds, over_seeds


def difference(
    ours: Float[np.ndarray, "seeds folds"], reference: Float[np.ndarray, "seeds folds"]
) -> Difference:
    """The mean paired difference and its interval: Student's t over seeds of the fold means.

    Raises ValueError if the two do not have the same seeds and folds, by their number.
    """
    if ours.shape != reference.shape or not ours.size:
        raise ValueError(f"pairs need the same seeds and folds: {ours.shape}, {reference.shape}")
    each = ours - reference
    by_seed = each.mean(1)
    count, half_width = len(by_seed), None
    if count > 1:
        quantile = float(stats.t.ppf((1 + LEVEL) / 2, count - 1))
        half_width = quantile * float(by_seed.std(ddof=1)) / math.sqrt(count)
    return Difference(
        mean=float(each.mean()),
        half_width=half_width,
        pairs=each.size,
        better=int((each > 0).sum()),
        seeds=count,
        folds=each.shape[1],
    )
