"""benchmarks/rows.py: which runs it starts and how, and which it finds done. Nothing is trained."""

import itertools
import json
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from drr_jax import config_rules, main

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "benchmarks" / "rows.py"


@pytest.fixture
def rows(tmp_path, monkeypatch):
    """rows(launch, argument, ...) runs the script; returns its exit code and the commands."""

    def run(launch, *arguments, out=tmp_path / "out", finishes=True):
        commands = []

        def started(command, **_):
            commands.append(command)
            places = [part for part in command if part.startswith("--workdir=")]
            if "drr_jax.main" in command and finishes:
                folder = Path(places[0].removeprefix("--workdir="))
                folder.mkdir(parents=True, exist_ok=True)
                (folder / "results.json").write_text("{}")
            return subprocess.CompletedProcess(command, 0)

        monkeypatch.setattr(subprocess, "run", started)
        launch = ROOT / "launch" / launch
        monkeypatch.setattr(sys, "argv", ["rows.py", str(launch), f"--out={out}", *arguments])
        return runpy.run_path(str(SCRIPT))["main"](), commands

    return run


def parsed(command):
    assert command[1:3] == ["-m", "drr_jax.main"]
    return main.parse(["main", *command[3:]]).config


def test_a_finished_run_is_left_alone_and_another_one_in_its_place_named(rows, tmp_path, capsys):
    drr = ("table4.py", "--rows=drr")
    code, commands = rows(*drr, "--with=demo")
    assert code == 0 and len(commands) == 1
    kept = tmp_path / "out" / ".drr-0.settings"
    assert kept.read_text() == "table4.py:drr,demo,seed=0\n"
    assert rows(*drr, "--with=demo", "--data_dir=elsewhere") == (0, [])
    capsys.readouterr()
    (tmp_path / "out" / "start-weights").mkdir()
    for other in (["--with=demo,optim.lr=0.1"], [], ["--with=demo", "--start"]):
        assert rows(*drr, *other) == (1, [])
        said = capsys.readouterr().err
        assert "was started with table4.py:drr,demo,seed=0, not with table4.py:drr," in said
    assert "table4.py:drr,demo,seed=0 R=start-weights S=start-weights: give another --out" in said
    assert kept.read_text() == "table4.py:drr,demo,seed=0\n"


def test_a_folder_that_nothing_is_known_of_is_named(rows, tmp_path, capsys):
    folder = tmp_path / "out" / "drr-0"
    folder.mkdir(parents=True)
    (folder / "results.json").write_text("{}")
    assert rows("table4.py", "--rows=drr", "--with=demo") == (1, [])
    said = capsys.readouterr().err
    kept = tmp_path / "out" / ".drr-0.settings"
    assert f"no {kept} that says what it was started with" in said
    kept.write_text(said.rsplit("put the line there: ", 1)[1])  # as it says
    assert rows("table4.py", "--rows=drr", "--with=demo") == (0, [])


def test_an_unfinished_run_goes_on_and_a_failed_start_leaves_no_trace(rows, tmp_path):
    wrong = ("table4.py", "--rows=drr", "--with=dmeo")
    right = ("table4.py", "--rows=drr", "--with=demo")
    assert len(rows(*wrong, finishes=False)[1]) == 1  # there is no folder of it
    assert len(rows(*right, finishes=False)[1]) == 1
    (tmp_path / "out" / "drr-0").mkdir()
    assert len(rows(*right)[1]) == 1 and rows(*right) == (0, [])


@pytest.mark.parametrize(
    ("launch", "row", "domains"),
    [
        ("table4.py", "drr", "RS"),
        ("table4.py", "drr_rt", "R"),
        ("table6.py", "resnet18_th", ["Th"]),
        ("table6.py", "mft", ["V", "D", "Th"]),
    ],
)
def test_every_image_encoder_of_a_row_starts_from_weights(rows, tmp_path, launch, row, domains):
    weights = tmp_path / "out" / "start-weights"
    weights.mkdir(parents=True)
    (command,) = rows(launch, f"--rows={row}", "--start", "--with=demo")[1]
    config = parsed(command)
    found = {name: encoder.weights for name, encoder in vars(config.model.encoders).items()}
    assert found == dict.fromkeys(found, "none") | dict.fromkeys(domains, str(weights))
    config_rules.validate(config)


def test_folders_may_have_commas_in_their_names(rows, tmp_path):
    out, data_dir = tmp_path / "a,b=c", tmp_path / "d,e"
    arguments = ("--rows=drr", "--with=demo", f"--data_dir={data_dir}")
    *_, begin, _, run = rows("table4.py", *arguments, "--start", out=out)[1]
    assert parsed(run).data.data_dir == str(data_dir)
    assert parsed(run).model.encoders.R.weights == str(out / "start-weights")
    assert parsed(begin).data.data_dir == str(out / "start-data")
    assert main.parse(["main", *run[3:]]).workdir == out / "drr-0"


