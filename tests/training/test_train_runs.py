"""Runs of the training command: NaN, folds, selection, refused starts, a stop at the very end."""

import dataclasses
import json
import shutil
import subprocess

import numpy as np
import pytest
import small_run
from five_steps import config_of, experiment_of, run

import drr_jax
from drr_jax import report, training
from drr_jax.errors import InputError
from drr_jax.facs import labels as facs
from drr_jax.report import relations
from drr_jax.runs import logs, record
from drr_jax.runs.checkpoint import Checkpoints, abstract
from drr_jax.stops import Stopped
from drr_jax.training import all_folds, loop
from drr_jax.training import evaluation as evaluate


@pytest.fixture(scope="module")
def data_dir(rendered):
    return rendered


def test_nan_stops_with_step_and_term_and_leaves_the_last_checkpoint(data_dir, tmp_path):
    changes = {"log.checkpoint_every_steps": 1, "optim.lr": 1000, "optim.max_steps": 20}
    with pytest.raises(InputError) as error:
        run(data_dir, tmp_path / "run", "--mode=train", **changes)
    message = str(error.value)
    assert "step " in message and "training stopped" in message and "optim.lr" in message
    assert any(
        f": {term} is " in message
        for term in ("loss/R", "loss/S", "loss/T", "grad_norm", "loss/graph", "loss/contrast")
    )
    config = config_of(data_dir, **changes)
    parts = small_run.experiment(config)
    with Checkpoints(tmp_path / "run", read_only=True) as checkpoints:
        restored = checkpoints.restore(abstract(parts.abstract_state, parts.shardings))
    assert restored is not None
    assert f"checkpoint {restored[1]} " in message
    assert f"step {restored[1] + 1}:" in message


def test_all_folds_give_one_table_and_a_report(data_dir, tmp_path, capsys, monkeypatch):
    workdir = tmp_path / "run"
    assert run(data_dir, workdir, fold="all", **{"graph.prior": "learned"}) == 0
    said = capsys.readouterr().out
    with monkeypatch.context() as patch:  # the same command has nothing left to do
        for name in ("train", "evaluate"):
            patch.setattr(training, name, pytest.fail)
        assert run(data_dir, workdir, fold="all", **{"graph.prior": "learned"}) == 0
    assert capsys.readouterr().out == said
    path = workdir / "fold1" / "results.json"
    kept = path.read_text()
    path.write_text(kept.replace('"step": 5', '"step": 4'))  # of another checkpoint
    assert run(data_dir, workdir, fold="all", **{"graph.prior": "learned"}) == 0
    assert path.read_text() == kept
    folds = [json.loads((workdir / f"fold{k}" / "results.json").read_text()) for k in range(3)]
    table = json.loads((workdir / "results.json").read_text())
    assert [fold["fold"] for fold in folds] == [0, 1, 2] and table["fold"] == "all"
    assert table["f1_mean"] == pytest.approx(np.mean([fold["f1_mean"] for fold in folds]))
    au = table["au"]["AU12"]
    assert au["f1_std"] == pytest.approx(np.std([f["au"]["AU12"]["f1"] for f in folds], ddof=1))
    for fold in folds:
        assert fold["selection"] == "last" and fold["dataset"] == "reactionet/demo"
        assert set(fold["au"]["AU01"]) == {"f1", "accuracy", "positives", "count"}
    each, judged = [fold["people"] for fold in folds], table["people"]  # nobody in two parts
    assert judged["all"]["records"] == sum(one["all"]["records"] for one in each)
    assert judged["subjects"].keys() == set().union(*(one["subjects"] for one in each))
    assert judged["subjects"] == {k: v for one in each for k, v in one["subjects"].items()}
    assert judged["groups"].keys() == {"age"}  # drawn faces have no ethnicity
    assert "Worse than for the others" in (workdir / "report.html").read_text() or (
        "For no group is the interval" in (workdir / "report.html").read_text()
    )
    shutil.copytree(workdir / "fold0", workdir / "foldB")  # of nobody
    counted = all_folds.combine_folds(workdir)["folds"]
    assert [fold["fold"] for fold in counted] == [0, 1, 2]
    shutil.move(workdir / "foldB", workdir / "fold3")
    for reads in (all_folds.combine_folds, report.write_report, record.recorded_version):
        with pytest.raises(InputError, match="fold3: it holds a run on fold 0, a copy"):
            reads(workdir)
    shutil.rmtree(workdir / "fold3")
    best = json.loads((workdir / "fold0" / "results-best.json").read_text())
    assert best["selection"] == "best"
    assert json.loads((workdir / "results-best.json").read_text())["selection"] == "best"
    assert (workdir / "report.html").stat().st_size > 10_000
    assert (workdir / "report" / "learned.png").exists()
    assert "report:" in said
    with pytest.raises(InputError, match="holds the runs of fold=all, fold0, fold1, fold2"):
        run(data_dir, workdir)
    with pytest.raises(InputError, match="holds the run of one fold"):
        run(data_dir, workdir / "fold0", fold="all")
    both = [relations.export(place, tmp_path / "out") for place in (workdir, workdir / "fold1")]
    for branches in both:
        assert [branch.name for branch in branches] == ["homophily", "heterophily"]
        moved = [np.abs(branch.used - branch.given) for branch in branches]
        assert all(0 < change.max() < 0.5 for change in moved)
    assert not np.array_equal(both[0][1].used, both[1][1].used)
    assert "AU12" in (tmp_path / "out" / "relation.csv").read_text()


