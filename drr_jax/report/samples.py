"""What the report reads: one run directory and the tuples sampled from its test part."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Int8

from drr_jax import metrics
from drr_jax.config import letters
from drr_jax.errors import InputError
from drr_jax.facs import TASKS

Samples = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Run:
    """One finished run. `curves` maps a fold's label ("" for a single fold) to its log lines."""

    workdir: Path
    record: dict[str, Any]
    config: dict[str, Any]
    results: dict[str, Any]
    best: dict[str, Any] | None
    curves: dict[str, list[dict[str, Any]]]
    samples: Samples | None

    @property
    def task(self) -> str:
        """Which block of classes the results have: au, expression or scene."""
        return metrics.task_of(self.results)

    @property
    def softmax(self) -> bool:
        """Whether one class of all is predicted: expressions and scenes, scored by accuracy."""
        return "confusion" in self.results

    @property
    def score(self) -> str:
        """The key of the number that counts, in the results and, behind eval/, in the log."""
        return "accuracy" if self.softmax else "f1_mean"

    @property
    def floor(self) -> float:
        """The score of always saying yes, or of always naming the most frequent class."""
        return self.results["majority_accuracy" if self.softmax else "all_positive_f1_mean"]

    @property
    def domains(self) -> tuple[str, ...]:
        """The training domains, as in R, S, T; none if the config is not there."""
        return letters(str(self.config.get("domains", "")))

    @property
    def test_inputs(self) -> tuple[str, ...]:
        """What a prediction reads: reaction, stimulus, ...; none if it was not recorded."""
        return tuple(self.record.get("test_inputs", ()))

    @property
    def noun(self) -> str:
        """What a class is called in the text."""
        return "AU" if self.task == "au" else self.task

    @property
    def example(self) -> str:
        """What a record of the data set is called in the text: a tuple, or a face set's frame."""
        return "tuple" if not self.domains or set(self.domains) & set("ST") else "frame"

    @property
    def classes(self) -> dict[str, dict[str, float]]:
        """The scores of every evaluated class, in the order of the label columns."""
        return self.results[self.task]

    @property
    def names(self) -> list[str]:
        """Names of the evaluated classes, in the order of the label columns."""
        return list(self.classes)


def read_run(workdir: Path, samples: Samples | None = None) -> Run:
    """Reads config.json, run.json, metrics.jsonl, results.json and results-best.json.

    With fold "all" a file may lie in fold0/, fold1/, fold2/ instead. Without `samples` the
    samples-fold*.npz of the lowest fold is read. Raises InputError if there is no finished run, or
    not all folds are finished.
    """
    _check_finished(workdir)
    results = _read_json(workdir / "results.json")
    if not results.get(metrics.task_of(results)):
        raise InputError(
            f"{workdir / 'results.json'}: no table of {', '.join(TASKS)}; evaluate the run again"
        )
    best = workdir / "results-best.json"
    config = _places(workdir, "config.json")
    logs = _places(workdir, "metrics.jsonl")
    return Run(
        workdir,
        record=_record([_read_json(path) for path in _places(workdir, "run.json")]),
        config=_read_json(config[0]) if config else {},
        results=results,
        best=_read_json(best) if best.exists() else None,
        curves={_label(workdir, log): _log(log) for log in logs},
        samples=samples if samples is not None else load_samples(workdir),
    )


def save_samples(workdir: Path, fold: int, samples: Samples) -> Path:
    """Stores the sampled tuples as samples-fold{fold}.npz, without pickle."""
    path = Path(workdir) / f"samples-fold{fold}.npz"
    unfinished = path.with_suffix(".tmp")
    with unfinished.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **dict(samples))
    unfinished.replace(path)
    return path


def load_samples(workdir: Path) -> Samples | None:
    """The stored samples of the lowest fold, or None. Raises InputError if they do not read."""
    stored = sorted([*workdir.glob("samples-fold*.npz"), *workdir.glob("fold?/samples-fold*.npz")])
    if not stored:
        return None
    try:
        # Opened here, since np.load leaves a file open that is no zip.
        with stored[0].open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except Exception as error:  # zipfile, zlib and NumPy raise many kinds for a damaged file
        raise InputError(f"{stored[0]}: not readable ({error}); evaluate the run again") from error


