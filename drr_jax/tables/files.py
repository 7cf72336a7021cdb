"""The tables as Markdown, for people; as CSV and JSON with every bit, for programs."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from drr_jax import files
from drr_jax.errors import InputError
from drr_jax.tables import paper
from drr_jax.tables import stats as tables_stats
from drr_jax.tables.grids import Grid, Text
from drr_jax.tables.runs import FoldRun
from drr_jax.tables.sections import Contrast, Section, System, class_score, floor, shown
from drr_jax.tables.stats import Difference

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
    head, *lines = grid.written()
    rule = ["---" if i < grid.words else "--:" for i in range(len(head))]
    escaped = ([cell.replace("|", "\\|") for cell in row] for row in (head, rule, *lines))
    return "\n".join(f"| {' | '.join(row)} |" for row in escaped)


def systems_csv(sections: Sequence[Section]) -> str:
    """A line a system; scores and their spreads are shares, not percent."""
    return _csv([_system(section, one) for section in sections for one in section.systems])


def contrasts_csv(sections: Sequence[Section]) -> str:
    """A line for every system that was held against a reference."""
    return _csv([_contrast(section, one) for section in sections for one in section.contrasts])


def as_json(sections: Sequence[Section], skipped: Sequence[str]) -> str:
    """Both tables, and the single runs behind them."""
    systems = [
        _system(section, system) | {"runs": [_run(run) for run in system.group.runs]}
        for section in sections
        for system in section.systems
    ]
    contrasts = [_contrast(section, one) for section in sections for one in section.contrasts]
    notes = [note for section in sections for note in section.unpaired]
    value = {
        "systems": systems,
        "ablation": contrasts,
        "unpaired": notes,
        "left_out": list(skipped),
    }
    return json.dumps(value, indent=1) + "\n"


def write(folder: Path, texts: Mapping[str, str]) -> None:
    """Writes text files into `folder`. Raises InputError if it cannot be made or written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--workdir={folder} cannot be made: {error.strerror}") from None
    for name, text in texts.items():
        files.write_whole(folder / name, text)


def _csv(rows: Sequence[Row]) -> str:
    # As objects, so that a count stays whole beside cells that are empty.
    return pd.DataFrame(rows, dtype=object).to_csv(index=False, lineterminator="\n")


def _data(section: Section, system: System) -> Row:
    names = ("dataset", "version", "fingerprint", "task", "rendered")
    return {name: getattr(section, name) for name in names} | {
        "classes": "+".join(section.classes),
        "system": system.label,
        "domains": system.group.config["domains"],
    }


def _system(section: Section, system: System) -> Row:
    group, first = system.group, system.group.first
    seeds, folds = group.block
    row = _data(section, system) | {
        "seeds": " ".join(map(str, seeds)),
        "folds": " ".join(map(str, folds)),
        "checkpoint": group.config["selection"],
    }
    for measure in section.measures:
        spread = tables_stats.spread(group.values(measure.of))
        row |= {
            measure.key: spread.mean,
            f"{measure.key}_sd_folds": spread.over_folds,
            f"{measure.key}_sd_seeds": spread.over_seeds,
        }
    row["floor"] = float(group.values(lambda results: floor(results, section.task)).mean())
    for name in section.classes:
        row[f"f1 {name}"] = float(group.values(class_score(section.task, name)).mean())
    if section.table and system.row:
        row |= {
            "paper_table": section.table.number,
            "paper_row": system.row.name,
            f"paper_{section.table.metric}": system.row.mean / 100,
            "paper_notes": " ".join(paper.row_notes(section.table, system.row)),
        }
    for key in ("parameters", "steps", "step_seconds"):
        row[key] = first.description.get(key)
    return row | {f"cost {key}": value for key, value in first.costs.items()}


def _run(run: FoldRun) -> Row:
    seed, fold = run.unit
    return {
        "workdir": str(run.workdir),
        "seed": seed,
        "fold": fold,
        "commit": run.description.get("commit"),
        "results": dict(run.results),
    }


def _contrast(section: Section, found: Contrast) -> Row:
    against = section.reference
    row = _data(section, found.system) | {
        "reference": against.label,
        "reference_domains": against.group.config["domains"],
        "changed": "; ".join(
            f"{k}: {shown(a)} → {shown(b)}" for k, (a, b) in found.differs.items()
        ),
    }
    for measure, score in zip(section.measures, found.scores, strict=True):
        row |= _difference(measure.key, score)
    for name, score in found.by_class.items():
        row |= _difference(f"f1 {name}", score)
    return row | {key: getattr(found.scores[0], key) for key in ("pairs", "seeds", "folds")}


def _difference(name: str, score: Difference) -> Row:
    low, high = score.interval or (None, None)
    return {
        name: score.mean,
        f"{name}_low": low,
        f"{name}_high": high,
        f"{name}_better": score.better,
    }
