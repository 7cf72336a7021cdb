"""What is read of a prepared data set: records, modalities, counts of classes; what is damaged."""

import collections
import dataclasses
import json
import re
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest
import simplejpeg
from tiny import tiny_dataset_builder as tiny
from tiny_batches import BATCH, MODALITIES, PARTS, SIZE, all_records, settings, train

from drr_jax import facs
from drr_jax.data import augment, fold, label_counts, source
from drr_jax.data import pipeline as data
from drr_jax.data.prepared import INPUTS, TUPLE, fold_parts, open_dataset
from drr_jax.errors import InputError
from drr_jax.facs.labels import REACTIONET_AUS_12, count_pairs


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


def test_only_inputs_that_are_asked_for_are_read(multimodal, prepared):
    assert multimodal.inputs == tuple(name for name in INPUTS if name != "audio")
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
            np.testing.assert_array_equal(geometry, [*draw[:2], 1, 1, 1, *draw[5:]])
            np.testing.assert_array_equal(device[domain][row], record[domain])
            np.testing.assert_array_equal(
                host[domain][row], augment.apply(record[domain], geometry)
            )
        for moved in (host["landmarks"][row], device["landmarks"][row]):
            expected = augment.move_landmarks(record["landmarks"], draw, SIZE)
            np.testing.assert_array_equal(moved, expected)
    assert "landmarks_draw" not in device and host["landmarks"].shape == (BATCH, 68, 2)


def test_landmarks_need_the_size_of_the_images(multimodal, tmp_path):
    copy = tmp_path / "1.0.0"
    shutil.copytree(multimodal.directory, copy)
    metadata = json.loads((copy / "metadata.json").read_text())
    del metadata["size"]
    (copy / "metadata.json").write_text(json.dumps(metadata))
    with pytest.raises(InputError, match=r"metadata\.json lacks size"):
        source.Source(open_dataset(copy), PARTS, SIZE, inputs=INPUTS)


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
