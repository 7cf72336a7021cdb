"""The order of training draws in clips, neighbouring tuples of one sequence.

A function of (seed, position), with no state, as that of balance.py.
"""

import functools

import numpy as np
from jaxtyping import Int


class ClipOrder:
    """`order[position]` is the number of a record; `position` counts from 0 through all epochs.

    Positions k * length to (k + 1) * length - 1 are clip k: records of one sequence, one after the
    other. An epoch has as few clips of every sequence as hold all its records, laid over it by a
    shift of their own, so that the ends of a sequence that they do not fill lie in two of them; the
    clips of all sequences come in an order of their own. A sequence that is shorter than a clip has
    each record in it as often, or once more. Source: reconstruction.
    """

    def __init__(self, sequence_of: Int[np.ndarray, " records"], length: int, seed: int):
        """`sequence_of`: the number of each record's sequence, whose records stand together."""
        self._made_of = sequence_of, length, seed
        changes = np.flatnonzero(np.diff(sequence_of)) + 1
        self._first = np.concatenate([[0], changes])
        self._count = np.diff([*self._first, len(sequence_of)])
        self._clips = -(-self._count // length)
        self._length, self._seed = length, seed
        self._epoch = functools.lru_cache(2)(self._order)  # a batch may end in the next one

    def __reduce__(self):
        """A worker process has a cache of its own."""
        return ClipOrder, self._made_of

    @property
    def clips(self) -> int:
        """How many an epoch has."""
        return int(self._clips.sum())

    def __getitem__(self, position: int) -> int:
        clip, place = divmod(position, self._length)
        epoch, number = divmod(clip, self.clips)
        first, count = self._epoch(epoch)[number]
        return int(first + place * count // self._length)  # of a short one 0, 0, 1, 1, 2

    def _order(self, epoch: int) -> Int[np.ndarray, "clips 2"]:
        """(first record, different records) of every clip of an epoch."""
        rng = np.random.default_rng([self._seed, epoch])
        shift = rng.integers(0, self._clips * self._length - self._count, endpoint=True)
        sequence = np.repeat(np.arange(len(self._clips)), self._clips)
        number = np.arange(len(sequence)) - np.repeat(
            np.cumsum(self._clips) - self._clips, self._clips
        )
        last = np.maximum(self._count - self._length, 0)[sequence]
        start = np.clip(number * self._length - shift[sequence], 0, last)
        found = np.stack([self._first[sequence] + start, self._count[sequence]], 1)
        found[:, 1] = np.minimum(found[:, 1], self._length)
        return found[rng.permutation(len(found))]
