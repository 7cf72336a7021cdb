"""A model on the records of a prepared data set: predictions, and scores on another data set."""

import dataclasses
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, Int8

from drr_jax import data, files, levels, metrics, runs, stops
from drr_jax.data import Prepared
from drr_jax.errors import InputError, nearest
from drr_jax.predict.faces import Found
from drr_jax.predict.inputs import Picture
from drr_jax.predict.model import ROWS, Model
from drr_jax.predict.stream import Said
from drr_jax.training import PREDICTIONS, judge_people, write_predictions


@dataclasses.dataclass(frozen=True)
class Split:
    """Some parts of a prepared data set, as a model reads them."""

    prepared: Prepared
    parts: tuple[str, ...]
    names: tuple[str, ...]  # the model's classes that the set has labels of
    source: data.Source


@dataclasses.dataclass(frozen=True)
class Answers:
    """What a model says of every record of a split, and what is right."""

    sequences: list[str]
    frames: Int[np.ndarray, " records"]
    subjects: list[str]
    probability: Float[np.ndarray, "records classes"]  # or intensity
    # -1: unknown, and of classes the set has not
    label: Int8[np.ndarray, "records classes"] | Float[np.ndarray, "records classes"]


def open_split(model: Model, said: str, data_dir: str) -> Split:
    """The parts that SET or SET:PART+PART names; without a part all, or the model's own test parts.

    Raises InputError for what is not prepared, for parts that the model may have been trained on,
    and for a set without what it reads or without any of its classes.
    """
    from tfds_reactionet import build

    name, _, wanted = said.partition(":")
    found = build.find_prepared(name, data_dir)
    if found is None:
        raise InputError(
            f"no prepared data set {name}{build.other_versions(name, data_dir)} in "
            f"{Path(data_dir).absolute()}; build it first: python -m tfds_reactionet.build {name}, "
            "or name its folder with --data_dir"
        )
    prepared = data.open_dataset(found)
    if lacking := [one for one in model.inputs if one not in prepared.inputs]:
        raise InputError(
            f"model {model.name} reads {', '.join(lacking)}, and data set {prepared.name} has "
            f"{', '.join(prepared.inputs)}"
        )
    parts = tuple(dict.fromkeys(filter(None, wanted.split("+"))))
    if unknown := [part for part in parts if part not in prepared.parts]:
        raise InputError(f"{said}: no part {unknown[0]}; {nearest(unknown[0], prepared.parts)}")
    parts = unseen(model, prepared, parts)
    known = set(prepared.classes(model.task))
    names = tuple(one for one in model.names if one in known)
    if not names:
        raise InputError(
            f"data set {prepared.name} has none of the classes of model {model.name}: it has "
            f"{', '.join(sorted(known))}, the model {', '.join(model.names)}"
        )
    for line in _differences(model, prepared, names):
        print(f"warning: {line}", file=sys.stderr)
    lag = model.system.config.data.stimulus_lag
    size, task = model.crop.size, model.task
    source = data.Source(prepared, parts, size, names, task, model.inputs, lag=lag)
    return Split(prepared, parts, names, source)


def unseen(model: Model, prepared: Prepared, parts: tuple[str, ...]) -> tuple[str, ...]:
    """The parts to read. Of the data set that the model was trained on the test parts alone."""
    described = model.described
    if prepared.name.split("/")[0] != str(described["dataset"]).split("/")[0]:
        return parts or prepared.parts
    tested = tuple(described.get("test_parts") or ())
    if not tested:
        raise InputError(
            f"model {model.name}: its folder does not say which parts of {prepared.name} it was "
            "tested on, so all may have been trained on; export the run again, or name another set"
        )
    if seen := [part for part in parts if part not in tested]:
        raise InputError(
            f"{prepared.name}:{seen[0]}: the model was trained on people of this part; expected "
            f"its test part{'s' * (len(tested) > 1)} {', '.join(tested)}, or another data set"
        )
    if prepared.fingerprint != described["fingerprint"]:
        print(
            f"warning: {prepared.name} {prepared.version} is not the {described['dataset']} "
            f"{described['dataset_version']} that the model was trained on; if its parts have "
            "other people, it may have been trained on some of them",
            file=sys.stderr,
        )
    return parts or tested


def _differences(model: Model, prepared: Prepared, names: Sequence[str]) -> Iterator[str]:
    """What makes scores lower than they need to be, or of fewer classes."""
    if left := [one for one in model.names if one not in names]:
        yield f"{prepared.name} has no labels of {', '.join(left)}: they are not scored"
    options, crop = prepared.metadata.get("options", {}), model.crop
    kind, margin = str(options.get("crop") or "full"), float(options.get("margin") or 0.0)
    if crop.known and (kind, margin) != (crop.kind, crop.margin):
        yield (
            f"the faces of {prepared.name} were cut out otherwise (crop={kind}, margin={margin:g}) "
            f"than those that the model learnt from (crop={crop.kind}, margin={crop.margin:g})"
        )


