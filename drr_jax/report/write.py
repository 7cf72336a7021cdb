"""One self-contained HTML page for a finished run, and its charts as PNGs in report/."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from drr_jax import files, pages, stops
from drr_jax.facs import DOMAINS
from drr_jax.pages import Images
from drr_jax.report import classes, figures, gradient_figure, levels, people, tuples
from drr_jax.report import head as report_head
from drr_jax.report import relation_figures as relations
from drr_jax.report.relations import BRANCHES, read_branches
from drr_jax.report.samples import Run, Samples, read_finished, read_reference, record_loss
from drr_jax.report.time_figure import time_figure

# Values for report.html; or why there are none, which the page then says; None: no such section.
Shown = dict[str, Any] | str | None


def write_report(
    workdir: str | Path, samples: Samples | None = None, reference: str | Path = ""
) -> Path:
    """Writes <workdir>/report.html and <workdir>/report/*.png; returns the page's path.

    `samples` are the arrays that evaluation collects from the test part: reaction and stimulus
    uint8 [n, H, W, 3], caption, caption_tokens [n, tokens], attention_R and attention_S
    [n, h, w, N], attention_T [n, tokens, N], probability [n, N], label [n, N] (-1 unknown),
    sequence, frame; prototype [N, G], prototype_relation [N, N], relation_BRANCH [M, M];
    all_probability and all_label over the whole test part; of other domains likewise (depth,
    thermal, attention_V, ...). Without them the stored samples-fold*.npz is read. What was not
    recorded is named on the page; a section that the system has nothing for is left out.
    `reference` is another run's folder, whose predictions of the same tuples are then shown, too.
    Raises InputError if a folder holds no finished run, or `reference` one of another test part.
    Nothing is written before all is drawn.
    """
    run = read_finished(Path(workdir), samples)
    if reference:
        run = dataclasses.replace(run, reference=read_reference(run, Path(reference)))
    images: Images = {}
    names = {
        "classes": report_head.class_title(run),
        "prototypes": report_head.prototype_title(run),
        "examples": f"{run.example}s",
    }
    sections = {}
    for key, (title, build) in SECTIONS.items():
        stops.look()
        shown = build(run, images)
        if shown is not None:
            sections[key] = title.format_map(names), shown
    page = pages.render(
        "report.html",
        title=report_head.title(run),
        run=run,
        trained_on=report_head.trained_on(run),
        tested_on=report_head.tested_on(run),
        scores=report_head.tiles(run),
        facts=report_head.facts(run),
        sections=sections,
        images=images,
    )
    folder = run.workdir / "report"
    folder.mkdir(exist_ok=True)
    for stale in folder.glob("*.png"):
        if stale.stem not in images:
            stale.unlink()
    for name, encoded in images.items():
        files.write_whole(folder / f"{name}.png", encoded)
    target = run.workdir / "report.html"
    files.write_whole(target, page)
    return target


def _training(run: Run, images: Images) -> Shown:
    if not figures.loss_terms(run.curves):
        return "metrics.jsonl is not in the run directory or holds no loss."
    part = "validation" if run.results.get("selection") == "validation" else "test"
    score = f"{part} {run.score_name}"
    guess = "always the most frequent" if run.softmax else "always saying yes"
    guess = "always the same level" if run.graded else guess
    images["progress"] = figures.progress_figure(
        run.curves, f"eval/{run.score}", run.floor, score, guess
    )
    images["losses"] = figures.loss_figure(run.curves)
    if gradient_figure.gradient_terms(run.curves):
        images["gradients"] = gradient_figure.gradient_figure(run.curves)
    return {"score": score}


def _time(run: Run, images: Images) -> Shown:
    time, steps = run.record.get("time"), run.record.get("steps")
    if not time or not steps:
        return "the version that trained this run did not note it."
    folds = len(run.results.get("folds", ())) or 1
    images["time"] = time_figure(time, run.record.get("taken", steps * folds))
    return {"start": run.record.get("start", {}).get("until_first_step")}


def _attention(run: Run, images: Images) -> Shown:
    looked = tuples.attention_domains(run)
    if not looked:
        return None
    cards, strips = tuples.attention_cards(run)
    images.update(strips)
    if not cards:
        return f"no sampled {run.example} has a class present."
    unused = [domain for domain in looked if DOMAINS[domain].input not in run.test_inputs]
    return {
        "cards": cards,
        "looked": [f"{DOMAINS[domain].words} ({domain})" for domain in looked],
        "unused": unused if run.test_inputs else [],
        "full": tuples.FLOOR,
    }


def _relations(run: Run, images: Images) -> Shown:
    samples, names = run.samples, run.names
    stored = sorted(name for name in samples if name.startswith("relation_"))
    learned = samples.get("prototype_relation")
    if learned is None and not stored:
        return None
    prior = run.record.get("class_prior")
    prior = None if prior is None else np.asarray(prior, np.float64)
    if learned is not None:
        learned = np.asarray(learned, np.float64)
        images["relations"] = relations.relation_figure(
            prior, learned, names, report_head.prototype_title(run)
        )
    graph = any(f"relation_{branch}" in stored for branch in BRANCHES)
    if graph and prior is not None and run.config.get("graph", {}).get("prior") == "learned":
        rows = [(b.name, b.learned, *b.by_class(len(names))) for b in read_branches(run)]
        images["learned"] = relations.branch_figure(rows, prior, names)
    nodes = samples[stored[0]] if stored else np.zeros((0, 0))  # of two the heterophily branch
    if len(nodes) > len(names):
        domains = str(run.config.get("domains", relations.DOMAINS))
        images["adjacency"] = relations.adjacency_figure(nodes, names, domains)
    likeness = None
    if learned is not None and prior is not None:
        likeness = relations.agreement(prior, learned)
    return {
        "prior": prior is not None,
        "likeness": likeness if likeness and np.isfinite(likeness).all() else None,
        "width": max(680, 12 * len(nodes)),
    }


def _prototype(run: Run, images: Images) -> Shown:
    if "prototype" not in run.samples:
        return None
    called = report_head.prototype_title(run).replace("U-SR", "Universal stimulus-reaction")
    images["prototype"] = relations.prototype_figure(run.samples["prototype"], run.names)
    return {"called": called}


def _tuples(run: Run, images: Images) -> Shown:
    if "probability" not in run.samples:
        return (
            f"no sampled {run.example}s (samples-fold*.npz) in the run directory, and so "
            "nothing that is drawn from them; --mode=evaluate writes them."
        )
    ranked = tuples.ranked(run.samples, run.task)
    found = run.predictions
    all_loss = record_loss(*found[:2], run.task) if found and found[2] else None
    tables = {
        title: tuples.examples(run, rows, all_loss)
        for title, rows in zip(("Best", "Worst"), ranked, strict=True)
    }
    return {"tables": tables, "pictures": [heading for heading, *_ in tuples.pictures(run)]}


def _folds(run: Run, images: Images) -> Shown:
    if run.graded and "folds" in run.results:
        return levels.folds(run)
    return classes.folds(run, images)


def _config(run: Run, images: Images) -> Shown:
    if not run.config:
        return "config.json is not in the run directory."
    record = {key: value for key, value in run.record.items() if key != "class_prior"}
    shown = {"config.json": run.config, "run.json": record}
    return {name: json.dumps(value, indent=2) for name, value in shown.items()}


# key -> (title, with the names of this run filled in; what the template lays out)
SECTIONS: Mapping[str, tuple[str, Callable[[Run, Images], Shown]]] = {
    "training": ("Training", _training),
    "time": ("Where the time went", _time),
    "units": ("{classes}", classes.units),
    "levels": ("{classes}", levels.intensities),
    "confusion": ("Confusion", classes.confusions),
    "people": ("People", people.people),
    "radar": ("Positives and negatives", classes.radar),
    "attention": ("Where the model looks", _attention),
    "relations": ("Relations", _relations),
    "prototype": ("{prototypes}", _prototype),
    "tuples": ("Best and worst {examples}", _tuples),
    "folds": ("Folds", _folds),
    "config": ("Configuration", _config),
}
