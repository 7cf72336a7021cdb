"""The top of the report: what was run and what came out, in numbers to be read at a glance."""

from collections.abc import Mapping, Sequence
from typing import Any

from drr_jax import pages
from drr_jax.facs import DOMAINS
from drr_jax.report.samples import Run


def title(run: Run) -> str:
    """What was run, in one line."""
    fold = run.results.get("fold")
    part = "all folds" if fold == "all" else f"fold\N{NO-BREAK SPACE}{fold}"
    what = class_title(run).lower()
    name = run.record.get("title", "DRR")
    return f"{name}: {what} on {run.record.get('dataset', 'an unnamed data set')}, {part}"


def class_title(run: Run) -> str:
    """What the classes are, in the plural."""
    return pages.title_of(run.task)


def prototype_title(run: Run) -> str:
    """What the graph's prototypes are: U-SR, stimulus and reaction, if DRR learns from both."""
    name = run.config.get("model", {}).get("name", "drr")
    both = not run.domains or not {"S", "T"}.isdisjoint(run.domains)
    return "U-SR prototypes" if name == "drr" and both else "Class prototypes"


def trained_on(run: Run) -> str:
    """The training domains in words."""
    return _alone([DOMAINS[domain].words for domain in run.domains]) or "unrecorded domains"


def tested_on(run: Run) -> str:
    """What a prediction reads in words: the reaction is a face, or its image in visible light."""
    words = {"thermal": DOMAINS["Th"].words, "landmarks": "facial landmarks"}
    words["reaction"] = DOMAINS["V"].words if "V" in run.domains else "face"
    return _alone([words.get(name, name) for name in run.test_inputs]) or "unrecorded inputs"


def _alone(names: Sequence[str]) -> str:
    return f"the {names[0]} alone" if len(names) == 1 else pages.listed(names)


def tiles(run: Run) -> list[tuple[str, str]]:
    """(number, what it is) of the numbers at the top: the score first."""
    results, score, floor = run.results, run.results[run.score], run.floor
    spread = results.get(f"{run.score}_std")
    what = f"of {len(run.names)} {run.noun}s"
    if run.softmax:
        what = f"test accuracy, most probable {what}"
    else:
        what = f"test {run.score_name}, mean {what}"
    if spread is not None:
        what += f" ± {spread:.3f} over folds"
    lowest = "accuracy of the most frequent class" if run.softmax else "F1 of always saying yes"
    lowest = "ICC of always saying the same level" if run.graded else lowest
    found = [
        (f"{score:.3f}", f"{what}; {_selection(results)}"),
        (f"{floor:.3f}", f"{lowest}, the floor to beat"),
        (f"{score - floor:+.3f}", "difference to that floor"),
    ]
    if run.best:
        note = f"best step{_step(run.best)}: picked by {run.score_name} on this same test part"
        note += ", so optimistic"
        found.insert(1, (f"{run.best[run.score]:.3f}", note))
    if run.graded:
        for key in ("pcc", "mse", "mae"):
            zero = results.get(f"zero_{key}_mean")
            beside = "" if zero is None else f"; {zero:.3f} of always saying 0"
            found.append((f"{results[f'{key}_mean']:.3f}", f"{key.upper()}, mean over AUs{beside}"))
    elif run.softmax:
        found.append((f"{run.f1_occurring:.3f}", f"F1, mean of the {run.noun}s that occur"))
        if any(not one["positives"] for one in run.classes.values()):
            every = f"F1, mean of all {len(run.names)} {run.noun}s, 0 for those that do not occur"
            found.append((f"{results['f1_mean']:.3f}", every))
    else:
        found.append((f"{results['accuracy_mean']:.3f}", "accuracy, mean over AUs"))
    return found


def _selection(results: Mapping[str, Any]) -> str:
    """How the checkpoint was chosen."""
    selection = results.get("selection", "last")
    if selection == "validation":
        return f"step{_step(results)} chosen on the validation part, the test part read once"
    return f"{selection} step{_step(results)}"


def _step(results: Mapping[str, Any]) -> str:
    return f" ({results['step']:,})" if "step" in results else ""


def facts(run: Run) -> dict[str, str]:
    """What a reader looks up: data, training and code."""
    record, config, results = run.record, run.config, run.results
    several = "folds" in run.results
    parts = ", ".join(record.get("test_parts", [])) or "?"
    steps = f"{record['steps']:,}" if "steps" in record else "?"
    if several:
        steps += " in each fold"
    planned = record.get("steps", 0) * len(results.get("folds", [None]))
    stopped = record.get("taken", planned) < planned  # by optim.patience
    early = f" at most, {record['taken']:,} taken" if stopped else ""
    return {
        "Data set": f"{record.get('dataset', '?')} {record.get('version', '')}",
        "Test part": f"{parts}, in turn" if several else parts,
        "Training domains": str(config.get("domains", "?")),
        "Steps": steps + early,
        "Training time": _duration(record.get("seconds")),
        "Parameters": f"{record['parameters']:,}" if "parameters" in record else "?",
        "Seed": str(config.get("seed", "?")),
        "Device": str(record.get("device", "?")),
        "Started": str(record.get("started", "?")).replace("T", " ", 1).replace("+00:00", " UTC"),
        "Commit": str(record.get("commit") or "not in a repository")[:12],
        "Software": f"jax {record.get('jax', '?')}, Python {record.get('python', '?')}",
        "Data fingerprint": str(record.get("fingerprint", "?"))[:16],
    }


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