def log_loss(
    probability: Float[np.ndarray, "batch classes"],
    label: Int8[np.ndarray, "batch classes"],
    softmax: bool = False,
) -> Float[np.ndarray, "batch"]:
    """Mean log loss of every tuple over its known labels; NaN where none is known.

    Of a softmax that of the class that is present.
    """
    p = np.clip(np.asarray(probability, np.float64), 1e-6, 1 - 1e-6)
    loss = -np.log(np.where(label > 0, p, 1 - p))
    known = np.asarray(label > 0 if softmax else label >= 0)
    total = np.where(known, loss, 0).sum(axis=1)
    return np.divide(total, known.sum(1), out=np.full(len(p), np.nan), where=known.any(1))


def choose_samples(
    probability: Float[np.ndarray, "batch classes"],
    label: Int8[np.ndarray, "batch classes"],
    sequence: Int[np.ndarray, "batch"],
    count: int = 24,
    seed: int = 0,
    softmax: bool = False,
) -> Int[np.ndarray, "samples"]:
    """Rows of the test part worth their pictures: best, worst and any others, a third each.

    One row a sequence (its number is in `sequence`, as split.sequence_numbers gives it), since
    neighbouring frames look alike. Best and others show at least one class: a neutral face that is
    found neutral says little. Fewer rows come back if the test part has fewer. The choice depends
    on `seed` alone.
    """
    label = np.asarray(label)
    loss = log_loss(probability, label, softmax)
    order = np.argsort(loss, kind="stable")[: np.isfinite(loss).sum()]
    shown = order[np.any(label[order] > 0, axis=1)]
    third, seen, chosen = count // 3, set(), []

    def take(rows: Int[np.ndarray, "rows"], number: int) -> None:
        for row in rows.tolist():
            if number and sequence[row] not in seen:
                seen.add(sequence[row])
                chosen.append(row)
                number -= 1

    take(shown, third)
    take(order[::-1], third)
    take(np.random.default_rng(seed).permutation(shown), count - 2 * third)
    return np.array(chosen, np.int64)


def _command(workdir: Path) -> str:
    return f"`python -m drr_jax.main --config=launch/reactionet.py:demo --workdir={workdir}`"


def _check_finished(workdir: Path) -> None:
    """Raises InputError that says what to do unless `workdir` holds a run with all its results."""
    if not workdir.is_dir():
        raise InputError(f"{workdir}: no such run; {_command(workdir)} makes it")
    missing = "is missing, so there is no finished run to report"
    if not _places(workdir, "run.json"):
        raise InputError(f"{workdir / 'run.json'} {missing}; {_command(workdir)} writes it")
    results = workdir / "results.json"
    if results.exists():
        return
    folds = sorted(path for path in workdir.glob("fold?") if path.is_dir())
    if not folds:
        raise InputError(f"{results} {missing}; {_command(workdir)} --mode=evaluate writes it")
    # How many folds there are is known to the data set alone: those to come have no folder.
    unfinished = [path.name for path in folds if not (path / "results.json").exists()]
    unfinished.append(f"any fold after {folds[-1].name}")
    raise InputError(
        f"{results} {missing}; unfinished: {' and '.join(unfinished)}; the same command without "
        "--mode=report goes on with them"
    )


def _places(workdir: Path, name: str) -> list[Path]:
    if (workdir / name).exists():
        return [workdir / name]
    return sorted(workdir.glob(f"fold?/{name}"))


def _record(folds: list[dict[str, Any]]) -> dict[str, Any]:
    """The first fold's record, with the time and the test parts of all."""
    total: dict[str, Any] = {}
    if all("seconds" in fold for fold in folds):
        total["seconds"] = sum(fold["seconds"] for fold in folds)
    parts = [part for fold in folds for part in fold.get("test_parts", [])]
    return folds[0] | total | ({"test_parts": parts} if parts else {})


def _label(workdir: Path, log: Path) -> str:
    return "" if log.parent == workdir else log.parent.name.replace("fold", "fold ")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: not JSON ({error}); run that stage again") from error
    if not isinstance(value, dict):
        raise InputError(f"{path}: expected a JSON object, found {type(value).__name__}")
    return value


def _log(path: Path) -> list[dict[str, Any]]:
    """Lines by step. A resumed run repeats steps: the later line counts. A torn tail is dropped."""
    merged: dict[int, dict[str, Any]] = {}
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, text in enumerate(lines, start=1):
        try:
            line = json.loads(text)
            merged.setdefault(int(line["step"]), {}).update(line)
        except (ValueError, KeyError, TypeError) as error:
            if number < len(lines):
                raise InputError(f"{path}:{number}: not a log line with a step") from error
    return [merged[step] for step in sorted(merged)]
