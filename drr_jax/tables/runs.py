"""Finished runs read back from their folders, and put together by what they have in common."""

import glob
import itertools
import json
import math
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from drr_jax import levels, metrics, models, runs
from drr_jax.config import Config, flatten, letters
from drr_jax.config_model import DomainEncoder, Encoders
from drr_jax.errors import InputError
from drr_jax.tables import paper

COSTS = "costs.json"  # written by drr_jax.costs
WILD = frozenset("*?[")
# The score of people held out of training who chose the checkpoint: what settings may be chosen by.
VALIDATION = "validation_score"
# What two runs of one group may differ in, besides what a record leaves free. What data.classes
# says in one of several ways, `FoldRun.data` has.
APART = frozenset({"seed", "fold", "classes", "data.classes", "dataset", "version", "fingerprint"})
Block = tuple[tuple[int, ...], tuple[int, ...]]  # seeds, folds
DESCRIBED = ("fold", "seed", "dataset", "version", "fingerprint")


def measure_of(task: str) -> str:
    """What a class of a task is scored by, as in "f1 AU01" of `FoldRun.scores`."""
    return "icc" if task == levels.TASK else "f1"


def encoder_domains(config: Mapping[str, Any]) -> set[str]:
    """The domains of which a run with this flat config has an encoder."""
    system = models.SYSTEMS.get(config["model.name"])
    described = system is not None and system.needs_descriptions
    return {*letters(config["domains"]), *("T" if described else "")}


@dataclass(frozen=True)
class FoldRun:
    """One seed on one fold, trained and evaluated: the JSON files of its folder."""

    workdir: Path
    record: Mapping[str, Any]  # flat config, seed, fold and data set
    description: Mapping[str, Any]  # run.json
    results: Mapping[str, Any]
    costs: Mapping[str, Any]

    @property
    def task(self) -> str:
        """Which block of classes the results have."""
        return metrics.task_of(self.results)

    @property
    def unit(self) -> tuple[int, int]:
        """(seed, fold)."""
        return self.record["seed"], self.record["fold"]

    @property
    def data(self) -> tuple[str, ...]:
        """What a table is about: data set, version, fingerprint, task, and every class."""
        dataset = (self.record[key] for key in ("dataset", "version", "fingerprint"))
        return *dataset, self.task, *self.results[self.task]

    @cached_property
    def scores(self) -> dict[str, Any]:
        """What results.json has, and by class "f1 NAME" and "yes NAME", the F1 of always saying so.

        floor is what needs no picture: F1 of always saying yes, or the share of the most frequent
        class. Of a base rate p the F1 of always saying yes is 2p / (1 + p). Of intensities there is
        "icc NAME", and the floor is 0, of always saying the same.
        """
        if self.task == levels.TASK:
            block = self.results[levels.TASK]
            by_class = {f"icc {name}": one["icc"] for name, one in block.items()}
            return {**self.results, **by_class, "floor": 0.0}
        floor = "all_positive_f1_mean" if self.task == "au" else "majority_accuracy"
        occurring = metrics.occurring_f1(self.results[self.task])  # results of before lack it
        found = {"f1_mean_occurring": occurring, **self.results, "floor": self.results[floor]}
        for name, one in self.results[self.task].items():
            total = one["positives"] + one["count"]
            found |= {f"f1 {name}": one["f1"], f"yes {name}": 2 * one["positives"] / max(1, total)}
        return found

    @cached_property
    def config(self) -> dict[str, Any]:
        """The flat config without what may differ in a group; absent keys have their defaults.

        An encoder that the run does not have started from nothing, whatever its key says.
        """
        known = flatten(Config()) | dict(self.record)
        for domain in vars(Encoders()).keys() - encoder_domains(known):
            known[f"model.encoders.{domain}.weights"] = DomainEncoder().weights
        return {k: v for k, v in known.items() if k not in APART and not runs.is_free(k, known)}

    @property
    def group(self) -> str:
        """Equal for runs of one system on one data set, whatever the seed and the fold."""
        return json.dumps([self.data, self.config], sort_keys=True)


