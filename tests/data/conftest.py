"""A tiny prepared data set with words, and one with every modality."""

import pytest
from tiny import tiny_dataset_builder as tiny
from tiny_batches import PARTS

from drr_jax.data import label_counts, tokenizer
from drr_jax.data.prepared import open_dataset


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tiny.write(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def prepared(directory):
    return open_dataset(directory)


@pytest.fixture(scope="module")
def pieces(prepared):
    words = label_counts.part_counts(prepared, PARTS, "au").words
    return tokenizer.tokenizer_of(tokenizer.build_vocabulary(words))


@pytest.fixture(scope="module")
def multimodal(tmp_path_factory):
    return open_dataset(tiny.write(tmp_path_factory.mktemp("multimodal"), modalities=True))
