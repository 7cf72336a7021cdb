"""One self-contained HTML page for a finished run, and its charts as PNGs in report/."""

import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from drr_jax import report_figures as figures
from drr_jax import report_head
from drr_jax import report_page as html
from drr_jax import report_relations as relations
from drr_jax import report_tuples as tuples
from drr_jax.relations import read_branches
from drr_jax.report_run import Run, Samples, log_loss, read_run

Images = dict[str, bytes]  # file name without .png -> encoded picture
SECTIONS = {
    "training": "Training",
    "units": "Action units",
    "radar": "Positives and negatives",
    "attention": "Where the model looks",
    "relations": "Relations",
    "prototype": "U-SR prototypes",
    "tuples": "Best and worst tuples",
    "folds": "Folds",
    "config": "Configuration",
}


def write_report(workdir: str | Path, samples: Samples | None = None) -> Path:
    """Writes <workdir>/report.html and <workdir>/report/*.png; returns the page's path.

    `samples` are the arrays that evaluation collects from the test part: reaction and stimulus
    uint8 [n, H, W, 3], caption, caption_tokens [n, tokens], attention_R and attention_S
    [n, h, w, N], attention_T [n, tokens, N], probability [n, N], label [n, N] (-1 unknown),
    sequence, frame; prototype [N, G], prototype_relation [N, N], relation_BRANCH [M, M];
    all_probability and all_label over the whole test part. Without them the stored
    samples-fold*.npz is read; what is absent is named on the page.
    Raises InputError if `workdir` holds no finished run. Nothing is written before all is drawn.
    """
    run = read_run(Path(workdir), samples)
    images: Images = {}
    shown = {k: v for k, v in SECTIONS.items() if k != "folds" or "folds" in run.results}
    body = [report_head.headline(run, shown)]
    builders = {
        "training": _training,
        "units": _units,
        "radar": _radar,
        "attention": _attention,
        "relations": _relations,
        "prototype": _prototype,
        "tuples": _tuples,
        "folds": _folds,
        "config": _config,
    }
    body += [html.section(k, title, *builders[k](run, images)) for k, title in shown.items()]
    folder = run.workdir / "report"
    folder.mkdir(exist_ok=True)
    for stale in folder.glob("*.png"):
        if stale.stem not in images:
            stale.unlink()
    for name, encoded in images.items():
        html.replace_file(folder / f"{name}.png", encoded)
    target = run.workdir / "report.html"
    html.replace_file(target, html.page(report_head.title(run), body).encode())
    return target


def _training(run: Run, images: Images) -> list[str]:
    if not figures.loss_terms(run.curves):
        return [html.missing("metrics.jsonl is not in the run directory or holds no loss.")]
    images["progress"] = figures.progress_figure(run.curves, run.results["all_positive_f1_mean"])
    images["losses"] = figures.loss_figure(run.curves)
    return [
        html.figure(
            images["progress"],
            "test F1, learning rate and gradient norm over steps",
            "Test F1 during training against the F1 of a model that always says yes (dashed).",
        ),
        html.figure(
            images["losses"],
            "every loss term over steps",
            "Loss terms, unweighted except for the total. Thin: as logged; bold: running mean.",
        ),
    ]


def _rows(run: Run) -> dict[str, dict[str, float]]:
    rows: dict[str, dict[str, float]] = {}
    for name, au in run.classes.items():
        rate = au["positives"] / au["count"] if au["count"] else 0.0
        rows[name] = {**au, "base_rate": rate, "all_positive_f1": 2 * rate / (1 + rate)}
    return rows


