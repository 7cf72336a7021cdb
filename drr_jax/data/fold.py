"""What a prepared data set says of one fold of a run, asked once."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from drr_jax.config import Config
from drr_jax.data import classes, label_counts, scene_classes, split
from drr_jax.data.prepared import INPUTS, Prepared, caption_words, fold_parts
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
    names: tuple[str, ...]  # classes: AUs, expressions or sub-scenes
    class_weights: Float[np.ndarray, " classes"]
    graph_prior: Prior
    contrast_prior: Prior
    warnings: tuple[str, ...]
    image_size: int

    @property
    def records(self) -> int:
        """Number of records to train on."""
        rows = self.rows["train"]
        return self.prepared.records(self.train_parts) if rows is None else len(rows)

    @property
    def caption_words(self) -> dict[str, int]:
        """Counts of the words in the captions of the training parts."""
        return caption_words(self.prepared, self.train_parts)

    def source(self, which: str, inputs: tuple[str, ...] = INPUTS) -> Source:
        """The records of `rows[which]`.

        They have the run's image size and labels, and of `inputs` what the data set has.
        """
        parts = self.test_parts if which == "test" else self.train_parts
        size, rows = self.image_size, self.rows[which]
        return Source(self.prepared, parts, size, self.names, self.task, inputs, rows)


def read_fold(config: Config, prepared: Prepared, number: int) -> Fold:
    """What `prepared` says of fold `number` for a run of `config`; no record is read.

    Raises InputError for a fold, a task, a class or the positives of a class that the data lack,
    for a prior that is not of these classes, and if no validation part can be split off.
    """
    train_parts, test_parts = fold_parts(prepared, number)
    names = classes.class_names(config, prepared)
    priors = classes.class_priors(config, prepared, train_parts, names)
    warnings = classes.check_fold(config, prepared, number)
    weights = np.ones(len(names))
    if config.task == "au" and config.loss.au_weights:
        weights = label_counts.class_weights(prepared, train_parts, names)
    rows: dict[str, Rows | None] = dict.fromkeys(("train", "validation", "test"))
    if config.task == "scene":
        rows["train"] = scene_classes.scene_rows(prepared, train_parts, names)
        rows["test"] = scene_classes.scene_rows(prepared, test_parts, names)
    if config.selection == "validation":
        share, seed = config.validation_share, config.seed
        halves = split.validation_rows(prepared, train_parts, share, seed, rows["train"])
        rows["train"], rows["validation"] = halves
    return Fold(
        number=number,
        prepared=prepared,
        train_parts=train_parts,
        test_parts=test_parts,
        rows=rows,
        task=config.task,
        names=names,
        class_weights=weights,
        graph_prior=priors[config.graph.prior],
        contrast_prior=priors[config.contrast.prior],
        warnings=tuple(warnings),
        image_size=config.data.image_size,
    )
