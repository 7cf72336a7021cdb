"""How much stimulus and caption can add to a face: F1 of rules and readers on a release's labels.

Every predictor is fitted on training people and scored on test people, on each of the three folds
that the builder makes. The rules are rates of each AU by what the stimulus shows. The readers
see the true intensities with an error (reader.py) and weigh them by Bayes' rule: P(mood) times, for
every AU, P(level | mood) P(measured | level); what is shown changes P(mood) alone. So reader and
reader beside stimulus differ in nothing but the stimulus.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import coo_array

from drr_jax import facs
from drr_jax.errors import InputError
from tfds_reactionet import reading
from tfds_reactionet.building import csv_text
from tfds_reactionet.demo.affect import MOODS

FILE = "headroom.csv"
NAMES = facs.REACTIONET_AUS_12
_EVALUATED = [facs.REACTIONET_AUS.index(name) for name in NAMES]
TIMES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 2.0)  # seconds since the event: bins
SECONDS = 0.2  # between the frames that are counted
GRID = np.arange(0.0, 5.01, 0.25)  # levels of intensity
SHRINK = 1.0  # sequences that a rate of the next wider kind counts as
# Name -> meaning. "Event seen" is what one stimulus frame and its caption tell, "event and time"
# what the video so far does: which event, and how long ago.
PREDICTORS = {
    "always_yes": "always yes",
    "sub_scene": "rule: sub-scene",
    "seen": "rule: sub-scene and event seen",
    "time": "rule: sub-scene and event and time",
    "perfect": "perfect face reader",
    "reader": "degraded face reader",
    "reader_seen": "degraded face reader + event seen",
    "reader_time": "degraded face reader + event and time",
}


@dataclass(frozen=True)
class Evidence:
    """One sequence: what its labels say, what is true, and what could be known."""

    key: str  # scene/sub_scene/task/sequence
    subject: str
    event: str
    since: Float[np.ndarray, "frames"]  # seconds since the event is seen, negative before
    labels: Int[np.ndarray, "frames 17"]  # 0, 1, -1 unknown: the release's
    truth: Float[np.ndarray, "frames 17"]
    mood: Int[np.ndarray, "frames"]  # index in MOODS
    measured: Float[np.ndarray, "frames 17"]  # truth with the reader's error
    error: Float[np.ndarray, "17"]  # its deviation
    fps: float

    def every(self, seconds: float) -> "Evidence":
        """Frames so far apart: neighbours say the same."""
        step = slice(None, None, max(1, round(seconds * self.fps)))
        names = ("since", "labels", "truth", "mood", "measured")
        return replace(self, **{name: getattr(self, name)[step] for name in names})


@dataclass(frozen=True)
class _Rows:
    """All frames of a release beside each other."""

    labels: Int[np.ndarray, "rows 12"]
    truth: Float[np.ndarray, "rows 17"]
    mood: Int[np.ndarray, "rows"]
    fits: Float[np.ndarray, "17 rows levels"]  # P(measured | level), but for a factor
    sequence: Int[np.ndarray, "rows"]
    state: Int[np.ndarray, "rows"]  # a mood before or beside the event's, or the event's own
    states: int
    frames: float  # rows of a sequence, on average
    shown: Mapping[str, Sequence[np.ndarray]]  # rule -> cells, from the widest kind on, [rows]


def _rows(evidence: Sequence[Evidence]) -> _Rows:
    lengths = [len(one.since) for one in evidence]

    def each(values: Sequence[object]) -> np.ndarray:
        return np.repeat(np.unique(np.array(values), return_inverse=True)[1], lengths)

    since = np.concatenate([one.since for one in evidence])
    place = each(["/".join(one.key.split("/")[:2]) for one in evidence])
    event = each(["/".join([*one.key.split("/")[:2], one.event]) for one in evidence]) + 1
    visible = (since >= 0).astype(int)
    happened = event * visible  # before it, no one can tell
    time = np.searchsorted(TIMES, since, side="right")
    many = event.max() + 1
    wide = place * 2 + visible
    seen = [visible, wide, happened * (place.max() + 1) + place]
    exact = (place * many + happened) * (len(TIMES) + 1) + time
    joined = (
        np.concatenate([getattr(one, name) for one in evidence])
        for name in ("labels", "truth", "mood", "measured")
    )
    labels, truth, mood, measured = joined
    error = np.repeat(np.array([one.error for one in evidence]), lengths, axis=0)
    off = (measured.T[..., None] - GRID) / np.hypot(error, 0.1).T[..., None]
    # What a face shows of an event's most frequent mood is a state of its own.
    kinds = np.zeros((many, len(MOODS)))
    np.add.at(kinds, (happened, mood), 1)
    kinds[:, MOODS.index("neutral")] = 0
    own = (happened > 0) & (mood == kinds.argmax(1)[happened])
    state = np.unique(np.where(own, len(MOODS) + happened, mood), return_inverse=True)[1]
    return _Rows(
        *(labels[:, _EVALUATED], truth, mood),
        fits=(np.exp(-(off**2) / 2) + 1e-12).astype(np.float32),
        state=state,
        states=int(state.max()) + 1,
        frames=float(np.mean(lengths)),
        sequence=np.repeat(np.arange(len(evidence)), lengths),
        shown={"sub_scene": [place], "seen": seen, "time": [*seen, exact]},
    )


def rates(
    values: Float[np.ndarray, "rows columns"],
    known: Bool[np.ndarray, "rows columns"],
    cells: Sequence[Int[np.ndarray, "rows"]],
    sequence: Int[np.ndarray, "rows"],
    train: Bool[np.ndarray, "rows"],
) -> Float[np.ndarray, "rows columns"]:
    """Mean of `values` over the training sequences that share a row's cell, shrunk to wider cells.

    A sequence counts once in a cell, however many frames it has there, and never for itself.
    """
    total = (values * known)[train].sum(0) / np.maximum(known[train].sum(0), 1)
    out = np.broadcast_to(total, values.shape)
    for cell in cells:
        keys, group = np.unique(sequence * (cell.max() + 1) + cell, return_inverse=True)
        of_cell = np.unique(keys % (cell.max() + 1), return_inverse=True)[1]
        seen = known & train[:, None]
        count = _sums(group, seen)
        mean = _sums(group, values * seen) / np.maximum(count, 1)
        weight = (count > 0).astype(float)
        others = (_sums(of_cell, mean)[of_cell] - mean)[group]
        number = (_sums(of_cell, weight)[of_cell] - weight)[group]
        out = (others + SHRINK * out) / (number + SHRINK)
    return out


def _sums(group: Int[np.ndarray, "rows"], values: np.ndarray) -> np.ndarray:
    """Sum of the rows of each group, [groups, columns]."""
    ones, rows = np.ones(len(group)), np.arange(len(group))
    return coo_array((ones, (group, rows))).tocsr() @ values.astype(float)


def levels(rows: _Rows, train: Bool[np.ndarray, "rows"]) -> Float[np.ndarray, "states 17 levels"]:
    """P(level of an AU | state) over the training rows; a rare state is shrunk to its mood."""
    level = np.abs(rows.truth[train][..., None] - GRID).argmin(-1)
    mood_of = np.zeros(rows.states, int)
    mood_of[rows.state] = rows.mood

    def histogram(of: np.ndarray, number: int) -> np.ndarray:
        at = (of[:, None] * 17 + np.arange(17)) * len(GRID) + level
        counts = np.bincount(at.ravel(), minlength=number * 17 * len(GRID))
        return counts.reshape(number, 17, len(GRID)).astype(float)

    wide = histogram(rows.mood[train], len(MOODS)) + 0.02
    wide /= wide.sum(-1, keepdims=True)
    own = histogram(rows.state[train], rows.states)
    few = SHRINK * rows.frames
    return (own + few * wide[mood_of]) / (own.sum(-1, keepdims=True) + few)


def read(
    rows: _Rows,
    states: Float[np.ndarray, "rows states"],
    prior: Float[np.ndarray, "states 17 levels"],
) -> Float[np.ndarray, "rows 12"]:
    """P(AU occurs | all that was measured), where `states` is P(state) before a look at the face.

    `prior` is that of `levels`.
    """
    log, yes = np.log(np.maximum(states, 1e-9)), []
    for au, fits in enumerate(rows.fits):
        of_state = prior[:, au].astype(np.float32)
        total, present = fits @ of_state.T, fits[:, GRID >= 1] @ of_state[:, GRID >= 1].T
        log += np.log(total)
        yes.append(present / total)
    posterior = np.exp(log - log.max(1, keepdims=True))
    posterior /= posterior.sum(1, keepdims=True)
    return np.stack([(posterior * yes[au]).sum(1) for au in _EVALUATED], 1)


def f1(labels: Int[np.ndarray, "rows 12"], said: Bool[np.ndarray, "rows 12"]) -> np.ndarray:
    """F1 of each AU, [12], over the rows where it is known; 0 where nothing is right."""
    right = (said & (labels == 1)).sum(0)
    wrong = (said & (labels == 0)).sum(0) + (~said & (labels == 1)).sum(0)
    return 2 * right / np.maximum(2 * right + wrong, 1)


def decide(
    labels: np.ndarray, chance: np.ndarray, train: Bool[np.ndarray, "rows"]
) -> Bool[np.ndarray, "rows 12"]:
    """Yes from that probability on, by AU, which is best on the training rows."""
    steps = np.linspace(0.02, 0.9, 45)
    scores = [f1(labels[train], chance[train] >= step) for step in steps]
    return chance >= steps[np.argmax(scores, 0)]


def measure(evidence: Sequence[Evidence]) -> dict[str, Float[np.ndarray, "folds 12"]] | None:
    """F1 of each predictor by fold and AU; None if the people do not make three folds."""
    units = [
        reading.FoldUnit(
            one.key,
            (one.subject,),
            len(one.labels),
            tuple((one.labels[:, _EVALUATED] == 1).sum(0).tolist()),
        )
        for one in evidence
    ]
    try:
        parts = reading.balanced_parts(units)
    except InputError:
        return None
    rows = _rows([one.every(SECONDS) for one in evidence])
    part = np.array([parts[one.key] for one in evidence])[rows.sequence]
    known, values = rows.labels >= 0, (rows.labels == 1).astype(float)
    state = np.eye(rows.states)[rows.state]
    every = np.ones(state.shape, bool)
    found: dict[str, list[np.ndarray]] = {name: [] for name in PREDICTORS}
    for number in range(len(reading.PARTS)):
        train, test = part != number, part == number
        prior = levels(rows, train)
        unseen = rates(state, every, [], rows.sequence, train)
        chances = {"reader": read(rows, unseen, prior)}
        for rule, cells in rows.shown.items():
            chances[rule] = rates(values, known, cells, rows.sequence, train)
            if rule != "sub_scene":
                beside = rates(state, every, cells, rows.sequence, train)
                chances[f"reader_{rule}"] = read(rows, beside, prior)
        said = {name: decide(rows.labels, chance, train) for name, chance in chances.items()}
        said["always_yes"] = np.ones_like(known)
        said["perfect"] = rows.truth[:, _EVALUATED] >= 1
        for name in PREDICTORS:
            found[name].append(f1(rows.labels[test], said[name][test]))
    return {name: np.array(scores) for name, scores in found.items()}


def table(scores: Mapping[str, Float[np.ndarray, "folds 12"]]) -> str:
    """CSV: a predictor a row, with its mean F1 over AUs and folds, by fold, and by AU."""
    folds = len(reading.PARTS)
    header = ["predictor", "meaning", "f1", *(f"fold{k}" for k in range(folds)), *NAMES]
    rows = []
    for name, by_fold in scores.items():
        numbers = [by_fold.mean(), *by_fold.mean(1), *by_fold.mean(0)]
        rows.append([name, PREDICTORS[name], *(f"{number:.4f}" for number in numbers)])
    return csv_text(header, rows)
