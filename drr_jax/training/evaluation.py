"""Evaluation: one exact pass over the test part, results of a fold or of all, samples to show."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, Int8

from drr_jax import data, metrics, models, report, runs, weights
from drr_jax.data import TUPLE
from drr_jax.errors import InputError
from drr_jax.facs import IMAGES
from drr_jax.runs import Checkpoints, abstract
from drr_jax.training import people
from drr_jax.training.experiment import Experiment, State
from drr_jax.training.predictions import PREDICTIONS, write_predictions

RESULTS, RESULTS_BEST = "results.json", "results-best.json"
PROTOTYPE_TUPLES = 256  # training tuples whose mean is the reported U-SR prototype


@dataclasses.dataclass(frozen=True)
class Result:
    """Scores of one pass, and every prediction in the order of the test part."""

    summary: dict[str, Any]
    loss: float  # cross-entropy of the probabilities, no class weights
    probability: Float[np.ndarray, "records classes"]
    label: Int8[np.ndarray, "records classes"]
    frame: Int[np.ndarray, " records"]

    @property
    def score(self) -> float:
        """What the best checkpoint is best by: mean F1 of AUs, accuracy of softmax tasks."""
        return self.summary.get("accuracy", self.summary["f1_mean"])

    def logged(self) -> dict[str, float]:
        """What metrics.jsonl keeps of it."""
        names = [name for name in ("f1_mean", "accuracy_mean", "accuracy") if name in self.summary]
        return {f"eval/{name}": self.summary[name] for name in names} | {"eval/loss": self.loss}


def make_evaluation(experiment: Experiment, which: str = "test") -> Callable[[State], Result]:
    """A function that evaluates a state on the fold's test part, or on the run's validation part.

    Counts are summed on the devices over global batches; every record counts exactly once on any
    number of hosts. Only the inputs that the system predicts from are read: of DRR the face
    (supplement 2.1).
    """
    config, everywhere = experiment.config, runs.replicated(experiment.mesh)
    classes, records = len(experiment.fold.names), len(experiment.fold.source(which))
    rows = experiment.fold.rows[which]

    def score(variables, batch):
        # What fsdp splits is gathered; else the features would be moved.
        variables = jax.lax.with_sharding_constraint(variables, everywhere)
        probability = experiment.model.apply(variables, batch, method="predict")
        assert isinstance(probability, jax.Array)
        labels, weight = batch["labels"], batch["weight"]
        p = jnp.clip(probability, 1e-7, 1 - 1e-7)
        each = -jnp.where(labels == 1, jnp.log(p), jnp.log1p(-p))
        # Of a softmax only the class that is present has a term.
        counted = labels >= 0 if config.task == "au" else labels == 1
        number = jnp.maximum(counted.sum(1), 1)
        # Padding is unknown everywhere, so it adds nothing to the sum over the batch.
        loss = ((each * counted).sum(1) / number).sum()
        count = metrics.counts if config.task == "au" else metrics.confusion
        counts = count(probability, labels, weight)
        return counts, loss, probability, batch["labels"], batch["frame"], batch["index"]

    score = jax.jit(score, out_shardings=everywhere)

    def evaluation(state: State) -> Result:
        total, loss = 0, 0.0
        probability = np.zeros((records, classes), np.float32)
        label = np.full((records, classes), -1, np.int8)
        frame = np.full(records, -1, np.int32)
        batches = experiment.held_out_batches(which)
        try:
            for batch in batches:
                runs.look()
                out = score(weights.variables(state), batch)
                counts, batch_loss, p, y, number, index = jax.device_get(out)
                total = total + counts.astype(np.int64)
                loss += float(batch_loss)
                real = index >= 0
                place = index[real] if rows is None else np.searchsorted(rows, index[real])
                probability[place], label[place], frame[place] = p[real], y[real], number[real]
        finally:
            batches.close()
        summarise = metrics.summary if config.task == "au" else metrics.softmax_summary
        summary = summarise(total, experiment.fold.names, config.task)
        # Of a softmax only the records that show a class count, as in training.
        counted = records if config.task == "au" else int((label == 1).any(1).sum())
        return Result(summary, loss / max(counted, 1), probability, label, frame)

    return evaluation


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
                softmax = experiment.config.task != "au"
                said = result.probability, result.label, softmax
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
        runs.write_file(workdir, RESULTS, counted)
        if "best" in results:
            runs.write_file(workdir, RESULTS_BEST, results["best"])
    return counted


def _write_predictions(experiment: Experiment, workdir: Path, result: Result) -> None:
    fold = experiment.fold
    records = fold.sequences("test"), result.frame, fold.subjects("test")
    said = result.probability, result.label
    write_predictions(workdir / PREDICTIONS, fold.task, fold.names, records, *said)


def kind_of(selection: str) -> str:
    """Which checkpoints a selection of results.json is of."""
    return runs.LATEST if selection == "last" else runs.BEST


def combine_folds(workdir: Path) -> dict[str, Any]:
    """Writes the tables over all folds, of the last and of the best checkpoints; returns the first.

    Per-AU means and spread over fold0/, fold1/, fold2/, and scores pooled over them.
    """
    tables = {}
    for name in (RESULTS, RESULTS_BEST):
        paths = sorted(workdir.glob(f"fold?/{name}"))
        folds = [runs.read_file(path.parent, name) for path in paths]
        if not folds:  # selection=validation has no best by the test part
            continue
        tables[name] = {
            "dataset": folds[0]["dataset"],
            "fold": "all",
            "selection": folds[0]["selection"],
            **metrics.fold_table(folds),
            "folds": folds,
        }
        judged = _all_people([path.parent for path in paths], folds)
        tables[name] |= {"people": judged} if judged else {}
        if runs.is_main_process():
            runs.write_file(workdir, name, tables[name])
    return tables[RESULTS]


def _all_people(
    places: Sequence[Path], folds: Sequence[Mapping[str, Any]]
) -> dict[str, Any] | None:
    """Scores of all folds' people, each by the model that was tested on them; None if unknown."""
    if not all("people" in fold for fold in folds):
        return None
    stored = [report.load_samples(place) or {} for place in places]
    if not all("all_subject" in samples for samples in stored):
        return None
    probability, label, subject = (
        np.concatenate([samples[key] for samples in stored])
        for key in ("all_probability", "all_label", "all_subject")
    )
    sizes = ("records", "value")
    groups = {
        name: {kind: of for kind, of in entry.items() if kind not in sizes}
        for fold in folds
        for name, entry in fold["people"]["subjects"].items()
    }
    return people.scores(probability, label, subject.tolist(), groups, "confusion" in folds[0])


