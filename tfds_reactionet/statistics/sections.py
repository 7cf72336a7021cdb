"""The sections of the statistics page: each returns HTML and adds its PNG and CSV files."""

from typing import Any

import numpy as np

from drr_jax import facs, pages
from drr_jax.errors import InputError
from drr_jax.pages import named
from tfds_reactionet import annotation
from tfds_reactionet.statistics import figures
from tfds_reactionet.statistics import words as words_of
from tfds_reactionet.statistics.counts import BIN, BINS
from tfds_reactionet.statistics.reaction_delay import MIN_PAIRS, measure
from tfds_reactionet.statistics.study import Study, au_shares

# Supplement 1.6 names them as the bottleneck.
RARE = facs.au_names(1, 2, 4, 5, 9, 17, 20)
# Supplement Figure 1: sub-scenes, tasks, sequences, frames.
PAPER_SCENES = {
    "sport": (14, 170, 426, 325_571),
    "show": (10, 177, 489, 240_949),
    "animation": (7, 94, 268, 209_058),
    "film": (7, 89, 296, 127_073),
    "game": (7, 119, 314, 268_120),
    "object": (6, 163, 473, 346_484),
    "self_made": (6, 88, 246, 131_246),
    "interview_public_speech": (2, 69, 197, 139_747),
}
_LEVELS = ("sub-scenes", "tasks", "sequences", "frames")
_AU_SETS = (
    facs.REACTIONET_AUS_12,
    facs.BP4D_AUS,
    facs.DISFA_AUS,
    facs.CK_PLUS_AUS,
    facs.EMOTIONET_AUS_11,
)
NO_AUS = "this data set has no action units."


def scenes(study: Study) -> list[str]:
    """Figure 1: what the hierarchy holds, by scene."""
    paths = [(name.split("/"), count) for name, count in study.sequences]
    names: list[str] = list(study.metadata.get("scene_names") or [])
    if not names or any(len(path) != 4 or path[0] not in names for path, _ in paths):
        return [pages.missing("this data set has no scenes.")]
    table: dict[str, tuple[int, int, int, int]] = {}
    for scene in names:
        mine = [(path, count) for path, count in paths if path[0] == scene]
        subs, tasks = {path[1] for path, _ in mine}, {tuple(path[:3]) for path, _ in mine}
        table[scene] = len(subs), len(tasks), len(mine), sum(count for _, count in mine)
    titles = {scene: scene.replace("_", " ") for scene in names}
    panels = {
        level: {titles[scene]: row[column] for scene, row in table.items()}
        for column, level in enumerate(_LEVELS)
    }
    total = [sum(row[column] for row in table.values()) for column in range(4)]
    rows = [[scene, *row, *PAPER_SCENES.get(scene, [""] * 4)] for scene, row in table.items()]
    header = ["scene", *(level.replace("-", "_") for level in _LEVELS)]
    header += [f"paper_{name}" for name in header[1:]]
    sub_rows = [
        [*sub.split("/"), sum(count for path, count in paths if "/".join(path[:2]) == sub)]
        for sub in sorted({"/".join(path[:2]) for path, _ in paths})
    ]
    return [
        pages.text(
            f"{total[0]} sub-scenes, {total[1]:,} tasks, {total[2]:,} sequences and {total[3]:,} "
            "frames; frames are the usable ones, with both images, a caption and a face or a "
            "manual label."
        ),
        study.picture(
            "scenes",
            figures.bars(panels),
            "numbers of sub-scenes, tasks, sequences and frames by scene",
            "A task is one untrimmed video, a sequence a clip of it.",
        ),
        study.data("scenes", header, rows),
        study.data("sub_scenes", ["scene", "sub_scene", "frames"], sub_rows),
    ]


def demographics(study: Study) -> list[str]:
    """Table 1: ages and ethnicities as DeepFace estimated them."""
    found = study.people
    if not found:
        return [
            pages.missing(
                f"{study.demographics} is not there or empty; --manual_dir names the raw release."
            )
        ]
    ethnicity, age = annotation.table_1(found)
    unknown = sum(person.age is None and person.race is None for person in found)
    panels = {"ethnicity, subjects": ethnicity, "age in years, subjects": age}
    return [
        pages.text(
            f"{len(found):,} subjects, {unknown:,} of them without any valid estimate. Estimates "
            "by DeepFace are rough: they describe how a classifier sees a face, not a person."
        ),
        study.picture(
            "demographics",
            figures.bars(panels, shared=False),
            "subjects by ethnicity and by age",
            "Bins of Table 1; the paper's own numbers are in the CSV.",
        ),
        study.data(
            "demographics", ["attribute", "group", "number", "paper"], annotation.table_rows(found)
        ),
    ]


