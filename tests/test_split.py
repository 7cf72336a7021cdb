"""The validation part: no person and no video on both sides, of the asked size, by seed."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from drr_jax import split
from drr_jax.errors import InputError


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


def test_one_group_alone_is_refused():
    listed = SimpleNamespace(name="faces", sequences=lambda part: [("a/b/t/1", "x", 0, 5)])
    with pytest.raises(InputError, match=r"selection=validation.*hang together"):
        split.validation_rows(listed, ["part1"], 0.2, 0)
