"""One self-contained HTML page for a finished run, and its charts as PNGs in report/."""

import json
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path

import numpy as np

from drr_jax import files, pages
from drr_jax.facs import DOMAINS
from drr_jax.pages import Images
from drr_jax.report import classes, tuples
from drr_jax.report import head as report_head
from drr_jax.report import relation_figures as relations
from drr_jax.report.relations import BRANCHES, read_branches
from drr_jax.report.samples import Run, Samples, log_loss, read_finished


def write_report(workdir: str | Path, samples: Samples | None = None) -> Path:
    """Writes <workdir>/report.html and <workdir>/report/*.png; returns the page's path.

    `samples` are the arrays that evaluation collects from the test part: reaction and stimulus
    uint8 [n, H, W, 3], caption, caption_tokens [n, tokens], attention_R and attention_S
    [n, h, w, N], attention_T [n, tokens, N], probability [n, N], label [n, N] (-1 unknown),
    sequence, frame; prototype [N, G], prototype_relation [N, N], relation_BRANCH [M, M];
    all_probability and all_label over the whole test part; of other domains likewise (depth,
    thermal, attention_V, ...). Without them the stored samples-fold*.npz is read. What was not
    recorded is named on the page; a section that the system has nothing for is left out.
    Raises InputError if `workdir` holds no finished run. Nothing is written before all is drawn.
    """
    run = read_finished(Path(workdir), samples)
    images: Images = {}
    names = {
        "classes": report_head.class_title(run),
        "prototypes": report_head.prototype_title(run),
        "examples": f"{run.example}s",
    }
    built = [
        (key, title.format_map(names), build(run, images))
        for key, (title, build) in SECTIONS.items()
    ]
    body = [report_head.headline(run, {key: title for key, title, lines in built if lines})]
    body += [pages.section(key, title, *lines) for key, title, lines in built if lines]
    folder = run.workdir / "report"
    folder.mkdir(exist_ok=True)
    for stale in folder.glob("*.png"):
        if stale.stem not in images:
            stale.unlink()
    for name, encoded in images.items():
        files.write_whole(folder / f"{name}.png", encoded)
    target = run.workdir / "report.html"
    files.write_whole(target, pages.page(report_head.title(run), body))
    return target


def _training(run: Run, images: Images) -> list[str]:
    if not pages.loss_terms(run.curves):
        return [pages.missing("metrics.jsonl is not in the run directory or holds no loss.")]
    part = "validation" if run.results.get("selection") == "validation" else "test"
    if run.softmax:
        score, guess = f"{part} accuracy", "always the most frequent"
        says = "that of always naming the test part's most frequent class"
    else:
        score, guess = f"{part} F1", "always saying yes"
        says = "the F1 of a model that always says yes to the test part"
    images["progress"] = pages.progress_figure(
        run.curves, f"eval/{run.score}", run.floor, score, guess
    )
    images["losses"] = pages.loss_figure(run.curves)
    return [
        pages.figure(
            images["progress"],
            f"{score}, learning rate and gradient norm over steps",
            f"{score[0].upper()}{score[1:]} during training against {says} (dashed).",
        ),
        pages.figure(
            images["losses"],
            "every loss term over steps",
            "Loss terms, unweighted except for the total. Thin: as logged; bold: running mean.",
        ),
    ]


def _attention(run: Run, images: Images) -> list[str]:
    looked = tuples.attention_domains(run)
    if not run.samples or not looked:
        return []
    cards, strips = tuples.attention_cards(run)
    images.update(strips)
    if not cards:
        return [pages.missing(f"no sampled {run.example} has a class present.")]
    names = report_head.listed([f"{DOMAINS[d].words} ({d})" for d in looked])
    unused = [domain for domain in looked if DOMAINS[domain].input not in run.test_inputs]
    note = ""
    if run.test_inputs and unused:
        verb = "takes" if len(unused) == 1 else "take"
        note = f" {report_head.listed(unused)} {verb} part in training only, not in predicting."
    shown = "classes that are present"
    if run.softmax:
        shown = (
            f"the {run.noun} that is present and the most probable other, of the {run.example}s "
            "that were predicted best and worst"
        )
    return [
        pages.text(
            f"Class-wise attention over {names}, for {shown}. Bright is much, grey is little; "
            "'peak 8 × even' means that the strongest cell gets eight times what it would get if "
            "attention were spread evenly, and full brightness needs "
            f"{tuples.FLOOR:.0f}.{note}"
        ),
        *cards,
    ]


