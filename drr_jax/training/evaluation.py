"""The stage after training: checkpoints scored on the test part, and what the report reads."""

from pathlib import Path
from typing import Any

from drr_jax import metrics, models, report, runs
from drr_jax.errors import InputError
from drr_jax.runs import Checkpoints, abstract
from drr_jax.training import people
from drr_jax.training.experiment import Experiment
from drr_jax.training.held_out import Result, make_evaluation
from drr_jax.training.predictions import PREDICTIONS, write_predictions
from drr_jax.training.shown import collect_samples


def evaluate(experiment: Experiment, workdir: Path, allow_change: bool = False) -> dict[str, Any]:
    """Scores a run's checkpoints on the test part and stores tuples for the report.

    With selection=last: results.json is the last checkpoint's, results-best.json that of the best
    one, chosen by the test part's own F1 as the literature does, hence optimistic. With
    selection=validation: results.json is that of the checkpoint which was best on the validation
    part, with its score there and the thresholds that are best there, and the test part is read
    this once. Writes samples-fold{k}.npz and predictions.csv, too, and returns results.json. Raises
    InputError if `workdir` has no checkpoint or holds another run: a model must not be scored on
    parts it was trained on.
    """
    runs.require_record(workdir, experiment.identity, allow_change)
    target = abstract(experiment.abstract_state, experiment.shardings)
    test, results = make_evaluation(experiment), {}
    with Checkpoints(workdir, read_only=True) as checkpoints:
        restores = {"last": checkpoints.restore, "best": checkpoints.restore_best}
        if experiment.config.selection == "validation":
            restores = {"validation": checkpoints.restore_best}
        for selection, restore in restores.items():
            restored = restore(target)
            if restored is None:
                continue
            state, step = restored
            result = test(state)
            results[selection] = {
                "dataset": experiment.fold.prepared.name,
                "fold": experiment.fold.number,
                "selection": selection,
                "step": step,
                "checkpoint": checkpoints.seal(kind_of(selection), step),
                "model": experiment.config.model.name,
                "title": models.system_title(experiment.config),
                "domains": experiment.config.domains,
                "predict": experiment.config.predict,
                **result.summary,
            }
            if selection == "validation":
                chosen = make_evaluation(experiment, "validation")(state)
                results[selection]["validation_score"] = chosen.score
                if experiment.config.task == "au":
                    best = metrics.best_thresholds(chosen.probability, chosen.label)
                    thresholds = dict(zip(experiment.fold.names, best, strict=True))
                    results[selection]["validation_thresholds"] = thresholds
            if selection == experiment.config.selection:
                who = experiment.fold.subjects("test")
                said = result.probability, result.label, experiment.config.task
                judged = people.judge_people(experiment.fold.prepared, who, *said)
                results[selection] |= {"people": judged} if judged else {}
                samples = collect_samples(experiment, state, result)
                if runs.is_main_process():
                    report.save_samples(workdir, experiment.fold.number, samples)
                    _write_predictions(experiment, workdir, result)
    if experiment.config.selection not in results:
        raise InputError(
            f"{workdir} holds no checkpoint to evaluate; train first: python -m drr_jax.main "
            "--config=... --workdir=... --mode=train"
        )
    counted = results[experiment.config.selection]
    if runs.is_main_process():
        runs.write_file(workdir, runs.RESULTS_FILE, counted)
        if "best" in results:
            runs.write_file(workdir, runs.BEST_FILE, results["best"])
    return counted


def _write_predictions(experiment: Experiment, workdir: Path, result: Result) -> None:
    fold = experiment.fold
    records = fold.sequences("test"), result.frame, fold.subjects("test")
    said = result.probability, result.label
    write_predictions(workdir / PREDICTIONS, fold.task, fold.names, records, *said)


def kind_of(selection: str) -> str:
    """Which checkpoints a selection of results.json is of."""
    return runs.LATEST if selection == "last" else runs.BEST
