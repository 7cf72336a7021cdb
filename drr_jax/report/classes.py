"""What the report says of the classes: F1 and counts, confusion, radar charts, folds."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from drr_jax import pages
from drr_jax.pages import Images
from drr_jax.report import confusion
from drr_jax.report.samples import Run


def units(run: Run, images: Images) -> list[str]:
    """F1 of every class: bars, and a table with what it comes from."""
    rows: dict[str, dict[str, Any]] = {}
    for name, scores in run.classes.items():
        rate = scores["positives"] / scores["count"] if scores["count"] else 0.0
        rows[name] = {**scores, "base_rate": rate}
        if not run.softmax:
            rows[name]["all_positive_f1"] = 2 * rate / (1 + rate)
    images["f1"] = pages.bar_figure(rows)
    whiskers = " Whiskers: standard deviation over folds." if "folds" in run.results else ""
    if run.softmax:
        return _softmax_units(run, rows, images, whiskers)
    gain = {name: row["f1"] - row["all_positive_f1"] for name, row in rows.items()}
    most, least = max(gain, key=gain.__getitem__), min(gain, key=gain.__getitem__)
    head = ["AU", "F1", "Always yes", "Gain", "Accuracy", "Positives", "Labels", "Base"]
    if run.best:
        head.insert(2, "F1, best step")

    def line(name: str, row: Mapping[str, float]) -> list[str]:
        cells = [pages.named(name), f"{row['f1']:.3f}", f"{row['all_positive_f1']:.3f}"]
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
        pages.text(
            f"F1 is above that of always saying yes for {sum(g > 0 for g in gain.values())} of "
            f"{len(gain)} AUs. The gain is largest for {pages.named(most)} "
            f"({gain[most]:+.3f}) and smallest for {pages.named(least)} ({gain[least]:+.3f})."
        ),
        pages.figure(
            images["f1"],
            "F1 of every AU beside its base rate and the F1 of always saying yes",
            "A bar is worth something only past its orange tick, 2p / (1 + p) with base rate p. "
            "Probability threshold 0.5; counts over all test frames; unknown labels left out."
            + whiskers,
        ),
        pages.table(head, (line(name, row) for name, row in rows.items()), total),
    ]


def _softmax_units(
    run: Run, rows: Mapping[str, Mapping[str, Any]], images: Images, whiskers: str
) -> list[str]:
    """Expressions and scenes, each against the rest."""
    matrix = np.array(run.results["confusion"])
    hit, present, claimed = np.diag(matrix), matrix.sum(1), matrix.sum(0)
    head = [run.noun.capitalize(), "F1", "Precision", "Recall", "Records", "Share"]
    head.append("Most often taken for")
    if run.best:
        head.insert(2, "F1, best step")
    taken = confusion.most_taken_for(matrix, run.names)
    lines = []
    for number, (name, row) in enumerate(rows.items()):
        cells = [pages.plain(name), f"{row['f1']:.3f}"]
        for count in (claimed[number], present[number]):
            cells.append(f"{hit[number] / count:.3f}" if count else "")
        cells += [f"{present[number]:,}", f"{100 * row['base_rate']:.1f} %", taken[number]]
        if run.best:
            cells.insert(2, f"{run.best[run.task][name]['f1']:.3f}")
        lines.append(cells)
    total = ["Mean", f"{run.results['f1_mean']:.3f}", "", "", f"{present.sum():,}", "", ""]
    if run.best:
        total.insert(2, f"{run.best['f1_mean']:.3f}")
    f1 = {name: row["f1"] for name, row in rows.items() if row["positives"]}
    absent = len(rows) - len(f1)
    note = f" Classes without a record ({absent}) count as 0 in the mean." if absent else ""
    most, least = max(f1, key=f1.__getitem__), min(f1, key=f1.__getitem__)
    return [
        pages.text(
            f"The most probable of {len(rows)} {run.noun}s is the prediction. Best found is "
            f"{pages.plain(most)} (F1 {f1[most]:.3f}), worst {pages.plain(least)} "
            f"({f1[least]:.3f}).{note}"
        ),
        pages.figure(
            images["f1"],
            f"F1 of every {run.noun} against the rest beside its share of the test part",
            f"F1 of each {run.noun} against the rest, over all test records with a known label; "
            f"the ring is its share of them.{whiskers}",
        ),
        pages.table(head, lines, total),
    ]


def confusions(run: Run, images: Images) -> list[str]:
    """The confusion matrix of a softmax task; nothing for AUs."""
    if not run.softmax:
        return []
    matrix = np.array(run.results["confusion"])
    images["confusion"] = confusion.confusion_figure(matrix, run.names)
    note = " Counts of all folds are pooled." if "folds" in run.results else ""
    if not matrix.any(1).all():
        note += " An empty row has no records."
    return [
        pages.figure(
            images["confusion"],
            f"confusion matrix of the {run.noun}s",
            f"Of the records that show a row's {run.noun}, the share in per cent that was taken "
            f"for each column's. Shares below half a per cent are left blank.{note}",
        )
    ]


def scores(run: Run) -> tuple[np.ndarray, np.ndarray, bool] | None:
    """Probabilities and labels of the test part, else of the samples; whether it is the former."""
    for prefix in ("all_", ""):
        if run.samples and {f"{prefix}probability", f"{prefix}label"} <= set(run.samples):
            pair = run.samples[f"{prefix}probability"], run.samples[f"{prefix}label"]
            return *pair, bool(prefix)
    return None


def radar(run: Run, images: Images) -> list[str]:
    """Figure 8 of the supplement, of AUs: a softmax has no threshold to be inside or outside of."""
    found = scores(run)
    if run.softmax or found is None:
        return []
    probability, label, whole = found
    images["radar"] = pages.radar_figure(probability, label, run.names)
    source = "the test part" if whole else f"the sampled {run.example}s"
    return [
        pages.figure(
            images["radar"],
            "radar charts of predicted probabilities for positives and negatives of four classes",
            f"Up to 36 positives (P, above) and 36 negatives (N, below) of each class, drawn at "
            f"random from {source}; one spoke each, clockwise in order of probability. Radius is "
            "the predicted probability, the rim is 1 and the dashed circle the threshold. "
            "Positives belong outside it, negatives inside; a red cross is on the wrong side. "
            "After Figure 8 of the paper's supplement.",
        )
    ]


def folds(run: Run, images: Images) -> list[str]:
    """Every class in every fold; nothing if there is but one."""
    if "folds" not in run.results:
        return []
    each, table = run.results["folds"], run.classes
    head = [run.noun.capitalize() if run.softmax else run.noun]
    head += [f"Fold {fold.get('fold', k)}" for k, fold in enumerate(each)]
    head += ["Mean", "SD", "Pooled", "Accuracy", "SD", "Pooled"]

    def numbers(row: Mapping[str, Any], *keys: str) -> list[str]:
        ends = ("", "_std", "_pooled")
        return [f"{row[key + end]:.3f}" if key + end in row else "" for key in keys for end in ends]

    rows = [
        [
            pages.named(name),
            *(f"{fold[run.task][name]['f1']:.3f}" for fold in each),
            *numbers(row, "f1", "accuracy"),
        ]
        for name, row in table.items()
    ]
    mean = ["Mean", *(f"{fold['f1_mean']:.3f}" for fold in each)]
    mean += numbers(run.results, "f1_mean", "accuracy_mean")
    if run.softmax:
        rows.append(mean)
        mean = [f"Accuracy, most probable {run.noun}"]
        mean += [f"{fold['accuracy']:.3f}" for fold in each]
        mean += [*numbers(run.results, "accuracy"), "", "", ""]
    against = " of each class against the rest" if run.softmax else ""
    return [
        pages.text(
            f"F1{against} in each fold, its mean and sample standard deviation over folds, and the "
            "F1 of the counts of all folds pooled; then accuracy likewise. Single "
            f"{run.example}s and what is drawn from them are of the first fold."
        ),
        pages.table(head, rows, mean),
    ]