def _units(run: Run, images: Images) -> list[str]:
    rows = _rows(run)
    images["f1"] = figures.bar_figure(rows)
    gain = {name: row["f1"] - row["all_positive_f1"] for name, row in rows.items()}
    most, least = max(gain, key=gain.__getitem__), min(gain, key=gain.__getitem__)
    head = [run.noun, "F1", "Always yes", "Gain", "Accuracy", "Positives", "Labels", "Base"]
    if run.best:
        head.insert(2, "F1, best step")

    def line(name: str, row: Mapping[str, float]) -> list[str]:
        cells = [figures.named(name), f"{row['f1']:.3f}", f"{row['all_positive_f1']:.3f}"]
        cells += [f"{gain[name]:+.3f}", f"{row['accuracy']:.3f}", f"{row['positives']:,}"]
        cells += [f"{row['count']:,}", f"{100 * row['base_rate']:.1f} %"]
        if run.best:
            cells.insert(2, f"{run.best[run.task][name]['f1']:.3f}")
        return cells

    mean, always = run.results["f1_mean"], run.results["all_positive_f1_mean"]
    total = ["Mean", f"{mean:.3f}", f"{always:.3f}", f"{mean - always:+.3f}"]
    total += [f"{run.results['accuracy_mean']:.3f}", "", "", ""]
    if run.best:
        total.insert(2, f"{run.best['f1_mean']:.3f}")
    return [
        html.text(
            f"F1 is above that of always saying yes for {sum(g > 0 for g in gain.values())} of "
            f"{len(gain)} {run.noun}s: furthest for {figures.named(most)} ({gain[most]:+.3f}), "
            f"least for {figures.named(least)} ({gain[least]:+.3f})."
        ),
        html.figure(
            images["f1"],
            f"F1 of every {run.noun} beside its base rate and the F1 of always saying yes",
            "A bar is worth something only past its orange tick, 2p / (1 + p) with base rate p. "
            "Probability threshold 0.5; counts over all test frames; unknown labels left out."
            + (" Whiskers: standard deviation over folds." if "folds" in run.results else ""),
        ),
        html.table(head, (line(name, row) for name, row in rows.items()), total),
    ]


def _scores(run: Run) -> tuple[np.ndarray, np.ndarray, bool] | None:
    """Probabilities and labels of the test part, else of the samples; whether it is the former."""
    for prefix in ("all_", ""):
        if run.samples and {f"{prefix}probability", f"{prefix}label"} <= set(run.samples):
            pair = run.samples[f"{prefix}probability"], run.samples[f"{prefix}label"]
            return *pair, bool(prefix)
    return None


def _without_samples(run: Run) -> list[str]:
    return [
        html.missing(
            "no sampled tuples (samples-fold*.npz) in the run directory; --mode=evaluate writes "
            "them."
        )
    ]


def _radar(run: Run, images: Images) -> list[str]:
    scores = _scores(run)
    if scores is None:
        return _without_samples(run)
    probability, label, whole = scores
    images["radar"] = figures.radar_figure(probability, label, run.names)
    source = "the test part" if whole else "the sampled tuples"
    return [
        html.figure(
            images["radar"],
            "radar charts of predicted probabilities for positives and negatives of four classes",
            f"Up to 36 positives (P, above) and 36 negatives (N, below) of each class, drawn at "
            f"random from {source}; one spoke each, clockwise in order of probability. Radius is "
            "the predicted probability, the rim is 1 and the dashed circle the threshold. "
            "Positives belong outside it, negatives inside; a red cross is on the wrong side. "
            "After Figure 8 of the paper's supplement.",
        )
    ]


def _attention(run: Run, images: Images) -> list[str]:
    if not run.samples or "attention_R" not in run.samples:
        return _without_samples(run)
    cards, strips = tuples.attention_cards(run.samples, run.names)
    images.update(strips)
    if not cards:
        return [html.missing("no sampled tuple has a class present.")]
    return [
        html.text(
            "Class-wise attention over the face (R), the stimulus (S) and the caption (T), for "
            "classes that are present. Bright is much, grey is little; 'peak 8 × even' means that "
            "the strongest cell gets eight times what it would get if attention were spread "
            f"evenly, and full brightness needs {tuples.FLOOR:.0f}. Only R is used to predict; "
            "S and T take part in training."
        ),
        *cards,
    ]


