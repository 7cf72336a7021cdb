"""The stimulus before a face: lags, windows and clips, at the starts of sequences and at gaps."""

import pickle
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import tiny_dataset_builder as tiny

from drr_jax.config import Config, set_key
from drr_jax.data import label_counts, pipeline, source, tokenizer, windows
from drr_jax.data.clips import ClipOrder
from drr_jax.data.prepared import open_dataset
from drr_jax.errors import InputError

SIZE, BATCH, LAGS, PARTS = 40, 8, 4, ("part2", "part3")  # sequences of 5 records, but for the last
STILL = {"rotation": 0, "flip": 0, "brightness": 0, "contrast": 0, "saturation": 0}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return open_dataset(tiny.write(tmp_path_factory.mktemp("data")))


@pytest.fixture(scope="module")
def pieces(prepared):
    words = label_counts.part_counts(prepared, PARTS, "au").words
    return tokenizer.tokenizer_of(tokenizer.build_vocabulary(words))


def settings(**changes):
    config = Config()
    keys = {"model.delay": "window", "data.window": LAGS, "data.batch_size": BATCH} | changes
    for key, value in {"data.image_size": SIZE, **keys}.items():
        set_key(config, key, str(value))
    return config


def still(**changes):
    return settings(**{f"augment.{name}": value for name, value in STILL.items()}, **changes)


def train(prepared, pieces, count, config, augment_on="host", **kwargs):
    records = source.Source(prepared, PARTS, SIZE)
    how = {"seed": 7, "augment_on": augment_on, **kwargs}
    batches = pipeline.train_dataset(records, config, pieces, **how)
    try:
        return list(islice(batches, count))
    finally:
        batches.close()


def assert_same(left, right):
    for one, other in zip(left, right, strict=True):
        assert one.keys() == other.keys()
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])


