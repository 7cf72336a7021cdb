"""When a run ends before its last step: the validation part has not got better for long enough."""

from drr_jax.training.experiment import Experiment


def evaluated_every(experiment: Experiment) -> int:
    """Steps between two evaluations of the held-out part."""
    return max(1, round(experiment.config.log.eval_every_epochs * experiment.steps_per_epoch))


def is_over(experiment: Experiment, step: int, best: int) -> bool:
    """Whether a run that is at `step`, and was best at the step `best`, has no step to take.

    It is at its last step, or `optim.patience` evaluations since the best one were no better. Both
    steps are in its checkpoints, so that a run which goes on ends where it would have.
    """
    every, patience = evaluated_every(experiment), experiment.config.optim.patience
    out_of_patience = patience > 0 and step // every - best // every >= patience
    return step == experiment.steps or out_of_patience
