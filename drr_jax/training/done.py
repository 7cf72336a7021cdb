"""What of a run is done: evaluated steps, and folds that nothing is to be added to."""

from pathlib import Path
from typing import Any

from drr_jax import report, runs
from drr_jax.errors import InputError
from drr_jax.runs import Checkpoints
from drr_jax.training.evaluation import kind_of
from drr_jax.training.experiment import Experiment
from drr_jax.training.patience import is_over


def was_evaluated(workdir: Path, step: int) -> bool:
    """Whether a run's log has the evaluation of `step`; the same on all processes."""
    return runs.from_main(lambda: step in _evaluated(workdir))


def _evaluated(workdir: Path) -> set[int]:
    """The steps whose evaluation a run's log has."""
    return {row["step"] for row in runs.read_metrics(workdir) if "eval/loss" in row}


def finished(experiment: Experiment, workdir: Path) -> dict[str, Any] | None:
    """The results of a run that `train` and `evaluate` have nothing to add to; else None.

    It is trained to its end, and the results in `workdir` are this run's and those of the
    checkpoints that are there. The same on all processes; no array is read.
    """
    names = {runs.RESULTS_FILE: "last", runs.BEST_FILE: "best"}
    if experiment.config.selection == "validation":
        names = {runs.RESULTS_FILE: "validation"}

    def read() -> dict[str, Any] | None:
        checkpoints = Checkpoints(workdir, read_only=True)
        last = max(checkpoints.steps(), default=0)
        if not is_over(experiment, last, max(checkpoints.steps(runs.BEST), default=last)):
            return None
        if not (workdir / report.samples_file(experiment.fold.number)).exists():
            return None
        try:
            runs.require_record(workdir, experiment.identity, allow_change=False)
            found = {name: runs.read_file(workdir, name) for name in names}
            kinds = {name: kind_of(which) for name, which in names.items()}
            seals = {
                name: checkpoints.seal(kind, checkpoints.steps(kind)[-1])
                for name, kind in kinds.items()
                if checkpoints.steps(kind)
            }
            evaluated = _evaluated(workdir)
        except InputError:  # what is damaged is done again, or named by those who do it
            return None
        if {name: result.get("checkpoint") for name, result in found.items()} != seals:
            return None
        return found[runs.RESULTS_FILE] if last in evaluated else None

    return runs.from_main(read)
