"""Batches: order and augmentation from (seed, step), hosts, workers, padding, bad data sets."""

import collections
import dataclasses
import gc
import json
import re
import shutil
import subprocess
import sys
import threading
from itertools import islice

import cv2
import numpy as np
import pytest
import simplejpeg
from tiny import tiny_dataset_builder as tiny

from drr_jax import facs, machine
from drr_jax.config import Config
from drr_jax.data import assemble, augment, fold, label_counts, prefetch, source, tokenizer
from drr_jax.data import pipeline as data
from drr_jax.data.prepared import INPUTS, TUPLE, fold_parts, open_dataset
from drr_jax.errors import InputError
from drr_jax.facs.labels import REACTIONET_AUS_12, count_pairs

SIZE, BATCH = 40, 8
PARTS = ("part2", "part3")


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


def test_opened_dataset(prepared):
    assert prepared.parts == ("part1", "part2", "part3")
    assert prepared.records(PARTS) == 59
    assert fold_parts(prepared, 1) == (("part1", "part3"), ("part2",))
    assert prepared.sequence("part2", 14) == "film/cartoon/task2/sequence2"
    assert len(prepared.fingerprint) == 64


def test_records_are_read_whole_and_in_order(prepared):
    names = ("AU45", "AU01", "AU12")
    records = source.Source(prepared, PARTS, 48, names)
    plain = prepared.builder.as_data_source(list(PARTS))
    assert len(records) == 59
    for index in (0, 29, 30, 58):
        reference = plain[index // 30][index % 30]
        record = records[index]
        assert record["index"] == index
        assert record["caption"] == reference["caption"].decode()
        np.testing.assert_array_equal(record["reaction"], reference["reaction"]["image"])
        np.testing.assert_array_equal(record["stimulus"], reference["stimulus"]["image"])
        np.testing.assert_array_equal(record["labels"], reference["au"]["occurrence"][[16, 0, 8]])


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
        assert draws.shape == (BATCH, 5) and len(np.unique(draws[:, 0])) > 1
        augmented = [augment.apply(*pair) for pair in zip(device[domain], draws, strict=True)]
        np.testing.assert_array_equal(host[domain], np.stack(augmented))
    assert not np.array_equal(device["reaction_draw"], device["stimulus_draw"])
    np.testing.assert_array_equal(host["tokens"], device["tokens"])


@pytest.fixture(scope="module")
def multimodal(tmp_path_factory):
    return open_dataset(tiny.write(tmp_path_factory.mktemp("multimodal"), modalities=True))


MODALITIES = ("reaction", "depth", "thermal", "landmarks")


def test_only_inputs_that_are_asked_for_are_read(multimodal, prepared):
    assert multimodal.inputs == INPUTS
    assert "depth" not in prepared.inputs and "landmarks" in prepared.inputs
    given = {"labels", "index", "frame"}
    assert set(source.Source(multimodal, PARTS, SIZE)[0]) == {*TUPLE, *given}
    for inputs in (("depth",), ("landmarks", "thermal"), ("caption",)):
        assert set(source.Source(multimodal, PARTS, SIZE, inputs=inputs).read(0)) == {
            *inputs,
            *given,
        }


def test_depth_thermal_and_landmarks_are_read(multimodal):
    records = source.Source(multimodal, PARTS, 24, inputs=MODALITIES)
    plain = multimodal.builder.as_data_source("part2")
    for index in (0, 1, 29):
        reference, record = plain[index], records[index]
        for domain in ("depth", "thermal"):
            image = reference[domain]["image"]
            small = cv2.resize(image, (24, 24), interpolation=cv2.INTER_AREA).reshape(24, 24, -1)
            np.testing.assert_array_equal(record[domain], np.broadcast_to(small, (24, 24, 3)))
        assert record["landmarks"].dtype == np.float32
        np.testing.assert_allclose(
            record["landmarks"], reference["landmarks"] / 2 - 0.25, atol=1e-6
        )
    assert np.isnan(records[0]["landmarks"]).all() and np.isfinite(records[1]["landmarks"]).all()


def test_modalities_take_the_draw_of_the_reaction(multimodal, prepared, pieces):
    def batch(prepared, augment_on, inputs):
        records = source.Source(prepared, PARTS, SIZE, inputs=inputs)
        batches = data.train_dataset(records, settings(), pieces, seed=7, augment_on=augment_on)
        first = next(batches)
        batches.close()
        return first

    host, device = (batch(multimodal, on, MODALITIES) for on in ("host", "device"))
    whole = batch(multimodal, "device", INPUTS)
    tuples = batch(multimodal, "device", TUPLE)
    for name, array in tuples.items():  # what else is read changes nothing
        np.testing.assert_array_equal(whole[name], array)
    records = source.Source(multimodal, PARTS, SIZE, inputs=MODALITIES)
    for row in range(BATCH):
        record, draw = records[int(host["index"][row])], tuples["reaction_draw"][row]
        for domain in ("depth", "thermal"):
            geometry = device[f"{domain}_draw"][row]
            np.testing.assert_array_equal(geometry, [*draw[:2], 1, 1, 1])
            np.testing.assert_array_equal(device[domain][row], record[domain])
            np.testing.assert_array_equal(
                host[domain][row], augment.apply(record[domain], geometry)
            )
        for moved in (host["landmarks"][row], device["landmarks"][row]):
            expected = augment.move_landmarks(record["landmarks"], draw, SIZE)
            np.testing.assert_array_equal(moved, expected)
    assert "landmarks_draw" not in device and host["landmarks"].shape == (BATCH, 68, 2)


def test_evaluation_keeps_landmarks_and_pads_them_unknown(multimodal, pieces):
    records = source.Source(multimodal, ("part3",), SIZE, inputs=MODALITIES)
    *_, last = data.eval_dataset(records, settings(), pieces)
    assert last["weight"].tolist() == [1] * 5 + [0] * 3
    for row, index in enumerate(range(24, 29)):
        np.testing.assert_array_equal(last["landmarks"][row], records[index]["landmarks"])
        np.testing.assert_array_equal(last["depth"][row], records[index]["depth"])
    assert np.isnan(last["landmarks"][5:]).all() and not last["thermal"][5:].any()


def test_landmarks_need_the_size_of_the_images(multimodal, tmp_path):
    copy = tmp_path / "1.0.0"
    shutil.copytree(multimodal.directory, copy)
    metadata = json.loads((copy / "metadata.json").read_text())
    del metadata["size"]
    (copy / "metadata.json").write_text(json.dumps(metadata))
    with pytest.raises(InputError, match=r"metadata\.json lacks size"):
        source.Source(open_dataset(copy), PARTS, SIZE, inputs=INPUTS)


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


def test_reading_starts_no_jax_backend(directory):
    code = f"""
from drr_jax import config
from drr_jax.data import pipeline as data, source, tokenizer
from drr_jax.data.prepared import open_dataset
prepared = open_dataset({str(directory)!r})
pieces = tokenizer.tokenizer_of(tokenizer.build_vocabulary({{}}))
settings = config.Config(data=config.Data(image_size=32, batch_size=4))
batches = data.train_dataset(
    source.Source(prepared, prepared.parts, 32), settings, pieces, seed=0, augment_on="host"
)
next(batches)
batches.close()
from jax._src import xla_bridge
assert not xla_bridge._backends
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_class_statistics_equal_those_of_the_records(prepared):
    labels = np.stack([record["labels"] for record in all_records(prepared, PARTS)])
    counts = label_counts.part_counts(prepared, PARTS, "au")
    pairs, given = counts.together()
    np.testing.assert_array_equal(pairs, count_pairs(labels)[0])
    np.testing.assert_array_equal(given, count_pairs(labels)[1])
    rates = np.array([(column == 1).sum() / (column >= 0).sum() for column in labels.T])
    known = counts.known[counts.columns(REACTIONET_AUS_12)]
    np.testing.assert_allclose(np.diag(pairs) / known, rates)
    weights = label_counts.class_weights(counts)
    assert weights.mean() == pytest.approx(1)
    np.testing.assert_allclose(weights * rates, (weights * rates)[0] * np.ones(12))
    columns = [REACTIONET_AUS_12.index(name) for name in ("AU12", "AU01")]
    some, _ = counts.together(("AU12", "AU01"))
    np.testing.assert_array_equal(some, pairs[np.ix_(columns, columns)])
    assert counts.positives(("AU12",)) == {"AU12": pairs[columns[0], columns[0]]}


@pytest.mark.parametrize("task", ["au", "expression", "scene"])
@pytest.mark.parametrize("fewer", [False, True])
def test_people_held_out_for_validation_count_in_nothing(prepared, task, fewer):
    """Class weights, soft priors and vocabulary are those of the records that are trained on."""
    config = settings()
    config.task, config.selection, config.validation_share = task, "validation", 0.4
    config.loss.no_positive, config.graph.prior = "zero", "soft" if task == "au" else "on"
    config.scene.classes = 1
    read = fold.read_fold(config, prepared, 1)
    if fewer:
        config.data.records = read.records - 2
        read = fold.read_fold(config, prepared, 1)
        assert read.records == config.data.records
    kept = read.source("train", ("caption",))
    words, labels = collections.Counter(), []
    for number in range(len(kept)):
        record = kept.read(number)
        labels.append(record["labels"])
        words.update(re.findall("[a-z0-9]+", record["caption"].lower()))
    assert read.caption_words == words and len(read.rows["validation"]) > 0
    before = fold.read_fold(config, prepared, 1, counts_validation=True)
    assert "validation counted" in before.warnings[-1]
    if not fewer:
        assert sum(before.caption_words.values()) > sum(words.values())
    trained = label_counts.part_counts(prepared, read.train_parts, task).without(
        label_counts.record_counts(prepared, read.train_parts, read.rows["validation"], task)
    )
    if fewer:
        trained = label_counts.record_counts(prepared, read.train_parts, read.rows["train"], task)
    labels = np.stack(labels)
    pairs, given = count_pairs(labels)
    np.testing.assert_array_equal(trained.together(read.names)[0], pairs)
    np.testing.assert_array_equal(trained.together(read.names)[1], given)
    if task == "au":
        rates = pairs.diagonal() / (labels >= 0).sum(0)
        np.testing.assert_allclose(read.class_weights, (1 / rates) / (1 / rates).mean())
        np.testing.assert_allclose(
            read.graph_prior, facs.relation("soft", read.names, pairs, given), atol=1e-12
        )
        assert fewer or not np.allclose(read.class_weights, before.class_weights)


def test_an_au_without_a_positive_has_no_weight(prepared):
    counts = label_counts.part_counts(prepared, PARTS, "au")
    at = counts.columns(("AU04",))[0]
    pairs = counts.pairs.copy()
    pairs[at], pairs[:, at] = 0, 0
    rare = dataclasses.replace(counts, pairs=pairs)
    weights = label_counts.class_weights(rare)
    seen = np.arange(12) != REACTIONET_AUS_12.index("AU04")
    assert weights[~seen] == 0 and weights[seen].mean() == pytest.approx(1)
    assert weights.max() < 2  # not nearly twelve, of one class


def test_decode_reads_jpeg_and_png():
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    png = cv2.imencode(".png", image[..., ::-1])[1].tobytes()
    np.testing.assert_array_equal(source.decode(png), image)
    jpeg = simplejpeg.encode_jpeg(image, quality=95)
    np.testing.assert_array_equal(source.decode(jpeg), simplejpeg.decode_jpeg(jpeg))
    for broken in (b"", b"nonsense", jpeg[: len(jpeg) // 2]):
        with pytest.raises(ValueError):
            source.decode(broken)


def test_resize():
    ramp = np.repeat(np.arange(0, 64, dtype=np.uint8)[None, :, None], 64, 0).repeat(3, 2)
    assert source.resize(ramp, 64) is ramp
    small = source.resize(ramp, 16)  # by area: means of 4 columns
    assert np.abs(small[0, :, 0] - (np.arange(16) * 4 + 1.5)).max() <= 0.5
    assert source.resize(ramp[:20], 128).shape == (128, 128, 3)


def test_missing_dataset(tmp_path):
    with pytest.raises(InputError, match=r"no dataset_info\.json .*tfds_reactionet\.build"):
        open_dataset(tmp_path / "nowhere")


@pytest.mark.parametrize("damage", ["info", "features", "metadata", "keys", "counts", "shard"])
def test_damaged_dataset_is_named(directory, pieces, tmp_path, damage):
    copy = tmp_path / "1.0.0"
    shutil.copytree(directory, copy)
    metadata = json.loads((copy / "metadata.json").read_text())
    if damage == "info":
        (copy / "dataset_info.json").write_text("{")
    elif damage == "features":
        (copy / "features.json").unlink()
    elif damage == "metadata":
        (copy / "metadata.json").write_text("{")
    elif damage == "keys":
        del metadata["parts"]
        (copy / "metadata.json").write_text(json.dumps(metadata))
    elif damage == "counts":
        metadata["parts"]["part2"]["records"] += 1
        (copy / "metadata.json").write_text(json.dumps(metadata))
    else:
        for shard in copy.glob("*part2*"):
            shard.unlink()
    with pytest.raises(InputError, match=str(copy)) as raised:
        train(open_dataset(copy), pieces, 8)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("workers", [0, 1])
def test_record_that_does_not_decode_is_named(tmp_path, pieces, workers):
    prepared = open_dataset(tiny.write(tmp_path, truncated=("part3", 12)))
    message = r"record 12 of part3 \(sequence film/cartoon/task3/sequence2\) does not decode"
    with pytest.raises(InputError, match=message):
        train(prepared, pieces, 8, settings(worker_count=workers))


def test_wrong_requests_are_named(prepared, pieces):
    with pytest.raises(InputError, match="has no AU03; it has AU01"):
        source.Source(prepared, PARTS, SIZE, ("AU01", "AU03"))
    with pytest.raises(InputError, match="has no part test; it has part1"):
        source.Source(prepared, ["test"], SIZE)
    with pytest.raises(InputError, match=r"data\.batch_size=8: expected a multiple of the 3"):
        train(prepared, pieces, 1, process_count=3)
    with pytest.raises(InputError, match=r"data\.batch_size=60: .* hold only 59 records"):
        train(prepared, pieces, 1, settings(batch_size=60))


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