def answers(model: Model, split: Split) -> Answers:
    """Asks the model about every record, in stored order. Raises Stopped after a signal."""
    config = dataclasses.replace(
        model.config, data=dataclasses.replace(model.config.data, batch_size=ROWS, worker_count=0)
    )
    records, size = len(split.source), len(model.names)
    probability = np.zeros((records, size), np.float32)
    label = np.full((records, size), -1, data.label_type(model.task))
    frames = np.zeros(records, np.int64)
    columns = [model.names.index(name) for name in split.names]
    keys = ["tokens" if name == "caption" else name for name in model.inputs]
    batches = data.eval_dataset(split.source, config, model.tokenizer)
    bar = runs.progress(records, 0, "predict", "records")
    try:
        for batch in batches:
            stops.look()
            real = batch["index"] >= 0
            at = batch["index"][real]
            asked = {key: batch[key] for key in keys}
            probability[at] = model.probabilities(asked)[real]
            label[np.ix_(at, np.array(columns))] = batch["labels"][real]
            frames[at] = batch["frame"][real]
            bar.update(int(real.sum()))
    finally:
        batches.close()
        bar.close()
    if model.softmax:  # a class that the set lacks is known to be absent
        known = (label == 1).any(axis=1)
        label[known] = np.maximum(label[known], 0)
    prepared, parts = split.prepared, split.parts
    sequences, subjects = data.sequences(prepared, parts), data.subjects(prepared, parts)
    return Answers(sequences, frames, subjects, probability, label)


def said_of(model: Model, found: Answers) -> Iterator[Said]:
    """The answers as those about pictures: the sequence is the file's name."""
    empty = np.zeros((0, 1, 1, 3), np.uint8)
    for row, (sequence, frame) in enumerate(
        zip(found.sequences, found.frames.tolist(), strict=True)
    ):
        picture = Picture(sequence, frame, math.nan, None)
        yield Said(picture, [Found()], found.probability[row : row + 1], empty)


def evaluate_on(model: Model, said: str, out: str | Path, data_dir: str) -> dict[str, Any]:
    """Scores a model on a data set and writes results.json and predictions.csv into `out`, new.

    Classes that the set has no labels of are left out of the scores of action units; of
    expressions the mean over those that occur is what counts. The run that made the model is not
    touched. Raises InputError as `open_split`, and if `out` is there.
    """
    out = files.new_folder(out)
    split = open_split(model, said, data_dir)
    found = answers(model, split)
    names = model.names if model.softmax else _labelled(split, found.label, model.names)
    columns = [model.names.index(name) for name in names]
    p, y = found.probability[:, columns], found.label[:, columns]
    described = model.described
    results = {
        "dataset": split.prepared.name,
        "version": split.prepared.version,
        "fingerprint": split.prepared.fingerprint,
        "fold": ", ".join(split.parts),
        "selection": described["selection"],
        "step": described["step"],
        "model": model.config.model.name,
        "title": described.get("model_title", ""),
        "domains": model.config.domains,
        "predict": model.config.predict,
        "source": model.name,
        "trained_on": {key: described[key] for key in ("dataset", "dataset_version", "fold")},
        **_scores(p, y, names, model.task),
    }
    judged = judge_people(split.prepared, found.subjects, p, y, model.task)
    results |= {"people": judged} if judged else {}
    with files.whole_folder(out) as folder:
        runs.write_file(folder, runs.RESULTS_FILE, results)
        records = found.sequences, found.frames, found.subjects
        write_predictions(folder / PREDICTIONS, model.task, names, records, p, y)
    return results


def _labelled(
    split: Split, label: Float[np.ndarray, "records classes"], names: Sequence[str]
) -> tuple[str, ...]:
    """The classes that any record has a label of; says which have none, or none that is positive.

    Raises InputError if none has.
    """
    columns = {name: label[:, names.index(name)] for name in split.names}
    given = tuple(name for name, column in columns.items() if (column >= 0).any())
    where = f"{split.prepared.name} ({', '.join(split.parts)})"
    if not given:
        raise InputError(f"{where} has no label of {', '.join(split.names)}: nothing to score")
    if left := [name for name in split.names if name not in given]:
        print(
            f"warning: {where} labels no record for {', '.join(left)}: not scored", file=sys.stderr
        )
    if never := [name for name in given if not (columns[name] > 0).any()]:
        print(f"warning: {where} has no positive of {', '.join(never)}: F1 is 0", file=sys.stderr)
    return given


def _scores(
    probability: Float[np.ndarray, "records classes"],
    label: Int8[np.ndarray, "records classes"] | Float[np.ndarray, "records classes"],
    names: Sequence[str],
    task: str,
) -> dict[str, Any]:
    everyone = np.ones(len(label), np.float32)
    if task == "intensity":
        return levels.summary(levels.sums(*map(jnp.asarray, (probability, label, everyone))), names)
    arrays = jnp.asarray(probability), jnp.asarray(label), jnp.asarray(everyone)
    if task == "au":
        return metrics.summary(metrics.counts(*arrays), names)
    return metrics.softmax_summary(metrics.confusion(*arrays), names, task)
