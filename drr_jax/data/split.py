"""A validation part split off the training parts, sharing no person and no video with the rest."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from jaxtyping import Int

from drr_jax.data.prepared import Prepared
from drr_jax.errors import InputError
from tfds_reactionet.reading import connected

Rows = Int[np.ndarray, " records"]


def groups(keys: Sequence[str], subjects: Sequence[str]) -> list[int]:
    """A number for each sequence; those of one person or of one video have the same.

    `keys` are scene/sub_scene/task/sequence, whose first three name the video, or any other name;
    `subjects` hold one person or several with a plus between them. Numbers count from 0 in order.
    """
    return connected(
        (("video", *key.split("/")[:3]), *filter(None, several.split("+")))
        for key, several in zip(keys, subjects, strict=True)
    ).tolist()


def sequence_numbers(prepared: Prepared, parts: Sequence[str]) -> Rows:
    """The number of its sequence for each record of `parts`; a still image has one of its own.

    Sequences count from 0 through the parts, still images behind them. Builders put the still
    images of a split into one sequence, named like the split and of no subject
    (tfds_reactionet/building/stills.py): such records show no person and no video known to be
    the same.
    """
    listed = [(part, *entry) for part in parts for entry in prepared.sequences(part)]
    counts = [count for *_, count in listed]
    numbers = np.repeat(np.arange(len(listed)), counts)
    stills = np.repeat([key == part and not subject for part, key, subject, *_ in listed], counts)
    numbers[stills] = len(listed) + np.arange(np.count_nonzero(stills))
    return numbers


def subjects(prepared: Prepared, parts: Sequence[str]) -> list[str]:
    """Who each record of `parts` shows: names with a plus between them, "" if unknown."""
    listed = (entry for part in parts for entry in prepared.sequences(part))
    return [subject for _, subject, _, count in listed for _ in range(count)]


def sequences(prepared: Prepared, parts: Sequence[str]) -> list[str]:
    """The sequence of each record of `parts`."""
    listed = (entry for part in parts for entry in prepared.sequences(part))
    return [sequence for sequence, *_, count in listed for _ in range(count)]


def some_rows(prepared: Prepared, parts: Sequence[str], count: int, among: Rows | None) -> Rows:
    """`count` of the records of `parts` (of `among`), numbered through them, in order.

    Which, follows from each record's own name and no seed, so that fewer are some of more, and
    each person keeps a like share. Raises InputError if there are not as many.
    """
    names = [
        f"{sequence}/{place}"
        for part in parts
        for sequence, *_, records in prepared.sequences(part)
        for place in range(records)
    ]
    rows = np.arange(len(names)) if among is None else among
    if len(rows) < count:
        raise InputError(
            f"config key data.records={count}: {', '.join(parts)} of {prepared.name} have "
            f"{len(rows)} records to train on"
        )
    drawn = [blake2b(names[row].encode(), digest_size=8).digest() for row in rows.tolist()]
    return np.sort(rows[np.argsort(drawn, kind="stable")[:count]])


def validation_rows(
    prepared: Prepared, parts: Sequence[str], share: float, seed: int, among: Rows | None = None
) -> tuple[Rows, Rows]:
    """(training rows, validation rows) of the records of `parts`, numbered through them.

    With `among` only those records take part. People who share a video stay together (`groups`),
    still images are groups of one; whole groups are drawn in an order that `seed` shuffles until
    the validation rows are closest to `share` of all, and one is always left to train on. Raises
    InputError if the parts hold one group alone. Source: reconstruction; the supplement tells of no
    validation.
    """
    listed = [entry for part in parts for entry in prepared.sequences(part)]
    group = groups([key for key, *_ in listed], [subject for _, subject, *_ in listed])
    sequence = sequence_numbers(prepared, parts)
    alone = np.arange(np.count_nonzero(sequence >= len(listed)))
    owner = np.concatenate([group, max(group) + 1 + alone])[sequence]
    inside = np.ones(len(owner), bool) if among is None else np.isin(np.arange(len(owner)), among)
    size = np.bincount(owner[inside], minlength=max(group) + 1 + len(alone))
    left = np.count_nonzero(size)
    if left < 2:
        raise InputError(
            f"config key selection=validation: all records of {', '.join(parts)} of "
            f"{prepared.name} hang together by people and videos; set selection=last"
        )
    wanted, total, chosen = share * size.sum(), 0, np.zeros(len(size), bool)
    sizes = size.tolist()  # still images are many, and NumPy's numbers slow
    for number in np.random.default_rng(seed).permutation(len(size)).tolist():
        # A group that would overshoot by more than it fills is passed over.
        if left > 1 and abs(total + sizes[number] - wanted) < abs(total - wanted):
            chosen[number] = True
            total += sizes[number]
            left -= 1
    if not chosen.any():
        chosen[np.argmin(np.where(size > 0, size, len(owner)))] = True
    held_out = chosen[owner]
    return np.flatnonzero(inside & ~held_out), np.flatnonzero(inside & held_out)
