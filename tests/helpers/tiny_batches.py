"""Batches of the tiny data set, and its records one by one."""

from itertools import islice

import numpy as np

from drr_jax.config import Config
from drr_jax.data import pipeline as data
from drr_jax.data import source

SIZE, BATCH = 40, 8
PARTS = ("part2", "part3")


def settings(**changes):
    config = Config()
    config.data.image_size, config.data.batch_size = SIZE, BATCH
    for name, value in changes.items():
        setattr(config.data, name, value)
    return config


def train(prepared, pieces, count, config=None, seed=7, augment_on="host", **kwargs):
    config = config or settings()
    batches = data.train_dataset(
        source.Source(prepared, PARTS, SIZE),
        config,
        pieces,
        seed=seed,
        augment_on=augment_on,
        **kwargs,
    )
    try:
        return list(islice(batches, count))
    finally:
        batches.close()


def assert_same(left, right):
    assert len(left) == len(right)
    for one, other in zip(left, right, strict=True):
        assert one.keys() == other.keys()
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])


def all_records(prepared, parts):
    records = source.Source(prepared, parts, SIZE)
    return [records[i] for i in range(len(records))]


MODALITIES = ("reaction", "depth", "thermal", "landmarks")
