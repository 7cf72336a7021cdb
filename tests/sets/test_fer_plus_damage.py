"""Damaged FER+ releases: one line that names the file, in both layouts, whatever the bytes."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from prepared_faces import build
from raw_fer_plus import FOLDERS, HEADER, NEW, OLD, write_pair, write_tree

from drr_jax.errors import InputError
from tfds_reactionet.building import UNLABELLED
from tfds_reactionet.building.summary import read_metadata
from tfds_reactionet.fer_plus import tables


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    root = tmp_path_factory.mktemp("raw")
    return root, write_pair(root / "FER+")


@pytest.fixture
def raw(release: tuple[Path, Any], tmp_path: Path) -> Path:
    return Path(shutil.copytree(release[0] / "FER+", tmp_path / "raw"))


def change(name: str, old: str, new: str) -> Callable[[Path], Any]:
    def act(raw: Path) -> None:
        text = (raw / name).read_bytes().decode()
        assert old in text
        (raw / name).write_bytes(text.replace(old, new, 1).encode())

    return act


def drop_last_line(name: str) -> Callable[[Path], Any]:
    def act(raw: Path) -> None:
        lines = (raw / name).read_bytes().splitlines(keepends=True)
        (raw / name).write_bytes(b"".join(lines[:-1]))

    return act


def double(name: str, line: int, dropped: int) -> Callable[[Path], Any]:
    """A line twice and another one not at all: as many rows, but those between are shifted."""

    def act(raw: Path) -> None:
        lines = (raw / name).read_bytes().splitlines(keepends=True)
        lines[line - 1] *= 2
        del lines[dropped - 1]
        (raw / name).write_bytes(b"".join(lines))

    return act


def swap(name: str, line: int, other: int) -> Callable[[Path], Any]:
    def act(raw: Path) -> None:
        lines = (raw / name).read_bytes().splitlines(keepends=True)
        lines[line - 1], lines[other - 1] = lines[other - 1], lines[line - 1]
        (raw / name).write_bytes(b"".join(lines))

    return act


DEFECTS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "vote": (change(NEW, ",4,0,0,1,3", ",4,0,0,x,3"), "new.csv: line 2: 'x' votes, expected 0 to"),
    "sum": (change(NEW, ",4,0,0,1,3", ",4,0,0,3,3"), "line 2: 12 votes in all, expected 10"),
    "name": (change(NEW, "fer0000001.png", "../../a.png"), "line 3: image name '../../a.png'"),
    "usage": (change(NEW, "PublicTest", "Public"), "line 8: Usage 'Public', expected Training or"),
    "column": (change(NEW, "contempt", "scorn"), "no column 'contempt'"),
    "order": (change(NEW, "PublicTest", "PrivateTest"), "line 8: Usage is not that of fer2013.csv"),
    "doubled": (double(NEW, 2, 5), "line 3: fer0000000.png comes after fer0000000.png; expected n"),
    "swapped": (swap(NEW, 3, 7), "line 7: fer0000001.png comes after fer0000032.png; expected nam"),
    "votes end": (drop_last_line(NEW), "fer2013new.csv: ends after 10 rows"),
    "faces end": (drop_last_line(OLD), "fer2013.csv: ends after 10 rows"),
    "header": (change(OLD, "emotion,pixels", "emotion,points"), "line 1: expected the header"),
    "code": (change(OLD, "Usage\n", "Usage\n9"), "fer2013.csv: line 2: emotion '9"),
    "pixel": (change(OLD, " ", " 256 "), "fer2013.csv: line 2: 2305 pixels, expected 2304"),
    "large": (change(OLD, ",Training", "0000,Training"), "fer2013.csv: line 2: a pixel is no"),
    "width": (change(OLD, " ", ","), "line 2 has 4 columns, expected 3"),
    "none": (lambda raw: (raw / NEW).unlink(), "no fer2013new.csv; expected fer2013new.csv"),
    "no faces": (
        lambda raw: (raw / OLD).unlink(),
        "no fer2013.csv; expected fer2013new.csv",
    ),
    "empty": (lambda raw: (raw / OLD).write_bytes(b""), "fer2013.csv: empty; expected the header"),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_defect_is_one_line_and_nothing_is_left(raw: Path, defect: str) -> None:
    act, message = DEFECTS[defect]
    act(raw)
    with pytest.raises(InputError) as caught:
        build("fer_plus/votes", raw, raw.parent / "data")
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert not list(raw.parent.glob("data/fer_plus/votes/*"))


def test_rows_are_held_against_those_of_the_release(
    raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """6 / 2 / 3 rows are none to note where they are the release's; a doubled one is."""
    own = {"train": 6, "validation": 2, "test": 3}
    prepared = build("fer_plus/fer2013", raw, raw.parent / "small")
    note = "6 / 2 / 3 rows (train, validation, test); the release has 28,709 / 3,589 / 3,589"
    assert read_metadata(prepared)["notes"][1:] == [note]
    monkeypatch.setattr(tables, "IN_RELEASE", own)
    assert not read_metadata(build("fer_plus/votes", raw, raw.parent / "whole"))["notes"][1:]
    lines = (raw / OLD).read_text().splitlines(keepends=True)
    (raw / OLD).write_text("".join([*lines[:3], lines[2], *lines[3:]]))
    prepared = build("fer_plus/fer2013", raw, raw.parent / "doubled")
    assert read_metadata(prepared)["notes"][1:] == [
        "7 / 2 / 3 rows (train, validation, test); the release has 6 / 2 / 3",
        f"1 rows of {raw / OLD} are an earlier row again; FER2013 has some images twice",
    ]