@dataclass(frozen=True)
class System:
    """Runs that differ in seed and fold alone: one row of a table."""

    runs: tuple[FoldRun, ...]
    label: str = ""  # what the row is called
    row: paper.Row | None = None  # what the paper prints for it

    @property
    def first(self) -> FoldRun:
        return self.runs[0]

    @property
    def config(self) -> dict[str, Any]:
        return self.first.config

    @cached_property
    def by_unit(self) -> dict[tuple[int, int], FoldRun]:
        """The runs by (seed, fold)."""
        return {run.unit: run for run in self.runs}

    @cached_property
    def block(self) -> Block:
        """Seeds and folds that are all there: the largest rectangle; see `rectangle`."""
        return rectangle(self.by_unit)

    @property
    def costs(self) -> dict[str, Any]:
        """Each cost as the first run has it that it was measured for."""
        return {key: value for run in self.runs[::-1] for key, value in run.costs.items()}

    @property
    def named(self) -> str:
        """Its label with its domains, as in "DRR (RST)"."""
        return f"{self.label} ({self.config['domains']})"

    def values(self, score: str, block: Block | None = None) -> Float[np.ndarray, "seeds folds"]:
        """One of `FoldRun.scores` of every run of `block`, of the system's own if none is given."""
        seeds, folds = block or self.block
        return np.array([[self.by_unit[s, f].scores[score] for f in folds] for s in seeds])

    def mean(self, score: str, block: Block | None = None) -> float:
        """The mean of `values`."""
        return float(self.values(score, block).mean())


def rectangle(units: Collection[tuple[int, int]]) -> Block:
    """(seeds, folds) of the most units whose every seed has every fold; of two, more folds.

    Means over folds compare only between seeds that have the same folds: a seed that lacks one
    would weigh in with an easier or a harder part of the people.
    """
    seeds, folds = sorted({seed for seed, _ in units}), sorted({fold for _, fold in units})
    best: Block = (), ()
    for count in range(1, len(folds) + 1):
        for some in itertools.combinations(folds, count):
            whole = tuple(seed for seed in seeds if all((seed, fold) in units for fold in some))
            best = max(best, (whole, some), key=lambda b: (len(b[0]) * len(b[1]), len(b[1])))
    return best


def common_parent(patterns: Sequence[str]) -> Path:
    """The folder that all patterns start from: "runs/a/*" -> runs/a, "runs/a" -> runs."""

    def start(pattern: str) -> Path:
        parts = Path(pattern).parts
        wild = [i for i, part in enumerate(parts) if WILD & set(part)]
        return Path(*parts[: wild[0] if wild else -1])

    shared = Path(os.path.commonpath([start(pattern).absolute() for pattern in patterns]))
    here = Path.cwd()
    return shared.relative_to(here) if shared.is_relative_to(here) else shared


def read_runs(
    patterns: Sequence[str], others: Collection[Path] = ()
) -> tuple[list[FoldRun], list[str]]:
    """Every finished run in the folders that match, and one line for each that was left out.

    A folder of --config.fold=all counts as its fold0, fold1, ... Raises InputError, saying what
    was looked for, if nothing matches or nothing of it is a finished run; `others`, folders of
    scores on other data sets, are passed over and are enough.
    """
    folders: dict[Path, Path] = {}
    for pattern in patterns:
        for found in sorted(glob.glob(pattern, recursive=True)):
            if Path(found).is_dir():
                folders.setdefault(Path(found).resolve(), Path(found))
    if not folders:
        looked = " and ".join(str(Path(pattern).absolute()) for pattern in patterns)
        raise InputError(
            f"--runs: no folder matches {looked}; expected run folders (their --workdir), as in "
            "--runs='runs/*'"
        )
    runs: dict[tuple[str, tuple[int, int]], FoldRun] = {}
    skipped, seen = [], set()
    for folder in folders.values():
        inner = sorted(folder.glob("fold[0-9]"), key=lambda path: path.name)
        for workdir in inner or [folder]:
            if workdir.resolve() in seen:
                continue
            seen.add(workdir.resolve())
            if workdir in others:
                continue
            run = _fold_run(workdir)
            if isinstance(run, str):
                skipped.append(f"{workdir}: {run}")
                continue
            same = runs.setdefault((run.group, run.unit), run)
            if same is not run:
                skipped.append(
                    f"{workdir}: the same config, seed {run.unit[0]} and fold {run.unit[1]} as "
                    f"{same.workdir}, which counts"
                )
    if not runs and not others:
        more = f" (and {len(skipped) - 1} more)" if len(skipped) > 1 else ""
        raise InputError(
            f"--runs: no finished run among {len(folders)} folders: {skipped[0]}{more}"
        )
    return list(runs.values()), skipped


