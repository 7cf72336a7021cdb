"""The figures that the supplement prints in its Tables 4, 5 and 6, and what is wrong with them.

paper.toml has the digits; the notes are computed from them wherever arithmetic can find the error
(docs/method.md 2.5): a mean that does not follow from its row, a row that repeats another, a best
row that is not the best, a claim of the text that no table bears out, a citation that went astray.
"""

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from drr_jax.config import Config, flatten

FILE = Path(__file__).with_name("paper.toml")
# A printed mean is that of unrounded entries: both roundings, of 0.05 each, and not more.
ROUNDING = 0.1 + 1e-9
BACKBONE = "encoder.backbone"
# A system with one of these changed is a variant, which the printed row does not stand for.
SWITCHES = {"drr": ("graph.", "contrast.", "loss.", "predict"), "late_fusion": ("fusion.",)}
DEFAULTS = flatten(Config())
LAST = 1 << 10  # behind every table


@dataclass(frozen=True)
class Row:
    """One printed row: a system, the domains it was trained on, F1 by class, their mean.

    Figures are in percent. Table 4 has no values by class; its mean is an accuracy.
    """

    name: str
    domains: str  # as the config has them
    config: Mapping[str, str]  # keys of the runs that it is compared with
    mean: float
    values: tuple[float, ...] = ()
    cited: int | None = None  # number in the supplement's list of references
    source: str = ""  # what that should have been

    @property
    def recomputed(self) -> float:
        """The mean of the row's own entries, or the printed one if there are none."""
        return fmean(self.values) if self.values else self.mean

    @property
    def title(self) -> str:
        """Name and domains: the tables have several rows of one name."""
        return f"{self.name} ({self.domains})"


@dataclass(frozen=True)
class Table:
    """One printed table. `datasets` are the data sets whose runs it stands beside."""

    number: int
    title: str
    metric: str  # f1 or accuracy
    datasets: tuple[str, ...]
    folds: int
    classes: tuple[str, ...]
    rows: tuple[Row, ...]
    lacks: str = ""


@functools.cache
def _document() -> dict[str, Any]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


@functools.cache
def tables() -> tuple[Table, ...]:
    """Tables 4, 5 and 6 as printed."""
    return tuple(
        Table(**_fixed(table | {"rows": [Row(**_fixed(row)) for row in table["rows"]]}))
        for table in _document()["tables"]
    )


def _fixed(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(v) if isinstance(v, list) else v for key, v in entry.items()}


def table_of(dataset: str, task: str) -> Table | None:
    """The printed table of a prepared data set ("bp4d/rgb"), in any of its builds, or None."""
    for table in tables() if task == "au" else ():
        if any(f"{dataset}/".startswith(f"{name}/") for name in table.datasets):
            return table
    return None


def find(table: Table, config: Mapping[str, Any]) -> Row | None:
    """The row of `table` that a run with this flat config stands beside, or None.

    It has the row's system, domains and backbone, and the system's switches at their defaults. On
    face-only sets the reaction R is the visible modality V.
    """
    for row in table.rows:
        wanted = {BACKBONE: DEFAULTS[BACKBONE]}
        switches = SWITCHES.get(row.config["model.name"], ())
        wanted |= {key: value for key, value in DEFAULTS.items() if key.startswith(switches)}
        wanted |= row.config
        same = all(config.get(key) == value for key, value in wanted.items())
        if same and row.domains in _domains(config):
            return row
    return None


def _domains(config: Mapping[str, Any]) -> tuple[str, ...]:
    """What a row may call the domains of a run."""
    return ("R", "V") if config["domains"] == "R" else (config["domains"],)


def place(config: Mapping[str, Any]) -> tuple[int, int]:
    """Sorts systems by the paper's order of rows, whatever they were trained on; others last."""

    def likeness(row: Row) -> tuple[bool, bool]:
        backbone = row.config.get(BACKBONE, DEFAULTS[BACKBONE])
        return row.domains in _domains(config), backbone == config.get(BACKBONE)

    rows = [
        (likeness(row), (table.number, index))
        for table in tables()
        for index, row in enumerate(table.rows)
        if row.config["model.name"] == config["model.name"]
    ]
    return max(rows, key=lambda found: found[0], default=((), (LAST, 0)))[1]


def row_notes(table: Table, row: Row) -> list[str]:
    """What is wrong with a printed row, or worth knowing of it: one sentence each."""
    notes = []
    if abs(row.recomputed - row.mean) > ROUNDING:
        notes.append(
            f"The printed mean {row.mean:.1f} does not follow from the row: its "
            f"{len(row.values)} entries average {row.recomputed:.2f}."
        )
    others = [other for other in table.rows if other is not row and row.values]
    for other in others:
        if other.values == row.values:
            also = " and the mean" if other.mean == row.mean else ""
            notes.append(
                f"All {len(row.values)} entries{also} are those of {other.title}: one of the two "
                "rows is a copy."
            )
    better = [other for other in others if other.recomputed > row.recomputed]
    if better and all(row.mean >= other.mean for other in others):
        best = max(better, key=lambda other: other.recomputed)
        notes.append(
            f"Printed as the best row; by its own entries it is below {best.title}, "
            f"{best.recomputed:.2f}."
        )
    return notes + _sources(table, row)


def _sources(table: Table, row: Row) -> list[str]:
    """Notes on where a comparator's figures come from."""
    cited = _document()["references"].get(str(row.cited), row.name)
    notes = []
    if cited != row.name:
        notes.append(f"Cited as [{row.cited}], which is {cited}; meant is {row.source}.")
    for method, values in _document()["published"].get(str(table.number), {}).items():
        if tuple(values) == row.values:
            notes.append(f"The entries are those that {method} was published with.")
        elif method == cited != row.name:
            notes.append(f"The entries are not those that {method} was published with.")
    return notes


def table_notes(table: Table) -> list[str]:
    """What the text claims of a table and no table shows, and what is not printed at all."""
    notes = [f"{table.lacks[0].upper()}{table.lacks[1:]}."] if table.lacks else []
    printed = {t.number: {row.name: row.mean for row in t.rows} for t in tables()}
    for claim in _document()["claims"]:
        if table.number not in claim["tables"]:
            continue
        gains = {n: printed[n][claim["of"]] - printed[n][claim["over"]] for n in claim["tables"]}
        if all(abs(gain - claim["gain"]) > ROUNDING for gain in gains.values()):
            shown = " and ".join(f"{gain:.1f} (Table {n})" for n, gain in gains.items())
            notes.append(
                f"The text claims {claim['gain']:.1f} points of {claim['of']} over "
                f"{claim['over']}; the printed means give {shown}."
            )
    return notes
