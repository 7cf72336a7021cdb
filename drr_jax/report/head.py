"""The top of the report: what was run and what came out, in numbers to be read at a glance."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
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
    return {"au": "Action units"}.get(run.task, f"{run.task.capitalize()}s")


def prototype_title(run: Run) -> str:
    """What the graph's prototypes are: U-SR, stimulus and reaction, if DRR learns from both."""
    name = run.config.get("model", {}).get("name", "drr")
    both = not run.domains or not {"S", "T"}.isdisjoint(run.domains)
    return "U-SR prototypes" if name == "drr" and both else "Class prototypes"


def headline(run: Run, sections: Mapping[str, str]) -> str:
    """Title, warning, headline numbers and facts of a run, with links to `sections`."""
    record, tiles = run.record, _tiles(run)
    parts = [
        f"<h1>{escape(title(run))}</h1>",
        pages.text(
            f"{record.get('title', 'DRR')}, trained on {_trained_on(run)}; tested on "
            f"{_tested_on(run)}, on the part of the data held out.",
            "quiet",
        ),
        _contents(sections),
    ]
    if record.get("rendered"):
        parts.append(
            '<p class="warning"><b>Rendered demo.</b> A program drew these faces, stimuli and '
            "captions. The numbers show that the system works; they say nothing about real faces "
            "and do not compare with the paper.</p>"
        )
    cells = "".join(
        f'<div class="tile {kind}"><b>{value}</b><span>{escape(note)}</span></div>'
        for kind, value, note in tiles
    )
    facts = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in _facts(run))
    return "\n".join([*parts, f'<div class="tiles">{cells}</div>', f"<dl>{facts}</dl>"])


def _tiles(run: Run) -> list[tuple[str, str, str]]:
    """(style, number, what it is) of the numbers at the top: the score first."""
    results, score, floor = run.results, run.results[run.score], run.floor
    spread = results.get(f"{run.score}_std")
    what = f"of {len(run.names)} {run.noun}s"
    what = f"test accuracy, most probable {what}" if run.softmax else f"test F1, mean {what}"
    if spread is not None:
        what += f" ± {spread:.3f} over folds"
    lowest = "accuracy of the most frequent class" if run.softmax else "F1 of always saying yes"
    tiles = [
        ("first", f"{score:.3f}", f"{what}; {_selection(results)}"),
        ("", f"{floor:.3f}", f"{lowest}, the floor to beat"),
        ("", f"{score - floor:+.3f}", "difference to that floor"),
    ]
    if run.best:
        name = "accuracy" if run.softmax else "F1"
        note = f"best step{_step(run.best)}: picked by {name} on this same test part, so optimistic"
        tiles.insert(1, ("", f"{run.best[run.score]:.3f}", note))
    if run.softmax:
        tiles.append(("", f"{results['f1_mean']:.3f}", f"F1, mean of {run.noun}s against the rest"))
    else:
        tiles.append(("", f"{results['accuracy_mean']:.3f}", "accuracy, mean over AUs"))
    return tiles


def _selection(results: Mapping[str, Any]) -> str:
    """How the checkpoint was chosen."""
    selection = results.get("selection", "last")
    if selection == "validation":
        return f"step{_step(results)} chosen on the validation part, the test part read once"
    return f"{selection} step{_step(results)}"


def _step(results: Mapping[str, Any]) -> str:
    return f" ({results['step']:,})" if "step" in results else ""


def _trained_on(run: Run) -> str:
    names = [DOMAINS[d].words for d in run.domains]
    if len(names) == 1:
        return f"the {names[0]} alone"
    return listed(names) if names else "unrecorded domains"


def _tested_on(run: Run) -> str:
    names = [input_name(run, name) for name in run.test_inputs]
    if len(names) == 1:
        return f"the {names[0]} alone"
    return listed(names) if names else "unrecorded inputs"


def input_name(run: Run, name: str) -> str:
    """An input of the data set in words: the reaction is a face, or its image in visible light."""
    if name == "reaction":
        return DOMAINS["V"].words if "V" in run.domains else "face"
    return {"thermal": DOMAINS["Th"].words, "landmarks": "facial landmarks"}.get(name, name)


def listed(names: Sequence[str]) -> str:
    """ "a, b and c"."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _contents(sections: Mapping[str, str]) -> str:
    links = (f'<a href="#{key}">{escape(name)}</a>' for key, name in sections.items())
    return f"<nav>{' '.join(links)}</nav>"


def _facts(run: Run) -> Iterable[tuple[str, str]]:
    record, config = run.record, run.config
    several = "folds" in run.results
    parts = " + ".join(record.get("test_parts", [])) or "?"
    yield "Data set", f"{record.get('dataset', '?')} {record.get('version', '')}"
    yield "Test part", f"{parts.replace(' + ', ', ')}, in turn" if several else parts
    yield "Training domains", str(config.get("domains", "?"))
    steps = f"{record['steps']:,}" if "steps" in record else "?"
    yield "Steps", f"{steps} in each fold" if several else steps
    yield "Training time", _duration(record.get("seconds"))
    yield "Parameters", f"{record['parameters']:,}" if "parameters" in record else "?"
    yield "Seed", str(config.get("seed", "?"))
    yield "Device", str(record.get("device", "?"))
    started = str(record.get("started", "?"))
    yield "Started", started.replace("T", " ", 1).replace("+00:00", " UTC")
    yield "Commit", str(record.get("commit") or "not in a repository")[:12]
    yield "Software", f"jax {record.get('jax', '?')}, Python {record.get('python', '?')}"
    yield "Data fingerprint", str(record.get("fingerprint", "?"))[:16]


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
