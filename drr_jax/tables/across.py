"""Models on data sets that they were not trained on: what `drr evaluate --on` writes."""

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drr_jax import metrics, runs
from drr_jax.errors import InputError
from drr_jax.tables.grids import Grid, Line, Text, percent

MARK = "trained_on"


@dataclass(frozen=True)
class Across:
    """One model on one data set: the results.json of its folder."""

    folder: Path
    results: dict[str, Any]

    @property
    def trained_on(self) -> str:
        """The data set that the model comes from, with its fold."""
        trained = self.results[MARK]
        return f"{trained['dataset']} fold {trained['fold']}"

    @property
    def tested_on(self) -> str:
        """The data set that it was put on."""
        return str(self.results["dataset"])

    @property
    def score(self) -> float:
        """Mean F1 (of intensities ICC) of the classes that both have; of a softmax the accuracy."""
        return self.results[metrics.score_of(self.results)]

    @property
    def classes(self) -> int:
        """How many classes both have."""
        return len(self.results[metrics.task_of(self.results)])


def is_across(folder: Path) -> bool:
    """Whether a folder holds a model's scores on another data set, and no run."""
    return (folder / runs.RESULTS_FILE).is_file() and not (folder / runs.RECORD_FILE).exists()


def read_across(patterns: Sequence[str]) -> tuple[list[Across], list[str]]:
    """Those of the folders that match, and one line for each whose results.json is damaged."""
    found, skipped = [], []
    matching = {Path(one) for pattern in patterns for one in glob.glob(pattern, recursive=True)}
    for folder in sorted(matching):
        if not is_across(folder):
            continue
        try:
            results = runs.read_file(folder, runs.RESULTS_FILE)
        except InputError as error:
            skipped.append(f"{folder}: {error}")
            continue
        if MARK in results:
            found.append(Across(folder, results))
    return found, skipped


def text_of(some: Sequence[Across]) -> Text:
    """A table with a row a model, a column a data set that models were put on."""
    grids, tasks = [], dict.fromkeys(metrics.task_of(one.results) for one in some)
    for task in tasks:
        mine = [one for one in some if metrics.task_of(one.results) == task]
        tested = list(dict.fromkeys(one.tested_on for one in mine))
        cells: dict[tuple[str, str, str], dict[str, Across]] = {}
        for one in mine:
            row = (one.results.get("title", ""), one.trained_on, str(one.results.get("source", "")))
            cells.setdefault(row, {})[one.tested_on] = one
        lines = [
            Line([*row, *(_cell(scores.get(name)) for name in tested)])
            for row, scores in cells.items()
        ]
        what = {"au": "mean F1", "intensity": "mean ICC(3,1)"}.get(task, "accuracy")
        says = (
            f"{what[0].upper()}{what[1:]} in percent, and over how many classes: those that the "
            "model knows and the data set has labels of."
        )
        head = ["Model", "Trained on", "Folder", *tested]
        grids.append(Grid(f"{what[0].upper()}{what[1:]} by data set", 3, head, lines, says))
    return Text(
        "Across data sets", [], intro="Models on data they were not trained on.", grids=grids
    )


def _cell(one: Across | None) -> str:
    return "" if one is None else f"{percent(one.score)} ({one.classes})"


def rows_of(some: Sequence[Across]) -> list[dict[str, Any]]:
    """For tables.json: where the scores are and what they are."""
    return [
        {
            "folder": str(one.folder),
            "trained_on": dict(one.results[MARK]),
            "tested_on": one.tested_on,
            "classes": one.classes,
            "score": one.score,
            "results": one.results,
        }
        for one in some
    ]
