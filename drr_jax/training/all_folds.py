"""One table over the runs of all folds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from drr_jax import metrics, report, runs
from drr_jax.training import people


def combine_folds(workdir: Path) -> dict[str, Any]:
    """Writes the tables over all folds, of the last and of the best checkpoints; returns the first.

    Per-AU means and spread over fold0/, fold1/, fold2/, and scores pooled over them.
    """
    tables = {}
    for name in (runs.RESULTS_FILE, runs.BEST_FILE):
        places = [at for at in runs.fold_folders(workdir) if (at / name).exists()]
        folds = [runs.read_file(place, name) for place in places]
        if not folds:  # selection=validation has no best by the test part
            continue
        tables[name] = {
            "dataset": folds[0]["dataset"],
            "fold": "all",
            "selection": folds[0]["selection"],
            **metrics.fold_table(folds),
            "folds": folds,
        }
        judged = _all_people(places, folds)
        tables[name] |= {"people": judged} if judged else {}
        if runs.is_main_process():
            runs.write_file(workdir, name, tables[name])
    return tables[runs.RESULTS_FILE]


def _all_people(
    places: Sequence[Path], folds: Sequence[Mapping[str, Any]]
) -> dict[str, Any] | None:
    """Scores of all folds' people, each by the model that was tested on them; None if unknown."""
    if not all("people" in fold for fold in folds):
        return None
    stored = [report.load_samples(place) or {} for place in places]
    if not all("all_subject" in samples for samples in stored):
        return None
    probability, label, subject = (
        np.concatenate([samples[key] for samples in stored])
        for key in ("all_probability", "all_label", "all_subject")
    )
    sizes = ("records", "value")
    groups = {
        name: {kind: of for kind, of in entry.items() if kind not in sizes}
        for fold in folds
        for name, entry in fold["people"]["subjects"].items()
    }
    return people.scores(probability, label, subject.tolist(), groups, "confusion" in folds[0])
