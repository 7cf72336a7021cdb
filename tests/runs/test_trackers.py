"""log.also: the rows of TensorBoard in another tracker, in one run however often it was stopped."""

import importlib.util
import json
import math
from pathlib import Path

import pytest

from drr_jax import main
from drr_jax.config import Config
from drr_jax.errors import InputError
from drr_jax.runs import is_free, trackers
from drr_jax.runs.logs import Metrics, read_metrics

THEIRS = pytest.mark.filterwarnings("default")  # their libraries warn of their own code
NAMES = sorted(trackers.BACKENDS)


def run(workdir: Path, also: str, first: int, last: int) -> None:
    """Steps of a run that goes on after `first`, with an evaluation every second one."""
    config = Config()
    config.log.also = also
    with Metrics(workdir, first, trackers.open_tracker(config, workdir)) as metrics:
        for step in range(first + 1, last + 1):
            metrics.write(step, {"loss": 1 / step, "grad_norm": math.inf if step == 1 else 2.0})
            if step % 2 == 0:
                metrics.write(step, {"eval/f1": step / 10})


def expected(last: int) -> dict[str, list[tuple[int, float]]]:
    """Values by name and step of a run that was never stopped."""
    steps = range(1, last + 1)
    return {
        "loss": [(step, 1 / step) for step in steps],
        "grad_norm": [(step, math.inf if step == 1 else 2.0) for step in steps],
        "eval/f1": [(step, step / 10) for step in steps if step % 2 == 0],
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_tracker_that_is_not_installed_is_one_line_before_anything(name, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    arguments = [f"--config=reactionet:demo,log.also={name}", f"--workdir={tmp_path}/run"]
    with pytest.raises(InputError, match=rf"log\.also={name}: {name} is not installed; .*\[{name}"):
        main.run(main.parse(["drr", *arguments]))
    assert not list(tmp_path.iterdir())


def test_a_folder_of_its_name_is_no_tracker(tmp_path, monkeypatch):
    (tmp_path / "nowhere").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match="nowhere is not installed"):
        trackers.check_tracker("nowhere")


@pytest.mark.parametrize("name", NAMES)
def test_one_that_cannot_be_reached_is_one_line(name, tmp_path, monkeypatch):
    def refuse(*_):
        raise RuntimeError("no route\nto host")

    monkeypatch.setitem(trackers.BACKENDS, name, refuse)
    monkeypatch.setattr(trackers, "check_tracker", lambda _: None)
    with pytest.raises(InputError, match=rf"log\.also={name}: RuntimeError: no route to host"):
        run(tmp_path, name, 0, 1)


class Breaks:
    """A tracker that takes one row."""

    id, fresh = "a", True

    def __init__(self, *_):
        self.rows = []

    def send(self, step, values):
        if self.rows:
            raise ConnectionError("gone")
        self.rows.append((step, values))

    def close(self):
        raise AssertionError("told of a run that it lost")


def test_one_that_fails_is_named_once_and_the_training_goes_on(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(trackers.BACKENDS, "mlflow", Breaks)
    monkeypatch.setattr(trackers, "check_tracker", lambda _: None)
    run(tmp_path, "mlflow", 0, 4)
    said = capsys.readouterr().err
    assert said.count("warning: log.also=mlflow failed") == 1 and "ConnectionError: gone" in said
    assert len(read_metrics(tmp_path)) == 6


def test_a_run_may_change_its_tracker():
    assert is_free("log.also", {}) and is_free("log.also", {"selection": "validation"})


@THEIRS
def test_mlflow_has_the_same_values_at_the_same_steps(tmp_path, monkeypatch):
    pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    workdir = tmp_path / "run"
    workdir.mkdir()
    run(workdir, "mlflow", 0, 5)
    run(workdir, "mlflow", 3, 8)  # killed after step 5, of which step 3 was saved
    from mlflow import MlflowClient

    client = MlflowClient()
    experiment = client.get_experiment_by_name(trackers.PROJECT)
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.info.run_name == "run" and found.info.status == "FINISHED"
    assert found.data.params["optim.lr"] == "0.01"
    for name, values in expected(8).items():
        history = client.get_metric_history(found.info.run_id, name)
        sent = [(one.step, min(one.value, math.inf)) for one in history]
        assert [step for step, _ in sent] == [step for step, _ in values]
        if name != "grad_norm":  # SQL has no infinity: MLflow writes the largest number
            assert sent == values


@THEIRS
def test_a_run_that_mlflow_is_new_to_is_sent_from_its_start(tmp_path, monkeypatch):
    pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    run(tmp_path, "", 0, 4)
    run(tmp_path, "mlflow", 4, 8)
    from mlflow import MlflowClient

    id = json.loads((tmp_path / trackers.TRACKER_FILE).read_text())["mlflow"]
    history = MlflowClient().get_metric_history(id, "loss")
    assert [(one.step, one.value) for one in history] == expected(8)["loss"]


@THEIRS
def test_wandb_has_the_same_values_at_the_same_steps(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    run(tmp_path, "wandb", 0, 5)
    run(tmp_path, "wandb", 3, 8)
    files = sorted(
        tmp_path.glob("wandb/offline-run-*/run-*.wandb"), key=lambda p: p.stat().st_mtime
    )
    id = json.loads((tmp_path / trackers.TRACKER_FILE).read_text())["wandb"]
    assert [path.name for path in files] == [f"run-{id}.wandb"] * 2
    first, then = map(rows_of, files)
    kept = then | first  # the server keeps what it has
    for name, values in expected(8).items():
        assert [(step, row[name]) for step, row in sorted(kept.items()) if name in row] == values


def rows_of(path: Path) -> dict[int, dict]:
    """Rows of an offline file by step: records in LevelDB's log format behind a header."""
    from wandb.proto import wandb_internal_pb2

    content, at, record, rows = path.read_bytes(), 7, b"", {}
    while at + 7 <= len(content):
        if (left := 32768 - at % 32768) < 7:
            at += left
            continue
        size, kind = int.from_bytes(content[at + 4 : at + 6], "little"), content[at + 6]
        record += content[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):  # whole, or a last piece
            read, record = wandb_internal_pb2.Record.FromString(record), b""
            if read.WhichOneof("record_type") == "history":
                values = {
                    item.key or ".".join(item.nested_key): json.loads(item.value_json)
                    for item in read.history.item
                }
                rows.setdefault(int(values["_step"]), {}).update(values)
    return rows