def _fold_run(workdir: Path) -> FoldRun | str:
    """The run of one fold in `workdir`, or why there is none that counts."""
    if not (workdir / runs.RECORD_FILE).exists():
        inner = any(workdir.glob(f"*/{runs.RECORD_FILE}"))
        inside = f"; it holds runs: --runs='{workdir}/*'" if inner else ""
        return f"no run ({runs.RECORD_FILE} is missing){inside}"
    if not (workdir / runs.RESULTS_FILE).exists():
        return "not finished (results.json is missing); the same command goes on with it"
    names = (runs.RECORD_FILE, runs.RUN_FILE, runs.RESULTS_FILE, COSTS)
    try:
        run = FoldRun(workdir, *(runs.read_file(workdir, name) for name in names))
    except runs.Damaged as damaged:
        return f"{damaged.name} is {damaged.what} ({damaged.why})"
    lacking = [key for key in DESCRIBED if key not in run.record]
    if lacking:
        return f"{runs.RECORD_FILE} has no {lacking[0]}"
    if not run.results.get(run.task) or metrics.score_of(run.results) not in run.results:
        return "results.json has no scores by class; --mode=evaluate writes it again"
    return _unfinished(run) or run


def _unfinished(run: FoldRun) -> str:
    """Why the results are not those of the whole training, "" if they are.

    The best checkpoint of a validation part may be an early one: then metrics.jsonl tells how far
    the training came, and whether a later checkpoint was better than the one that was evaluated.
    """
    selection = run.results.get("selection")
    steps = run.description.get("stopped", run.description.get("steps", 0))
    tested = run.results.get("step", steps)
    if selection == "last" and tested < steps:
        return f"not finished (evaluated at step {tested} of {steps})"
    if selection != "validation":
        return ""
    try:
        if not (run.workdir / runs.METRICS_FILE).exists():
            return f"{runs.METRICS_FILE} is missing, which says how far the training came"
        rows = runs.read_metrics(run.workdir)
    except InputError as error:
        return str(error)
    # As Result.score has it; null is no number.
    key = f"eval/{metrics.score_of(run.results)}"
    scores = {row["step"]: row[key] or 0.0 for row in rows if key in row}
    trained = max(scores, default=0)
    if trained < steps:
        return f"not finished ({runs.METRICS_FILE} has evaluations up to step {trained} of {steps})"
    best = max(scores, key=lambda step: scores[step], default=tested)
    if best > tested and scores[best] > run.results.get(VALIDATION, math.inf):
        return (
            f"results.json is of step {tested}, and step {best} is better on the validation part; "
            "--mode=evaluate writes it again"
        )
    return ""


def group_runs(runs: Sequence[FoldRun]) -> list[System]:
    """Runs put together that differ in seed and fold alone, in the order of their first ones."""
    groups: dict[str, list[FoldRun]] = {}
    for run in runs:
        groups.setdefault(run.group, []).append(run)
    return [System(tuple(sorted(some, key=lambda run: run.unit))) for some in groups.values()]
