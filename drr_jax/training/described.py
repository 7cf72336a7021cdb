"""run.json: what a report says of a run, and how long it took."""

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from drr_jax import data, files, models, runs
from drr_jax.training.experiment import Experiment
from drr_jax.weights import TOKENIZER_DIGEST, normalisations


def describe_run(experiment: Experiment, workdir: Path, origins: Mapping[str, str]) -> None:
    """Writes run.json when a run starts or goes on: what the report says of it.

    `origins` is what each domain's encoder started from, empty if the run goes on. `note_time`
    keeps the times of the starts before.
    """
    if not runs.is_main_process():
        return
    before, devices = runs.read_file(workdir, runs.RUN_FILE), jax.devices()
    fold, config, parameters = experiment.fold, experiment.config, experiment.abstract_state.params
    pieces = workdir / data.TOKENIZER_FILE
    chosen = {  # what auto stands for here
        "precision": jnp.dtype(experiment.model.dtype).name,
        "data.augment_on": experiment.augment_on,
    }
    for key, now in chosen.items():
        if before.get(key, now) != now:
            print(
                f"warning: the run began with {key}={before[key]} and goes on with {key}={now}, on "
                "other devices: not bit for bit",
                file=sys.stderr,
            )
    described = {
        "dataset": fold.prepared.name,
        "version": fold.prepared.version,
        "fingerprint": fold.prepared.fingerprint,
        "rendered": bool(fold.prepared.metadata["rendered"]),
        "fold": fold.number,
        "test_parts": list(fold.test_parts),
        "task": config.task,
        "model": config.model.name,
        "title": models.system_title(config),
        "test_inputs": list(experiment.model.test_inputs),
        "au_names": list(fold.names),
        "class_prior": np.asarray(fold.graph_prior).tolist(),
        "device": f"{len(devices)} x {devices[0].device_kind}",
        **chosen,
        **runs.versions(),
        "commit": runs.commit(),
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(parameters)),
        "steps": experiment.steps,
        "weights": dict(origins) or before.get("weights", {}),
        "normalisation": normalisations(config),
        "crop": before.get("crop") or data.crop_facts(fold),
        TOKENIZER_DIGEST: files.digest(pieces) if pieces.is_file() else None,
        "started": before.get("started", datetime.now(UTC).isoformat(timespec="seconds")),
        "seconds": before.get("seconds", 0.0),
        "step_seconds": before.get("step_seconds"),
        **{key: before[key] for key in ("time", "start") if key in before},
    }
    runs.write_file(workdir, runs.RUN_FILE, described)


def note_time(workdir: Path, told: Mapping[str, Any]) -> None:
    """Puts into run.json what a `Clock` told."""
    if runs.is_main_process():
        runs.write_file(workdir, runs.RUN_FILE, {**runs.read_file(workdir, runs.RUN_FILE), **told})
