"""Balanced draws: each class as often, and each of its records; the same wherever they go on."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import tiny_dataset_builder as tiny
from tiny_batches import BATCH, PARTS, SIZE, assert_same, settings

from drr_jax import config_rules, facs
from drr_jax.config import Config
from drr_jax.data import fold, label_counts, pipeline, source, tokenizer
from drr_jax.data.balance import BalancedOrder, quotas
from drr_jax.data.prepared import open_dataset
from drr_jax.errors import InputError

CLASS_OF = np.random.default_rng(0).permutation(np.repeat([0, 1, 3, -1], [300, 40, 5, 20]))


def drawn(order, epochs, first=0):
    count = len(CLASS_OF)
    return np.array([order[i] for i in range(first * count, (first + epochs) * count)])


def test_classes_and_their_records_are_drawn_as_often():
    order = BalancedOrder(CLASS_OF, 1.0, seed=3)
    for epoch in range(3):  # of 365 positions, as many as there are records
        shown = CLASS_OF[drawn(order, 1, epoch)]
        assert sorted(np.bincount(shown, minlength=4).tolist()) == [0, 121, 122, 122]
        halves = np.bincount(shown[:180], minlength=4)
        assert halves[[0, 1, 3]].min() > 40  # they are mixed, not one class after the other
    each = np.bincount(drawn(order, 10), minlength=len(CLASS_OF))
    for number, (fewest, most) in {0: (4, 5), 1: (30, 31), 3: (242, 244), -1: (0, 0)}.items():
        of_class = each[number == CLASS_OF]
        assert fewest <= of_class.min() <= of_class.max() <= min(most, of_class.min() + 1)


def test_power_0_is_every_record_once_an_epoch():
    labelled = np.where(CLASS_OF < 0, 0, CLASS_OF)
    order = BalancedOrder(labelled, 0.0, seed=3)
    first, second = drawn(order, 1), drawn(order, 1, 1)
    assert sorted(first) == sorted(second) == list(range(len(labelled)))
    assert not np.array_equal(first, second)


def test_an_order_is_a_function_of_seed_and_position():
    order = BalancedOrder(CLASS_OF, 0.5, seed=3)
    whole = drawn(order, 4)
    late = BalancedOrder(CLASS_OF, 0.5, seed=3)  # it starts in the middle
    np.testing.assert_array_equal(drawn(late, 1, 2), whole[2 * len(CLASS_OF) : 3 * len(CLASS_OF)])
    np.testing.assert_array_equal(drawn(pickle.loads(pickle.dumps(order)), 1), whole[:365])
    assert not np.array_equal(drawn(BalancedOrder(CLASS_OF, 0.5, seed=4), 1), whole[:365])


@given(
    counts=st.lists(st.integers(0, 10**6), min_size=1, max_size=20).filter(any),
    power=st.floats(0, 1),
)
def test_quotas_share_out_all_positions_and_leave_no_class_out(counts, power):
    found = quotas(counts, power, sum(counts))
    assert sum(found) == sum(counts)
    assert [count > 0 for count in found] == [count > 0 for count in counts]
    if power == 0:
        assert found == counts
    if power == 1:
        assert np.ptp([count for count in found if count]) <= 1


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return open_dataset(tiny.write(tmp_path_factory.mktemp("data")))


def train(prepared, count, class_of, balance=1.0, **kwargs):
    config = settings(balance=balance, worker_count=kwargs.pop("worker_count", 0))
    words = label_counts.part_counts(prepared, PARTS, "au").words
    batches = pipeline.train_dataset(
        source.Source(prepared, PARTS, SIZE, facs.EXPRESSIONS, "expression"),
        config,
        tokenizer.tokenizer_of(tokenizer.build_vocabulary(words)),
        seed=7,
        augment_on="host",
        class_of=class_of,
        **kwargs,
    )
    try:
        return [batch for batch, _ in zip(batches, range(count), strict=False)]
    finally:
        batches.close()


def test_batches_are_balanced_and_the_same_on_any_hosts_workers_and_after_a_stop(prepared):
    records = source.Source(prepared, PARTS, SIZE, facs.EXPRESSIONS, "expression")
    shown = label_counts.shown_classes(records)
    assert shown.tolist() == [k % 7 for k in (*range(30), *range(29))]
    few = np.where((shown == 6) & (np.arange(59) > 10), -1, shown)  # one of the last class
    whole = train(prepared, 20, few)
    labels = np.concatenate([batch["labels"] for batch in whole])
    per_epoch = labels[: 2 * 59].sum(0) / 2
    assert per_epoch.min() >= 8 and per_epoch.max() <= 9
    for batch in whole:
        np.testing.assert_array_equal(batch["labels"].argmax(1), few[batch["index"]])
    assert_same(whole[9:], train(prepared, 11, few, start_step=9))
    for host in (0, 1):
        half = slice(host * BATCH // 2, (host + 1) * BATCH // 2)
        local = train(prepared, 9, few, process_index=host, process_count=2)
        assert_same([{k: v[half] for k, v in batch.items()} for batch in whole[:9]], local)
    assert_same(whole[:4], train(prepared, 4, few, worker_count=1))
    unbalanced = train(prepared, 8, None, balance=0.0)
    assert sorted(np.concatenate([b["index"] for b in unbalanced])[:59]) == list(range(59))


@pytest.mark.parametrize("task", ["expression", "scene"])
def test_weights_and_classes_of_a_fold_are_those_of_its_training_records(prepared, task):
    config = settings()
    config.task, config.selection, config.validation_share = task, "validation", 0.4
    config.scene.classes = 1
    np.testing.assert_array_equal(fold.read_fold(config, prepared, 1).class_weights, 1)
    config.loss.class_weights = True
    read = fold.read_fold(config, prepared, 1)
    labels = source.Source(
        prepared, read.train_parts, SIZE, read.names, task, (), read.rows["train"]
    )
    shown = np.array([labels.read(n)["labels"].argmax() for n in range(len(labels))])
    rare = 1 / np.bincount(shown)
    np.testing.assert_allclose(read.class_weights, rare / rare.mean())
    np.testing.assert_array_equal(read.training_classes(), shown)
    if task == "expression":
        assert np.ptp(read.class_weights) > 0


def test_keys_of_other_tasks_are_refused_in_a_line():
    config = Config()
    config.data.balance = 0.5
    with pytest.raises(InputError, match=r"data.balance=0.5: task=au has .*; loss.au_weights=true"):
        config_rules.validate(config)
    config.task = "expression"
    config_rules.validate(config)
    config.loss.class_weights = True
    config_rules.validate(config)
    config.task, config.data.balance = "au", 0.0
    with pytest.raises(InputError, match=r"loss.class_weights=true: task=au .*loss.au_weights"):
        config_rules.validate(config)
