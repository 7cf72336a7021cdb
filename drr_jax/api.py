"""The functions behind the command line: `drr_jax.train`, `evaluate`, `export` and `load`."""

from pathlib import Path
from typing import Any

from drr_jax import config_files, config_rules, predict, report, runs, training, weights
from drr_jax.config import Config
from drr_jax.errors import InputError, check_local
from drr_jax.predict import Model as Model

Source = str | Path


def load(source: Source, selection: str | None = None) -> Model:
    """The model in an exported folder, a run's folder, or hf:ORG/NAME@REVISION.

    selection: of a run, which checkpoint: last, best or validation; None is the one whose results
    it reports. Raises InputError for what is not there, is damaged, or was made by a newer version.
    """
    return predict.load(source, selection)


def train(config: Config | Source, workdir: Source, *, allow_change: bool = False) -> Path:
    """Trains, going on from what `workdir` holds, and returns that folder.

    config: a Config, or what stands behind --config: reactionet:demo,optim.lr=0.02, or a
    run's config.json. A data set that is not prepared is built. With config.fold=all each fold has
    a folder. Raises InputError; `drr_jax.stops.Stopped` after a signal, with all saved.
    """
    folder = _local("workdir", workdir)
    training.run_stages(read_config(config), folder, ("train",), allow_change)
    return folder


def evaluate(
    run: Source, data_set: str = "", *, out: Source | None = None, data_dir: Source = "data"
) -> dict[str, Any]:
    """Scores a run on its own test part, or a model on another data set.

    Without `data_set` the run's folder gets results.json, predictions.csv and report.html; with one
    (NAME or NAME:PART+PART, prepared in `data_dir`) nothing of the run is touched, `run` may be an
    exported folder, too, and results.json and predictions.csv go into the new folder `out`. Returns
    what results.json holds. Raises InputError.
    """
    if data_set:
        if out is None:
            raise InputError("evaluate on another data set: expected out=NEW FOLDER")
        folder = _local("out", out)
        return predict.evaluate_on(predict.load(run), data_set, folder, str(data_dir))
    workdir = _local("run", run)
    config = config_files.of_run(workdir)
    if config is None:
        raise InputError(f"{workdir}: no config.json, expected the folder of a run")
    results = training.run_stages(config, workdir, ("evaluate",))
    if runs.is_main_process():
        report.write_report(workdir)
    assert results is not None
    return results


def export(run: Source, folder: Source, selection: str | None = None) -> Path:
    """Writes a run's model to a new folder to keep or to share; returns it. Raises InputError."""
    target = _local("folder", folder)
    weights.export_run(_local("run", run), target, selection)
    return target


def read_config(config: Config | Source) -> Config:
    """A config as `train` takes it. Raises InputError for what is none."""
    chosen = config if isinstance(config, Config) else config_files.load(str(config))
    config_rules.validate(chosen)
    return chosen


def _local(what: str, folder: Source) -> Path:
    """A folder as a path. Raises InputError for a bucket, whose name a path would shorten."""
    check_local(f"{what} {folder}", str(folder))
    return Path(folder)