def windows_of(batch):
    """{record: the images that it saw, by lag} of a batch."""
    clips = batch["stimulus"]
    each = len(batch["index"]) // len(clips)
    return {
        int(index): clips[row // each][batch["stimulus_at"][row]]
        for row, index in enumerate(batch["index"])
    }


def sequences(counts):
    """`windows.Sequences` of so many records each."""
    firsts = np.cumsum([0, *counts])
    entries = [("s", "", int(first), n) for first, n in zip(firsts, counts, strict=False)]
    known = {"sequences": lambda part: entries, "records": lambda parts: sum(counts)}
    return windows.Sequences(SimpleNamespace(directory="set", **known), ["part1"])


GAPS = st.lists(st.lists(st.integers(1, 6), min_size=1, max_size=12), min_size=1, max_size=3)


@given(gaps=GAPS, window=st.integers(1, 9), clip=st.integers(1, 5), drawn=st.data())
def test_a_tuple_sees_the_last_frame_before_each_lag(gaps, window, clip, drawn):
    """Frames that are missing, or before the first, against a search through all of them."""
    frames = np.concatenate([np.cumsum(steps) + 3 for steps in gaps])
    known = sequences([len(steps) for steps in gaps])
    first = drawn.draw(st.integers(0, len(frames) - 1))
    start = known.first(first)
    end = start + len(gaps[int(np.searchsorted(known._firsts, start))])
    tuples = np.minimum(first + np.arange(clip), end - 1)
    size = windows.Window(window, clip)
    shown = known.shown(int(tuples[0]), int(tuples[-1]), size)
    assert len(shown) == size.span == window + clip - 1
    at = known.seen(shown, frames[shown], tuples, size)
    for one, places in zip(tuples, at, strict=True):
        for lag, place in enumerate(places):
            before = [n for n in range(start, one + 1) if frames[n] <= frames[one] - lag]
            assert shown[place] == (before or [start])[-1]
            assert known.earlier(int(one), lag, lambda n: int(frames[n])) == shown[place]


def test_records_out_of_order_are_refused():
    known, frames = sequences([4]), np.array([3, 5, 5, 6])
    size = windows.Window(3)
    with pytest.raises(InputError, match=r"record 2 .* not behind the frame before it"):
        known.seen(np.array([1, 2, 3]), frames[1:], np.array([3]), size)
    with pytest.raises(InputError, match="not behind the frame before it"):
        known.earlier(3, 1, lambda n: [3, 5, 6, 6][n])


def test_a_stimulus_of_an_earlier_frame_brings_its_caption(prepared):
    now, before = (source.Source(prepared, PARTS, SIZE, lag=lag) for lag in (0, 2))
    for index, shown in ((0, 0), (1, 0), (2, 0), (4, 2), (5, 5), (31, 30), (33, 31)):
        record, one, other = before[index], now[index], now[shown]
        np.testing.assert_array_equal(record["stimulus"], other["stimulus"])
        assert record["caption"] == other["caption"]
        np.testing.assert_array_equal(record["reaction"], one["reaction"])
        np.testing.assert_array_equal(record["labels"], one["labels"])
        assert (record["index"], record["frame"]) == (one["index"], one["frame"])
    again = pickle.loads(pickle.dumps(before))
    np.testing.assert_array_equal(again[4]["stimulus"], now[2]["stimulus"])


def test_an_epoch_of_clips_has_every_record_and_few_twice():
    counts = [10, 3, 8, 1, 17]
    order = ClipOrder(np.repeat([4, 0, 9, 2, 5], counts), 4, seed=3)
    assert order.clips == 3 + 1 + 2 + 1 + 5
    first, *_ = epochs = [[order[n] for n in range(e * 48, (e + 1) * 48)] for e in range(3)]
    ends = np.cumsum(counts)
    for drawn in epochs:
        assert set(drawn) == set(range(39))
        for clip in np.reshape(drawn, (-1, 4)):
            here = np.searchsorted(ends, clip, side="right")
            assert len(set(here)) == 1
            assert set(np.diff(clip)) == ({1} if counts[here[0]] >= 4 else set(np.diff(clip)))
            assert (np.diff(clip) >= 0).all()
    assert len({tuple(drawn) for drawn in epochs}) == 3
    assert len({tuple(sorted(drawn)) for drawn in epochs}) > 1  # shifts of their own
    again = pickle.loads(pickle.dumps(order))
    assert [again[n] for n in range(48)] == first


@pytest.mark.parametrize("clips", [0, 4])
def test_every_window_has_the_frames_before_its_tuple(prepared, pieces, clips):
    """Shuffled or in clips, from the images of the records themselves."""
    records = source.Source(prepared, PARTS, SIZE)
    batches = train(prepared, pieces, 4, still(**{"data.clips": clips}))
    assert batches[0]["stimulus"].shape[:2] == ((2, 7) if clips else (8, 4))
    met = set()
    for batch in batches:
        for index, seen in windows_of(batch).items():
            part, place = divmod(index, 30)
            for lag in range(LAGS):
                shown = 30 * part + max(place - lag, place // 5 * 5)
                np.testing.assert_array_equal(seen[lag], records[shown]["stimulus"])
            met.add(place % 5)
    assert met == set(range(5))


@pytest.mark.parametrize("augment_on", ["host", "device"])
def test_a_clip_has_one_draw_and_its_faces_their_own(prepared, pieces, augment_on):
    """The augmented frames of clips are those that shuffled tuples with the same draws have."""
    plain, clips = settings(**{"data.clips": 4, "model.delay": "none"}), {"data.clips": 4}
    ours = train(prepared, pieces, 2, settings(**clips), augment_on)
    theirs = train(prepared, pieces, 2, plain, augment_on)
    for one, other in zip(ours, theirs, strict=True):
        for name in ("reaction", "labels", "tokens", "index"):
            np.testing.assert_array_equal(one[name], other[name])
        first = np.stack([windows_of(one)[int(index)][0] for index in one["index"][::4]])
        np.testing.assert_array_equal(first, other["stimulus"][::4])
        if augment_on == "device":
            np.testing.assert_array_equal(one["stimulus_draw"], other["stimulus_draw"][::4])


def test_clips_go_on_anywhere_and_are_the_same_on_any_number_of_hosts(prepared, pieces):
    config = settings(**{"data.clips": 4})
    whole = train(prepared, pieces, 20, config)
    assert_same(train(prepared, pieces, 2, config, start_step=18), whole[18:])
    threads = settings(**{"data.clips": 4, "data.read_threads": 3})
    assert_same(train(prepared, pieces, 3, threads), whole[:3])
    halves = [
        train(prepared, pieces, 3, config, process_index=n, process_count=2) for n in range(2)
    ]
    joined = [
        {name: np.concatenate([a[name], b[name]]) for name in a}
        for a, b in zip(*halves, strict=True)
    ]
    assert_same(joined, whole[:3])


def test_worker_processes_make_the_same_clips(prepared, pieces):
    config = {"data.clips": 4}
    with_workers = train(prepared, pieces, 2, settings(**config, **{"data.worker_count": 1}))
    assert_same(with_workers, train(prepared, pieces, 2, settings(**config)))


def test_still_images_have_no_earlier_frames(prepared):
    stills = SimpleNamespace(name="faces", sequences=lambda part: [("s", "", 0, 1)])
    for key in ({"data.stimulus_lag": 3}, {"data.clips": 4}, {}):
        config = settings(**key, **({"model.delay": "none"} if key else {}))
        windows.check_sequences(config, prepared, PARTS)
        with pytest.raises(InputError, match="expected sequences of frames") as refused:
            windows.check_sequences(config, stills, PARTS)
        assert "\n" not in str(refused.value)
    windows.check_sequences(Config(), stills, PARTS)
