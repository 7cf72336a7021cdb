"""Weights & Biases or MLflow, given the rows that TensorBoard is given (log.also).

Where they send them, and as whom, their own variables say: WANDB_MODE, WANDB_PROJECT,
MLFLOW_TRACKING_URI, MLFLOW_EXPERIMENT_NAME and so on. A run that goes on is the same run there: its
id is in the work folder.
"""

import importlib.util
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, SupportsFloat

from drr_jax.config import Config, flatten
from drr_jax.errors import InputError, one_line
from drr_jax.runs import record
from drr_jax.runs.together import is_main_process

TRACKER_FILE = "tracker.json"  # the run's id, for each tracker it was sent to
PROJECT = "drr-jax"  # unless the environment names another

Values = Mapping[str, SupportsFloat]


class Backend(Protocol):
    """A run in one tracker's hands. `id` is what finds it again; a `fresh` one has no rows yet."""

    id: str
    fresh: bool

    def send(self, step: int, values: Mapping[str, float]) -> None: ...

    def close(self) -> None: ...


class WandB:
    """A run of Weights & Biases, which leaves out by itself the steps that it has."""

    def __init__(self, known: str, workdir: Path, keys: Mapping[str, Any]) -> None:
        import wandb  # pyright: ignore[reportMissingImports]

        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or PROJECT,
            name=workdir.name,
            id=known or None,
            resume="allow",
            dir=workdir,
            config=dict(keys),
            allow_val_change=True,
            settings=wandb.Settings(console="off"),
        )
        self.id, self.fresh = self._run.id, not known

    def send(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        self._run.finish()


class MLflow:
    """A run of MLflow. What it has of a metric, up to some step, is not sent again."""

    def __init__(self, known: str, workdir: Path, keys: Mapping[str, Any]) -> None:
        from mlflow import MlflowClient  # pyright: ignore[reportMissingImports]
        from mlflow.exceptions import MlflowException  # pyright: ignore[reportMissingImports]

        self._client, self._last = MlflowClient(), {}
        try:
            self.id, self.fresh = (
                self._client.get_run(known).info.run_id if known else "",
                not known,
            )
        except MlflowException:
            print(f"warning: MLflow has no run {known}; another is begun", file=sys.stderr)
            self.id, self.fresh = "", True
        if self.fresh:
            name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or PROJECT
            experiment = self._client.get_experiment_by_name(name)
            number = (
                experiment.experiment_id if experiment else self._client.create_experiment(name)
            )
            self.id = self._client.create_run(number, run_name=workdir.name).info.run_id
            for key, value in keys.items():
                self._client.log_param(self.id, key, value)
        else:
            self._client.set_terminated(self.id, "RUNNING")
            for name in self._client.get_run(self.id).data.metrics:
                steps = [one.step for one in self._client.get_metric_history(self.id, name)]
                self._last[name] = max(steps, default=0)

    def send(self, step: int, values: Mapping[str, float]) -> None:
        from mlflow.entities import Metric  # pyright: ignore[reportMissingImports]

        now = int(time.time() * 1000)
        new = [(name, value) for name, value in values.items() if step > self._last.get(name, -1)]
        self._client.log_batch(self.id, [Metric(name, value, now, step) for name, value in new])

    def close(self) -> None:
        self._client.set_terminated(self.id)


BACKENDS = {"wandb": WandB, "mlflow": MLflow}


class Tracker:
    """Sends rows to a tracker. One that fails is named and left alone: the training goes on."""

    def __init__(self, name: str, backend: Backend) -> None:
        self._name, self._backend, self._works = name, backend, True
        self.fresh = backend.fresh

    def write(self, step: int, values: Values) -> None:
        """Sends the row of a step."""
        numbers = {name: float(value) for name, value in values.items()}
        self._attempt(lambda: self._backend.send(step, numbers))

    def close(self) -> None:
        """Tells the tracker that all was sent."""
        self._attempt(self._backend.close)

    def _attempt(self, call: Any) -> None:
        try:
            if self._works:
                call()
        except Exception as error:  # of a network or a server, whatever they are
            self._works = False
            said = one_line(f"{type(error).__name__}: {error}")[:200]
            print(
                f"warning: log.also={self._name} failed and gets no more of this run ({said}); "
                "metrics.jsonl has every row",
                file=sys.stderr,
            )


def check_tracker(name: str) -> None:
    """Raises InputError if the tracker that `log.also` names is not installed."""
    # A folder that the tracker left where the command was started is no package.
    found = importlib.util.find_spec(name) if name else None
    if name and (found is None or found.origin is None):
        raise InputError(
            f"config key log.also={name}: {name} is not installed; "
            f"python -m pip install 'drr-jax[{name}]' brings it"
        )


def open_tracker(config: Config, workdir: Path) -> Tracker | None:
    """The tracker of a run, going on with the run that it has; None without, or on another process.

    Raises InputError if it cannot be reached, or does not know the user.
    """
    name = config.log.also
    if not name or not is_main_process():
        return None
    check_tracker(name)
    known = record.read_file(workdir, TRACKER_FILE)
    try:
        backend = BACKENDS[name](str(known.get(name, "")), workdir, flatten(config))
    except Exception as error:
        raise InputError(
            f"config key log.also={name}: {type(error).__name__}: {error}"[:500]
        ) from error
    if known.get(name) != backend.id:
        record.write_file(workdir, TRACKER_FILE, known | {name: backend.id})
    return Tracker(name, backend)