def _relations(run: Run, images: Images) -> list[str]:
    samples = run.samples or {}
    stored = sorted(name for name in samples if name.startswith("relation_"))
    learned = samples.get("prototype_relation")
    if learned is None and not stored:
        return []
    prior = run.record.get("class_prior")
    prior = None if prior is None else np.asarray(prior, np.float64)
    body = []
    if learned is not None:
        learned = np.asarray(learned, np.float64)
        body += _prototype_relation(run, images, prior, learned)
    graph = [f"relation_{branch}" for branch in BRANCHES if f"relation_{branch}" in stored]
    if graph and prior is not None and run.config.get("graph", {}).get("prior") == "learned":
        rows = [(b.name, b.learned, *b.by_class(len(run.names))) for b in read_branches(run)]
        images["learned"] = relations.branch_figure(rows, prior, run.names)
        body.append(
            pages.figure(
                images["learned"],
                "relation of each graph branch before and after training",
                "What each branch of the graph was given, what training made of it, and the "
                "difference: edge weights, averaged over the domains. Only given edges are learnt.",
            )
        )
    nodes = samples[stored[0]] if stored else None  # of two the heterophily branch
    if nodes is not None and len(nodes) > len(run.names):
        images["adjacency"] = relations.adjacency_figure(
            nodes, run.names, str(run.config.get("domains", relations.DOMAINS))
        )
        png = pages.data_url(images["adjacency"], "png")
        width = max(680, 12 * len(nodes))
        body.append(
            "<details><summary>Adjacency over the class nodes of all domains</summary>"
            f'<figure><img style="max-width:{width}px" src="{png}" alt="extended adjacency">'
            "</figure></details>"
        )
    return body


def _prototype_relation(
    run: Run, images: Images, prior: np.ndarray | None, learned: np.ndarray
) -> list[str]:
    images["relations"] = relations.relation_figure(
        prior, learned, run.names, report_head.prototype_title(run)
    )
    body = []
    if prior is None:
        body.append(pages.missing("run.json has no class_prior."))
    else:
        yes, no, higher = relations.agreement(prior, learned)
        if np.isfinite(higher):
            body.append(
                pages.text(
                    f"Related pairs have a mean similarity of {yes:.2f}, unrelated ones {no:.2f}; "
                    f"a related pair is the more similar one in {100 * higher:.0f} % of "
                    "comparisons (50 % would mean that the prior left no trace)."
                )
            )
    figure = pages.figure(
        images["relations"],
        "relation prior beside the cosine similarity of the learned prototypes",
        "Left: which classes the prior relates. Right: how alike their learned prototypes are, "
        "related pairs outlined in orange; the scale leaves out the diagonal, which is 1.",
    )
    return [*body, figure]


def _prototype(run: Run, images: Images) -> list[str]:
    if not run.samples or "prototype" not in run.samples:
        return []
    called = report_head.prototype_title(run)
    if called == "U-SR prototypes":
        called = "Universal stimulus-reaction prototypes"
    images["prototype"] = relations.prototype_figure(run.samples["prototype"], run.names)
    return [
        pages.figure(
            images["prototype"],
            "mean state of every class after the graph",
            f"{called}: the mean state of each class's node after the graph, over domains and up "
            f"to 256 {run.example}s drawn from the training parts. Columns are features, grouped "
            "by the class in which they are largest.",
        )
    ]


def _tuples(run: Run, images: Images) -> list[str]:
    if not run.samples or "probability" not in run.samples:
        return [
            pages.missing(
                f"no sampled {run.example}s (samples-fold*.npz) in the run directory, and so "
                "nothing that is drawn from them; --mode=evaluate writes them."
            )
        ]
    best, worst = tuples.ranked(run.samples, run.softmax)
    found = classes.scores(run)
    all_loss = log_loss(*found[:2], run.softmax) if found and found[2] else None
    note = "By the log loss of the class that is present; p is the predicted probability."
    if not run.softmax:
        note = (
            f"By mean log loss over the known labels of a {run.example}. Best ones are taken among "
            f"{run.example}s with a class present; p is the predicted probability."
        )
    return [
        pages.text(note),
        "<h3>Best</h3>",
        tuples.tuple_table(run, best, all_loss),
        "<h3>Worst</h3>",
        tuples.tuple_table(run, worst, all_loss),
    ]


def _config(run: Run, images: Images) -> list[str]:
    if not run.config:
        return [pages.missing("config.json is not in the run directory.")]
    body = escape(json.dumps(run.config, indent=2))
    record = escape(
        json.dumps({k: v for k, v in run.record.items() if k != "class_prior"}, indent=2)
    )
    return [
        f"<details><summary>config.json</summary><pre>{body}</pre></details>",
        f"<details><summary>run.json</summary><pre>{record}</pre></details>",
    ]


Builder = Callable[[Run, Images], list[str]]
# key -> (title, with the names of this run filled in; its lines, none if nothing is to be said)
SECTIONS: Mapping[str, tuple[str, Builder]] = {
    "training": ("Training", _training),
    "units": ("{classes}", classes.units),
    "confusion": ("Confusion", classes.confusions),
    "radar": ("Positives and negatives", classes.radar),
    "attention": ("Where the model looks", _attention),
    "relations": ("Relations", _relations),
    "prototype": ("{prototypes}", _prototype),
    "tuples": ("Best and worst {examples}", _tuples),
    "folds": ("Folds", classes.folds),
    "config": ("Configuration", _config),
}
