"""What tables of runs say: systems side by side on a data set, and each against a reference."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drr_jax import models
from drr_jax.config import Config, flatten
from drr_jax.tables import paper
from drr_jax.tables import runs as tables_runs
from drr_jax.tables import stats as tables_stats
from drr_jax.tables.runs import VALIDATION, Block, FoldRun, Group, Score

# The switches of docs/method.md 11, in the order in which an ablation lists them.
SWITCHES = (
    *("model.name", "domains", "encoder.backbone", "graph.", "contrast.", "loss.", "predict"),
    *("text.encoder", "text.frozen"),
)
DEFAULTS = flatten(Config())
NOUNS = {"au": "action units", "expression": "expressions", "scene": "scenes"}


@dataclass(frozen=True)
class Measure:
    """A score of a results.json: its key, and what it is called."""

    key: str
    name: str

    def of(self, results: Mapping[str, Any]) -> float:
        return results[self.key]


F1 = Measure("f1_mean", "F1")
MACRO_F1 = Measure("f1_mean", "Macro F1")
ACCURACY = Measure("accuracy_mean", "Accuracy")
TOP1 = Measure("accuracy", "Accuracy")


@dataclass(frozen=True)
class System:
    """One row: a group of runs under its label, and what the paper prints for it."""

    group: Group
    label: str
    row: paper.Row | None


@dataclass(frozen=True)
class Contrast:
    """A system against the reference on the seeds and folds that both have."""

    system: System
    differs: Mapping[str, tuple[Any, Any]]  # key: (of the reference, of the system)
    scores: tuple[tables_stats.Difference, ...]  # by measure
    by_class: Mapping[str, tables_stats.Difference]  # of F1
    block: Block  # seeds and folds that both have


@dataclass(frozen=True)
class Section:
    """All runs of one task on the same classes of one data set."""

    title: str
    dataset: str
    version: str
    fingerprint: str
    task: str
    rendered: bool
    table: paper.Table | None  # the paper's, if this is its data set
    systems: tuple[System, ...]
    reference: System
    contrasts: tuple[Contrast, ...]
    unpaired: tuple[str, ...]  # what was not compared, and why

    @property
    def measures(self) -> tuple[Measure, ...]:
        runs = [run for system in self.systems for run in system.group.runs]
        return measures_of(self.task, runs)

    @property
    def classes(self) -> list[str]:
        return list(self.reference.group.first.results[self.task])


def measures_of(task: str, runs: Sequence[FoldRun]) -> tuple[Measure, ...]:
    """What systems are compared by, a second score, and the validation's if all runs have one."""
    first, second = (F1, ACCURACY) if task == "au" else (TOP1, MACRO_F1)
    if all(VALIDATION in run.results for run in runs):
        return first, second, Measure(VALIDATION, f"Validation {first.name}")
    return first, second


def floor(results: Mapping[str, Any], task: str) -> float:
    """What needs no picture: F1 of always saying yes, or the share of the most frequent class."""
    return results["all_positive_f1_mean" if task == "au" else "majority_accuracy"]


def class_score(task: str, name: str) -> Score:
    """F1 of one class."""
    return lambda results: results[task][name]["f1"]


def build(runs: Sequence[FoldRun], reference: str = "") -> list[Section]:
    """Sections by data set, task and classes, in the order of their first runs.

    `reference` is the group that the others are held against; "" chooses one for each section.
    """
    parts: dict[tuple[str, ...], list[FoldRun]] = {}
    for run in runs:
        parts.setdefault(run.data, []).append(run)
    return [_section(some, reference, title(data, parts)) for data, some in parts.items()]


def title(data: Sequence[str], every: Collection[Sequence[str]]) -> str:
    """The heading of runs on `data`: data set and task, and what tells its classes from others'.

    That is their number if `every` has runs on other classes of the same data set, and those that
    not all of the same number have: "bp4d/rgb, 4 action units (with AU04)".
    """
    dataset, _, _, task, *classes = data
    noun = NOUNS.get(task, task)
    sets = {frozenset(own) for name, _, _, of, *own in every if (name, of) == (dataset, task)}
    if len(sets) == 1:
        return f"{dataset}, {noun}"
    shared = frozenset.intersection(*(own for own in sets if len(own) == len(classes)))
    apart = ", ".join(name for name in classes if name not in shared)
    return f"{dataset}, {len(classes)} {noun}" + (f" (with {apart})" if apart else "")


