"""Batches: order and augmentation from (seed, step), hosts, workers, threads, padding."""

import gc
import subprocess
import sys
import threading
from itertools import islice

import numpy as np
import pytest
from tiny_batches import BATCH, MODALITIES, PARTS, SIZE, all_records, assert_same, settings, train

from drr_jax import machine
from drr_jax.data import assemble, augment, prefetch, source, tokenizer
from drr_jax.data import pipeline as data
from drr_jax.errors import InputError


def test_batch_shapes(prepared, pieces):
    (batch,) = train(prepared, pieces, 1)
    assert {name: (array.dtype.name, array.shape) for name, array in batch.items()} == {
        "reaction": ("uint8", (BATCH, SIZE, SIZE, 3)),
        "stimulus": ("uint8", (BATCH, SIZE, SIZE, 3)),
        "tokens": ("int32", (BATCH, 32)),
        "labels": ("int8", (BATCH, 12)),
        "index": ("int32", (BATCH,)),
        "weight": ("float32", (BATCH,)),
    }
    record = source.Source(prepared, PARTS, SIZE)[int(batch["index"][3])]
    np.testing.assert_array_equal(batch["labels"][3], record["labels"])
    np.testing.assert_array_equal(
        batch["tokens"][3], tokenizer.encode_texts(pieces, [record["caption"]])[0]
    )


def test_order_is_a_new_permutation_every_epoch(prepared, pieces):
    indices = np.concatenate([batch["index"] for batch in train(prepared, pieces, 15)])
    first, second = indices[:59], indices[59:118]
    assert sorted(first) == sorted(second) == list(range(59))
    assert not np.array_equal(first, second) and not np.array_equal(first, range(59))


def test_seed_decides_order_and_draws(prepared, pieces):
    once = train(prepared, pieces, 3, augment_on="device")
    assert_same(once, train(prepared, pieces, 3, augment_on="device"))
    (other,) = train(prepared, pieces, 1, augment_on="device", seed=8)
    assert not np.array_equal(once[0]["index"], other["index"])
    assert not np.array_equal(once[0]["reaction_draw"], other["reaction_draw"])


def test_start_step_seeks(prepared, pieces):
    whole = train(prepared, pieces, 12)
    assert_same(whole[9:], train(prepared, pieces, 3, start_step=9))
    assert len(train(prepared, pieces, 1, start_step=10**9)) == 1