def _relations(run: Run, images: Images) -> list[str]:
    if not run.samples or "prototype_relation" not in run.samples:
        return _without_samples(run)
    learned = np.asarray(run.samples["prototype_relation"], np.float64)
    prior = run.record.get("class_prior")
    prior = None if prior is None else np.asarray(prior, np.float64)
    images["relations"] = relations.relation_figure(prior, learned, run.names)
    body = [
        html.figure(
            images["relations"],
            "relation prior beside the cosine similarity of the learned prototypes",
            "Left: which classes the prior relates. Right: how alike their learned prototypes are, "
            "related pairs outlined in orange; the scale leaves out the diagonal, which is 1.",
        )
    ]
    if prior is None:
        body.insert(0, html.missing("run.json has no class_prior."))
    else:
        yes, no, higher = relations.agreement(prior, learned)
        if np.isfinite(higher):
            body.insert(
                0,
                html.text(
                    f"Related pairs have a mean similarity of {yes:.2f}, unrelated ones {no:.2f}; "
                    f"a related pair is the more similar one in {100 * higher:.0f} % of "
                    "comparisons (50 % would mean that the prior left no trace)."
                ),
            )
    stored = sorted(name for name in run.samples if name.startswith("relation_"))
    if stored and prior is not None and run.config.get("graph", {}).get("prior") == "learned":
        rows = [(b.name, b.learned, *b.by_class(len(run.names))) for b in read_branches(run)]
        images["learned"] = relations.branch_figure(rows, prior, run.names)
        body.append(
            html.figure(
                images["learned"],
                "relation of each graph branch before and after training",
                "What each branch of the graph was given, what training made of it, and the "
                "difference: edge weights, averaged over the domains. Only given edges are learnt.",
            )
        )
    nodes = run.samples[stored[0]] if stored else None  # of two the heterophily branch
    if nodes is not None and len(nodes) > len(run.names):
        images["adjacency"] = relations.adjacency_figure(
            nodes, run.names, str(run.config.get("domains", relations.DOMAINS))
        )
        png = html.data_url(images["adjacency"], "png")
        body.append(
            "<details><summary>Adjacency over the class nodes of all domains</summary>"
            f'<figure><img style="max-width:680px" src="{png}" alt="extended adjacency"></figure>'
            "</details>"
        )
    return body


def _prototype(run: Run, images: Images) -> list[str]:
    if not run.samples or "prototype" not in run.samples:
        return _without_samples(run)
    images["prototype"] = relations.prototype_figure(run.samples["prototype"], run.names)
    return [
        html.figure(
            images["prototype"],
            "mean U-SR state of every class",
            "Universal stimulus-reaction prototypes: the mean state of each class's node after the "
            "graph, over domains and up to 256 tuples drawn from the training parts. Columns are "
            "features, grouped by the class in which they are largest.",
        )
    ]


def _tuples(run: Run, images: Images) -> list[str]:
    if not run.samples or "probability" not in run.samples:
        return _without_samples(run)
    best, worst = tuples.ranked(run.samples)
    scores = _scores(run)
    all_loss = log_loss(scores[0], scores[1]) if scores and scores[2] else None
    note = (
        "By mean log loss over the known labels of a tuple. Best ones are taken among tuples with "
        "a class present; p is the predicted probability."
    )
    return [
        html.text(note),
        "<h3>Best</h3>",
        tuples.tuple_table(run, best, all_loss),
        "<h3>Worst</h3>",
        tuples.tuple_table(run, worst, all_loss),
    ]


def _folds(run: Run, images: Images) -> list[str]:
    folds, table = run.results["folds"], run.classes
    head = [run.noun, *(f"Fold {fold.get('fold', k)}" for k, fold in enumerate(folds))]
    head += ["Mean", "SD", "Pooled", "Accuracy", "SD", "Pooled"]

    def numbers(row: Mapping[str, Any], end: str = "") -> list[str]:
        keys = (f"f1{end}", f"f1{end}_std", f"f1{end}_pooled")
        keys += tuple(key.replace("f1", "accuracy") for key in keys)
        return [f"{row[key]:.3f}" if key in row else "" for key in keys]

    rows = (
        [
            figures.named(name),
            *(f"{fold[run.task][name]['f1']:.3f}" for fold in folds),
            *numbers(row),
        ]
        for name, row in table.items()
    )
    total = ["Mean", *(f"{fold['f1_mean']:.3f}" for fold in folds), *numbers(run.results, "_mean")]
    return [
        html.text(
            "F1 of each fold, its mean and sample standard deviation over folds, and the F1 of "
            "the counts of all folds pooled; then accuracy likewise. Curves and pictures above "
            "that show a single fold are of the first."
        ),
        html.table(head, rows, total),
    ]


def _config(run: Run, images: Images) -> list[str]:
    if not run.config:
        return [html.missing("config.json is not in the run directory.")]
    body = escape(json.dumps(run.config, indent=2))
    record = escape(
        json.dumps({k: v for k, v in run.record.items() if k != "class_prior"}, indent=2)
    )
    return [
        f"<details><summary>config.json</summary><pre>{body}</pre></details>",
        f"<details><summary>run.json</summary><pre>{record}</pre></details>",
    ]