def rare(study: Study) -> list[str]:
    """Figure 4: shares of the AUs that limit training, beside other data sets."""
    if not study.au_names:
        return [pages.missing(NO_AUS)]
    sets = {study.name: study.metadata, **study.others}
    shares = {name: au_shares(metadata, RARE) for name, metadata in sets.items()}
    rows = [
        [name, au, "" if np.isnan(value) else f"{value:.6f}"]
        for name, row in shares.items()
        for au, value in zip(RARE, row, strict=True)
    ]
    alone = "" if study.others else " Name other prepared sets with --beside to compare."
    return [
        study.picture(
            "less_frequent_aus",
            figures.share_figure(RARE, shares),
            "share of frames with AU 1, 2, 4, 5, 9, 17 and 20",
            "Numbers are percent of the frames where the AU is known." + alone,
        ),
        study.data("less_frequent_aus", ["data_set", "au", "share"], rows),
    ]


def occurrence(study: Study) -> list[str]:
    """Figure 5: how often each AU occurs, in hand-labelled frames and in all."""
    counts, names = study.counts, study.au_names
    if not names:
        return [pages.missing(NO_AUS)]

    def share(positives: Any, known: Any) -> list[float]:
        return [p / k if k else float("nan") for p, k in zip(positives, known, strict=True)]

    shares = {"all frames": share(counts.positives, counts.known)}
    if 0 < counts.manual_records < study.records:
        hand = {"hand-labelled frames": share(counts.manual_positives, counts.manual_known)}
        shares = {**hand, **shares}
    rows = zip(
        names,
        counts.positives,
        counts.known,
        counts.manual_positives,
        counts.manual_known,
        strict=True,
    )
    header = ["au", "occurrences", "frames", "manual_occurrences", "manual_frames"]
    return [
        pages.text(f"{counts.manual_records:,} of {study.records:,} frames are labelled by hand."),
        study.picture(
            "occurrence",
            figures.share_figure(names, shares, meanings=False),
            "share of frames in which each AU occurs",
            "Numbers are percent of the frames where the AU is known.",
        ),
        study.data("occurrence", header, rows),
    ]


def kappa(study: Study) -> list[str]:
    """Table 2: agreement of the coders whose files were named."""
    found = study.coders
    if found is None:
        return [
            pages.missing("--coders names the coders' files, one each, formatted as keyframes.csv.")
        ]
    cells = [task.cells() for task in found.tasks]
    shown = [[row[2], *(cell or "undefined" for cell in row[3:5]), row[5], row[7]] for row in cells]
    return [
        pages.text(
            f"{found.common:,} frames that every coder coded. The supplement does not say which "
            "kappa its Table 2 gives."
        ),
        study.picture(
            "kappa",
            figures.kappa_figure(found.tasks),
            "Cohen's and Fleiss' kappa of every expression and action unit",
            "Blue and orange lie on each other where coders use a label equally often.",
        ),
        study.data("kappa", annotation.AGREEMENT_COLUMNS, cells),
        "<details><summary>Table</summary>",
        pages.table(["Task", "Cohen", "Fleiss", "Frames", "Paper"], shown),
        "</details>",
    ]


def words(study: Study) -> list[str]:
    """Figure 6: what the captions say where an AU occurs."""
    counts, names = study.counts, study.au_names
    if not counts.captions:
        return [pages.missing("this data set has no captions.")]
    everything, meaningful = words_of.vocabulary(counts.words)
    said = pages.text(
        f"{everything:,} different words in {counts.captions:,} captions, {meaningful:,} without "
        "stop words (the paper: 8,049)."
    )
    if not names:
        return [said, pages.missing(NO_AUS)]
    shown = [name for name in facs.REACTIONET_AUS_12 if name in names] or list(names[:12])
    rows, typical = [], []
    for au, name in enumerate(names):
        ranked = words_of.au_words(counts, au)
        rows += [[name, w.word, w.captions, f"{w.share:.5f}", f"{w.lift:.3f}"] for w in ranked]
        often = [word for word in ranked if word.share >= 0.01]
        best = sorted(often, key=lambda word: -word.lift)[:8]
        frequent = ", ".join(word.word for word in ranked[:8])
        typical.append([named(name), frequent, ", ".join(f"{w.word} {w.lift:.1f}" for w in best)])
    return [
        said,
        study.picture(
            "words",
            words_of.cloud_figure(counts, names, shown),
            "word clouds of captions by action unit",
            "Larger is more frequent, a caption counting once for each of its words. Blue: at "
            f"least {words_of.TYPICAL:g} times as frequent as in all captions; dark orange: as "
            "much rarer.",
        ),
        study.data("words", ["au", "word", "captions", "share", "lift"], rows),
        "<details><summary>Frequent and typical words</summary>",
        _word_table(typical),
        "</details>",
    ]


def _word_table(rows: list[list[str]]) -> str:
    head = ["Action unit", "Most frequent", "Most typical, with lift"]
    return pages.table(head, rows).replace(' class="n"', "")