def test_differences_are_paired_by_seed_and_corrected_for_their_number(tmp_path):
    """Two rows of three seeds and two folds, and one whose second fold is not there yet."""
    path = tmp_path / "rows.csv"
    lines = ["row,seed,fold,f1_mean,validation_score"]
    scores = {"a": (0.50, 0.52, 0.60), "b": (0.51, 0.54, 0.63), "c": (0.40, 0.41, 0.52)}
    for row, of_seeds in scores.items():
        for seed, score in enumerate(of_seeds):
            lines += [
                f"{row},{seed},{fold},{score + sign},0.9" for fold, sign in ((0, 0.01), (1, -0.01))
            ]
    lines = [line for line in lines if not line.startswith("c,2,1")] + [
        "a,3,0,0.7,0.9",
        "a,3,1,0.7,0.9",
    ]
    path.write_text("\n".join(lines))
    script = runpy.run_path(str(ROOT / "benchmarks" / "differences.py"))
    table = script["differences"](script["by_seed"](path, "f1_mean"), "a").set_index("row")
    assert table.index.tolist() == ["a", "b", "c"] and table.loc["a", "seeds"] == 4
    each = np.array([1.0, 2.0, 3.0])  # points that b is better, by seed
    assert table.loc["b", "difference"] == pytest.approx(each.mean())
    assert table.loc["c", "pairs"] == 2  # its third seed lacks a fold
    half = 4.302653 * each.std(ddof=1) / 3**0.5  # Student's t with two degrees of freedom
    assert table.loc["b", "high"] == pytest.approx(each.mean() + half)
    smaller, larger = sorted(table.loc[["b", "c"], "p"])
    assert sorted(table.loc[["b", "c"], "p_holm"]) == pytest.approx(
        [2 * smaller, max(2 * smaller, larger)]
    )


def test_a_study_goes_on_where_another_machine_stopped(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    script = runpy.run_path(str(ROOT / "benchmarks" / "claims.py"))
    jobs = list(script["jobs_of"]("suspects"))
    study = script["Study"](tmp_path / "a", tmp_path)
    run = study.folder(jobs[1])
    run.mkdir(parents=True)
    scores = {"step": 600, "validation_score": 0.5, "f1_mean": 0.4, "all_positive_f1_mean": 0.3}
    (run / "results.json").write_text(json.dumps(scores))
    (run / "run.json").write_text(json.dumps({"seconds": 60, "commit": "1234567"}))
    said = [[1, 0.9, 0, 0.2], [0, 0.8, 0, 0.1], [1, 0.7, 0, 0.3], ["", 0.95, 0, 0.2]]
    columns = ["AU01_label", "AU01_p", "AU02_label", "AU02_p"]
    pd.DataFrame(said, columns=columns).to_csv(run / "predictions.csv", index=False)
    table = study.table("suspects")
    assert len(table) == 1 and table["commit"].tolist() == ["1234567"]
    # AU01 ranks a true face first and third; AU02 has none, and an unknown label has no say.
    assert table["ap_mean"].tolist() == [pytest.approx((1 + 2 / 3) / 2)]
    table.to_csv(tmp_path / "suspects.csv", index=False)
    other = script["Study"](tmp_path / "b", tmp_path)
    assert [job for job in jobs if other.scores(job)] == jobs[1:2]
    assert other.scores(jobs[1]) == study.scores(jobs[1])
    assert other.table("suspects").equals(table)


def test_a_table_of_differences_and_the_figure_of_the_claims_are_made(tmp_path):
    script = runpy.run_path(str(ROOT / "benchmarks" / "differences.py"))
    lines = ["records,quality,dominance,row,seed,fold,f1_mean,validation_score,always_yes"]
    scores = {"face": 0.40, "r": 0.42, "drr": 0.43, "permuted": 0.41, "late_fusion": 0.5}
    for (row, score), seed, records in itertools.product(scores.items(), range(2), (500, 2000)):
        lines.append(f"{records},0.85,0.95,{row},{seed},0,{score + seed * score / 100},0.5,0.3")
    (tmp_path / "rows.csv").write_text("\n".join(line for line in lines if "500" not in line[:3]))
    table = script["differences"](script["by_seed"](tmp_path / "rows.csv", "f1_mean"), "r")
    shown = script["markdown"](table, "f1").splitlines()
    assert shown[2].startswith("| `late_fusion` | 2 | 50.2 | +8.0 | ") and len(shown) == 7
    assert "| `r` | 2 | 42.2 |  |  |  |" in shown
    (tmp_path / "grid.csv").write_text("\n".join([lines[0], *(x for x in lines if x[:3] == "500")]))
    figure = runpy.run_path(str(ROOT / "benchmarks" / "claims_figure.py"))
    runs = figure["read"](tmp_path)
    found = figure["gains"](runs, "drr", "r").set_index("records")
    assert found.index.tolist() == [500, 2000]
    assert found.loc[500, "mean"] == pytest.approx(1.005)
    assert len(figure["drawn"](runs).axes) == 1
