"""Label statistics of what is trained on: counts of the builder, less those of held-out records."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from tqdm import tqdm

from drr_jax import facs
from drr_jax.data.prepared import Prepared
from drr_jax.data.source import Source
from drr_jax.data.split import Rows
from drr_jax.data.tokenizer import words_in
from drr_jax.facs import REACTIONET_AUS_12

BAR_AFTER = 2.0  # seconds of reading before its progress is shown


@dataclass(frozen=True)
class Counts:
    """How often the labels of one task, and the words of captions, occur in some records.

    Classes are all that the data set has: its AUs, its expressions or its sub-scenes, one of which
    a record shows. Of intensities they are the AUs' occurrence.
    """

    names: tuple[str, ...]
    known: Int[np.ndarray, " classes"]  # records whose label i is known
    pairs: Int[np.ndarray, "classes classes"]  # i and j both present (diagonal: positives of i)
    given: Int[np.ndarray, "classes classes"]  # i present and j known
    words: Mapping[str, int]

    def columns(self, names: Sequence[str]) -> list[int]:
        """Where classes stand."""
        return [self.names.index(name) for name in names]

    def positives(self, names: Sequence[str]) -> dict[str, int]:
        """Records in which each class occurs."""
        found = np.diag(self.pairs)[self.columns(names)]
        return dict(zip(names, found.tolist(), strict=True))

    def together(
        self, names: Sequence[str] = REACTIONET_AUS_12
    ) -> tuple[Int[np.ndarray, "classes classes"], Int[np.ndarray, "classes classes"]]:
        """(pairs, given) of some classes, as `facs.conditional_half_sums` takes them."""
        square = np.ix_(*2 * [self.columns(names)])
        return self.pairs[square], self.given[square]

    def without(self, other: "Counts") -> "Counts":
        """Counts of the records that are not among `other`'s, which are a part of these."""
        words = Counter(self.words)
        words.subtract(other.words)
        return Counts(
            self.names,
            self.known - other.known,
            self.pairs - other.pairs,
            self.given - other.given,
            {word: count for word, count in words.items() if count},
        )


def part_counts(prepared: Prepared, parts: Sequence[str], task: str) -> Counts:
    """What the builder counted in `parts`; no record is read."""
    listed = [prepared.metadata["parts"][part] for part in parts]
    words: Counter[str] = Counter()
    for part in listed:
        words.update(part.get("caption_words", {}))
    if task not in facs.SOFTMAX_TASKS:
        known, pairs, given = (
            np.asarray(np.sum([part[key] for part in listed], 0, np.int64))
            for key in ("au_known", "au_pairs", "au_given")
        )
        return Counts(prepared.au_names, known, pairs, given, words)
    names = prepared.classes(task)
    if task == "scene":
        rows = [[part["sub_scene_counts"].get(name, 0) for name in names] for part in listed]
    else:
        rows = [part["expression_counts"] for part in listed]
    shown = np.asarray(np.sum(rows, 0, np.int64))
    every = np.full(len(names), shown.sum())
    return Counts(names, every, np.diag(shown), np.repeat(shown[:, None], len(names), 1), words)


def record_counts(prepared: Prepared, parts: Sequence[str], rows: Rows, task: str) -> Counts:
    """The same of some records of `parts`, which are read; no image is decoded.

    Raises InputError for a record that cannot be read.
    """
    names = prepared.classes(task) if task in facs.SOFTMAX_TASKS else prepared.au_names
    task = "au" if task == "intensity" else task  # whose relation is that of occurrence
    source = Source(prepared, parts, 1, names, task, ("caption",), rows)
    labels = np.zeros((len(rows), len(names)), np.int8)
    words: Counter[str] = Counter()
    numbers = tqdm(range(len(rows)), "counting held-out labels", unit=" records", delay=BAR_AFTER)
    for number in numbers:
        record = source.read(number)
        labels[number] = record["labels"]
        words.update(words_in(record.get("caption", "")))
    return Counts(names, (labels >= 0).sum(0), *facs.count_pairs(labels), words)


def shown_classes(source: Source) -> Rows:
    """The class that each record of a softmax task shows, -1 if none; no image is decoded.

    Raises InputError for a record that cannot be read.
    """
    shown = np.full(len(source), -1)
    numbers = tqdm(range(len(source)), "reading classes", unit=" records", delay=BAR_AFTER)
    for number in numbers:
        labels = source.read(number)["labels"]
        if labels.max() == 1:
            shown[number] = labels.argmax()
    return shown


def raised(prepared: Prepared, parts: Sequence[str], names: Sequence[str]) -> dict[str, int]:
    """Records of `parts` in which each AU has an intensity of 1 or above."""
    levels = np.sum([prepared.metadata["parts"][part]["au_levels"] for part in parts], 0, np.int64)
    found = np.asarray(levels)[[prepared.au_names.index(name) for name in names], 1:].sum(1)
    return dict(zip(names, found.tolist(), strict=True))


def class_weights(
    counts: Counts, names: Sequence[str] = REACTIONET_AUS_12
) -> Float[np.ndarray, "classes"]:
    """w_n of the loss: inverse base rate, scaled to mean 1 over the classes with a positive.

    A class without a positive has weight 0: by the formula it would take all the others' weight.
    Source: the formula of JAA-Net and ME-GraphAU for AUs; reconstruction for DRR, and for classes
    of which one is shown (method 9.5).
    """
    columns = counts.columns(names)
    known, positives = counts.known[columns], np.diag(counts.pairs)[columns]
    seen = positives > 0
    weights = np.zeros(len(columns))
    if seen.any():
        inverse = known[seen] / positives[seen]
        weights[seen] = inverse / inverse.mean()
    return weights
