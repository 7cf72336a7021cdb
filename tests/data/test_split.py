"""The validation part: no person and no video on both sides, of the asked size, by seed."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from drr_jax.data import split
from drr_jax.errors import InputError
from tfds_reactionet.building import stills


@dataclasses.dataclass
class Listed:
    """A prepared data set as far as its list of sequences goes."""

    parts: dict
    name: str = "faces"

    def sequences(self, part):
        return self.parts[part]


def people(count=40, seed=0):
    rng = np.random.default_rng(seed)
    sequences, first = [], 0
    for number in range(count):
        records = int(rng.integers(3, 9))
        key = f"sport/soccer/task{number // 2}/{number}"  # two people watch each video
        sequences.append((key, f"S{number}", first, records))
        first += records
    return Listed({"part1": sequences[: count // 2], "part2": sequences[count // 2 :]})


def images(**counts):
    """Sets of still images as their builders list them: one sequence for all blocks of a split."""
    parts = {}
    for part, count in counts.items():
        (listed,) = {(unit.sequence, unit.subject) for unit in stills.blocks(part, range(count))}
        parts[part] = [(*listed, 0, count)]
    return Listed(parts)


def test_people_and_videos_stay_together():
    keys = ["a/b/t1/1", "a/b/t1/2", "a/b/t2/1", "a/b/t3/1", "a/b/t4/1"]
    assert split.groups(keys, ["x", "y", "y+z", "w", ""]) == [0, 0, 0, 1, 2]


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_rows_are_disjoint_whole_and_of_the_asked_share(share):
    listed = people()
    train, held_out = split.validation_rows(listed, ["part1", "part2"], share, seed=1)
    total = sum(count for part in listed.parts.values() for *_, count in part)
    np.testing.assert_array_equal(np.sort(np.concatenate([train, held_out])), np.arange(total))
    assert abs(len(held_out) / total - share) < 0.03
    owner = np.concatenate(
        [
            np.repeat(int(key.split("/")[2].removeprefix("task")), count)
            for part in listed.parts.values()
            for key, _, _, count in part
        ]
    )
    assert not set(owner[train]) & set(owner[held_out])
    again = split.validation_rows(listed, ["part1", "part2"], share, seed=1)[1]
    other = split.validation_rows(listed, ["part1", "part2"], share, seed=2)[1]
    np.testing.assert_array_equal(again, held_out)
    assert not np.array_equal(other, held_out)


def test_fewer_records_are_some_of_more_and_lose_nobody():
    listed, parts = people(), ["part1", "part2"]
    all_of_them = split.some_rows(listed, parts, 200, None)
    some = split.some_rows(listed, parts, 120, None)
    assert len(set(some.tolist())) == 120 and set(some.tolist()) < set(all_of_them.tolist())
    number = split.sequence_numbers(listed, parts)
    assert len(set(number[some].tolist())) > 36  # of 40 sequences
    of_half = split.some_rows(listed, ["part2"], 60, None)  # whatever stands before them
    first = sum(count for *_, count in listed.parts["part1"])
    again = split.some_rows(listed, parts, 60, np.arange(first, len(number)))
    np.testing.assert_array_equal(again, of_half + first)
    with pytest.raises(InputError, match=r"data.records=999: .* have \d+ records to train on"):
        split.some_rows(listed, parts, 999, None)


def test_one_group_alone_is_refused():
    listed = SimpleNamespace(name="faces", sequences=lambda part: [("a/b/t/1", "x", 0, 5)])
    with pytest.raises(InputError, match=r"selection=validation.*hang together"):
        split.validation_rows(listed, ["part1"], 0.2, 0)


def test_a_group_is_left_to_train_on():
    listed = Listed({"part1": [("a/b/t1/1", "x", 0, 5), ("a/b/t2/1", "y", 5, 5)]})
    for seed in range(4):
        train, held_out = split.validation_rows(listed, ["part1"], 0.8, seed)
        assert (len(train), len(held_out)) == (5, 5)
    one_each = [(f"a/b/t{n}/1", "", n, 1) for n in range(6)]
    train, held_out = split.validation_rows(Listed({"part1": one_each}), ["part1"], 0.99, 0)
    assert (len(train), len(held_out)) == (1, 5)


def test_still_images_are_drawn_one_by_one():
    listed, parts = images(part1=700, part2=200_000, part3=300), ["part1", "part3"]
    train, held_out = split.validation_rows(listed, parts, 0.2, seed=1)
    np.testing.assert_array_equal(np.sort(np.concatenate([train, held_out])), np.arange(1000))
    assert len(held_out) == 200 and 100 < np.count_nonzero(held_out < 700) < 180  # of both parts
    other = split.validation_rows(listed, parts, 0.2, seed=2)[1]
    assert not np.array_equal(other, held_out)
    among = np.arange(0, 1000, 2)
    train, held_out = split.validation_rows(listed, parts, 0.2, 1, among)
    assert len(held_out) == 100 and not (np.concatenate([train, held_out]) % 2).any()
    assert len(split.validation_rows(listed, ["part2"], 0.2, 1)[1]) == 40_000


def test_only_still_images_have_a_sequence_number_of_their_own():
    named = [
        ("film/a/t/1", "", 0, 2),  # a video, of nobody knows whom
        ("part1", "S1", 2, 2),  # a person, whatever the sequence is called
        ("clip", "", 4, 2),
    ]
    listed = Listed({"part1": named, **images(part2=3).parts})
    numbers = split.sequence_numbers(listed, ["part1", "part2"])
    np.testing.assert_array_equal(numbers, [0, 0, 1, 1, 2, 2, 4, 5, 6])
    for seed in range(8):
        held_out = split.validation_rows(listed, ["part1", "part2"], 0.4, seed)[1].tolist()
        assert all((row in held_out) == (row + 1 in held_out) for row in (0, 2, 4))
