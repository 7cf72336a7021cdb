"""Text in CSV files is no formula, and the commands that read such files get it back."""

import csv
import io
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drr_jax.cells import csv_lines, neutral, plain, table_csv
from tfds_reactionet.building.outputs import csv_text
from tfds_reactionet.reading import read_table


@given(st.text())
@example("=1+1")
@example("'=1+1")
@example("-cmd|' /C calc'!A0")
@example("''@x")
def test_text_comes_back_and_is_no_formula(text: str) -> None:
    written = neutral(text)
    assert plain(written) == text
    try:
        float(text)
    except ValueError:
        assert not written.startswith(("=", "+", "-", "@"))


@pytest.mark.parametrize("number", [-1, -0.5, "-0.5", "+1e5", "-inf", 3, math.nan, None, True])
def test_numbers_are_left_alone(number: object) -> None:
    assert neutral(number) is number


def test_a_table_of_texts_and_numbers(tmp_path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(csv_text(("subject", "age"), [("=cmd()", "-1"), ("@S1", 20.5), ("S'1", "")]))
    assert path.read_text() == "subject,age\n'=cmd(),-1\n'@S1,20.5\nS'1,\n"
    rows = [row for _, row in read_table(path, ("subject", "age"))]
    assert [row["subject"] for row in rows] == ["=cmd()", "@S1", "S'1"]


@given(st.lists(st.text(), min_size=1))
@example(["a\rb", "c\nd", "e\r\n", "\r\n"])
@example([""])
def test_a_row_of_any_texts_comes_back(texts: list[str]) -> None:
    text = csv_lines([["1", *texts], ["2"]])
    assert text.endswith("\n2\n") and not text.endswith("\r\n")
    found = list(csv.reader(io.StringIO(text, newline="")))
    assert [[plain(cell) for cell in row] for row in found] == [["1", *texts], ["2"]]


def test_tables_of_pandas_keep_their_numbers() -> None:
    table = pd.DataFrame(
        {"=a": ["+x", "y"], "count": [1, None], "share": [-0.25, np.nan]},
        index=pd.Index(["-s", "t"], name="scene"),
        dtype=object,
    )
    found = list(csv.reader(io.StringIO(table_csv(table))))
    assert found == [
        ["scene", "'=a", "count", "share"],
        ["'-s", "'+x", "1", "-0.25"],
        ["t", "y", "", ""],
    ]
