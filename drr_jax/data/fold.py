"""What a prepared data set says of one fold of a run, asked once."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float

from drr_jax.config import Config
from drr_jax.data import classes, label_counts, scene_classes, split
from drr_jax.data.prepared import INPUTS, Prepared, fold_parts, sub_scene_of
from drr_jax.data.source import Source
from drr_jax.data.split import Rows

Prior = Float[np.ndarray, "classes classes"]


@dataclasses.dataclass(frozen=True)
class Fold:
    """The parts, records, classes and label statistics of one fold; made by `read_fold`."""

    number: int
    prepared: Prepared
    train_parts: tuple[str, ...]
    test_parts: tuple[str, ...]
    # Which records to train on, of the validation and of the test ("train", "validation", "test")
    # take part, numbered through the parts they are of; None: all.
    rows: Mapping[str, Rows | None]
    task: str
    names: tuple[str, ...]  # classes: AUs (of intensities, too), expressions or sub-scenes
    class_weights: Float[np.ndarray, " classes"]
    graph_prior: Prior
    contrast_prior: Prior
    caption_words: Mapping[str, int]  # counts of the words in the captions that are trained on
    counts_validation: bool  # see `read_fold`
    warnings: tuple[str, ...]
    image_size: int
    stimulus_lag: int = 0  # frames

    @property
    def records(self) -> int:
        """Number of records to train on."""
        rows = self.rows["train"]
        return self.prepared.records(self.train_parts) if rows is None else len(rows)

    def subjects(self, which: str) -> list[str]:
        """Who each record of `source(which)` shows, "" if unknown."""
        return self._by_record(split.subjects, which)

    def sequences(self, which: str) -> list[str]:
        """The sequence of each record of `source(which)`."""
        return self._by_record(split.sequences, which)

    def _by_record(
        self, what: Callable[[Prepared, Sequence[str]], list[str]], which: str
    ) -> list[str]:
        parts = self.test_parts if which == "test" else self.train_parts
        every, rows = what(self.prepared, parts), self.rows[which]
        return every if rows is None else [every[row] for row in rows.tolist()]

    def source(self, which: str, inputs: tuple[str, ...] = INPUTS) -> Source:
        """The records of `rows[which]`.

        They have the run's image size and labels, and of `inputs` what the data set has.
        """
        parts = self.test_parts if which == "test" else self.train_parts
        size, rows = self.image_size, self.rows[which]
        lag = self.stimulus_lag
        return Source(self.prepared, parts, size, self.names, self.task, inputs, rows, lag)

    def training_classes(self) -> Rows:
        """The class that each record of `source("train")` shows, of a softmax task; -1 if none.

        A sequence's name has its sub-scene; the labels of expressions are read. Raises InputError
        for a record that cannot be read.
        """
        if self.task == "scene":
            return np.array([self.names.index(sub_scene_of(s)) for s in self.sequences("train")])
        return label_counts.shown_classes(self.source("train", ()))


def read_fold(
    config: Config, prepared: Prepared, number: int, counts_validation: bool = False
) -> Fold:
    """What `prepared` says of fold `number` for a run of `config`.

    Class weights, soft priors and vocabulary are those of what is trained on: the records of
    validation people are read, without their images, and taken off what the builder counted.
    With `counts_validation` they count, as in runs that were begun so (`runs.counts_validation`),
    and a warning says it.

    Raises InputError for a fold, a task, a class or the positives of a class that the data lack,
    for a prior that is not of these classes, and if no validation part can be split off.
    """
    train_parts, test_parts = fold_parts(prepared, number)
    names = classes.class_names(config, prepared)
    warnings = list(prepared.warnings)
    rows: dict[str, Rows | None] = dict.fromkeys(("train", "validation", "test"))
    if config.task == "scene":
        rows["train"] = scene_classes.scene_rows(prepared, train_parts, names)
        rows["test"] = scene_classes.scene_rows(prepared, test_parts, names)
    trained, tested = (
        label_counts.part_counts(prepared, parts, config.task)
        for parts in (train_parts, test_parts)
    )
    where = f"in the training {_listed(train_parts)}"
    if config.selection == "validation":
        share, seed = config.validation_share, config.seed
        halves = split.validation_rows(prepared, train_parts, share, seed, rows["train"])
        rows["train"], rows["validation"] = halves
        if counts_validation:
            warnings.append(
                "this run was begun when people held out for validation counted in class weights, "
                "soft priors and vocabulary, and goes on so; a new --workdir leaves them out"
            )
        else:
            if not config.data.records:  # those that are used are counted below
                held_out = label_counts.record_counts(prepared, train_parts, halves[1], config.task)
                trained = trained.without(held_out)
            where += f" without the {len(halves[1])} records held out for validation"
    if some := config.data.records:
        rows["train"] = split.some_rows(prepared, train_parts, some, rows["train"])
        trained = label_counts.record_counts(prepared, train_parts, rows["train"], config.task)
        where += f", of which {some} are used"
    priors = classes.class_priors(config, prepared, trained, names)
    fold, tested_on = f"fold {number} of {prepared.name}", f"in the test {_listed(test_parts)}"
    if config.task == "intensity":
        both = {f"in the training {_listed(train_parts)}": train_parts, tested_on: test_parts}
        seen = {said: label_counts.raised(prepared, parts, names) for said, parts in both.items()}
        classes.check_levels(names, fold, seen)
        weights = np.ones(len(names))
    else:
        where_tested = tested_on, tested
        warnings += classes.check_fold(config, names, fold, (where, trained), where_tested)
        weights = label_counts.class_weights(trained, names)
        if not (config.loss.au_weights if config.task == "au" else config.loss.class_weights):
            weights = (weights > 0).astype(float)
    return Fold(
        number=number,
        prepared=prepared,
        train_parts=train_parts,
        test_parts=test_parts,
        rows=rows,
        task=config.task,
        names=names,
        class_weights=weights,
        graph_prior=priors["graph.prior"],
        contrast_prior=priors["contrast.prior"],
        caption_words=trained.words,
        counts_validation=counts_validation,
        warnings=tuple(warnings),
        image_size=config.data.image_size,
        stimulus_lag=config.data.stimulus_lag,
    )


def _listed(parts: tuple[str, ...]) -> str:
    return f"part{'s' * (len(parts) > 1)} {', '.join(parts)}"
