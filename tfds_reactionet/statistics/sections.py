"""The sections of the statistics page: each adds its PNG and CSV files, and returns what
statistics.html lays out, or why there is nothing to show.
"""

from typing import Any

import numpy as np
import pandas as pd

from drr_jax import facs
from drr_jax.cells import table_csv
from drr_jax.pages import named, plain, plural
from tfds_reactionet import annotation
from tfds_reactionet.building import csv_text
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
_LEVELS = ["sub_scenes", "tasks", "sequences", "frames"]
NO_AUS = "this data set has no action units."

Shown = dict[str, Any] | str


def scenes(study: Study) -> Shown:
    """Figure 1: what the hierarchy holds, by scene."""
    names = list(study.metadata.get("scene_names") or [])
    paths = [(*name.split("/"), count) for name, count in study.sequences]
    if not names or any(len(path) != 5 or path[0] not in names for path in paths):
        return "this data set has no scenes."
    every = pd.DataFrame(paths, columns=["scene", "sub_scene", "task", "sequence", "frames"])
    every["task"] = every["sub_scene"] + "/" + every["task"]
    counted = every.groupby("scene").agg(
        sub_scenes=("sub_scene", "nunique"),
        tasks=("task", "nunique"),
        sequences=("sequence", "size"),
        frames=("frames", "sum"),
    )
    counted = counted.reindex(names, fill_value=0)
    paper = pd.DataFrame.from_dict(PAPER_SCENES, "index", dtype="Int64", columns=_LEVELS)
    panels = counted.rename(columns={"sub_scenes": "sub-scenes"}, index=plain)
    frames = every.groupby(["scene", "sub_scene"])["frames"].sum()
    study.files |= {
        "scenes.png": figures.bars(panels.to_dict()),
        "scenes.csv": table_csv(counted.join(paper.add_prefix("paper_")), index_label="scene"),
        "sub_scenes.csv": table_csv(pd.DataFrame(frames)),
    }
    return {"total": counted.sum()}


def demographics(study: Study) -> Shown:
    """Table 1: ages and ethnicities as DeepFace estimated them."""
    found = study.people
    if not found:
        return f"{study.demographics} is not there or empty; --manual_dir names the raw release."
    ethnicity, age = annotation.table_1(found)
    panels = {"ethnicity, subjects": ethnicity, "age in years, subjects": age}
    header = ["attribute", "group", "number", "paper"]
    study.files |= {
        "demographics.png": figures.bars(panels, shared=False),
        "demographics.csv": csv_text(header, annotation.table_rows(found)),
    }
    unknown = sum(person.age is None and person.race is None for person in found)
    return {"subjects": len(found), "unknown": unknown}


def rare(study: Study) -> Shown:
    """Figure 4: shares of the AUs that limit training, beside other data sets."""
    if not study.au_names:
        return NO_AUS
    sets = {study.name: study.metadata, **study.others}
    shares = {name: au_shares(metadata, RARE) for name, metadata in sets.items()}
    table = pd.DataFrame(shares, RARE).rename_axis(index="au", columns="data_set").unstack()
    study.files |= {
        "less_frequent_aus.png": figures.share_figure(RARE, shares),
        "less_frequent_aus.csv": table_csv(table, header=["share"], float_format="%.6f"),
    }
    return {}


def occurrence(study: Study) -> Shown:
    """Figure 5: how often each AU occurs, in hand-labelled frames and in all."""
    counts, names = study.counts, study.au_names
    if not names:
        return NO_AUS
    table = pd.DataFrame(
        {
            "occurrences": counts.positives,
            "frames": counts.known,
            "manual_occurrences": counts.manual_positives,
            "manual_frames": counts.manual_known,
        },
        names,
    )
    shares = {}
    if 0 < counts.manual_records < study.records:
        shares["hand-labelled frames"] = table["manual_occurrences"] / table["manual_frames"]
    shares["all frames"] = table["occurrences"] / table["frames"]
    study.files |= {
        "occurrence.png": figures.share_figure(names, shares, meanings=False),
        "occurrence.csv": table_csv(table, index_label="au"),
    }
    return {}


def kappa(study: Study) -> Shown:
    """Table 2: agreement of the coders whose files were named."""
    found = study.coders
    if found is None:
        return "--coders names the coders' files, one each, formatted as keyframes.csv."
    cells = [task.cells() for task in found.tasks]
    study.files |= {
        "kappa.png": figures.kappa_figure(found.tasks),
        "kappa.csv": csv_text(annotation.AGREEMENT_COLUMNS, cells),
    }
    rows = [[row[2], *(cell or "undefined" for cell in row[3:5]), row[5], row[7]] for row in cells]
    return {"common": found.common, "table": rows}


def words(study: Study) -> Shown:
    """Figure 6: what the captions say where an AU occurs."""
    counts, names = study.counts, study.au_names
    if not counts.captions:
        return "this data set has no captions."
    different, meaningful = words_of.vocabulary(counts.words)
    shown = [name for name in facs.REACTIONET_AUS_12 if name in names] or list(names[:12])
    rows, typical = [], []
    for au, name in enumerate(names):
        ranked = words_of.au_words(counts, au)
        rows += [[name, w.word, w.captions, f"{w.share:.5f}", f"{w.lift:.3f}"] for w in ranked]
        often = [word for word in ranked if word.share >= 0.01]
        best = sorted(often, key=lambda word: -word.lift)[:8]
        frequent = ", ".join(word.word for word in ranked[:8])
        typical.append([named(name), frequent, ", ".join(f"{w.word} {w.lift:.1f}" for w in best)])
    if names:
        study.files |= {
            "words.png": words_of.cloud_figure(counts, names, shown),
            "words.csv": csv_text(["au", "word", "captions", "share", "lift"], rows),
        }
    return {
        "different": different,
        "meaningful": meaningful,
        "table": typical,
        "lift": words_of.TYPICAL,
        "lacks": NO_AUS,
    }