def test_a_run_says_which_commit_of_this_project_it_is_of(monkeypatch, tmp_path):
    assert len(record.commit()) in range(7, 13)
    monkeypatch.setattr(drr_jax, "__file__", str(tmp_path / "drr_jax" / "__init__.py"))
    subprocess.run(["git", "init", "-q", tmp_path.parent], check=True)  # of another project
    assert record.commit() == drr_jax.__version__
    monkeypatch.setenv("PATH", str(tmp_path))  # no git
    assert record.commit() == drr_jax.__version__


def test_validation_chooses_and_the_test_part_is_read_once(data_dir, tmp_path, capsys):
    changes = {"selection": "validation", "domains": "R", "log.eval_every_epochs": 0.5}
    parts = experiment_of(data_dir, **changes)
    records = parts.fold.prepared.records(parts.fold.train_parts)
    held_out = parts.fold.source("validation")
    assert len(parts.fold.source("train")) + len(held_out) == records
    assert 0 < len(held_out) < records / 2
    result = evaluate.make_evaluation(parts, "validation")(parts.init())
    labels = np.stack([held_out[i]["labels"] for i in range(len(held_out))])
    np.testing.assert_array_equal(result.label, labels)
    assert run(data_dir, tmp_path / "run", **changes) == 0
    scored = json.loads((tmp_path / "run" / "results.json").read_text())
    assert scored["selection"] == "validation" and not (tmp_path / "run/results-best.json").exists()
    text = (tmp_path / "run" / "metrics.jsonl").read_text()
    logged = [json.loads(line) for line in text.splitlines()]
    scores = {row["step"]: row["eval/f1_mean"] for row in logged if "eval/f1_mean" in row}
    assert scored["validation_score"] == pytest.approx(max(scores.values()))
    assert scores[scored["step"]] == max(scores.values())
    assert scored["people"]["all"]["records"] == len(parts.fold.source("test"))
    # A run that was begun when people held out counted goes on so, and says it.
    assert "when people held out" not in capsys.readouterr().err
    path = tmp_path / "run" / "record.json"
    before = {k: v for k, v in record.read_record(path.parent).items() if k != "counted"}
    record.write_file(path.parent, path.name, before)
    assert run(data_dir, tmp_path / "run", **changes) == 0
    assert "begun when people held out for validation counted" in capsys.readouterr().err
    assert record.read_record(path.parent).keys() == before.keys()