def relations(study: Study) -> list[str]:
    """Co-occurrence on all parts beside the prior that training would use."""
    names = study.au_names
    if not names:
        return [pages.missing(NO_AUS)]
    chosen = next((known for known in _AU_SETS if set(known) <= set(names)), names)
    chosen = next((known for known in _AU_SETS if set(known) == set(names)), chosen)
    at = np.array([names.index(name) for name in chosen])
    parts = study.metadata["parts"].values()
    pairs, given = (
        np.sum([np.array(part[key]) for part in parts], axis=0)[np.ix_(at, at)]
        for key in ("au_pairs", "au_given")
    )
    half = facs.conditional_half_sums(pairs, given)
    prior = facs.relation("on", chosen, pairs, given)
    try:
        facs.au_prior(chosen)
        title = "Relation prior (published)"
    except InputError:
        title = f"Half-sum ≥ {facs.CO_OCCURRENCE_THRESHOLD:.2f} (no prior is published)"
    upper = np.triu_indices(len(chosen), 1)
    observed = half[upper] >= facs.CO_OCCURRENCE_THRESHOLD
    agree = int((observed == (prior[upper] >= 0.5)).sum())
    rows = [
        [chosen[i], chosen[j], f"{half[i, j]:.5f}", int(prior[i, j])]
        for i, j in zip(*upper, strict=True)
    ]
    return [
        pages.text(
            f"The rule half-sum ≥ {facs.CO_OCCURRENCE_THRESHOLD:.2f} on these labels and the prior "
            f"agree on {agree} of {len(observed)} pairs."
        ),
        study.picture(
            "co_occurrence",
            figures.relation_figure(half, prior, chosen, title),
            "co-occurrence of action units beside their relation prior",
            "C is the conditional probability of the column's AU given the row's, over all parts. "
            "Orange outlines: pairs that the prior relates.",
        ),
        study.data("co_occurrence", ["au_i", "au_j", "half_sum", "prior"], rows),
    ]


def intensity(study: Study) -> list[str]:
    """Histograms of AU intensities."""
    histogram = study.counts.intensity
    if not study.au_names or not histogram.sum():
        return [pages.missing("this data set has no AU intensities.")]
    given = np.flatnonzero(histogram.sum(axis=1))
    shown = [study.au_names[au] for au in given]
    lacking = [name for name in study.au_names if name not in shown]
    note = f" Not given for {', '.join(lacking)}." if lacking else ""
    edges = [f"{n * BIN:g}" for n in range(BINS)]
    return [
        study.picture(
            "intensity",
            figures.intensity_figure(histogram[given], shown),
            "histograms of AU intensity",
            f"Share of the frames where it is given, in bins of {BIN:g}, on a logarithmic scale."
            + note,
        ),
        study.data(
            "intensity",
            ["au", *edges],
            ([name, *row] for name, row in zip(study.au_names, histogram, strict=True)),
        ),
    ]


def delay(study: Study) -> list[str]:
    """How much later AUs set in than the stimulus changes (supplement 4)."""
    shift = study.metadata["options"].get("stimulus_delay_frames", 0)
    found = measure(study.counts.series, study.max_lag, shift)
    if not found.peaks:
        return [
            pages.missing(
                "no sequence has a stimulus, action units and enough neighbouring frames "
                f"({MIN_PAIRS} beside each other at least)."
            )
        ]
    best = int(np.nanargmax(found.mean))
    lags = sorted(lag for _, lag, _ in found.peaks)
    table = zip(found.lags, found.mean, found.error, found.sequences, strict=True)
    rows = [
        [lag, f"{mean:.5f}", "" if np.isnan(error) else f"{error:.5f}", number]
        for lag, mean, error, number in table
        if number
    ]
    return [
        pages.text(
            f"Over {len(found.peaks):,} sequences the mean correlation is highest, "
            f"{found.mean[best]:.3f}, where reactions are {found.lags[best]} frames later "
            f"({found.lags[best] / 25:.2f} s at 25 frames/s). The median of the sequences' own "
            f"best lags is {np.median(lags):g} frames."
        ),
        study.picture(
            "delay",
            figures.delay_figure(found),
            "cross-correlation of stimulus change and AU onset by lag, and best lags of sequences",
            "Stimulus change: mean absolute grey difference to the frame before. AU onset: what "
            "all AUs together rose since then. Band: 95 % confidence of the mean over sequences. "
            f"Short sequences reach few lags (the longest: up to {found.most_lags - 1} frames), "
            "and their own best lags are mostly chance.",
        ),
        study.data("delay", ["lag_frames", "mean", "standard_error", "sequences"], rows),
        study.data("delay_sequences", ["sequence", "lag_frames", "correlation"], found.peaks),
    ]