def _section(runs: Sequence[FoldRun], reference: str, title: str) -> Section:
    groups = tables_runs.group_runs(runs)
    first = groups[0].first
    dataset, version, fingerprint, task, *_ = first.data
    rendered = bool(first.description.get("rendered"))
    table = None if rendered else paper.table_of(dataset, task)
    ordered = sorted(groups, key=lambda group: paper.place(group.config))
    members = tuple(
        System(group, label, paper.find(table, group.config) if table else None)
        for group, label in zip(ordered, labels(ordered), strict=True)
    )
    named = [s for s in members if s.group.first.group == reference]
    against = named[0] if named else plain(members, groups[0])
    measures = measures_of(task, runs)
    contrasts, unpaired = [], []
    if reference and not named:
        unpaired.append(
            "The reference that was named is of another data set or task, or of other classes: no "
            "pairs."
        )
    else:
        for system in members:
            found = contrast(system, against, measures) if system is not against else ""
            if isinstance(found, Contrast):
                contrasts.append(found)
            elif found:
                unpaired.append(f"{system.label} ({system.group.config['domains']}): {found}")
    return Section(
        *(title, dataset, version, fingerprint, task, rendered, table, members, against),
        contrasts=tuple(sorted(contrasts, key=_first_switch)),
        unpaired=tuple(unpaired),
    )


def labels(groups: Sequence[Group]) -> list[str]:
    """Names of systems, and the keys that tell one from the plainest of its name.

    Keys that all others of the same name and domains share say nothing and are left out.
    """
    found = []
    for group in groups:
        alike = [g for g in groups if _identity(g) == _identity(group)]
        base = min(alike, key=lambda g: _changes(g, alike))
        changed = differing(base.config, group.config)
        extra = " ".join(f"{key}={shown(value)}" for key, (_, value) in changed.items())
        found.append(f"{_identity(group)[0]} {extra}".strip())
    return found


def _identity(group: Group) -> tuple[str, str]:
    config = group.config
    return models.system_name(config["model.name"], config["encoder.backbone"]), config["domains"]


def _changes(group: Group, others: Sequence[Group]) -> int:
    """How many of the keys in which `others` vary are not at their default."""
    keys = {key for other in others for key in differing(group.config, other.config)}
    return sum(group.config.get(key) != DEFAULTS.get(key) for key in keys)


def plain(found: Sequence[System], first: Group) -> System:
    """The reference where none is named: the plainest drr over RST, else the first run given."""
    drr = [s for s in found if _identity(s.group) == ("DRR", "RST")]
    groups = [system.group for system in drr]
    if drr:
        return min(drr, key=lambda system: _changes(system.group, groups))
    return next(system for system in found if system.group is first)


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Keys with other values, the switches of method 11 first.

    Weights of an encoder that only one of them has go with its domains.
    """
    apart = tables_runs.encoder_domains(old) ^ tables_runs.encoder_domains(new)
    unlike = {f"model.encoders.{domain}.weights" for domain in apart}
    known = [key for key in dict.fromkeys([*old, *new]) if key not in unlike]
    keys = [key for key in known if old.get(key) != new.get(key)]
    return {key: (old.get(key), new.get(key)) for key in sorted(keys, key=switch)}


def switch(key: str) -> int:
    """The place of a config key among the switches of method 11, len(SWITCHES) if it is none."""
    return next((i for i, name in enumerate(SWITCHES) if key.startswith(name)), len(SWITCHES))


def is_switch(key: str) -> bool:
    """Whether method 11 names the key: a system that differs in another is no clean ablation."""
    return switch(key) < len(SWITCHES)


def shown(value: Any) -> str:
    """A config value as the command line takes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def contrast(system: System, against: System, measures: Sequence[Measure]) -> Contrast | str:
    """The paired differences of two systems in some scores, or why there are no pairs."""
    ours, theirs = system.group, against.group
    block = tables_runs.rectangle(ours.by_unit.keys() & theirs.by_unit.keys())
    if not block[0]:
        return f"not paired, has {units(ours)} and the reference {units(theirs)}"
    task = ours.first.task

    def paired(score: Score) -> tables_stats.Difference:
        return tables_stats.difference(ours.values(score, block), theirs.values(score, block))

    return Contrast(
        system,
        differing(theirs.config, ours.config),
        tuple(paired(measure.of) for measure in measures),
        {name: paired(class_score(task, name)) for name in theirs.first.results[task]},
        block,
    )


def units(group: Group) -> str:
    """The seeds and folds of a group in words."""
    seeds, folds = (sorted({unit[i] for unit in group.by_unit}) for i in (0, 1))
    return f"seeds {_listed(seeds)}, folds {_listed(folds)}"


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


def _first_switch(found: Contrast) -> tuple[int, str]:
    key = next(iter(found.differs), "")
    return switch(key), key
