"""What the report shows of a run: a few test tuples with all in between, and its prototypes."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from drr_jax import data, report, runs, weights
from drr_jax.data import TUPLE
from drr_jax.facs import IMAGES, SOUND
from drr_jax.training.experiment import Experiment, State
from drr_jax.training.held_out import Result

PROTOTYPE_TUPLES = 256  # training tuples whose mean is the reported U-SR prototype


def collect_samples(experiment: Experiment, state: State, result: Result) -> dict[str, np.ndarray]:
    """Named intermediates of a few test tuples, and all predictions, as the report reads them.

    The U-SR prototype is the mean over tuples drawn from the training parts (method section 4).
    """
    config = experiment.config
    sequence = data.sequence_numbers(experiment.fold.prepared, experiment.fold.test_parts)
    if experiment.fold.rows["test"] is not None:
        sequence = sequence[experiment.fold.rows["test"]]
    count, seed, task = config.log.samples, config.seed, config.task
    rows = report.choose_samples(result.probability, result.label, sequence, count, seed, task)
    test = experiment.fold.source("test", _shown(experiment))
    records = [test[int(row)] for row in rows]
    identities = [test.identity(int(row)) for row in rows]
    apply = _make_apply(experiment, state)
    batch = _batch(experiment, records)
    outputs = apply(batch)
    samples = {
        **{name: values for name, values in batch.items() if name != "tokens"},
        **{f"attention_{d}": maps for d, maps in outputs.get("attention", {}).items()},
        **_heard(batch, outputs),
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


def _heard(batch: dict[str, np.ndarray], outputs: dict) -> dict[str, np.ndarray]:
    """A sound as a picture, uint8 [tuples, pitch upwards, time, 3], and its attention likewise."""
    if "audio" not in batch:
        return {}
    turned = np.repeat(batch["audio"].swapaxes(1, 2)[:, ::-1, :, None], 3, axis=3)
    maps = outputs.get("attention", {}).get(SOUND)
    name = f"attention_{SOUND}"
    return {"audio": turned} | ({} if maps is None else {name: maps.swapaxes(1, 2)[:, ::-1]})


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
        for name in (*IMAGES, "audio", "landmarks")
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
        placed = {name: runs.place(value, everywhere) for name, value in batch.items()}
        return jax.device_get(apply(variables, placed))

    return outputs
