"""The words and figures of a section, ready to be set in Markdown or in HTML."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from drr_jax import facs
from drr_jax.tables import paper
from drr_jax.tables import stats as tables_stats
from drr_jax.tables.runs import Group
from drr_jax.tables.sections import Contrast, Section, System, class_score, floor, is_switch, shown
from drr_jax.tables.stats import Difference

DRAWN = 5  # the column of an ablation in which a page draws the differences of the first score


@dataclass(frozen=True)
class Line:
    """One row of a table. `kind` is "", reference, paper or floor."""

    cells: tuple[Any, ...]
    kind: str = ""


@dataclass(frozen=True)
class Grid:
    """A table with its heading; the first `words` columns are text, the others numbers."""

    title: str
    words: int
    head: tuple[str, ...]
    lines: tuple[Line, ...]
    says: str  # how to read it
    drawn: int | None = None  # the column that holds differences to be drawn, if any
    reach: float = 0.0  # how far from zero they and their intervals go

    def written(self) -> list[list[str]]:
        """Head and lines without what has to be drawn."""
        rows = [self.head, *(line.cells for line in self.lines)]
        return [[cell for at, cell in enumerate(row) if at != self.drawn] for row in rows]


@dataclass(frozen=True)
class Text:
    """A section in words: what it is, its tables, and notes to them."""

    title: str
    rendered: bool
    intro: str
    grids: tuple[Grid, ...]
    notes: tuple[str, ...]  # those on the paper's figures start with their mark, as in "[1] "


def text_of(section: Section) -> Text:
    """All that a reader sees of a section. Figures are in percent."""
    marks: dict[str, int] = {}  # numbers of the notes on the paper's figures
    grids = [_systems(section, marks), _by_class(section, marks)]
    if section.contrasts:
        grids.append(_ablation(section))
    notes = [f"[{number}] {said}" for said, number in marks.items()]
    if section.table:
        notes += paper.table_notes(section.table)
    return Text(
        section.title,
        section.rendered,
        _intro(section),
        tuple(grids),
        (*notes, *section.unpaired, *_about_runs(section)),
    )


def _intro(section: Section) -> str:
    prepared = f"Version {section.version}, fingerprint {section.fingerprint[:12]}. "
    table = section.table
    if section.rendered:
        return prepared.strip()
    if table is None:
        return prepared + "The supplement prints no table for it."
    return (
        f"{prepared}The paper's figures are those of supplement Table {table.number}, "
        f"{table.title}, means of {table.folds} folds."
    )


def percent(value: float | None) -> str:
    """A share as percent, "" for None."""
    return "" if value is None else f"{100 * value:.1f}"


def _mean(group: Group, score: Callable[[Any], float]) -> str:
    return percent(tables_stats.spread(group.values(score)).mean)


def _systems(section: Section, marks: dict[str, int]) -> Grid:
    first, second, *validation = section.measures
    table = section.table

    def printed(system: System) -> str:
        if not table or not system.row:
            return ""
        return f"{system.row.mean:.1f}{_marks(table, system.row, marks)}"

    def spread(system: System) -> tables_stats.Spread:
        return tables_stats.spread(system.group.values(first.of))

    lowest = "Always yes" if section.task == "au" else "Most frequent"
    columns: dict[str, Callable[[System], str]] = {
        "System": lambda system: system.label,
        "Domains": lambda system: system.group.config["domains"],
        "Seeds x folds": lambda system: _block(system.group),
        "Checkpoint": lambda system: system.group.config["selection"],
        first.name: lambda system: percent(spread(system).mean),
        "SD folds": lambda system: percent(spread(system).over_folds),
        "SD seeds": lambda system: percent(spread(system).over_seeds),
        lowest: lambda system: _mean(system.group, lambda r: floor(r, section.task)),
        second.name: lambda system: _mean(system.group, second.of),
        **{m.name: lambda system, m=m: _mean(system.group, m.of) for m in validation},
        f"Paper's {first.name if table and table.metric == 'f1' else 'accuracy'}": printed,
        "Steps": lambda system: _span(_described(system, "steps")),
        "Parameters": lambda system: _span(_described(system, "parameters"), _millions),
        "ms/step": _milliseconds,
        "GFLOP/step": lambda system: _giga(_cost(system, "step_flops")),
        "GFLOP/tuple": lambda system: _giga(_cost(system, "prediction_flops")),
        "Step time": lambda system: _times(system, "step"),
        "Prediction time": lambda system: _times(system, "prediction"),
    }
    cells = {name: [cell(system) for system in section.systems] for name, cell in columns.items()}
    # What no run was measured for is no column.
    kept = [name for name in columns if any(cells[name])]
    lines = tuple(
        Line(
            tuple(cells[name][row] for name in kept),
            "reference" if section.contrasts and system is section.reference else "",
        )
        for row, system in enumerate(section.systems)
    )
    says = (
        "In percent, means over seeds and folds. SD folds: sample standard deviation, over folds, "
        "of the means over seeds; SD seeds: over seeds, of the means over folds."
    )
    return Grid("Systems", 4, tuple(kept), lines, says + _about_costs(section))


def _marks(table: paper.Table, row: paper.Row, marks: dict[str, int]) -> str:
    """ " [1][2]" for the notes on a printed row, which are numbered as they come up."""
    notes = [f"{row.title}: {note}" for note in paper.row_notes(table, row)]
    numbers = [marks.setdefault(note, len(marks) + 1) for note in notes]
    return "".join(f" [{number}]" for number in numbers)


def _block(group: Group) -> str:
    seeds, folds = group.block
    return f"{len(seeds)} x {len(folds) if len(folds) > 1 else f'fold {min(folds)}'}"


def _described(system: System, key: str) -> list[Any]:
    found = [run.description.get(key) for run in system.group.runs]
    return [value for value in found if value is not None]


def _span(values: list[int], say: Callable[[int], str] = "{:,}".format) -> str:
    """A count, or the least and the most where folds differ."""
    return " to ".join(dict.fromkeys(say(end(values)) for end in (min, max))) if values else ""


def _millions(count: int) -> str:
    return f"{count / 1e6:.3g} M"


def _milliseconds(system: System) -> str:
    seconds = sorted(_described(system, "step_seconds"))
    return f"{1000 * seconds[len(seconds) // 2]:,.0f}" if seconds else ""


def _cost(system: System, key: str) -> Any:
    return next((run.costs[key] for run in system.group.runs if key in run.costs), None)


def _giga(flops: float | None) -> str:
    return "" if flops is None else f"{flops / 1e9:,.3g}"


def _times(system: System, what: str) -> str:
    ratio = _cost(system, f"{what}_ratio")
    return "" if ratio is None else f"{ratio:.2f} x"


def _about_costs(section: Section) -> str:
    against = {_cost(system, "reference") for system in section.systems} - {None}
    if not against:
        return ""
    return f" Times are those of {' or '.join(sorted(against))}, measured in turns with it."


def _by_class(section: Section, marks: dict[str, int]) -> Grid:
    first, task, table = section.measures[0], section.task, section.table
    lines = []
    for system in section.systems:
        group = system.group
        scores = [_mean(group, class_score(task, name)) for name in section.classes]
        mean = _mean(group, lambda results: results["f1_mean"])
        lines.append(Line((system.label, group.config["domains"], *scores, mean)))
        if table and system.row and system.row.values:
            row, printed = system.row, dict(zip(table.classes, system.row.values, strict=True))
            cells = [f"{printed[n]:.1f}" if n in printed else "" for n in section.classes]
            mean = f"{row.mean:.1f}{_marks(table, row, marks)}"
            lines.append(Line((f"Paper: {row.name}", row.domains, *cells, mean), "paper"))
    says = "F1 of every class, in percent, means over seeds and folds."
    if task == "au":
        group = section.reference.group
        yes = [_mean(group, always_yes(task, name)) for name in section.classes]
        mean = _mean(group, lambda results: floor(results, task))
        lines.append(Line(("Always yes", "", *yes, mean), "floor"))
    else:
        says += f" {first.name} is over all classes, so it has no entry here."
    return Grid("By class", 2, ("System", "Domains", *section.classes, "Mean"), tuple(lines), says)


def always_yes(task: str, name: str) -> Callable[[Any], float]:
    """F1 of claiming a class on every frame, 2p / (1 + p) with base rate p."""

    def score(results: Any) -> float:
        positives, count = (results[task][name][key] for key in ("positives", "count"))
        return 2 * positives / max(1, positives + count)

    return score


def _ablation(section: Section) -> Grid:
    first, *others = section.measures
    group = section.reference.group
    reference = f"Reference: {section.reference.label} ({group.config['domains']})"
    top = [reference, _block(group), _mean(group, first.of), *[""] * 4]
    for measure in others:
        top += [_mean(group, measure.of), "", ""]
    lines = [Line(tuple(top), "reference")]
    for found in section.contrasts:
        ours, score = found.system.group, found.scores[0]
        levels = [percent(float(ours.values(m.of, found.block).mean())) for m in section.measures]
        cells: list[Any] = [changes(found), f"{score.seeds} x {score.folds}"]
        for level, difference in zip(levels, found.scores, strict=True):
            cells += [level, f"{100 * difference.mean:+.2f}", interval(difference)]
        cells[DRAWN:DRAWN] = [score, f"{score.better} of {score.pairs}"]
        lines.append(Line(tuple(cells)))
    reach = max(found.scores[0].reach for found in section.contrasts)
    says = (
        "Differences from the reference, in points, paired by seed and fold. Interval: Student's t "
        f"over seeds of the means over folds, none for a single seed. {_expected(section)}"
    )
    head = ["Changed", "Seeds x folds"]
    for measure in section.measures:
        head += [measure.name, f"{measure.name} difference", "95 % interval"]
    head[DRAWN:DRAWN] = [f"{-100 * reach:+.1f} to {100 * reach:+.1f} points", "Better in"]
    return Grid("Ablation", 1, tuple(head), tuple(lines), says, DRAWN, reach)


def _expected(section: Section) -> str:
    number = sum(found.scores[0].half_width is not None for found in section.contrasts)
    if number < 2:
        return ""
    return (
        f"The {number} intervals are not corrected for their number: one in twenty leaves out "
        "zero by chance."
    )


def changes(found: Contrast) -> str:
    """The keys that a system changed: "graph.enabled: true → false; also optim.lr: ..."."""
    parts = [
        f"{'' if is_switch(key) else 'also '}{key}: {shown(was)} → {shown(now)}"
        for key, (was, now) in found.differs.items()
    ]
    return "; ".join(parts)


def interval(difference: Difference) -> str:
    """A confidence interval in points, "" if there is none."""
    ends = difference.interval
    return f"{100 * ends[0]:+.2f} to {100 * ends[1]:+.2f}" if ends else ""


def _about_runs(section: Section) -> list[str]:
    """What a reader must know of the runs behind the figures."""
    notes = []
    for system in section.systems:
        seeds, folds = system.group.block
        extra = [
            unit for unit in system.group.by_unit if not (unit[0] in seeds and unit[1] in folds)
        ]
        if extra:
            said = ", ".join(f"seed {seed} fold {fold}" for seed, fold in extra)
            notes.append(
                f"{system.label} ({system.group.config['domains']}): {said} left out of the "
                "means, since not every seed has every fold."
            )
        if section.table and system.row and len(folds) < section.table.folds:
            notes.append(
                f"{system.label} ({system.group.config['domains']}): {len(folds)} of "
                f"{section.table.folds} folds; the paper's figure is the mean of all."
            )
    if section.table:
        printed = section.table.classes or facs.REACTIONET_AUS_12  # Table 4 has no columns of them
        if set(section.classes) != set(printed):
            notes.append(
                f"The paper's means are over {len(printed)} classes, those of the runs over "
                f"{len(section.classes)}: {', '.join(section.classes)}."
            )
    runs = [run for system in section.systems for run in system.group.runs]
    commits = sorted({str(run.description.get("commit")) for run in runs})
    if len(commits) > 1:
        notes.append(f"The runs are of several commits of the code: {', '.join(commits)}.")
    return notes
