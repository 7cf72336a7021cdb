"""The words and figures of a section, ready to be set in Markdown or in HTML."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from drr_jax import facs, levels
from drr_jax.tables import paper
from drr_jax.tables.runs import System
from drr_jax.tables.sections import Contrast, Section, is_switch, shown
from drr_jax.tables.stats import Difference, spread

DRAWN = 5  # the column of an ablation in which a page draws the differences of the first score
# Column -> key of costs.json, its unit, how it is written.
COSTS = {
    "GFLOP/step": ("step_flops", 1e9, "{:,.3g}"),
    "GFLOP/tuple": ("prediction_flops", 1e9, "{:,.3g}"),
    "Step time": ("step_ratio", 1, "{:.2f} x"),
    "Prediction time": ("prediction_ratio", 1, "{:.2f} x"),
}


class Line(NamedTuple):
    """One row of a table. `kind` is "", reference, paper or floor."""

    cells: Sequence[Any]
    kind: str = ""


@dataclass(frozen=True)
class Grid:
    """A table with its heading; the first `words` columns are text, the others numbers."""

    title: str
    words: int
    head: Sequence[str]
    lines: Sequence[Line]
    says: str  # how to read it
    drawn: int | None = None  # the column that holds differences to be drawn, if any
    reach: float = 0.0  # how far from zero they and their intervals go


@dataclass(frozen=True)
class Text:
    """A section in words: what it is, its tables, and notes to them."""

    title: str
    notes: Sequence[str]  # those on the paper's figures start with their mark, as in "[1] "
    rendered: bool = False
    intro: str = ""
    grids: Sequence[Grid] = ()


def text_of(section: Section) -> Text:
    """All that a reader sees of a section. Figures are in percent."""
    marks: dict[str, int] = {}  # numbers of the notes on the paper's figures
    grids = [_systems(section, marks), _by_class(section, marks)]
    if section.contrasts:
        grids.append(_ablation(section))
    notes = [f"[{number}] {said}" for said, number in marks.items()]
    _, version, fingerprint, *_ = section.reference.first.data
    intro, table = f"Version {version}, fingerprint {fingerprint[:12]}.", section.table
    if table:
        notes += paper.table_notes(table)
        intro += (
            f" The paper's figures are those of supplement Table {table.number}, {table.title}, "
            f"means of {table.folds} folds."
        )
    elif not section.rendered:
        intro += " The supplement prints no table for it."
    notes += [*section.unpaired, *_about_runs(section)]
    return Text(section.title, notes, section.rendered, intro, grids)


def percent(value: float | None) -> str:
    """A share as percent, "" for None."""
    return "" if value is None else f"{100 * value:.1f}"


def _systems(section: Section, marks: dict[str, int]) -> Grid:
    rows = [_system(section, system, marks) for system in section.systems]
    # What no run was measured for is no column.
    head = [name for name in rows[0] if any(row[name] for row in rows)]
    lines = []
    for system, row in zip(section.systems, rows, strict=True):
        held = section.contrasts and system is section.reference
        lines.append(Line([row[name] for name in head], "reference" if held else ""))
    says = (
        "In percent, means over seeds and folds. SD folds: sample standard deviation, over folds, "
        "of the means over seeds; SD seeds: over seeds, of the means over folds."
    )
    if section.task == levels.TASK:
        says += " Of ICC(3,1) and PCC; MSE and MAE are in squared levels and levels of 0 to 5."
    elif section.task != "au":
        says += (
            " * mean over the classes that occur in the test part; results.json has the mean over "
            "all beside it (f1_mean)."
        )
    costs = {s.costs["reference"] for s in section.systems if "reference" in s.costs}
    if costs:
        says += f" Times are those of {' or '.join(sorted(costs))}, measured in turns with it."
    return Grid("Systems", 4, head, lines, says)


def _system(section: Section, system: System, marks: dict[str, int]) -> dict[str, str]:
    """Cells by the heading of their column, "" for what is not known."""
    (first, name), *others = section.measures.items()
    table, row, costs = section.table, system.row, system.costs
    mean, over_folds, over_seeds = spread(system.values(first))
    cells = {
        "System": system.label,
        "Domains": system.config["domains"],
        "Seeds x folds": _block(system),
        "Checkpoint": system.config["selection"],
        name: percent(mean),
        "SD folds": percent(over_folds),
        "SD seeds": percent(over_seeds),
        **_beside(section, system),
        **{other: percent(system.mean(key)) for key, other in others},
        f"Paper's {name if table and table.metric == 'f1' else 'accuracy'}": (
            f"{row.mean:.1f}{_marks(table, row, marks)}" if table and row else ""
        ),
    }
    described = {
        key: sorted(r.description[key] for r in system.runs if r.description.get(key) is not None)
        for key in ("steps", "parameters", "step_seconds")
    }
    seconds = described["step_seconds"]
    cells |= {
        "Steps": _span([f"{steps:,}" for steps in described["steps"]]),
        "Parameters": _span([f"{count / 1e6:.3g} M" for count in described["parameters"]]),
        "ms/step": f"{1000 * seconds[len(seconds) // 2]:,.0f}" if seconds else "",
    }
    for column, (key, unit, form) in COSTS.items():
        cells[column] = form.format(costs[key] / unit) if key in costs else ""
    return cells


def _beside(section: Section, system: System) -> dict[str, str]:
    """What needs no picture; of intensities, where that is 0, the errors instead."""
    if section.task == levels.TASK:
        return {key.upper(): f"{system.mean(f'{key}_mean'):.3f}" for key in ("mse", "mae")}
    heading = "Always yes" if section.task == "au" else "Most frequent"
    return {heading: percent(system.mean("floor"))}


def _marks(table: paper.Table, row: paper.Row, marks: dict[str, int]) -> str:
    """ " [1][2]" for the notes on a printed row, which are numbered as they come up."""
    notes = [f"{row.title}: {note}" for note in paper.row_notes(table, row)]
    numbers = [marks.setdefault(note, len(marks) + 1) for note in notes]
    return "".join(f" [{number}]" for number in numbers)


def _block(system: System) -> str:
    seeds, folds = system.block
    return f"{len(seeds)} x {len(folds) if len(folds) > 1 else f'fold {min(folds)}'}"


def _span(rising: Sequence[str]) -> str:
    """A count, or the least and the most where folds differ."""
    return " to ".join(dict.fromkeys([*rising[:1], *rising[-1:]]))


def _by_class(section: Section, marks: dict[str, int]) -> Grid:
    classes, table = section.classes, section.table
    softmax = section.task in facs.SOFTMAX_TASKS
    mean, heading = ("f1_mean_occurring", "Mean*") if softmax else ("f1_mean", "Mean")
    if section.task == levels.TASK:
        mean = "icc_mean"
    lines = []
    for system in section.systems:
        keys = (*section.by_class, mean)
        scores = [percent(system.mean(key)) for key in keys]
        lines.append(Line([system.label, system.config["domains"], *scores]))
        row = system.row
        if table and row and row.values:
            printed = dict(zip(table.classes, row.values, strict=True))
            cells = [f"{printed[n]:.1f}" if n in printed else "" for n in classes]
            printed_mean = f"{row.mean:.1f}{_marks(table, row, marks)}"
            lines.append(Line([f"Paper: {row.name}", row.domains, *cells, printed_mean], "paper"))
    what = "ICC(3,1)" if section.task == levels.TASK else "F1"
    says = f"{what} of every class, in percent, means over seeds and folds."
    if section.task == "au":
        keys = (*(f"yes {name}" for name in classes), "floor")
        yes = [percent(section.reference.mean(key)) for key in keys]
        lines.append(Line(["Always yes", "", *yes], "floor"))
    elif softmax:
        first = next(iter(section.measures.values()))
        says += f" {first} is over all classes, so it has no entry here."
        says += " * over the classes that occur in the test part."
    return Grid("By class", 2, ["System", "Domains", *classes, heading], lines, says)


def _ablation(section: Section) -> Grid:
    measures, against = section.measures, section.reference
    reach = max(abs(one.score.mean) + (one.score.half_width or 0) for one in section.contrasts)
    head, top = ["Changed", "Seeds x folds"], [f"Reference: {against.named}", _block(against)]
    for key, name in measures.items():
        head += [name, f"{name} difference", "95 % interval"]
        top += [percent(against.mean(key)), "", ""]
    head[DRAWN:DRAWN] = [f"{-100 * reach:+.1f} to {100 * reach:+.1f} points", "Better in"]
    top[DRAWN:DRAWN] = ["", ""]
    lines = [Line(top, "reference")]
    for found in section.contrasts:
        score = found.score
        cells: list[Any] = [changes(found), f"{score.seeds} x {score.folds}"]
        for key in measures:
            apart = found.scores[key]
            cells += [percent(found.system.mean(key, found.block)), f"{100 * apart.mean:+.2f}"]
            cells.append(interval(apart))
        cells[DRAWN:DRAWN] = [score, f"{score.better} of {score.pairs}"]
        lines.append(Line(cells))
    says = (
        "Differences from the reference, in points, paired by seed and fold. Interval: Student's t "
        "over seeds of the means over folds, none for a single seed. "
    )
    number = sum(found.score.half_width is not None for found in section.contrasts)
    if number > 1:
        says += (
            f"The {number} intervals are not corrected for their number: one in twenty leaves out "
            "zero by chance."
        )
    return Grid("Ablation", 1, head, lines, says, DRAWN, reach)


def changes(found: Contrast) -> str:
    """The keys that a system changed: "graph.enabled: true → false; also optim.lr: ..."."""
    return "; ".join(
        f"{'' if is_switch(key) else 'also '}{key}: {shown(was)} → {shown(now)}"
        for key, (was, now) in found.differs.items()
    )


def interval(difference: Difference) -> str:
    """A confidence interval in points, "" if there is none."""
    ends = difference.interval
    return f"{100 * ends[0]:+.2f} to {100 * ends[1]:+.2f}" if ends else ""


def _about_runs(section: Section) -> list[str]:
    """What a reader must know of the runs behind the figures."""
    notes, table = [], section.table
    for system in section.systems:
        seeds, folds = system.block
        extra = ", ".join(
            f"seed {seed} fold {fold}"
            for seed, fold in system.by_unit
            if seed not in seeds or fold not in folds
        )
        if extra:
            notes.append(
                f"{system.named}: {extra} left out of the means, since not every seed has every "
                "fold."
            )
        if table and system.row and len(folds) < table.folds:
            notes.append(
                f"{system.named}: {len(folds)} of {table.folds} folds; the paper's figure is the "
                "mean of all."
            )
    if table:
        printed = table.classes or facs.REACTIONET_AUS_12  # Table 4 has no columns of them
        if set(section.classes) != set(printed):
            notes.append(
                f"The paper's means are over {len(printed)} classes, those of the runs over "
                f"{len(section.classes)}: {', '.join(section.classes)}."
            )
    runs = [run for system in section.systems for run in system.runs]
    commits = sorted({str(run.description.get("commit")) for run in runs})
    if len(commits) > 1:
        notes.append(f"The runs are of several commits of the code: {', '.join(commits)}.")
    return notes
