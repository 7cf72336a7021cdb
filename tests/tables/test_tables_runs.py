"""Which runs the tables take, and as which systems; what is said of the others; the command."""

import io
import shutil
import sys

import numpy as np
import pytest
from finished_runs import STEPS, VALIDATION, read, write_evaluations, write_run
from tables_of_runs import collect, hits, write_all

from drr_jax import files, main, metrics
from drr_jax.errors import InputError
from drr_jax.facs import labels as facs
from drr_jax.runs import record
from drr_jax.tables import runs as tables_runs
from drr_jax.tables import write as tables


def test_how_often_a_run_was_evaluated_tells_systems_apart_if_that_chose_the_checkpoint(tmp_path):
    for name, epochs in (("a", 1.0), ("b", 5.0)):
        often = {"log__eval_every_epochs": epochs}
        write_run(tmp_path / name, hits(), selection="validation", **often)
        write_run(tmp_path / f"last_{name}", hits(), **often)
    table, _ = collect(tmp_path, "?")
    assert [row["system"] for row in table["systems"]] == ["DRR", "DRR log.eval_every_epochs=5.0"]
    assert not table["left_out"]
    (line,) = collect(tmp_path, "last_?")[0]["left_out"]
    assert "the same config" in line


@pytest.mark.parametrize(
    ("evaluations", "said"),
    [
        ({300: VALIDATION, STEPS: 0.4}, ""),
        ({300: VALIDATION, STEPS: VALIDATION}, ""),  # of two that are as good, the first is kept
        ({300: VALIDATION}, "not finished (metrics.jsonl has evaluations up to step 300 of 750)"),
        ({}, "not finished (metrics.jsonl has evaluations up to step 0 of 750)"),
        ({300: VALIDATION, STEPS: 0.6}, "is of step 300, and step 750 is better on the validation"),
    ],
)
def test_a_validation_run_counts_once_it_is_trained_to_the_end(tmp_path, evaluations, said):
    """The best checkpoint may be an early one, so that its step does not tell."""
    write_run(tmp_path / "good", hits(), selection="validation")
    half = write_run(tmp_path / "half", hits(), seed=1, selection="validation")
    files.write_json(half / "results.json", read(half / "results.json") | {"step": 300})
    write_evaluations(half, evaluations)
    table, _ = collect(tmp_path, "*")
    assert [row["seeds"] for row in table["systems"]] == ["0" if said else "0 1"]
    assert [said in line for line in table["left_out"]] == [True] * bool(said)


def test_damaged_metrics_of_a_validation_run_are_named(tmp_path):
    write_run(tmp_path / "good", hits(), selection="validation")
    torn = write_run(tmp_path / "torn", hits(), seed=1, selection="validation")
    (torn / "metrics.jsonl").write_text('{"st\n{"step": 750}\n')
    (line,) = collect(tmp_path, "*")[0]["left_out"]
    assert "metrics.jsonl line 1: expected a JSON object" in line


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "utf-8"])
def test_a_terminal_without_unicode_gets_the_tables_too(tmp_path, capsys, monkeypatch, encoding):
    write_run(tmp_path / "drr", hits())
    write_run(tmp_path / "faces", hits(), domains="R")
    write_run(tmp_path / "going", [], seed=1, results=False)
    terminal = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", terminal)
    _, text = collect(tmp_path, "*")
    terminal.seek(0)
    arrow = "→" if encoding == "utf-8" else "?"
    assert f"domains: RST {arrow} R" in terminal.read() and "domains: RST → R" in text
    assert "left out: " in capsys.readouterr().err


def test_folders_that_do_not_count_are_named(tmp_path, capsys):
    write_run(tmp_path / "good", hits())
    write_run(tmp_path / "going", [], seed=1, results=False)
    early = write_run(tmp_path / "early", hits(), seed=2)
    result = read(early / "results.json")
    files.write_json(early / "results.json", result | {"step": 100})
    torn = write_run(tmp_path / "torn", hits(), seed=3)
    (torn / "results.json").write_text('{"au": {')
    empty = write_run(tmp_path / "without", hits(), seed=4)
    files.write_json(empty / "results.json", {"fold": 0})
    shutil.copytree(tmp_path / "good", tmp_path / "twin")
    (tmp_path / "stray").mkdir()
    write_run(tmp_path / "nest" / "inner", hits(), seed=5)
    (tmp_path / "file.txt").write_text("no folder")
    table, text = collect(tmp_path, "*")
    assert len(table["systems"]) == 1 and len(table["systems"][0]["runs"]) == 1
    said = {
        "going": "not finished (results.json is missing)",
        "early": "not finished (evaluated at step 100 of 750)",
        "torn": "results.json is damaged (line 1, column 9: it is cut off there)",
        "without": "results.json has no scores by class",
        "twin": f"the same config, seed 0 and fold 0 as {tmp_path / 'good'}",
        "stray": "no run (record.json is missing)",
        "nest": f"it holds runs: --runs='{tmp_path / 'nest'}/*'",
    }
    printed = capsys.readouterr().err
    for name, why in said.items():
        (line,) = [line for line in table["left_out"] if line.startswith(f"{tmp_path / name}:")]
        assert why in line and f"left out: {line}" in printed and f"- left out: {line}" in text
    assert len(table["left_out"]) == len(said)


