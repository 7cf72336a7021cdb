"""Agreement of FACS coders, task by task (supplement 1.7, Table 2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from jaxtyping import Int

from drr_jax.errors import InputError
from drr_jax.facs import EXPRESSIONS
from tfds_reactionet.reactionet import AU_COLUMNS, KeyFrames, read_keyframes

SESSIONS = ("Facial expressions", "Facial action units")
# Table 2 of the supplement; which kappa it reports is not said.
PAPER = (
    *(0.90, 0.84, 0.87, 0.99, 0.91, 0.92, 0.96),
    *(0.92, 0.84, 0.92, 0.93, 0.97, 0.93, 0.82, 0.93, 0.96, 0.95, 0.81, 0.86, 0.92, 0.79),
    *(0.93, 0.87, 0.94),
)
AGREEMENT_COLUMNS = (
    *("session", "task_number", "task", "cohen_kappa", "fleiss_kappa", "frames", "positive_share"),
    "paper_kappa",
)


@dataclass(frozen=True)
class Task:
    """Agreement of all coders on one expression or action unit."""

    session: str
    number: int  # in its session, from 1
    name: str
    cohen: float  # mean over pairs of coders; NaN where it is undefined for a pair
    fleiss: float  # NaN where all coders gave one and the same code throughout
    frames: int  # with a code from every coder
    positives: float  # share of positive codes; NaN without frames
    paper: float

    def cells(self) -> list[str]:
        """The row of COLUMNS; what is undefined is empty."""
        numbers = (self.cohen, self.fleiss, self.positives)
        cohen, fleiss, positives = ("" if np.isnan(x) else f"{x:.4f}" for x in numbers)
        place = [self.session, str(self.number), self.name]
        return [*place, cohen, fleiss, str(self.frames), positives, f"{self.paper:.2f}"]


@dataclass(frozen=True)
class Agreement:
    """Table 2 for a set of coders."""

    tasks: list[Task]
    common: int  # frames that every coder coded
    single: int  # frames that some coder left out


def read_agreement(files: Sequence[Path]) -> Agreement:
    """Agreement from one file a coder, each in the format of labels/keyframes.csv.

    Only frames that all of them coded count, each task over the frames where every coder gave a
    code (9, and an empty expression, are none). Raises InputError for fewer than two files, one
    that does not exist or is named twice, its defects, and files without a common frame.
    """
    if len(files) < 2:
        raise InputError(f"{len(files)} coder file, expected at least 2 (the paper has 3)")
    for file in files:
        if not file.is_file():
            raise InputError(f"{file}: no such file; expected a coder's labels as keyframes.csv")
    if len({file.resolve() for file in files}) < len(files):
        raise InputError("a coder file is named twice; expected one file for each coder")
    coders = [_codes_by_frame(read_keyframes(file)) for file in files]
    common = sorted(set.intersection(*(set(coder) for coder in coders)))
    if not common:
        names = ", ".join(str(file) for file in files)
        raise InputError(f"{names}: no frame that all coders coded; expected the same frames")
    expression, *occurrence = np.array([[coder[at] for coder in coders] for at in common]).T
    shown = [np.where(expression < 0, -1, expression == n) for n in range(len(EXPRESSIONS))]
    named = [(SESSIONS[0], *one) for one in enumerate(map(str.capitalize, EXPRESSIONS), 1)]
    named += [(SESSIONS[1], *one) for one in enumerate(AU_COLUMNS, 1)]
    tasks = []
    for name, codes, paper in zip(named, (*shown, *occurrence), PAPER, strict=True):
        given = codes.T[(codes >= 0).all(axis=0)]
        positives = float(given.mean()) if len(given) else float("nan")
        tasks.append(Task(*name, *kappas(given), len(given), positives, paper))
    return Agreement(tasks, len(common), len(set.union(*map(set, coders))) - len(common))


def _codes_by_frame(labels: dict[str, KeyFrames]) -> dict[tuple[str, int], list[int]]:
    """The expression and the AUs' occurrences of every (sequence, frame)."""
    return {
        (key, frame): [int(frames.expression[at]), *frames.occurrence[at].tolist()]
        for key, frames in labels.items()
        for at, frame in enumerate(frames.frames.tolist())
    }


def kappas(codes: Int[np.ndarray, "frames coders"]) -> tuple[float, float]:
    """(mean pairwise Cohen's kappa, Fleiss' kappa) of codes 0 and 1.

    scikit-learn and statsmodels do the statistics. NaN where chance agreement is perfect, that is
    where the coders (for Cohen: any two of them) gave one and the same code throughout.
    Raises InputError if the packages are not installed.
    """
    try:
        from sklearn.metrics import cohen_kappa_score
        from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa
    except ModuleNotFoundError as error:
        raise InputError(
            f"kappa needs {error.name}; install it: pip install 'drr-jax[statistics]'"
        ) from error
    if not len(codes) or np.all(codes == codes[0, 0]):
        return float("nan"), float("nan")
    pairs = []
    for first, second in combinations(codes.T, 2):
        constant = np.all(first == first[0]) and np.array_equal(first, second)
        pairs.append(float("nan") if constant else cohen_kappa_score(first, second, labels=[0, 1]))
    table, _ = aggregate_raters(codes)
    return float(np.mean(pairs)), float(fleiss_kappa(table, method="fleiss"))
