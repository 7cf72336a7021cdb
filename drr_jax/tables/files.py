"""The tables as Markdown, for people; as CSV and JSON with every bit, for programs."""

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd

from drr_jax.cells import table_csv
from drr_jax.tables import paper
from drr_jax.tables.grids import Grid, Text
from drr_jax.tables.runs import System
from drr_jax.tables.sections import Contrast, Section, shown
from drr_jax.tables.stats import spread

Row = dict[str, Any]


def markdown(texts: Sequence[Text], skipped: Sequence[str]) -> str:
    """All sections as Markdown, without a heading of their own above."""
    parts = []
    for text in texts:
        rendered = "Rendered demo: not comparable with the paper." if text.rendered else ""
        parts += [f"## {text.title}", f"{text.intro} {rendered}".strip()]
        for grid in text.grids:
            parts += [f"### {grid.title}", grid.says, _table(grid)]
        parts.append("\n".join(f"- {note}" for note in text.notes))
    parts.append("\n".join(f"- left out: {line}" for line in skipped))
    return "\n\n".join(filter(None, parts)) + "\n"


def _table(grid: Grid) -> str:
    """The grid without the column that has to be drawn."""
    rule = ["---" if i < grid.words else "--:" for i in range(len(grid.head))]
    rows = (grid.head, rule, *(line.cells for line in grid.lines))
    kept = [[cell for at, cell in enumerate(row) if at != grid.drawn] for row in rows]
    escaped = ([cell.replace("|", "\\|") for cell in row] for row in kept)
    return "\n".join(f"| {' | '.join(row)} |" for row in escaped)


def data_files(
    sections: Sequence[Section], skipped: Sequence[str], across: Sequence[Row] = ()
) -> dict[str, str]:
    """tables.csv with a line a system, ablation.csv with one for each held against a reference.

    tables.json has both, the single runs behind them, and models on other data sets. Scores and
    their spreads are shares.
    """
    systems = [(one, _system(section, one)) for section in sections for one in section.systems]
    contrasts = [_contrast(section, one) for section in sections for one in section.contrasts]
    value = {
        "systems": [row | {"runs": _runs(system)} for system, row in systems],
        "ablation": contrasts,
        "unpaired": [note for section in sections for note in section.unpaired],
        "across": list(across),
        "left_out": list(skipped),
    }
    return {
        "tables.csv": _csv([row for _, row in systems]),
        "ablation.csv": _csv(contrasts),
        "tables.json": json.dumps(value, indent=1) + "\n",
    }


def _csv(rows: Sequence[Row]) -> str:
    # As objects, so that a count stays whole beside cells that are empty.
    return table_csv(pd.DataFrame(rows, dtype=object), index=False)


def _data(section: Section, system: System) -> Row:
    dataset, version, fingerprint, task, *classes = system.first.data
    return {
        "dataset": dataset,
        "version": version,
        "fingerprint": fingerprint,
        "task": task,
        "rendered": section.rendered,
        "classes": "+".join(classes),
        "system": system.label,
        "domains": system.config["domains"],
    }


def _system(section: Section, system: System) -> Row:
    seeds, folds = system.block
    row = _data(section, system) | {
        "seeds": " ".join(map(str, seeds)),
        "folds": " ".join(map(str, folds)),
        "checkpoint": system.config["selection"],
    }
    for key in section.measures:
        columns = (key, f"{key}_sd_folds", f"{key}_sd_seeds")
        row |= zip(columns, spread(system.values(key)), strict=True)
    row |= {key: system.mean(key) for key in ("floor", *section.by_class)}
    if section.table and system.row:
        row |= {
            "paper_table": section.table.number,
            "paper_row": system.row.name,
            f"paper_{section.table.metric}": system.row.mean / 100,
            "paper_notes": " ".join(paper.row_notes(section.table, system.row)),
        }
    first = system.first
    row |= {key: first.description.get(key) for key in ("parameters", "steps", "step_seconds")}
    return row | {f"cost {key}": value for key, value in first.costs.items()}


def _runs(system: System) -> list[Row]:
    return [
        {
            "workdir": str(run.workdir),
            "seed": run.record["seed"],
            "fold": run.record["fold"],
            "commit": run.description.get("commit"),
            "results": dict(run.results),
        }
        for run in system.runs
    ]


def _contrast(section: Section, found: Contrast) -> Row:
    against, score = section.reference, found.score
    changed = [f"{key}: {shown(a)} → {shown(b)}" for key, (a, b) in found.differs.items()]
    row = _data(section, found.system) | {
        "reference": against.label,
        "reference_domains": against.config["domains"],
        "changed": "; ".join(changed),
    }
    for name, apart in found.scores.items():
        low, high = apart.interval or (None, None)
        row |= {name: apart.mean, f"{name}_low": low, f"{name}_high": high}
        row[f"{name}_better"] = apart.better
    return row | {"pairs": score.pairs, "seeds": score.seeds, "folds": score.folds}
