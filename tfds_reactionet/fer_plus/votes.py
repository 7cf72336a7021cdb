"""From ten votes to a label: the rules of FER+ (Barsoum et al., 2016; docs/datasets.md section 6).

All but `argmax8` first drop expressions that a single voter saw. A rule gives the weights of the
eight expressions, or None if the votes are for "unknown" or "no face", or do not agree.
"""

from collections.abc import Callable, Sequence

import numpy as np

from drr_jax.facs import FER_PLUS_EXPRESSIONS

# The columns of fer2013new.csv; the first eight are FER_PLUS_EXPRESSIONS.
COLUMNS = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
    "unknown",
    "NF",
)
CLASSES = len(FER_PLUS_EXPRESSIONS)
_MOST_CLASSES = 3


def without_single_votes(votes: Sequence[int]) -> list[int]:
    """Votes with counts of 1 set to 0."""
    return [count if count > 1 else 0 for count in votes]


def majority(votes: Sequence[int]) -> np.ndarray | None:
    """The expression with more than half of the votes, as one-hot."""
    counts = without_single_votes(votes)
    winner = counts.index(max(counts))
    return _one_hot(winner) if 2 * counts[winner] > sum(counts) else None


def argmax8(votes: Sequence[int]) -> np.ndarray | None:
    """The most frequent of all ten votes (the first of equals), as one-hot."""
    return _one_hot(list(votes).index(max(votes)))


def probability(votes: Sequence[int]) -> np.ndarray | None:
    """Shares of the leading expressions, taken in falling order until they hold 75 % of the votes.

    Equal counts are taken together. Taking stops at "unknown" or "no face", which count towards the
    75 %. None if more than three are taken, or no more than half of the votes.
    """
    counts = without_single_votes(votes)
    total = sum(counts)
    taken: list[int] = []
    covered = 0
    for level in sorted(set(counts) - {0}, reverse=True):
        if 4 * covered >= 3 * total or len(taken) >= _MOST_CLASSES:
            break
        equals = [column for column, count in enumerate(counts) if count == level]
        taken += [column for column in equals if column < CLASSES]
        covered += level * len(equals)
        if equals[-1] >= CLASSES:
            break
    kept = sum(counts[column] for column in taken)
    if 2 * kept <= total or len(taken) > _MOST_CLASSES:
        return None
    return _shares(counts, taken)


def multi_target(votes: Sequence[int]) -> np.ndarray | None:
    """1 for every expression with at least 30 % of the votes.

    "Unknown" and "no face" count among those that must hold more than half of the votes; a face
    that has most votes there is dropped.
    """
    counts = without_single_votes(votes)
    total = sum(counts)
    taken = [column for column, count in enumerate(counts) if count and 10 * count >= 3 * total]
    if 2 * sum(counts[column] for column in taken) <= total:
        return None
    if counts.index(max(counts)) >= CLASSES:
        return None
    return (_shares(counts, [column for column in taken if column < CLASSES]) > 0).astype(
        np.float32
    )


RULES: dict[str, Callable[[Sequence[int]], np.ndarray | None]] = {
    "majority": majority,
    "argmax8": argmax8,
    "votes": majority,
    "probability": probability,
    "multi_target": multi_target,
}


def label(rule: str, votes: Sequence[int]) -> tuple[int, np.ndarray]:
    """The leading expression, -1 if there is none, and the target float32 [8], then all 0.

    The leading expression of several is the one with most votes, the first of equals.
    """
    target = RULES[rule](votes)
    if target is None:
        return -1, np.zeros(CLASSES, np.float32)
    return int(np.argmax(np.where(target > 0, votes[:CLASSES], -1))), target


def _one_hot(winner: int) -> np.ndarray | None:
    return None if winner >= CLASSES else np.eye(CLASSES, dtype=np.float32)[winner]


def _shares(counts: Sequence[int], taken: Sequence[int]) -> np.ndarray:
    weights = np.zeros(CLASSES)
    weights[list(taken)] = [counts[column] for column in taken]
    return (weights / weights.sum()).astype(np.float32)
