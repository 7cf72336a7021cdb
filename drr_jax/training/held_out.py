"""A state scored on a part that is held out: exact, every record once on any number of hosts."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float, Int, Int8

from drr_jax import data, facs, weights
from drr_jax.training.clock import Clock
from drr_jax.training.experiment import Experiment, State
from drr_jax.training.scoring import Pass, Scores


@dataclasses.dataclass(frozen=True)
class Result(Scores):
    """Scores of one pass, and every prediction in the order of the part."""

    probability: Float[np.ndarray, "records classes"]  # or intensity
    label: Int8[np.ndarray, "records classes"] | Float[np.ndarray, "records classes"]
    frame: Int[np.ndarray, " records"]


def make_scores(experiment: Experiment, which: str, clock: Clock) -> Callable[[State], Scores]:
    """A function that scores a state on the fold's test part, or on the run's validation part.

    Counts are summed on the devices over global batches and fetched once; no prediction is kept.
    Only the inputs that the system predicts from are read: of DRR the face (supplement 2.1).
    """

    def scores(state: State) -> Scores:
        with _passing(experiment, state, which, clock) as one:
            one.run()
        return _scores(experiment, one, which)

    return scores


def make_evaluation(experiment: Experiment, which: str = "test") -> Callable[[State], Result]:
    """As `make_scores`, with every prediction: `scoring.MOST_KEPT` of them at most."""
    classes, records = len(experiment.fold.names), len(experiment.fold.source(which))
    rows = experiment.fold.rows[which]

    def evaluation(state: State) -> Result:
        probability = np.zeros((records, classes), np.float32)
        label = np.full((records, classes), -1, data.label_type(experiment.config.task))
        frame = np.full(records, -1, np.int32)
        with _passing(experiment, state, which, Clock()) as one:
            for said in one.predictions():
                real = said.index >= 0
                index = said.index[real]
                place = index if rows is None else np.searchsorted(rows, index)
                probability[place], label[place] = said.probability[real], said.label[real]
                frame[place] = said.frame[real]
        scores = _scores(experiment, one, which)
        return Result(scores.summary, scores.loss, probability, label, frame)

    return evaluation


@contextlib.contextmanager
def _passing(experiment: Experiment, state: State, which: str, clock: Clock) -> Iterator[Pass]:
    batches = experiment.held_out_batches(which)
    try:
        yield Pass(experiment.scorer, weights.variables(state), batches, clock)
    finally:
        batches.close()


def _scores(experiment: Experiment, one: Pass, which: str) -> Scores:
    records = len(experiment.fold.source(which))
    # Of a softmax only the records that show a class count, as in training.
    softmax = experiment.config.task in facs.SOFTMAX_TASKS
    counted = int(one.total.sum()) if softmax else records
    summary = experiment.scorer.summary(one, experiment.fold.names)
    return Scores(summary, float(one.sums["loss"]) / max(counted, 1))
