"""Folds over subjects: dealt out, published, or in a user's file."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drr_jax.errors import InputError
from tfds_reactionet.reading.fold_choice import (
    NUMBERED,
    FoldChoice,
    part_by_number,
    read_fold_file,
)
from tfds_reactionet.reading.protocols import Protocol, listed, part_of, round_robin


@given(st.sets(st.text("SFM0123456789", min_size=1, max_size=4), min_size=10, max_size=60))
def test_dealt_parts_are_even_and_of_any_order(subjects: set[str]) -> None:
    for folds in (2, 3, 10):
        parts = round_robin(subjects, folds)
        assert parts == round_robin(sorted(subjects, reverse=True), folds)
        sizes = [list(parts.values()).count(f"part{n}") for n in range(1, folds + 1)]
        assert sum(sizes) == len(subjects) and max(sizes) - min(sizes) <= 1
    with pytest.raises(InputError, match="subject folds"):
        round_robin(list(subjects)[:4], 5)


def test_protocols_name_their_splits() -> None:
    folds = Protocol.folds(3)
    assert folds.parts == ("part1", "part2", "part3")
    assert folds.to_json() == {
        "kind": "folds",
        "train": [["part2", "part3"], ["part1", "part3"], ["part1", "part2"]],
        "validation": [[], [], []],
        "test": [["part1"], ["part2"], ["part3"]],
    }
    official = Protocol.official("train", "test", "validation")
    assert official.parts == ("train", "validation", "test")
    assert official.to_json()["validation"] == [["validation"]]
    two = Protocol.official("train", "validation")
    assert two.parts == ("train", "validation")
    assert two.to_json() == {
        "kind": "official",
        "train": [["train"]],
        "validation": [[]],
        "test": [["validation"]],
    }


def test_published_lists() -> None:
    parts = listed(("F001 F002", "M001"))
    assert parts == {"F001": "part1", "F002": "part1", "M001": "part2"}
    assert part_of(parts, "M001", "the lists") == "part2"
    with pytest.raises(InputError, match="subject 'F003' is in no part of the lists"):
        part_of(parts, "F003", "the lists")


def test_fold_files(tmp_path: Path) -> None:
    path = tmp_path / "folds.txt"
    path.write_bytes(b"\xef\xbb\xbf# mine\r\nF001 1\r\nF002,part3\r\n\r\nM001\t2\r\n")
    found = read_fold_file(path)
    assert found == {"F001": "part1", "F002": "part3", "M001": "part2"}
    path.write_text("sport/ice hockey/a, b/seq0 1\nN 8 (1).jpg , 2 \n # no\n,\n")
    assert read_fold_file(path, "image") == {
        "sport/ice hockey/a, b/seq0": "part1",
        "N 8 (1).jpg": "part2",
    }
    for text, message in [
        ("F001 11", "line 1: 'F001 11', expected a subject and its part, 1 to 10"),
        ("F001", "line 1: 'F001', expected"),
        ("F001 x", "line 1"),
        ("F001 1\nF001 2", "line 2: subject F001 is there twice"),
        ("F001 1\nF002 3", "no subject in part 2"),
        ("F001 1", "no subject in part 2"),
        ("", "no subject in part 1"),
        ("1", "line 1: '1', expected a subject"),
    ]:
        path.write_text(text)
        with pytest.raises(InputError) as caught:
            read_fold_file(path)
        assert message in str(caught.value) and str(path) in str(caught.value)


@given(st.sets(st.integers(1, 140), min_size=12))
def test_a_part_follows_from_the_subject_alone(numbers: set[int]) -> None:
    choice = FoldChoice(NUMBERED, part_by_number)
    for folds in ("2", "3", "10"):
        part = choice.parts(folds)
        assert {part(f"S{n:03d}") for n in numbers} <= set(choice.protocol(folds).parts)
        assert all(part(f"S{n:03d}") == f"part{(n - 1) % int(folds) + 1}" for n in numbers)
    every = [choice.parts("10")(f"S{n:03d}") for n in range(1, 32)]  # as many as MMI has
    assert {every.count(part) for part in choice.protocol("10").parts} == {3, 4}


def test_a_choice_is_a_name_or_a_file(tmp_path: Path) -> None:
    path = tmp_path / "folds.txt"
    path.write_text("F001 1\nF002 2\nM001 3\nM002 4\n")
    choice = FoldChoice({"official": Protocol.official("train", "test")})
    assert choice.in_release("official") and not choice.in_release(str(path))
    assert choice.protocol(str(path)).parts == ("part1", "part2", "part3", "part4")
    assert choice.parts(str(path))("M001") == "part3"
    with pytest.raises(InputError, match="no line for subject M003; did you mean M00"):
        choice.parts(str(path))("M003")
    with pytest.raises(InputError, match=r"folds=oficial: no such file.*did you mean official"):
        choice.file("oficial")


@given(data=st.binary(max_size=60))
def test_any_bytes_give_parts_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("folds") / "folds.txt"
    path.write_bytes(data)
    try:
        found = read_fold_file(path)
        assert set(found.values()) == set(NUMBERED[str(len(set(found.values())))].parts)
    except InputError as error:
        assert str(path) in str(error) and "\n" not in str(error)