@pytest.mark.parametrize("augment_on", ["host", "device"])
def test_two_hosts_share_the_global_batch(prepared, pieces, augment_on):
    whole = train(prepared, pieces, 9, augment_on=augment_on)
    for host in (0, 1):
        local = train(
            prepared, pieces, 9, augment_on=augment_on, process_index=host, process_count=2
        )
        half = slice(host * BATCH // 2, (host + 1) * BATCH // 2)
        assert_same([{k: v[half] for k, v in batch.items()} for batch in whole], local)


def test_threads_and_workers_change_nothing(prepared, pieces):
    whole = train(prepared, pieces, 5)
    assert_same(whole, train(prepared, pieces, 5, settings(read_threads=1)))
    assert_same(whole, train(prepared, pieces, 5, settings(read_threads=5)))
    assert_same(whole, train(prepared, pieces, 5, settings(worker_count=2)))
    gc.collect()  # arrays in the workers' shared memory must not live until exit


def test_threads_share_one_batch_and_begin_no_more_of_them(prepared, pieces, monkeypatch):
    records = source.Source(prepared, PARTS, SIZE)
    reading = threading.Barrier(2, timeout=60)  # broken, if nobody reads beside

    class Meeting:
        def __getitem__(self, row):
            reading.wait()
            return records.read(row)

    how = {"max_tokens": 32, "draws": "none"}
    make = assemble.Assemble(Meeting(), records, pieces, rows=2, threads=2, **how)
    (whole,) = islice(data.eval_dataset(records, settings(batch_size=2), pieces), 1)
    assert_same([whole], [make(0)])

    begun = []
    call = assemble.Assemble.__call__
    counted = lambda made, number: begun.append(number) or call(made, number)  # noqa: E731
    monkeypatch.setattr(assemble.Assemble, "__call__", counted)
    for threads in (1, 16):
        begun.clear()
        batches = data.train_dataset(
            records, settings(read_threads=threads), pieces, seed=7, augment_on="host"
        )
        for taken in range(1, 6):
            next(batches)
            assert len(begun) <= taken + data.IN_THE_MAKING
        batches.close()


def test_without_a_number_threads_follow_the_cores(monkeypatch):
    monkeypatch.setattr(machine, "cores", lambda: 12)
    for workers, asked, threads in ((0, 0, 12), (5, 0, 2), (30, 0, 1), (5, 7, 7)):
        given = settings(worker_count=workers, read_threads=asked).data
        assert data.read_threads(given) == threads


def test_device_gets_the_draws_of_the_host(prepared, pieces):
    (host,), (device,) = (
        train(prepared, pieces, 1, augment_on=augment_on) for augment_on in ("host", "device")
    )
    for domain in ("reaction", "stimulus"):
        draws = device[f"{domain}_draw"]
        assert draws.shape == (BATCH, augment.DRAW_SIZE) and len(np.unique(draws[:, 0])) > 1
        augmented = [augment.apply(*pair) for pair in zip(device[domain], draws, strict=True)]
        np.testing.assert_array_equal(host[domain], np.stack(augmented))
    assert not np.array_equal(device["reaction_draw"], device["stimulus_draw"])
    np.testing.assert_array_equal(host["tokens"], device["tokens"])


def test_evaluation_keeps_landmarks_and_pads_them_unknown(multimodal, pieces):
    records = source.Source(multimodal, ("part3",), SIZE, inputs=MODALITIES)
    *_, last = data.eval_dataset(records, settings(), pieces)
    assert last["weight"].tolist() == [1] * 5 + [0] * 3
    for row, index in enumerate(range(24, 29)):
        np.testing.assert_array_equal(last["landmarks"][row], records[index]["landmarks"])
        np.testing.assert_array_equal(last["depth"][row], records[index]["depth"])
    assert np.isnan(last["landmarks"][5:]).all() and not last["thermal"][5:].any()


@pytest.mark.parametrize("hosts", [1, 2, 4])
@pytest.mark.parametrize("parts", [("part1",), PARTS])
def test_evaluation_sees_every_record_once(prepared, pieces, hosts, parts):
    passes = [
        list(
            data.eval_dataset(
                source.Source(prepared, parts, SIZE),
                settings(),
                pieces,
                process_index=host,
                process_count=hosts,
            )
        )
        for host in range(hosts)
    ]
    total = prepared.records(parts)
    assert {len(batches) for batches in passes} == {-(-total // BATCH)}
    rows = [
        {name: array[row] for name, array in batch.items()}
        for batches in passes
        for batch in batches
        for row in range(BATCH // hosts)
    ]
    kept = sorted((row for row in rows if row["weight"] == 1), key=lambda row: row["index"])
    assert [row["index"] for row in kept] == list(range(total))
    for row, record in zip(kept, all_records(prepared, parts), strict=True):
        np.testing.assert_array_equal(row["reaction"], record["reaction"])
        np.testing.assert_array_equal(row["labels"], record["labels"])
    for row in rows:
        if row["weight"] != 1:
            assert row["weight"] == 0 and row["index"] == -1
            assert np.all(row["labels"] == -1) and not row["tokens"].any()


def test_batches_are_handed_over_by_another_thread():
    fetched = prefetch.prefetch_to_device(range(3), lambda _: threading.current_thread().name)
    assert list(fetched) == ["prefetch"] * 3


def test_prefetch_keeps_order_and_ends():
    fetched = prefetch.prefetch_to_device(iter(range(20)), lambda item: item * 2, depth=3)
    assert list(fetched) == list(range(0, 40, 2))
    assert list(fetched) == []


def test_prefetch_raises_after_the_items_before():
    def put(item):
        if item == 2:
            raise InputError("item 2 is bad")
        return item

    fetched = prefetch.prefetch_to_device(range(5), put)
    assert [next(fetched), next(fetched)] == [0, 1]
    with pytest.raises(InputError, match="item 2 is bad"):
        next(fetched)
    assert list(fetched) == []


@pytest.mark.parametrize("forget", [False, True])
def test_prefetch_stops_its_thread_and_closes_its_source(forget):
    closed = threading.Event()

    def endless():
        try:
            while True:
                yield 0
        finally:
            closed.set()

    fetched = prefetch.prefetch_to_device(endless(), lambda item: item)
    next(fetched)
    if forget:
        del fetched
        gc.collect()
    else:
        fetched.close()
        assert list(fetched) == []
    assert closed.wait(timeout=10)
    assert not [thread for thread in threading.enumerate() if thread.name == "prefetch"]


def test_prefetch_does_not_hang_at_exit():
    code = (
        "import itertools; from drr_jax.data import prefetch\n"
        "fetched = prefetch.prefetch_to_device(itertools.count(), lambda item: item)\n"
        "assert next(fetched) == 0"
    )
    done = subprocess.run([sys.executable, "-c", code], timeout=60, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
