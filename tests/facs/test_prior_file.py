"""Relation priors from CSV files: read in any order of classes, refused in one line otherwise."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drr_jax import limits, main
from drr_jax.errors import InputError
from drr_jax.facs import labels as facs
from drr_jax.facs import prior_file

LAUNCH = f"--config={Path(__file__).parents[2]}/launch/reactionet.py"
NAMES = ("AU01", "AU02", "AU04")
GOOD = ",AU01,AU02,AU04\nAU01,1,0.8,0\nAU02,0.8,1,0.25\nAU04,0,0.25,1\n"
PRIOR = np.array([[1, 0.8, 0], [0.8, 1, 0.25], [0, 0.25, 1]])


def table(names, prior, rows=None, columns=None):
    rows, columns = rows or names, columns or names
    cells = {(a, b): prior[i, j] for i, a in enumerate(names) for j, b in enumerate(names)}
    lines = [
        ["", *columns],
        *([row, *(repr(float(cells[row, c])) for c in columns)] for row in rows),
    ]
    return "\n".join(",".join(line) for line in lines)


@given(st.data())
def test_any_order_of_rows_and_columns_gives_the_same_prior(tmp_path_factory, data):
    names = facs.REACTIONET_AUS_12
    values = np.random.default_rng(data.draw(st.integers(0, 99))).random((12, 12))
    prior = np.maximum(np.triu(values), np.triu(values).T)
    np.fill_diagonal(prior, 1)
    rows, columns = (data.draw(st.permutations(names)) for _ in range(2))
    path = tmp_path_factory.getbasetemp() / "prior.csv"
    path.write_text(table(names, prior, rows, columns))
    assert np.array_equal(prior_file.load_prior_file(f"file:{path}", names), prior)


def test_a_file_stands_in_for_every_sets_prior(tmp_path):
    path = tmp_path / "prior.csv"
    path.write_text("\ufeff" + GOOD.replace("\n", "\r\n") + "\r\n", encoding="utf-8")
    counts = facs.count_pairs(np.random.default_rng(0).integers(0, 2, (50, 3)))
    assert np.array_equal(facs.relation(f"file:{path}", NAMES, *counts), PRIOR)
    path.write_text(table(facs.EXPRESSIONS, np.ones((7, 7))))
    known = facs.expression_prior().astype(float)
    given = facs.fixed_relation(f"file:{path}", known, facs.EXPRESSIONS)
    assert np.array_equal(given, np.ones((7, 7)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            GOOD.replace("AU02,0.8,1", "AU02,0.7,1"),
            r"row AU02, column AU01 is 0\.7 but row AU01, column AU02 is 0\.8",
        ),
        (GOOD.replace("AU04,0,", "AU04,x,"), r"row AU04, column AU01 is 'x'; expected a number"),
        (GOOD.replace("AU04,0,", "AU04,,"), r"row AU04, column AU01 is ''"),
        (GOOD.replace("AU04,0,", "AU04,nan,"), r"row AU04, column AU01 is 'nan'"),
        (
            GOOD.replace("0.25", "1.5"),
            r"row AU02, column AU04 is '1.5'; expected a number from 0 to 1",
        ),
        (GOOD.replace("0.25", "-0.1"), r"row AU02, column AU04 is '-0.1'"),
        (GOOD.replace("AU02,0.8,1", "AU02,0.8,0"), r"row AU02, column AU02 is '0'; expected 1"),
        (GOOD.replace("AU04,0,0.25,1\n", ""), r"no row for AU04"),
        (GOOD.replace(",1\n", "\n"), r"row AU04 has 2 values, expected 3"),
        (GOOD.replace("AU04,0", "AU05,0"), r"row AU05 has no column: did you mean"),
        (GOOD.replace("AU04,0", "AU02,0"), r"row AU02 is there twice"),
        (GOOD.replace(",AU01,AU02", ",AU01,AU01"), r"column AU01 is there twice"),
        (GOOD.replace(",AU01,AU02", ",AU01,"), r"column 2 has no class name"),
        (GOOD.replace(",", ";"), r"the first row has no class names"),
        ("", r"the first row has no class names"),
        ("\xff\xfe", r"not a CSV file in UTF-8"),
        (',"AU01\n', r"no row for AU01"),
    ],
)
def test_a_broken_table_is_refused_with_its_cell(tmp_path, text, said):
    path = tmp_path / "prior.csv"
    path.write_text(text, encoding="latin-1")
    for key in ("graph.prior", "contrast.prior"):
        with pytest.raises(InputError, match=said) as error:
            main.parse(["main", f"{LAUNCH}:demo,{key}=file:{path}", "--workdir=x"])
        assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_other_classes_than_the_runs_are_refused(tmp_path):
    path = tmp_path / "prior.csv"
    path.write_text(GOOD)
    choice = f"file:{path}"
    with pytest.raises(InputError, match=r"add a row and a column for AU06, AU07"):
        prior_file.load_prior_file(choice, (*NAMES, "AU06", "AU07"))
    with pytest.raises(InputError, match=r"column AU04 is none of this run's classes"):
        prior_file.load_prior_file(choice, NAMES[:2])
    with pytest.raises(InputError, match=re.escape(f"{tmp_path}/absent.csv: no such file")):
        main.parse(
            ["main", LAUNCH, f"--config.graph.prior=file:{tmp_path}/absent.csv", "--workdir=x"]
        )
    with pytest.raises(InputError, match="no such file"):
        prior_file.read_prior_file(tmp_path)
    path.write_bytes(b"," * (limits.DOCUMENT_BYTES + 1))
    with pytest.raises(InputError, match="the limit for a file of its kind"):
        prior_file.read_prior_file(path)
    with pytest.raises(InputError, match=r"graph\.prior='fiel:x\.csv'.*file:PATH\.csv"):
        main.parse(["main", f"{LAUNCH}:graph.prior=fiel:x.csv", "--workdir=x"])