def collect_samples(experiment: Experiment, state: State, result: Result) -> dict[str, np.ndarray]:
    """Named intermediates of a few test tuples, and all predictions, as the report reads them.

    The U-SR prototype is the mean over tuples drawn from the training parts (method section 4).
    """
    config = experiment.config
    sequence = data.sequence_numbers(experiment.fold.prepared, experiment.fold.test_parts)
    if experiment.fold.rows["test"] is not None:
        sequence = sequence[experiment.fold.rows["test"]]
    count, seed, softmax = config.log.samples, config.seed, config.task != "au"
    rows = report.choose_samples(
        result.probability, result.label, sequence, count, seed, softmax=softmax
    )
    test = experiment.fold.source("test", _shown(experiment))
    records = [test[int(row)] for row in rows]
    identities = [test.identity(int(row)) for row in rows]
    apply = _make_apply(experiment, state)
    batch = _batch(experiment, records)
    outputs = apply(batch)
    samples = {
        **{name: values for name, values in batch.items() if name != "tokens"},
        **{f"attention_{d}": maps for d, maps in outputs.get("attention", {}).items()},
        "probability": result.probability[rows],
        "label": result.label[rows],
        "sequence": np.array([sequence for sequence, _ in identities]),
        "frame": np.array([frame for _, frame in identities]),
        "all_probability": result.probability,
        "all_label": result.label,
        "all_subject": np.array(experiment.fold.subjects("test"), str),
    }
    if "tokens" in batch:
        samples["caption"] = np.array([record["caption"] for record in records])
        words = [data.words_of(experiment.tokenizer, row) for row in batch["tokens"]]
        width = batch["tokens"].shape[1]
        samples["caption_tokens"] = np.array([[*row, *[""] * width][:width] for row in words])
    graph = outputs.get("graph", {})
    if "prototype" in graph:
        prototype = _mean_prototype(experiment, apply, len(rows))
        norm = np.linalg.norm(prototype, axis=1, keepdims=True)
        direction = prototype / np.maximum(norm, 1e-9)
        samples |= {"prototype": prototype, "prototype_relation": direction @ direction.T}
    return samples | {
        name.replace("/", "_"): relation
        for name, relation in graph.items()
        if name.startswith(("relation/", "compatibility/"))
    }


def _mean_prototype(
    experiment: Experiment, apply: Callable[[dict], dict], size: int
) -> Float[np.ndarray, "classes features"]:
    """Mean U-SR prototype of training tuples, in batches of the size that is compiled already."""
    train = experiment.fold.source("train", _shown(experiment))
    drawn = np.random.default_rng(experiment.config.seed).permutation(len(train))
    batches = max(1, min(PROTOTYPE_TUPLES, len(drawn)) // size)
    prototypes = []
    for rows in np.resize(drawn, (batches, size)):
        runs.look()
        batch = _batch(experiment, [train[int(row)] for row in rows])
        prototypes.append(apply(batch)["graph"]["prototype"])
    return np.mean(prototypes, axis=(0, 1))


def _shown(experiment: Experiment) -> tuple[str, ...]:
    """What is read of the tuples of a report: what it shows, and what the system's call needs."""
    return tuple(dict.fromkeys((*TUPLE, *experiment.model.train_inputs)))


def _batch(experiment: Experiment, records: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    batch = {
        name: np.stack([record[name] for record in records])
        for name in (*IMAGES, "landmarks")
        if name in records[0]
    }
    if "caption" in records[0]:
        captions = [record["caption"] for record in records]
        max_tokens = experiment.config.text.max_tokens
        batch["tokens"] = data.encode_texts(experiment.tokenizer, captions, max_tokens)
    return batch


def _make_apply(experiment: Experiment, state: State) -> Callable[[dict[str, np.ndarray]], dict]:
    """The model's outputs for tuples that every process holds whole, as NumPy arrays."""
    everywhere, variables = runs.replicated(experiment.mesh), weights.variables(state)
    apply = jax.jit(experiment.model.apply, out_shardings=everywhere)

    def outputs(batch: dict[str, np.ndarray]) -> dict:
        placed = {
            name: jax.make_array_from_callback(value.shape, everywhere, value.__getitem__)
            for name, value in batch.items()
        }
        return jax.device_get(apply(variables, placed))

    return outputs