def test_evaluating_nothing_or_another_run_says_so(data_dir, tmp_path):
    with pytest.raises(InputError, match=r"record.json is missing"):
        run(data_dir, tmp_path / "empty", "--mode=evaluate")
    parts = experiment_of(data_dir)
    record.check_record(tmp_path / "run", parts.identity, False)
    with pytest.raises(InputError, match="no checkpoint to evaluate"):
        evaluate.evaluate(parts, tmp_path / "run")
    other = dataclasses.replace(parts.fold, number=1)
    with pytest.raises(InputError, match="fold was 0, is 1"):
        evaluate.evaluate(dataclasses.replace(parts, fold=other), tmp_path / "run")


def test_a_test_part_that_was_cut_short_is_named_before_training(data_dir, tmp_path):
    prepared = tmp_path / "data" / "reactionet" / "demo"
    shutil.copytree(data_dir / "reactionet" / "demo", prepared)
    file = next(prepared.glob("*/*part1*array_record*"))
    file.write_bytes(file.read_bytes()[:-2000])
    with pytest.raises(InputError, match="part1"):
        run(tmp_path / "data", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_prior_from_a_file_is_the_graphs_and_belongs_to_the_run(data_dir, tmp_path):
    path, names = tmp_path / "prior.csv", list(facs.REACTIONET_AUS_12[::-1])

    def built(weight):
        prior = np.full((12, 12), weight) + (1 - weight) * np.eye(12)
        lines = [["", *names], *([n, *map(str, row)] for n, row in zip(names, prior, strict=True))]
        path.write_text("\n".join(map(",".join, lines)))
        return experiment_of(data_dir, **{"graph.prior": f"file:{path}"})

    first = built(0.5)
    np.testing.assert_array_equal(first.fold.graph_prior, np.full((12, 12), 0.5) + np.eye(12) / 2)
    record.check_record(tmp_path / "run", first.identity, False)
    record.check_record(tmp_path / "run", built(0.5).identity, False)
    with pytest.raises(InputError, match=r"graph\.prior digest was \w+, is \w+"):
        record.check_record(tmp_path / "run", built(0.25).identity, False)
    names[0] = "AU27"
    with pytest.raises(InputError, match=r"prior\.csv: column AU27 is none of .* mean AU26"):
        built(0.5)


def test_a_refused_start_changes_nothing(data_dir, tmp_path):
    """The lock of every fold comes before anything is written into one."""
    workdir = tmp_path / "run"
    assert run(data_dir, workdir, "--mode=train", fold="all", domains="R") == 0
    before = {path: path.read_bytes() for path in workdir.rglob("*") if path.is_file()}
    again = ("--mode=train", "--allow_config_change")
    second = pytest.raises(InputError, match="fold2: another process is training there")
    with record.only_one(workdir / "fold2"), second:
        run(data_dir, workdir, *again, fold="all", domains="R", seed=7)
    after = {path: path.read_bytes() for path in workdir.rglob("*") if path.is_file()}
    assert after == before


def test_what_a_stop_in_the_last_evaluation_leaves_is_evaluated(data_dir, tmp_path, monkeypatch):
    """The step is saved; the next start evaluates it first, and its log is that of a whole run."""
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    changes = {"domains": "R", "log.eval_every_epochs": 0.5}  # of 61 tuples: every second step
    assert run(data_dir, whole, **changes) == 0
    make_scores = loop.make_scores
    for step in (2, 5):

        def stopping(*arguments, until=step):
            """Hears a signal in the evaluation of a step."""
            score = make_scores(*arguments)

            def scored(state):
                if int(state.step) == until:
                    raise Stopped
                return score(state)

            return scored

        with monkeypatch.context() as patch:
            patch.setattr(loop, "make_scores", stopping)
            with pytest.raises(Stopped, match=f"step {step} saved"):
                run(data_dir, stopped, **changes)
    assert run(data_dir, stopped, **changes) == 0
    timed = ("steps_per_second",)
    found, expected = (
        [{k: v for k, v in row.items() if k not in timed} for row in logs.read_metrics(at)]
        for at in (stopped, whole)
    )
    assert found == expected
    for name in ("results.json", "results-best.json"):
        assert record.read_file(stopped, name) == record.read_file(whole, name)
