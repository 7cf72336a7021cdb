"""Scores of one pass over a held-out part: counts stay on the devices until it is over."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int, Int8

from drr_jax import levels, metrics, runs
from drr_jax.errors import InputError
from drr_jax.models import System
from drr_jax.training.clock import Clock

AHEAD = 4  # batches handed to the devices and not yet scored; each holds its images there
FETCHED = 256  # batches whose losses, and predictions if they are kept, are fetched together
LOGGED = ("f1_mean", "accuracy_mean", "accuracy", "icc_mean", "mse_mean", "mae_mean", "pcc_mean")
MOST_KEPT = 1 << 28  # probabilities of a test part that are kept, in 1.3 GB: of 22 million x 12


def check_kept(records: int, classes: int) -> None:
    """Raises InputError for a test part of more predictions than predictions.csv may have."""
    if records * classes > MOST_KEPT:
        raise InputError(
            f"the test part has {records:,} records of {classes} classes, and at most "
            f"{MOST_KEPT:,} probabilities are kept for predictions.csv and the report; evaluate "
            "fewer classes (data.classes), or hold out a smaller part"
        )


@dataclasses.dataclass(frozen=True)
class Scores:
    """What one pass says of a state."""

    summary: dict[str, Any]
    loss: float  # cross-entropy of the probabilities, or squared error; no class weights

    @property
    def score(self) -> float:
        """What the best checkpoint is best by: mean F1 or ICC of AUs, accuracy of softmax tasks."""
        return self.summary[metrics.score_of(self.summary)]

    def logged(self) -> dict[str, float]:
        """What metrics.jsonl keeps of it."""
        names = [name for name in LOGGED if name in self.summary]
        return {f"eval/{name}": self.summary[name] for name in names} | {"eval/loss": self.loss}


@dataclasses.dataclass(frozen=True)
class Predicted:
    """What a system said of one batch, and what is known of its records."""

    probability: Float[np.ndarray, "batch classes"]  # or intensity
    label: Int8[np.ndarray, "batch classes"] | Float[np.ndarray, "batch classes"]
    frame: Int[np.ndarray, " batch"]
    index: Int[np.ndarray, " batch"]  # of the record among all that are read; -1 of padding


class Scorer:
    """A system's program that scores a batch; compiled once for all states and parts.

    Counts stay on the devices from batch to batch, as int32: exact below 2^31 records. The sums of
    intensities are no whole numbers: a batch's are fetched, and added up in double precision.
    """

    def __init__(self, model: System, task: str, classes: int, mesh: Mesh) -> None:
        self._model, self._task = model, task
        self._shape = (classes, {"au": 4, "intensity": 0}.get(task, classes))
        self._everywhere = runs.replicated(mesh)
        self._program: Callable[..., Any] | None = None

    def compile(self, variables: Any, batch: Mapping[str, Array]) -> None:
        """Compiles the program, unless that is done."""
        if self._program is None:
            score = jax.jit(self._score, out_shardings=self._everywhere, donate_argnums=2)
            self._program = score.lower(variables, batch, self.nothing()).compile()

    def nothing(self) -> Int[Array, "classes counts"]:
        """The counts of no record."""
        return runs.place(np.zeros(self._shape, np.int32), self._everywhere)

    def __call__(
        self, variables: Any, batch: Mapping[str, Array], total: Array
    ) -> tuple[Array, dict[str, Array], tuple[Array, ...]]:
        """(`total` and this batch's counts, its sums, what `Predicted` has); `total` is gone."""
        assert self._program is not None, "compile() comes first"
        return self._program(variables, batch, total)

    def summary(self, done: "Pass", names: tuple[str, ...]) -> dict:
        """The block of results.json."""
        if self._task == "intensity":
            return levels.summary(done.sums["levels"], names)
        summarise = metrics.summary if self._task == "au" else metrics.softmax_summary
        return summarise(done.total, names, self._task)

    def _score(self, variables: Any, batch: Mapping[str, Array], total: Array) -> tuple:
        # What fsdp splits is gathered; else the features would be moved.
        variables = jax.lax.with_sharding_constraint(variables, self._everywhere)
        probability = self._model.apply(variables, batch, method="predict")
        assert isinstance(probability, jax.Array)
        labels, weight = batch["labels"], batch["weight"]
        said = probability, labels, batch["frame"], batch["index"]
        if self._task == "intensity":
            known = labels >= 0
            error = jnp.where(known, jnp.square(probability - labels), 0).sum(1)
            loss = (error / jnp.maximum(known.sum(1), 1)).sum()
            return total, {"loss": loss, "levels": levels.sums(probability, labels, weight)}, said
        p = jnp.clip(probability, 1e-7, 1 - 1e-7)
        each = -jnp.where(labels == 1, jnp.log(p), jnp.log1p(-p))
        # Of a softmax only the class that is present has a term.
        counted = labels >= 0 if self._task == "au" else labels == 1
        number = jnp.maximum(counted.sum(1), 1)
        # Padding is unknown everywhere, so it adds nothing to the sum over the batch.
        loss = ((each * counted).sum(1) / number).sum()
        count = metrics.counts if self._task == "au" else metrics.confusion
        counts = total + count(probability, labels, weight)
        return counts, {"loss": loss}, said


class Pass:
    """One pass of a scorer over batches; `total` and `sums` are those of the batches so far."""

    def __init__(self, scorer: Scorer, variables: Any, batches: Iterable, clock: Clock) -> None:
        self._scorer, self._variables, self._batches = scorer, variables, batches
        self._clock = clock
        self.total: np.ndarray = np.zeros(0, np.int64)
        self.sums: dict[str, Any] = {"loss": 0.0}

    def run(self) -> None:
        """Makes the pass for its scores; no prediction leaves the devices."""
        for _ in self._fetched(keep=False):
            pass

    def predictions(self) -> Iterator[Predicted]:
        """Makes the pass; yields the predictions batch by batch."""
        return self._fetched(keep=True)

    def _fetched(self, keep: bool) -> Iterator[Predicted]:
        total = self._scorer.nothing()
        waiting: list[tuple[dict[str, Array], tuple[Array, ...]]] = []
        for batch in self._batches:
            runs.look()
            with self._clock.within("compile"):
                self._scorer.compile(self._variables, batch)
            total, sums, said = self._scorer(self._variables, batch, total)
            waiting.append((sums, said if keep else ()))
            if len(waiting) > AHEAD:  # or the images of all the part would be on the devices
                waiting[-AHEAD][0]["loss"].block_until_ready()
            if len(waiting) == FETCHED:
                yield from self._fetch(waiting)
                waiting = []
        yield from self._fetch(waiting)
        if not np.isfinite(self.sums["loss"]):  # else "no" would be counted for all of them
            raise InputError(
                "evaluation: the model's predictions are not numbers; it has diverged, or what its "
                "encoders started from has: try a lower optim.lr, or other weights"
            )
        self.total = np.asarray(jax.device_get(total), np.int64)

    def _fetch(self, waiting: list) -> Iterator[Predicted]:
        for sums, said in jax.device_get(waiting):
            for name, value in sums.items():  # in double precision, in the order of the records
                self.sums[name] = self.sums.get(name, 0.0) + np.asarray(value, np.float64)
            if said:
                yield Predicted(*said)
