"""A run that ends before its last step, and goes on to the same end; rows of gradients beside it."""

import dataclasses
import json
import shutil

import pytest
import small_run

from drr_jax import main, training
from drr_jax.config import Config
from drr_jax.runs import read_metrics
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
    assert [step for step in range(20, 60) if over(step, 20)][0] == 40
    assert not over(39, 20) and not over(20, 40) and not over(0, 0)  # a best one of before it died
    run.config.log.eval_every_epochs = 0.5
    assert over(30, 20) and not over(29, 20)


def run(data_dir, workdir, *arguments, **changes):
    config = small_run.config(data_dir, **changes)
    return main.run(main.parse(["main", f"--config={config}", f"--workdir={workdir}", *arguments]))


@pytest.fixture(scope="module")
def stopped(shared, rendered):
    """A run whose rate is too low for anything to get better, stopped by its patience."""

    def make(folder):
        assert run(rendered, folder / "run", **IDLE) == 0

    return shared("stopped", make) / "run"


IDLE = {
    "selection": "validation",
    "domains": "R",
    "optim.lr": 1e-12,
    "optim.patience": 2,
    "optim.max_steps": 40,
    "log.eval_every_epochs": 0.5,
    "log.every_steps": 1,
    "log.checkpoint_every_steps": 2,
}


def kept(workdir):
    rows = [
        {key: value for key, value in row.items() if key != "steps_per_second"}
        for row in read_metrics(workdir)
    ]
    return rows, json.loads((workdir / "run.json").read_text())["stopped"]


def test_a_run_without_progress_stops_and_is_finished(rendered, stopped, tmp_path, monkeypatch):
    rows, last = kept(stopped)
    assessed = [row["step"] for row in rows if "eval/loss" in row]
    assert len(assessed) == 3 and last == assessed[-1] < 40  # the first is the best one
    assert json.loads((stopped / "results.json").read_text())["step"] == assessed[0]
    assert f"{last} taken" in (stopped / "report.html").read_text()
    with monkeypatch.context() as patch:
        patch.setattr(training.stages, "train", pytest.fail)
        assert run(rendered, stopped, **IDLE) == 0
    # Killed after an earlier checkpoint, it ends where it would have; rows of gradients beside the
    # others change nothing.
    workdir = tmp_path / "run"
    shutil.copytree(stopped, workdir)
    saved = sorted(int(path.name) for path in (workdir / "checkpoints").iterdir())
    for step in saved[1:]:
        shutil.rmtree(workdir / "checkpoints" / str(step))
    (workdir / "results.json").unlink()
    assert run(rendered, workdir, **IDLE, **{"log.gradients_every": 1}) == 0
    again, end = kept(workdir)
    shown = [row for row in again if "gradient/norm/R" in row]
    assert [row for row in again if row not in shown] == rows and end == last
    assert [row["step"] for row in shown] == list(range(saved[0] + 1, last + 1))
    assert all(row["gradient/cosine/R"] == pytest.approx(1, abs=1e-4) for row in shown)
    assert (workdir / "report" / "gradients.png").exists()
