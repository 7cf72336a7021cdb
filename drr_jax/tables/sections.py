"""What tables of runs say: systems side by side on a data set, and each against a reference."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drr_jax import models
from drr_jax.tables import paper
from drr_jax.tables import runs as tables_runs
from drr_jax.tables.runs import VALIDATION, Block, FoldRun, System
from drr_jax.tables.stats import Difference, difference

# The switches of docs/method.md 11, in the order in which an ablation lists them.
SWITCHES = (
    *("model.name", "domains", "encoder.backbone", "graph.", "contrast.", "loss.", "predict"),
    *("text.encoder", "text.frozen"),
)
NOUNS = {
    "au": "action units",
    "expression": "expressions",
    "scene": "scenes",
    "intensity": "intensities of action units",
}
# What systems are compared by, and a second score: its key in results.json, and what it is called.
AU_MEASURES = {"f1_mean": "F1", "accuracy_mean": "Accuracy"}
# The mean over the classes that occur in the test part: the others have F1 0 by definition.
SOFTMAX_MEASURES = {"accuracy": "Accuracy", "f1_mean_occurring": "Macro F1*"}
LEVEL_MEASURES = {"icc_mean": "ICC", "pcc_mean": "PCC"}
MEASURES = {"au": AU_MEASURES, "intensity": LEVEL_MEASURES}


@dataclass(frozen=True)
class Contrast:
    """A system against the reference on the seeds and folds that both have."""

    system: System
    differs: Mapping[str, tuple[Any, Any]]  # key: (of the reference, of the system)
    scores: Mapping[str, Difference]  # by measure, then "f1 NAME" (or icc) by class
    block: Block  # seeds and folds that both have

    @property
    def score(self) -> Difference:
        """The difference of the first measure."""
        return next(iter(self.scores.values()))


@dataclass(frozen=True)
class Section:
    """All runs of one task on the same classes of one data set."""

    title: str
    rendered: bool
    table: paper.Table | None  # the paper's, if this is its data set
    measures: Mapping[str, str]  # key in the results -> name, with the validation's if all have one
    systems: tuple[System, ...]
    reference: System
    contrasts: tuple[Contrast, ...]
    unpaired: tuple[str, ...]  # what was not compared, and why

    @property
    def task(self) -> str:
        return self.reference.first.task

    @property
    def by_class(self) -> list[str]:
        """The key of every class among `FoldRun.scores`."""
        return [f"{tables_runs.measure_of(self.task)} {name}" for name in self.classes]

    @property
    def classes(self) -> list[str]:
        return list(self.reference.first.results[self.task])


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
    dataset, _, _, task, *classes = runs[0].data
    rendered = bool(groups[0].first.description.get("rendered"))
    table = None if rendered else paper.table_of(dataset, task)
    measures = MEASURES.get(task, SOFTMAX_MEASURES)
    if all(VALIDATION in run.results for run in runs):
        measures = measures | {VALIDATION: f"Validation {next(iter(measures.values()))}"}
    ordered = sorted(groups, key=lambda group: paper.place(group.config))
    systems = tuple(
        System(group.runs, _label(group, ordered), table and paper.find(table, group.config))
        for group in ordered
    )
    named = [system for system in systems if system.first.group == reference]
    # Where none is named: the plainest DRR over RST, else the first run given.
    drr = [system for system in systems if _identity(system) == ("DRR", "RST")]
    first = next(system for system in systems if system.runs is groups[0].runs)
    against = named[0] if named else plainest(drr) if drr else first
    contrasts, unpaired = [], []
    others = [system for system in systems if system is not against]
    if reference and not named:
        others = []
        unpaired.append(
            "The reference that was named is of another data set or task, or of other classes: no "
            "pairs."
        )
    for system in others:
        block = tables_runs.rectangle(system.by_unit.keys() & against.by_unit.keys())
        if not block[0]:
            said = f"not paired, has {_units(system)} and the reference {_units(against)}"
            unpaired.append(f"{system.named}: {said}")
            continue
        scores = {
            key: difference(system.values(key, block), against.values(key, block))
            for key in (*measures, *(f"{tables_runs.measure_of(task)} {n}" for n in classes))
        }
        differs = differing(against.config, system.config)
        contrasts.append(Contrast(system, differs, scores, block))
    contrasts.sort(key=_first_switch)
    return Section(
        *(title, rendered, table, measures, systems, against),
        *(tuple(contrasts), tuple(unpaired)),
    )


def _label(group: System, every: Sequence[System]) -> str:
    """A system's name, and the keys that tell it from the plainest of that name and domains.

    Keys that all of these share say nothing and are left out.
    """
    base = plainest([other for other in every if _identity(other) == _identity(group)])
    changed = differing(base.config, group.config).items()
    return " ".join([_identity(group)[0], *(f"{key}={shown(new)}" for key, (_, new) in changed)])


def _identity(group: System) -> tuple[str, str]:
    config = group.config
    return models.system_name(config["model.name"], config["encoder.backbone"]), config["domains"]


def plainest(alike: Sequence[System]) -> System:
    """Of systems of one name and domains the one with most of what they vary in at its default."""
    keys = {key for other in alike for key in differing(alike[0].config, other.config)}
    return min(alike, key=lambda one: sum(one.config.get(k) != paper.DEFAULTS.get(k) for k in keys))


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


def _units(group: System) -> str:
    """The seeds and folds of a system in words."""
    seeds, folds = (", ".join(map(str, sorted(set(of)))) for of in zip(*group.by_unit, strict=True))
    return f"seeds {seeds}, folds {folds}"


def _first_switch(found: Contrast) -> tuple[int, str]:
    key = next(iter(found.differs), "")
    return switch(key), key