def relations(study: Study) -> Shown:
    """Co-occurrence on all parts beside the prior that training would use."""
    names = study.au_names
    if not names:
        return NO_AUS
    chosen = next((known for known in facs.AU_EDGES if set(known) <= set(names)), names)
    chosen = next((known for known in facs.AU_EDGES if set(known) == set(names)), chosen)
    at = np.array([names.index(name) for name in chosen])
    parts = study.metadata["parts"].values()
    pairs, given = (
        np.sum([np.array(part[key]) for part in parts], axis=0)[np.ix_(at, at)]
        for key in ("au_pairs", "au_given")
    )
    half = facs.conditional_half_sums(pairs, given)
    prior = facs.relation("on", chosen, pairs, given)
    title = f"Half-sum ≥ {facs.CO_OCCURRENCE_THRESHOLD:.2f} (no prior is published)"
    if chosen in facs.AU_EDGES:
        title = "Relation prior (published)"
    upper = np.triu_indices(len(chosen), 1)
    observed = half[upper] >= facs.CO_OCCURRENCE_THRESHOLD
    agree = int((observed == (prior[upper] >= 0.5)).sum())
    rows = [
        [chosen[i], chosen[j], f"{half[i, j]:.5f}", int(prior[i, j])]
        for i, j in zip(*upper, strict=True)
    ]
    study.files |= {
        "co_occurrence.png": figures.relation_figure(half, prior, chosen, title),
        "co_occurrence.csv": csv_text(["au_i", "au_j", "half_sum", "prior"], rows),
    }
    return {"threshold": facs.CO_OCCURRENCE_THRESHOLD, "agree": agree, "pairs": len(observed)}


def intensity(study: Study) -> Shown:
    """Histograms of AU intensities."""
    histogram = study.counts.intensity
    if not study.au_names or not histogram.sum():
        return "this data set has no AU intensities."
    given = np.flatnonzero(histogram.sum(axis=1))
    shown = [study.au_names[au] for au in given]
    edges = [f"{n * BIN:g}" for n in range(BINS)]
    study.files |= {
        "intensity.png": figures.intensity_figure(histogram[given], shown),
        "intensity.csv": table_csv(
            pd.DataFrame(histogram, study.au_names, edges), index_label="au"
        ),
    }
    return {"bin": BIN, "lacking": [name for name in study.au_names if name not in shown]}


def headroom(study: Study) -> Shown:
    """A rendered release's dials, and what rules and readers of faces reach on its labels."""
    rows, said = study.metadata["headroom"], study.metadata["rendering"]
    if not rows:
        return "too few people for three folds."
    scores = {row["predictor"]: float(row["f1"]) for row in rows}
    bars = {row["meaning"]: 100 * float(row["f1"]) for row in rows}
    study.files |= {
        "headroom.png": figures.bars({"F1 in per cent, mean of 12 AUs and three folds": bars}),
        "headroom.csv": csv_text(list(rows[0]), [row.values() for row in rows]),
    }
    return {
        "gain": 100 * (scores["reader_seen"] - scores["reader"]),
        "table": [[name, f"{value:.1f}"] for name, value in bars.items()],
        "dials": [[name, f"{value:g}"] for name, value in said.get("dials", {}).items()],
    }


def delay(study: Study) -> Shown:
    """How much later AUs set in than the stimulus changes (supplement 4)."""
    shift = study.metadata["options"].get("stimulus_delay_frames", 0)
    found = measure(study.counts.series, study.max_lag, shift)
    if not found.peaks:
        return (
            "no sequence has a stimulus, action units and enough neighbouring frames "
            f"({MIN_PAIRS} beside each other at least)."
        )
    columns = (found.lags, found.mean, found.error, found.sequences, found.pairs)
    header = ["lag_frames", "mean", "standard_error", "sequences", "frame_pairs"]
    table = pd.DataFrame(dict(zip(header, columns, strict=True)))
    table = table[table["sequences"] > 0]
    study.files |= {
        "delay.png": figures.delay_figure(found),
        "delay.csv": table_csv(table, index=False, float_format="%.5f"),
        "delay_sequences.csv": csv_text(["sequence", "lag_frames", "correlation"], found.peaks),
    }
    best = found.best
    return {
        "found": found,
        "highest": found.mean[best],
        "when": _when(int(found.lags[best]), study.rate),
        "noise": found.noise[best],
        "pairs": found.pairs[best],
        "median": np.median([lag for _, lag, _ in found.peaks]),
    }


def _when(lag: int, rate: float) -> str:
    """A lag in words, with seconds if the rate is known."""
    if not lag:
        return "in the same frame"
    frames = abs(lag)
    seconds = f" ({frames / rate:.2f} s at {rate:g} frames/s)" if rate else ""
    when = "later" if lag > 0 else "earlier"
    return f"{frames} {plural(frames, 'frame')} {when}{seconds}"