def test_rows_of_label_files_are_held_against_theirs(tmp_path: Path) -> None:
    write_tree(tmp_path / "raw")
    notes = read_metadata(build("fer_plus/votes", tmp_path / "raw", tmp_path / "data"))["notes"]
    assert notes[1:] == [
        "5 / 2 / 3 rows (train, validation, test); the release has 28,558 / 3,579 / 3,573"
    ]


@pytest.mark.parametrize("table", [True, False])
def test_an_image_without_votes_is_counted(tmp_path: Path, table: bool) -> None:
    write_tree(tmp_path / "raw")
    for path in (tmp_path / "raw").rglob("label.csv"):
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(line for line in lines if "fer0000001" not in line))
    if table:
        write_pair(tmp_path / "pair")
        text = (tmp_path / "pair" / NEW).read_text()
        lines = [line for line in text.splitlines() if "fer0000001" not in line]
        (tmp_path / "raw" / NEW).write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match=rf"most often: {UNLABELLED} \(1\)"):
        build("fer_plus/votes", tmp_path / "raw", tmp_path / "data")


def test_label_file_of_a_tree_with_a_defect(tmp_path: Path) -> None:
    write_tree(tmp_path / "raw")
    path = tmp_path / "raw/data" / FOLDERS["PublicTest"] / "label.csv"
    for text, message in (
        ('a.png,"(0, 0, 48, 48)",1', "line 1 has 3 columns"),
        ("../x.png," + ",".join("1" * 10), "line 1: image name '../x.png'"),
        ('fer0000000.png,"(0, 0', "line 1: unexpected end of data; expected CSV"),
    ):
        path.write_text(text)
        with pytest.raises(InputError) as caught:
            build("fer_plus", tmp_path / "raw", tmp_path / "data")
        assert f"{path}: {message}" in str(caught.value)


CELLS = st.lists(st.sampled_from(["0", "1", "4", "10", "x", '"', "-1", " ", "\x00", "é"]))


@settings(max_examples=200, deadline=None)
@given(cells=CELLS, raw=st.binary(max_size=30), header=st.booleans())
@example(cells=["4", "0", "0", "1", "3", "2", "0", "0", "0", "0"], raw=b"\r\n", header=True)
def test_any_bytes_give_votes_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, cells: list[str], raw: bytes, header: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "fer_plus_votes.csv"
    line = ",".join(["Training", "fer0000000.png", *cells])
    path.write_bytes((HEADER + "\n" if header else "").encode() + line.encode() + raw)
    for parse in (tables.read_votes, lambda path: tables.read_labels(path, "train")):
        try:
            for row in parse(path):
                assert sum(row.votes) in (9, 10) and len(row.votes) == 10
        except InputError as error:
            assert str(path) in str(error) and "\n" not in str(error)


@settings(max_examples=100, deadline=None)
@given(
    lines=st.lists(
        st.one_of(
            st.binary(max_size=30),
            st.sampled_from(
                [b"3,1 2,Training", b"0," + b"7 " * 2304 + b",PublicTest", b"emotion,"]
            ),
        ),
        max_size=4,
    )
)
def test_any_bytes_give_faces_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    path = tmp_path_factory.getbasetemp() / "fer_plus_faces.csv"
    path.write_bytes(b"\n".join([b"emotion,pixels,Usage", *lines]))
    try:
        for _, code, source in tables.read_faces(path):
            assert code in range(7)
            assert (source.read() == 7).all()
    except InputError as error:
        assert str(path) in str(error) and "\n" not in str(error)
