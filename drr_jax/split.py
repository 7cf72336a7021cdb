"""A validation part split off the training parts, sharing no person and no video with the rest."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from drr_jax.errors import InputError
from drr_jax.prepared import Prepared

Rows = Int[np.ndarray, " records"]


def groups(keys: Sequence[str], subjects: Sequence[str]) -> list[int]:
    """A number for each sequence; those of one person or of one video have the same.

    `keys` are scene/sub_scene/task/sequence, whose first three name the video, or any other name;
    `subjects` hold one person or several with a plus between them. Numbers count from 0 in order.
    """
    parent: dict[str, str] = {}

    def find(node: str) -> str:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    videos = [f"video {'/'.join(key.split('/')[:3])}" for key in keys]
    for video, several in zip(videos, subjects, strict=True):
        for subject in filter(None, several.split("+")):
            parent[find(f"subject {subject}")] = find(video)
    numbers: dict[str, int] = {}
    return [numbers.setdefault(find(video), len(numbers)) for video in videos]


def validation_rows(
    prepared: Prepared, parts: Sequence[str], share: float, seed: int, among: Rows | None = None
) -> tuple[Rows, Rows]:
    """(training rows, validation rows) of the records of `parts`, numbered through them.

    With `among` only those records take part. People who share a video stay together (`groups`);
    whole groups are drawn in an order that `seed` shuffles until the validation rows are closest to
    `share` of all. Raises InputError if the parts hold one group alone. Source: reconstruction; the
    supplement tells of no validation.
    """
    keys, subjects, counts = [], [], []
    for part in parts:
        for key, subject, _, count in prepared.sequences(part):
            keys.append(key)
            subjects.append(subject)
            counts.append(count)
    group = np.array(groups(keys, subjects))
    owner = np.repeat(group, counts)
    inside = np.ones(len(owner), bool) if among is None else np.isin(np.arange(len(owner)), among)
    size = np.bincount(owner[inside], minlength=max(group) + 1)
    if np.count_nonzero(size) < 2:
        raise InputError(
            f"config key selection=validation: all records of {', '.join(parts)} of "
            f"{prepared.name} hang together by people and videos; set selection=last"
        )
    wanted, total, chosen = share * size.sum(), 0, np.zeros(len(size), bool)
    for number in np.random.default_rng(seed).permutation(len(size)):
        # A group that would overshoot by more than it fills is passed over.
        if abs(total + size[number] - wanted) < abs(total - wanted):
            chosen[number] = True
            total += size[number]
    if not chosen.any():
        chosen[np.argmin(np.where(size > 0, size, len(owner)))] = True
    held_out = chosen[owner]
    return np.flatnonzero(inside & ~held_out), np.flatnonzero(inside & held_out)
