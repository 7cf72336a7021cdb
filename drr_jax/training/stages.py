"""The stages of a run, or of the runs of several folds, one after the other."""

import contextlib
import itertools
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from drr_jax import data, metrics, runs, stops
from drr_jax.config import Config
from drr_jax.data import Fold
from drr_jax.errors import InputError
from drr_jax.training.all_folds import combine_folds
from drr_jax.training.clock import Clock
from drr_jax.training.done import finished
from drr_jax.training.evaluation import evaluate
from drr_jax.training.experiment import build, check
from drr_jax.training.loop import train

STAGES = ("train", "evaluate")


def run_stages(
    config: Config,
    workdir: Path,
    stages: Collection[str] = STAGES,
    allow_change: bool = False,
    clock: Clock | None = None,
) -> dict[str, Any] | None:
    """Trains and evaluates the run of `config` in `workdir`, or those of all its folds.

    Prints the scores of every fold and returns those of the last, or of all; None without an
    evaluation. With both stages a fold that is done is left alone. `clock` has been running since
    the process was started. Raises InputError, and stops.Stopped after a signal, with what is
    trained saved.
    """
    clock = clock or Clock()
    if "train" in stages:
        runs.check_tracker(config.log.also)
    runs.meet(config.mesh, config.data.data_dir)
    with contextlib.ExitStack() as held:
        if runs.process_count() > 1:  # none stops alone while the others wait for it
            held.enter_context(stops.held())
        folds, several = runs.wrong_on_any(lambda: _open(config, workdir, "train" in stages))
        clock.enter("devices")
        runs.start_devices(config.data.data_dir)
        clock.enter("init")
        if runs.process_count() == 1:
            held.enter_context(stops.held())
        result = _do_folds(config, folds, stages, allow_change, clock)
        if result is not None and several:
            result = combine_folds(workdir)
            _say(result)
    return result


def _open(config: Config, workdir: Path, trains: bool) -> tuple[dict[Path, Fold], bool]:
    """The asked folds by their folders, and whether they are of fold=all; nothing is written."""
    began_with = runs.recorded_version(workdir)
    prepared = data.open_dataset(data.find_data(config, began_with, runs.process_count()))
    numbers = range(len(prepared.folds)) if config.fold == "all" else [int(config.fold)]
    several = len(numbers) > 1
    _check_folder(workdir, several)
    folds = {}
    for number in numbers:  # before any device has work, or hours go into the first
        place = workdir / f"fold{number}" if several else workdir
        folds[place] = data.read_fold(
            config, prepared, number, counts_validation=runs.counts_validation(place)
        )
        starts = trains and not runs.Checkpoints(place).steps()
        check(config, folds[place], starts)
    return folds, several


def _check_folder(workdir: Path, several: bool) -> None:
    """Raises InputError if `workdir` has one run where those of several folds go, or vice versa."""
    folds = [at.name for at in runs.fold_folders(workdir) if (at / runs.RECORD_FILE).exists()]
    if several and (workdir / runs.RECORD_FILE).exists():
        found = "holds the run of one fold, and those of fold=all go into folders inside"
    elif not several and folds:
        found = f"holds the runs of fold=all, {', '.join(folds)}"
    else:
        return
    raise InputError(f"--workdir={workdir} {found}; give another --workdir")


def _do_folds(
    config: Config,
    folds: Mapping[Path, Fold],
    stages: Collection[str],
    allow_change: bool,
    clock: Clock,
) -> dict[str, Any] | None:
    result = None
    clocks = itertools.chain([clock], iter(Clock, None))  # the start was the first one's
    experiments = {at: build(config, fold, at) for at, fold in folds.items()}
    with contextlib.ExitStack() as locks:
        for workdir in folds if "train" in stages else ():  # all, before anything is written
            locks.enter_context(runs.only_one(workdir))
        for workdir, experiment in experiments.items():
            runs.look()
            both = set(STAGES) <= set(stages)
            result = finished(experiment, workdir) if both else None
            if "train" in stages and result is None:
                train(experiment, workdir, allow_change, next(clocks))
            if "evaluate" in stages and result is None:
                result = evaluate(experiment, workdir, allow_change)
            if result is not None:
                _say(result)
    return result


def _say(result: Mapping[str, Any]) -> None:
    if runs.is_main_process():
        print(summary_line(result))


def summary_line(result: Mapping[str, Any]) -> str:
    """One line: the score beside that of the simplest guess, and how many classes it is over."""
    task = metrics.task_of(result)
    head = f"{result['dataset']} fold {result['fold']} ({result['selection']} checkpoint)"
    if "confusion" in result:
        return (
            f"{head}: accuracy {result['accuracy']:.3f}, always the most frequent "
            f"{result['majority_accuracy']:.3f}, F1 {result['f1_mean_occurring']:.3f} over the "
            f"{task}s that occur, {result['f1_mean']:.3f} over {len(result[task])} {task}s"
        )
    if task == "intensity":
        return (
            f"{head}: ICC(3,1) {result['icc_mean']:.3f}, PCC {result['pcc_mean']:.3f}, MSE "
            f"{result['mse_mean']:.3f}, MAE {result['mae_mean']:.3f} (always 0: "
            f"{result['zero_mse_mean']:.3f}, {result['zero_mae_mean']:.3f}), mean of "
            f"{len(result[task])} AUs"
        )
    return (
        f"{head}: F1 {result['f1_mean']:.3f}, always yes {result['all_positive_f1_mean']:.3f}, "
        f"accuracy {result['accuracy_mean']:.3f}, mean of {len(result['au'])} AUs"
    )
