"""EmotioNet's label files: cells, long lines, any bytes, damaged workbooks."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from raw_emotionet import CODED, values, write_workbook

from drr_jax.errors import InputError
from tfds_reactionet.emotionet import labels
from tfds_reactionet.emotionet.spreadsheet import read_workbook

MANUAL = values(11, len(CODED))


def check_rows(path: Path, parse: Callable[[Path], Any]) -> None:
    """Rows are labels, or one line says where they are not."""
    try:
        for row in parse(path):
            assert set(row.occurrence()) <= {-1, 0, 1}
            assert row.name and "/" not in row.name and row.name not in (".", "..")
    except InputError as error:
        assert str(path) in str(error) and "\n" not in str(error)


PIECES = [
    "0",
    "1",
    "999",
    "'AU 1'",
    "URL",
    "'",
    '"',
    ",",
    "\t",
    "\r\n",
    "../..",
    "a/b.jpg",
    "\x00",
    "é",
]


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("'a','it's,b',1", ["a", "it's,b", "1"]),
        ('"\'a\'", "b,c" ,0,', ["'a'", "b,c", "0", ""]),
        ("'a,1", ["'a", "1"]),
        ("", [""]),
    ],
)
def test_cells_of_a_line(text: str, cells: list[str]) -> None:
    assert labels.split_cells(text) == cells


def test_long_lines_do_not_hang(tmp_path: Path) -> None:
    for text in ("' " * 4000, "'," * 4000, " " * 8000 + "x", "'x," * 2700):
        (tmp_path / "a.csv").write_text("URL,'AU 1'\n" + text)
        with pytest.raises(InputError, match=r"a\.csv: line 2"):
            list(labels.read_csv(tmp_path / "a.csv"))
    (tmp_path / "a.csv").write_text("'x," * 50_000)
    with pytest.raises(InputError, match=r"line 1 has 150000 characters, expected at most 8192"):
        list(labels.read_csv(tmp_path / "a.csv"))


@settings(max_examples=250, deadline=None)
@given(
    pieces=st.lists(st.sampled_from(PIECES), max_size=30),
    tail=st.binary(max_size=8),
    valid=st.booleans(),
)
@example(pieces=["'http://x/a.jpg?b=c'", ",", "1"], tail=b"", valid=True)
def test_any_bytes_give_labels_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[str], tail: bytes, valid: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "emotionet.csv"
    path.write_bytes((("URL,'AU 1'\n" if valid else "") + "".join(pieces)).encode() + tail)
    check_rows(path, labels.read_csv)
    check_rows(path, labels.read_list)


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_damaged_workbooks_give_labels_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole = tmp_path_factory.getbasetemp() / "whole.xlsx"
    if not whole.exists():
        write_workbook(whole, MANUAL)
    path = whole.with_name("damaged.xlsx")
    if data.draw(st.booleans()):  # bytes of the file
        content = bytearray(whole.read_bytes())
        for _ in range(data.draw(st.integers(0, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    else:  # bytes of a member, in a sound zip file
        with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w") as target:
            damaged = data.draw(st.sampled_from(source.namelist()))
            for name in source.namelist():
                content = bytearray(source.read(name))
                if name == damaged:
                    at = data.draw(st.integers(0, len(content) - 1))
                    content[at : at + data.draw(st.integers(0, 9))] = data.draw(
                        st.binary(max_size=6)
                    )
                target.writestr(name, bytes(content))
    check_rows(path, read_workbook)
