"""What the report reads: one run directory and the tuples sampled from its test part."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Int8

from drr_jax import files, limits, metrics, runs
from drr_jax.config import letters
from drr_jax.errors import InputError
from drr_jax.facs import OCCURS_FROM, SOFTMAX_TASKS, TASKS

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
    samples: Samples  # empty if there are none
    reference: "Run | None" = None  # another run on the same test part, to be shown beside this one

    @property
    def task(self) -> str:
        """Which block of classes the results have: au, expression, scene or intensity."""
        return metrics.task_of(self.results)

    @property
    def softmax(self) -> bool:
        """Whether one class of all is predicted: expressions and scenes, scored by accuracy."""
        return "confusion" in self.results

    @property
    def graded(self) -> bool:
        """Whether intensities are predicted, scored by agreement with the coders."""
        return self.task == "intensity"

    @property
    def score(self) -> str:
        """The key of the number that counts, in the results and, behind eval/, in the log."""
        return metrics.score_of(self.results)

    @property
    def score_name(self) -> str:
        """What that number is called."""
        return {"accuracy": "accuracy", "icc_mean": "ICC(3,1)"}.get(self.score, "F1")

    @property
    def floor(self) -> float:
        """The score of always saying yes, or of always naming the most frequent class.

        Of intensities that of always saying the same, which agrees with nothing.
        """
        if self.graded:
            return 0.0
        return self.results["majority_accuracy" if self.softmax else "all_positive_f1_mean"]

    @property
    def f1_occurring(self) -> float:
        """Mean F1 over the classes that occur in the test part, or the mean of that over folds."""
        own = metrics.occurring_f1(self.classes)  # results of before lack it
        return self.results.get("f1_mean_occurring", own)

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
        return self.task if self.softmax else "AU"

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

    @property
    def predictions(self) -> tuple[np.ndarray, np.ndarray, bool] | None:
        """Probabilities and labels of the test part, else of the samples; whether the former."""
        for prefix in ("all_", ""):
            keys = (f"{prefix}probability", f"{prefix}label")
            if set(keys) <= set(self.samples):
                return self.samples[keys[0]], self.samples[keys[1]], bool(prefix)
        return None


def read_finished(workdir: Path, samples: Samples | None = None) -> Run:
    """Reads config.json, run.json, metrics.jsonl, results.json and results-best.json.

    With fold "all" a file may lie in fold0/, fold1/, fold2/ instead. Without `samples` the
    samples-fold*.npz of the lowest fold is read. Raises InputError if there is no finished run, or
    not all folds are finished.
    """
    _check_finished(workdir)
    results = _results(workdir, runs.RESULTS_FILE)
    best = _results(workdir, runs.BEST_FILE) if (workdir / runs.BEST_FILE).exists() else None
    folds = [runs.read_file(place, runs.RUN_FILE) for place in _places(workdir, runs.RUN_FILE)]
    record = dict(folds[0])  # with the time and the test parts of all
    if all("seconds" in fold for fold in folds):
        record["seconds"] = sum(fold["seconds"] for fold in folds)
    if all("time" in fold for fold in folds):
        phases = folds[0]["time"]
        record["time"] = {p: sum(fold["time"].get(p, 0.0) for fold in folds) for p in phases}
    if all("steps" in fold for fold in folds):
        record["taken"] = sum(fold.get("stopped", fold["steps"]) for fold in folds)
    parts = [part for fold in folds for part in fold.get("test_parts", [])]
    if parts:
        record["test_parts"] = parts
    configured = _places(workdir, runs.CONFIG_FILE)
    return Run(
        workdir,
        record,
        config=runs.read_file(configured[0], runs.CONFIG_FILE) if configured else {},
        results=results,
        best=best,
        curves={
            "" if place == workdir else place.name.replace("fold", "fold "): _curve(place)
            for place in _places(workdir, runs.METRICS_FILE)
        },
        samples=samples if samples is not None else load_samples(workdir) or {},
    )


def _results(workdir: Path, name: str) -> runs.Record:
    found = runs.read_file(workdir, name)
    if not found.get(metrics.task_of(found)):
        raise InputError(
            f"{workdir / name}: no table of {', '.join(TASKS)}; evaluate the run again"
        )
    return found


def read_reference(run: Run, workdir: Path) -> Run:
    """A run that predicted the same test part as `run`; Raises InputError if it did not."""
    other = read_finished(workdir)
    ours, theirs = run.predictions, other.predictions
    if ours is None or theirs is None or not (ours[2] and theirs[2]):
        lacks = run.workdir if ours is None or not ours[2] else workdir
        raise InputError(
            f"--reference={workdir}: {lacks} has no predictions of its test part "
            "(samples-fold*.npz); --mode=evaluate writes them"
        )
    if run.names != other.names or not np.array_equal(ours[1], theirs[1]):
        raise InputError(
            f"--reference={workdir}: its test part has other labels than that of {run.workdir}; "
            "expected a run on the same data set, fold and classes"
        )
    return other


def samples_file(fold: int) -> str:
    """The name of the file that `save_samples` writes."""
    return f"samples-fold{fold}.npz"


def save_samples(workdir: Path, fold: int, samples: Samples) -> Path:
    """Stores the sampled tuples as samples-fold{fold}.npz, without pickle."""
    path = Path(workdir) / samples_file(fold)
    arrays = {**samples, **runs.of_run(workdir)}
    # NumPy below 2.1 takes `allow_pickle` for one more array.
    if pickled := [name for name, array in arrays.items() if np.asarray(array).dtype.hasobject]:
        raise ValueError(f"{', '.join(pickled)}: objects could only be stored by pickle")
    with files.whole(path) as file:
        np.savez_compressed(file, **arrays)
    return path


def load_samples(workdir: Path) -> Samples | None:
    """The stored samples of the lowest fold, or None.

    Raises InputError if they do not read, or are of another run.
    """
    places = [workdir, *runs.fold_folders(workdir)]
    stored = [path for place in places for path in sorted(place.glob("samples-fold*.npz"))]
    if not stored:
        return None
    try:
        # Opened here, since np.load leaves a file open that is no zip.
        with stored[0].open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            claimed = sum(member.file_size for member in file.zip.infolist())
            if claimed > limits.SAMPLES_BYTES:
                raise ValueError(f"it unpacks to {claimed} bytes, {limits.SAMPLES_BYTES} at most")
            samples = {name: file[name] for name in file.files if name != "allow_pickle"}
            _check_shapes(samples)
    except Exception as error:  # zipfile, zlib and NumPy raise many kinds for a damaged file
        raise InputError(f"{stored[0]}: not readable ({error}); evaluate the run again") from error
    if runs.RUN in samples:
        runs.check_run(stored[0], str(samples.pop(runs.RUN)), runs.run_names(stored[0].parent))
    return samples


# Of the model or the run: neither of the samples nor of the test part.
_OF_ALL = ("prototype", "relation_", "compatibility_", runs.RUN)
_KINDS = {"probability": "f", "label": "iuf", "frame": "iu"}


def _check_shapes(samples: Samples) -> None:
    """Raises ValueError where arrays do not belong together, as in a file that was rewritten."""
    tested = {name: array for name, array in samples.items() if name.startswith("all_")}
    drawn = {n: a for n, a in samples.items() if n not in tested and not n.startswith(_OF_ALL)}
    for group in (tested, drawn):
        if len({array.shape[:1] for array in group.values()}) > 1:
            shapes = ", ".join(f"{name} {array.shape}" for name, array in group.items())
            raise ValueError(f"arrays of different lengths: {shapes}")
    classes = {n: a.shape[1:] for n, a in samples.items() if n.endswith(("probability", "label"))}
    if len({*classes.values()}) > 1:
        raise ValueError(f"arrays of different classes: {classes}")
    for name, array in samples.items():
        if array.dtype.kind not in _KINDS.get(name.removeprefix("all_"), array.dtype.kind):
            raise ValueError(f"{name} is of type {array.dtype}")


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


def occurrence(
    label: Int8[np.ndarray, "batch classes"] | Float[np.ndarray, "batch classes"], task: str
) -> Int8[np.ndarray, "batch classes"]:
    """Labels as 1, 0 or -1: those of intensities are present from level 2 on."""
    if task == "intensity":
        label = np.where(label < 0, -1, label >= OCCURS_FROM)
    return np.asarray(label).astype(np.int8)


def record_loss(
    said: Float[np.ndarray, "batch classes"],
    label: Int8[np.ndarray, "batch classes"] | Float[np.ndarray, "batch classes"],
    task: str,
) -> Float[np.ndarray, "batch"]:
    """`log_loss` of every tuple, or of intensities the mean squared error; NaN if none is known."""
    if task != "intensity":
        return log_loss(said, label, task in SOFTMAX_TASKS)
    known = np.asarray(label >= 0)
    total = np.where(known, np.square(np.asarray(said, np.float64) - label), 0).sum(1)
    return np.divide(total, known.sum(1), out=np.full(len(total), np.nan), where=known.any(1))


def choose_samples(
    probability: Float[np.ndarray, "batch classes"],
    label: Int8[np.ndarray, "batch classes"] | Float[np.ndarray, "batch classes"],
    sequence: Int[np.ndarray, "batch"],
    count: int = 24,
    seed: int = 0,
    task: str = "au",
) -> Int[np.ndarray, "samples"]:
    """Rows of the test part worth their pictures: best, worst and any others, a third each.

    One row a sequence (its number is in `sequence`, as split.sequence_numbers gives it), since
    neighbouring frames look alike. Best and others show at least one class: a neutral face that is
    found neutral says little. Fewer rows come back if the test part has fewer. The choice depends
    on `seed` alone.
    """
    loss = record_loss(probability, label, task)
    label = occurrence(label, task)
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
    return f"`python -m drr_jax.main --config=reactionet:demo --workdir={workdir}`"


def _check_finished(workdir: Path) -> None:
    """Raises InputError that says what to do unless `workdir` holds a run with all its results."""
    if not workdir.is_dir():
        raise InputError(f"{workdir}: no such run; {_command(workdir)} makes it")
    missing = "is missing, so there is no finished run to report"
    if not _places(workdir, runs.RUN_FILE):
        raise InputError(f"{workdir / runs.RUN_FILE} {missing}; {_command(workdir)} writes it")
    results = workdir / runs.RESULTS_FILE
    if results.exists():
        return
    folds = runs.fold_folders(workdir)
    if not folds:
        raise InputError(f"{results} {missing}; {_command(workdir)} --mode=evaluate writes it")
    # How many folds there are is known to the data set alone: those to come have no folder.
    unfinished = [path.name for path in folds if not (path / runs.RESULTS_FILE).exists()]
    unfinished.append(f"any fold after {folds[-1].name}")
    raise InputError(
        f"{results} {missing}; unfinished: {' and '.join(unfinished)}; the same command without "
        "--mode=report goes on with them"
    )


def _places(workdir: Path, name: str) -> list[Path]:
    """The folders with a file of that name: the run's own, or those of its folds."""
    if (workdir / name).exists():
        return [workdir]
    return [place for place in runs.fold_folders(workdir) if (place / name).exists()]


def _curve(place: Path) -> list[dict[str, Any]]:
    """The log's rows by step. A step may be there twice, as an evaluation: one row has both."""
    merged: dict[int, dict[str, Any]] = {}
    for row in runs.read_metrics(place):
        merged.setdefault(row["step"], {}).update(row)
    return [merged[step] for step in sorted(merged)]