def test_weights_of_an_encoder_that_a_run_does_not_have_tell_no_systems_apart(tmp_path):
    weights = {f"model__encoders__{domain}__weights": "start" for domain in "RS"}
    write_run(tmp_path / "a", [50] * 12, domains="R", **weights)
    write_run(tmp_path / "b", [60] * 12, domains="R", seed=1, model__encoders__R__weights="start")
    write_run(tmp_path / "c", [60] * 12, domains="RS", **weights)
    groups = tables_runs.group_runs(tables_runs.read_runs([f"{tmp_path}/*"])[0])
    assert [len(group.runs) for group in groups] == [2, 1]
    table, _ = collect(tmp_path, "?", reference=f"{tmp_path}/c")
    assert [row["changed"] for row in table["ablation"]] == ["domains: RS → R"]


def test_an_older_record_without_a_key_has_its_default(tmp_path):
    write_run(tmp_path / "a", hits(), seed=0)
    old = write_run(tmp_path / "b", hits(1), seed=1)
    kept = {k: v for k, v in record.read_record(old).items() if k != "graph.readout"}
    record.write_file(old, "record.json", kept)
    table, _ = collect(tmp_path, "?")
    assert [row["seeds"] for row in table["systems"]] == ["0 1"]


def parse(*arguments):
    return main.parse(["main", *arguments])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--runs=x/*"], "--runs with --mode=all: expected --mode=report"),
        (["--mode=report", "--runs=x", "y"], "quote the pattern"),
        (["--reference=x"], "--reference is for --mode=report"),
        (["--mode=report", "--run=x"], "did you mean --runs"),
        (["--mode=report", "--runs=x", "--config=launch/bp4d.py"], "no such file"),
    ],
)
def test_wrong_command_lines_say_what_is_wrong(arguments, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as error:
        parse(*arguments)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_the_command_writes_beside_the_runs_and_says_where(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_all(tmp_path / "runs" / "drr", folds=[0])
    command = parse("--mode=report", "--runs=runs/drr/*")
    assert str(command.workdir) == "runs/drr" and main.run(command) == 0
    assert capsys.readouterr().out.endswith("tables: runs/drr/tables.html\n")
    elsewhere = parse("--mode=report", "--runs=runs/*/seed0", "--workdir=out", "--runs=runs/drr/*")
    assert main.run(elsewhere) == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"tables.html", "tables.md", "tables.csv", "tables.json", "ablation.csv"}


def test_nothing_to_collect_says_what_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "empty").mkdir(parents=True)
    for arguments, said in (
        (["--runs=nothing/*"], f"no folder matches {tmp_path}/nothing/*"),
        (["--runs=runs/*"], "no finished run among 1 folders: runs/empty: no run"),
    ):
        with pytest.raises(InputError) as error:
            main.run(parse("--mode=report", *arguments))
        assert said in str(error.value) and "\n" not in str(error.value)
    write_run(tmp_path / "runs" / "good", hits())
    with pytest.raises(InputError, match=r"--reference=runs/empty: .*no run"):
        main.run(parse("--mode=report", "--runs=runs/good", "--reference=runs/empty"))


@pytest.mark.parametrize(
    ("patterns", "parent"),
    [
        (["runs/*"], "runs"),
        (["runs/demo"], "runs"),
        (["runs/a/*/x", "runs/b*"], "runs"),
        (["*"], "."),
        (["runs/a", "others/b"], "."),
        (["/data/runs/[ab]"], "/data/runs"),
    ],
)
def test_tables_go_into_the_patterns_common_folder(patterns, parent):
    assert str(tables_runs.common_parent(patterns)) == parent


def test_models_on_other_data_sets_have_a_table(tmp_path, capsys):
    write_run(tmp_path / "run", hits())
    for name, dataset, classes in (("a", "disfa/au8", 3), ("b", "bp4d/rgb", 2)):
        counts = np.array([[5, 1, 2, 9]] * classes)
        results = {
            "dataset": dataset,
            "fold": "part1",
            "title": "DRR (RST)",
            "source": "runs/drr",
            "trained_on": {"dataset": "reactionet/full", "dataset_version": "1.2.0", "fold": 0},
            **metrics.summary(counts, facs.REACTIONET_AUS_12[:classes]),
        }
        (tmp_path / "on" / name).mkdir(parents=True)
        files.write_json(tmp_path / "on" / name / "results.json", files.sealed(results))
    tables.write_tables([str(tmp_path / "run"), str(tmp_path / "on" / "*")], "", tmp_path)
    said = capsys.readouterr().out
    f1 = 100 * 10 / 13
    assert "| Model | Trained on | Folder | disfa/au8 | bp4d/rgb |" in said
    cells = f"reactionet/full fold 0 | runs/drr | {f1:.1f} (3) | {f1:.1f} (2) |"
    assert f"| DRR (RST) | {cells}" in said
    assert "left out" not in said
    across = read(tmp_path / "tables.json")["across"]
    assert [one["tested_on"] for one in across] == ["disfa/au8", "bp4d/rgb"]
    tables.write_tables([str(tmp_path / "on" / "*")], "", tmp_path / "alone")
    assert "Across data sets" in (tmp_path / "alone" / "tables.html").read_text()
