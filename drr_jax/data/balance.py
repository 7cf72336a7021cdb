"""The order of training draws that are balanced over the classes of a softmax task.

A function of (seed, position), with no state: any host, thread or worker process finds the same
record at the same position of the endless stream, wherever a run goes on.
"""

import functools

import numpy as np
from jaxtyping import Int


class BalancedOrder:
    """`order[position]` is the number of a record; `position` counts from 0 through all epochs.

    An epoch has as many positions as there are records. Of them a class of n records has a share in
    proportion to n ** (1 - power), to within one position: with power 1 all classes the same, with
    0 as they are. A class takes its records in passes, each in an order of its own, and goes on in
    the next epoch where it stopped, so that none of them is drawn twice more than another. Records
    of no class (-1) are not drawn. Source: reconstruction.
    """

    def __init__(self, class_of: Int[np.ndarray, " records"], power: float, seed: int):
        """Raises ValueError if no record has a class."""
        self._made_of = class_of, power, seed
        self._records = [np.flatnonzero(class_of == n) for n in range(class_of.max(initial=-1) + 1)]
        self._quotas = quotas([len(some) for some in self._records], power, len(class_of))
        self._length, self._seed = len(class_of), seed
        self._epoch = functools.lru_cache(2)(self._order)  # a batch may end in the next one

    def __reduce__(self):
        """A worker process has a cache of its own."""
        return BalancedOrder, self._made_of

    def __getitem__(self, position: int) -> int:
        epoch, place = divmod(position, self._length)
        return int(self._epoch(epoch)[place])

    def _order(self, epoch: int) -> Int[np.ndarray, " records"]:
        """The records of an epoch."""
        drawn = [
            self._passes(number, epoch * quota, quota) for number, quota in enumerate(self._quotas)
        ]
        return self._shuffled(np.concatenate(drawn), len(self._records), epoch)

    def _passes(self, number: int, first: int, count: int) -> Int[np.ndarray, " count"]:
        """Draws `first` to `first + count` of a class."""
        records = self._records[number]
        if not count:
            return records[:0]
        begun, skipped = divmod(first, len(records))
        ended = -(-(first + count) // len(records))
        passes = [self._shuffled(records, number, n) for n in range(begun, ended)]
        return np.concatenate(passes)[skipped : skipped + count]

    def _shuffled(self, records: np.ndarray, *which: int) -> np.ndarray:
        return np.random.default_rng([self._seed, *which]).permutation(records)


def quotas(counts: list[int], power: float, total: int) -> list[int]:
    """`total` positions shared out over classes of `counts` records, by largest remainders.

    A class that has records gets at least one. Raises ValueError if none has.
    """
    shares = np.array([count ** (1 - power) if count else 0 for count in counts])
    if not shares.sum():
        raise ValueError("no record has a class")
    exact = total * shares / shares.sum()
    whole = np.floor(exact).astype(int)
    most = np.argsort(whole - exact, kind="stable")[: total - whole.sum()]
    whole[most] += 1
    return whole.tolist()
