"""Run folders as training and evaluation leave them, with made-up scores."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from drr_jax import config as configs
from drr_jax import files, metrics
from drr_jax.facs import labels as facs
from drr_jax.runs import record

FRAMES = 400  # labelled frames of a class in a fold
STEPS = 750
VALIDATION = 0.5  # what the last checkpoint scores on people held out of training


def config_of(**changes: Any) -> configs.Config:
    """The default config with some keys set; "__" stands for a dot."""
    config = configs.Config()
    for key, value in changes.items():
        configs.set_key(config, key.replace("__", "."), str(value))
    return config


def counts(hits: ArrayLike) -> np.ndarray:
    """[classes, 4] counts: `hits` true positives of 100, and as many false ones as are missed."""
    tp = np.asarray(hits)
    return np.stack([tp, 100 - tp, 100 - tp, FRAMES - 200 + tp], axis=1)


def write_run(
    folder: Path,
    hits: ArrayLike,
    seed: int = 0,
    fold: int = 0,
    dataset: str = "reactionet/demo",
    names: Sequence[str] = facs.REACTIONET_AUS_12,
    fingerprint: str = "f" * 16,
    rendered: bool = True,
    results: bool = True,
    **changes: Any,
) -> Path:
    """A folder of one seed on one fold; F1 of a class is its number of `hits` in percent."""
    config = config_of(seed=seed, data__name=dataset, **changes)
    data = {"dataset": dataset, "version": "1.0.0", "fingerprint": fingerprint}
    identity = configs.flatten(config) | {"fold": fold, "classes": list(names)} | data
    record.check_record(folder, identity, False)
    described = data | {
        "rendered": rendered,
        "fold": fold,
        "task": config.task,
        "model": config.model.name,
        "commit": "abc1234",
        "parameters": 1_000_000 + fold,
        "steps": STEPS,
        "step_seconds": 0.25,
    }
    files.write_json(folder / "run.json", described)
    if results:
        head = {"dataset": dataset, "fold": fold, "selection": config.selection, "step": STEPS}
        if config.selection == "validation":
            write_evaluations(folder, {STEPS: VALIDATION})
            head["validation_score"] = VALIDATION
        if config.task == "au":
            summary = metrics.summary(counts(hits), names)
        else:
            summary = metrics.softmax_summary(confusion(hits), names, config.task)
        files.write_json(folder / "results.json", head | summary)
    return folder


def write_evaluations(folder: Path, scores: Mapping[int, float]) -> None:
    """A metrics.jsonl of a training that was evaluated at these steps."""
    rows = [{"step": step, "eval/f1_mean": score} for step, score in scores.items()]
    (folder / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def confusion(hits: ArrayLike) -> np.ndarray:
    """[classes, classes]: of 100 samples of each class `hits` are found, the rest are the next."""
    return np.diag(np.asarray(hits)) + np.roll(np.diag(100 - np.asarray(hits)), 1, axis=1)


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
