"""Parquet from a table longer than a block that Arrow reads, with names of several lines."""

import pandas as pd
import pytest

import drr_jax
from drr_jax import cells
from drr_jax.predict import parquet, rows

pytest.importorskip("pyarrow")


def test_names_of_several_lines_come_through(trained, tmp_path):
    model = drr_jax.load(trained)
    head, names = rows.columns(model), [f'a\n{number},"\r.jpg' for number in range(12_000)]
    said = [0.5, 1] * len(model.names)
    table = [[1, 0, "", 1, 1, "", "", "", "", "", name, *said] for name in names]
    text = cells.csv_lines([head, *table])
    (tmp_path / rows.TABLE).write_text(text, newline="")
    assert len(text) > 1 << 20
    found = pd.read_parquet(parquet.write_parquet(tmp_path, model))
    assert found["input"].tolist() == names
