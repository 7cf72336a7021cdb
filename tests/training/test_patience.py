"""A run that ends before its last step and goes on to the same end; gradients logged beside it."""

import dataclasses
import json
import shutil

import jax
import pytest
import small_run
from jax.sharding import AxisType

from drr_jax import main, training
from drr_jax.config import Config
from drr_jax.report import gradient_figure
from drr_jax.report import head as report_head
from drr_jax.report.samples import read_finished
from drr_jax.runs import distributed, only_one, read_metrics
from drr_jax.training import patience


@dataclasses.dataclass
class Planned:
    """As much of an experiment as decides when it is over."""

    config: Config
    steps: int = 100
    steps_per_epoch: float = 10.0


def test_a_run_is_over_at_its_last_step_or_when_its_patience_is_out():
    run = Planned(Config())

    def over(step, best):
        return patience.is_over(run, step, best)

    assert not over(99, 0) and over(100, 0) and over(100, 100)
    run.config.optim.patience = 2
    assert next(step for step in range(20, 60) if over(step, 20)) == 40
    assert not over(39, 20) and not over(20, 40) and not over(0, 0)  # a best one of before it died
    run.config.log.eval_every_epochs = 0.5
    assert over(30, 20) and not over(29, 20)


IDLE = {  # a rate too low for anything to get better
    "selection": "validation",
    "domains": "R",
    "model.name": "classifier",
    "optim.lr": 1e-12,
    "optim.patience": 2,
    "optim.max_steps": 40,
    "log.eval_every_epochs": 0.5,
    "log.every_steps": 1,
    "log.checkpoint_every_steps": 2,
}


def trained(data_dir, workdir, **changes):
    """The parts of a run on one device, which compiles fast, after its training."""
    config = small_run.config(data_dir, **IDLE | changes)
    made = small_run.experiment(main.parse(["main", f"--config={config}", "--workdir=x"]).config)
    axes, auto = distributed.AXES, (AxisType.Auto,) * 2
    mesh = jax.make_mesh((1, 1), axes, auto, devices=jax.devices()[:1])
    made = dataclasses.replace(made, mesh=mesh)
    with only_one(workdir):
        training.train(made, workdir)
    return made


def logged(workdir):
    rows = read_metrics(workdir)
    for row in rows:
        row.pop("steps_per_second", None)
    shown = [row for row in rows if "gradient/norm/R" in row]
    return [row for row in rows if row not in shown], shown


def test_a_run_without_progress_stops_and_goes_on_to_the_same_end(rendered, tmp_path):
    """Rows of gradients beside the others, in one part of the run alone, change nothing."""
    workdir = tmp_path / "run"
    made = trained(rendered, workdir, **{"log.gradients_every": 2})
    rows, shown = logged(workdir)
    assessed = [row["step"] for row in rows if "eval/loss" in row]
    last = json.loads((workdir / "run.json").read_text())["stopped"]
    assert len(assessed) == 3 and last == assessed[-1] < 40  # the first is the best one
    assert [row["step"] for row in shown] == list(range(2, last + 1, 2))
    assert all(row["gradient/cosine/R"] == pytest.approx(1, abs=1e-4) for row in shown)

    first, *others = sorted(int(path.name) for path in (workdir / "checkpoints").iterdir())
    for step in others:  # as if it had been killed after the first
        shutil.rmtree(workdir / "checkpoints" / str(step))
    assert training.finished(made, workdir) is None
    trained(rendered, workdir)
    again, kept = logged(workdir)
    assert again == rows and kept == [row for row in shown if row["step"] <= first]
    assert first < last == json.loads((workdir / "run.json").read_text())["stopped"]

    results = training.evaluate(made, workdir)
    assert results["step"] == assessed[0] and training.finished(made, workdir) == results
    steps = report_head.facts(read_finished(workdir))["Steps"]
    assert steps == f"40 at most, {last} taken"


def test_gradients_are_drawn_by_term():
    def row(step, **terms):
        norms = {f"gradient/norm/{name}": value for name, value in terms.items()}
        cosines = {f"gradient/cosine/{name}": 0.5 for name, value in terms.items() if value}
        return {"step": step, **norms, **cosines}

    curves = {"fold 0": [{"step": 1, "loss": 2.0}], "fold 1": []}
    assert gradient_figure.gradient_terms(curves) == []
    curves["fold 0"] += [row(2, R=0.5, S=0.0, total=1.5), row(4, R=0.25, S=0.0, total=1.0)]
    curves["fold 1"] += [row(2, R=0.5, S=0.0, graph=1e-3, total=1.5)]
    assert gradient_figure.gradient_terms(curves) == ["R", "graph", "total"]
    assert gradient_figure.gradient_figure(curves).startswith(b"\x89PNG")
