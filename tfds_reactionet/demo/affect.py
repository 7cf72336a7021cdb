"""Affect model of the demo release: scene and event -> emotion -> AU intensities over time.

Events and their emotions are invented (content.toml); its emotion -> AU table follows the FACS
prototypes of basic and compound emotions (docs/method.md 3.1), with the controlled smile that gives
BP4D's and supplement Figure 7's pairs 12-14, 12-15, 12-17 and 12-23 (reconstruction).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtri

from drr_jax.facs import EXPRESSIONS, REACTIONET_AUS
from tfds_reactionet.demo.content import CONTROLLED, EMOTIONS, SUB_SCENES
from tfds_reactionet.demo.dials import DEMO, Dials

COLUMN = {int(name[2:]): k for k, name in enumerate(REACTIONET_AUS)}  # AU number -> column
STRAY = 0.02  # probability that an AU joins without the emotion's leave
BLEND = 0.1  # probability that a second emotion mixes in
FOLLOWS = 0.95  # probability that an AU follows the manner of its situation
MOOD = 0.15  # probability of an earlier mood before the event
MOODS = tuple(EMOTIONS)  # what a face shows: an emotion, the controlled smile or nothing
FAINT = 3.0  # sum of intensities below which a reaction counts as none
SMOOTH = 0.6  # seconds over which wobble and coder's errors are alike
FACE = np.arange(17) != COLUMN[45]  # columns that take part in expressions


@dataclass(frozen=True)
class Subject:
    """How a person reacts: overall strength, delay in seconds, a personal bias for every AU."""

    expressivity: float
    delay: float
    bias: Float[np.ndarray, "17"]


def sample_subject(rng: np.random.Generator, dials: Dials = DEMO) -> Subject:
    return Subject(
        rng.uniform(0.8, 1.25), rng.uniform(*dials.delays), np.exp(rng.normal(0, 0.18, 17))
    )


@dataclass(frozen=True)
class Course:
    """One sequence: AU truth, expression (index in EXPRESSIONS), and which event is seen when."""

    intensity: Float[np.ndarray, "frames 17"]
    expression: Int[np.ndarray, "frames"]
    mood: Int[np.ndarray, "frames"]  # index in MOODS: what is displayed, above FAINT
    event: str
    event_frame: int  # index of the first frame that shows the event
    emotion: str  # felt at the event
    delay: float  # frames from the event to the first sign of the reaction
    lean: float  # -1..1: how far AU12 and AU14 keep to the right (image) side


def leading(scene: str, sub_scene: str, event: str) -> str:
    """The emotion that most viewers of an event feel; of equals the first declared."""
    odds = SUB_SCENES[scene, sub_scene].events[event].feel
    return max(odds, key=lambda emotion: odds[emotion])


def draw_emotion(
    rng: np.random.Generator, scene: str, sub_scene: str, event: str, dominance: float
) -> str:
    """The emotion a viewer feels: the leading one, or another of the event's, or one of their own.

    Of those who do not feel the leading emotion half feel what the event declares besides, and
    half anything else, or nothing.
    """
    lead = leading(scene, sub_scene, event)
    declared = SUB_SCENES[scene, sub_scene].events[event].feel
    if rng.uniform() < dominance:
        return lead
    others = {name: share for name, share in declared.items() if name != lead}
    own = [name for name in EXPRESSIONS if name != lead]
    if not others or rng.uniform() < 0.5:
        return str(rng.choice(own))
    odds = np.array(list(others.values()), float)
    return str(rng.choice(list(others), p=odds / odds.sum()))


@lru_cache
def manner(situation: str, mood: str) -> frozenset[int]:
    """The AUs by which viewers of a situation mostly show a mood, drawn once for all releases.

    A laugh at a slip is another than the smile at a hug; over all situations every AU takes part
    as often as EMOTIONS has it (reconstruction: ReactioNet's cues work in the same way).
    """
    rng = np.random.default_rng(list(f"{situation} {mood}".encode()))
    return frozenset(number for number, odds, _ in EMOTIONS[mood] if rng.uniform() < odds)


def draw_apex(
    rng: np.random.Generator, emotion: str, who: Subject, situation: str = "", polite: float = 0.4
) -> tuple[Float[np.ndarray, "17"], str]:
    """AU intensities 0..5 at the height of a reaction, and which of MOODS they display.

    `polite`: probability that a happy viewer's smile is a controlled one. Without a situation
    nobody's manner is followed.
    """
    mask = "controlled_smile" if emotion == "happy" and rng.uniform() < polite else emotion
    usual = manner(situation, mask)
    parts = {mask: 1.0}
    if emotion != "neutral" and rng.uniform() < BLEND:
        others = [e for e in EMOTIONS if e not in (mask, emotion, "neutral")]
        parts[str(rng.choice(others))] = rng.uniform(0.5, 0.75)
    apex = np.zeros(17)
    for part, weight in parts.items():
        for number, odds, mean in EMOTIONS[part]:
            if part == mask and situation and rng.uniform() < FOLLOWS:
                odds = float(number in usual)
            if rng.uniform() < odds * weight**0.5:
                level = 1.1 * mean * weight * who.expressivity * rng.uniform(0.75, 1.3)
                apex[COLUMN[number]] = max(apex[COLUMN[number]], level)
    stray = (rng.uniform(size=17) < STRAY) & FACE
    apex = np.maximum(apex, np.where(stray, rng.uniform(1.2, 3.2, 17), 0)) * who.bias
    if apex[COLUMN[26]] > 1:  # a dropped jaw parts the lips
        apex[COLUMN[25]] = max(apex[COLUMN[25]], 1.5)
    if apex[COLUMN[23]] > 1 and max(apex[COLUMN[25]], apex[COLUMN[26]]) > 2:
        apex[COLUMN[23]] = 0
    if apex[COLUMN[20]] > 1.5 and apex[COLUMN[12]] > 1.5:
        apex[COLUMN[20]] = 0
    return np.clip(apex, 0, 5), mask


def drift(
    rng: np.random.Generator, frames: int, columns: int, fps: float
) -> Float[np.ndarray, "frames columns"]:
    """Normal deviates that change slowly: neighbours correlate over SMOOTH seconds (AR(1))."""
    keep = np.exp(-1 / (fps * SMOOTH))
    out = rng.normal(0, 1, (frames, columns))
    for frame in range(1, frames):
        out[frame] = keep * out[frame - 1] + np.sqrt(1 - keep**2) * out[frame]
    return out


def expression_of(intensity: Float[np.ndarray, "frames 17"]) -> Int[np.ndarray, "frames"]:
    """The expression that a face shows (index in EXPRESSIONS), from its action units alone.

    That emotion whose prototype the AU vector is likest to; neutral where no AU but blinks occurs.
    """
    shown = np.where(FACE & (intensity >= 1), intensity, 0.0)
    score = shown @ _PROTOTYPES.T
    best = np.array([EXPRESSIONS.index(name) for name in _PROTOTYPE_OF])[score.argmax(1)]
    return np.where((shown == 0).all(1), EXPRESSIONS.index("neutral"), best).astype(np.int64)


def _prototypes() -> tuple[list[str], np.ndarray]:
    """Expression and unit vector of expected intensities of every mood but neutral."""
    names, rows = [], []
    for mood, units in EMOTIONS.items():
        row = np.zeros(17)
        for number, odds, mean in units:
            row[COLUMN[number]] = odds * mean
        if row.any():
            names.append("happy" if mood == "controlled_smile" else mood)
            rows.append(np.where(FACE, row, 0) / np.linalg.norm(row[FACE]))
    return names, np.array(rows)


_PROTOTYPE_OF, _PROTOTYPES = _prototypes()


def _ease(t: np.ndarray) -> np.ndarray:
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def draw_course(
    rng: np.random.Generator,
    scene: str,
    sub_scene: str,
    who: Subject,
    frames: int,
    dials: Dials = DEMO,
) -> Course:
    """Onset, apex and partial decay after an event; before it a fading earlier mood or nothing."""
    fps, odds = dials.fps, dials.dominance
    events = list(SUB_SCENES[scene, sub_scene].events)
    event = str(rng.choice(events))
    event_frame = int(rng.integers(0, max(1, frames // 4)))
    other = str(rng.choice(events))
    before, after = "neutral", draw_emotion(rng, scene, sub_scene, event, odds)
    if rng.uniform() < MOOD:
        before = draw_emotion(rng, scene, sub_scene, other, odds)
    smile = CONTROLLED.get(scene, CONTROLLED["other"])
    first, earlier = draw_apex(rng, before, who, f"{scene} {sub_scene} {other}", smile)
    second, later = draw_apex(rng, after, who, f"{scene} {sub_scene} {event}", smile)
    first *= rng.uniform(0.35, 0.7)
    # short sequences are cut from the middle of a reaction
    delay = min(who.delay * fps, frames / 2)
    time = (np.arange(frames) - event_frame - delay) / fps
    onset = rng.uniform(0.4, 0.8) * min(1.0, frames / fps)
    lag = rng.uniform(-0.25, 0.25, 17) * onset  # not all muscles start at once
    rise = _ease((time[:, None] - lag) / onset)
    decay = 1 - rng.uniform(0, 0.4) * _ease((time[:, None] - onset - 0.6) / 1.8)
    fading = first * (1 - _ease((time[:, None] + 0.2) / onset))
    intensity = fading + second * rise * decay
    wobble = 0.2 * drift(rng, frames, 17, fps)
    intensity = np.clip(intensity + wobble * np.minimum(intensity, 1), 0, 5)
    _blink(rng, intensity[:, COLUMN[45]], fps)
    strength = np.stack([fading.sum(1), (second * rise * decay).sum(1)])
    shown = (MOODS.index(earlier), MOODS.index(later))
    mood = np.where(strength[1] >= strength[0], shown[1], shown[0])
    mood = np.where(strength.max(0) < FAINT, MOODS.index("neutral"), mood)
    lean = rng.uniform(0.6, 1.0) * rng.choice([-1, 1]) * (rng.uniform() < dials.asymmetry)
    expression = expression_of(intensity)
    return Course(intensity, expression, mood, event, event_frame, after, float(delay), float(lean))


def _blink(rng: np.random.Generator, lids: Float[np.ndarray, "frames"], fps: float) -> None:
    """Blinks, about one in three seconds, of 0.2 seconds or two frames, into AU45's course."""
    frames, length = len(lids), max(2, round(0.2 * fps))
    shape = 5 * np.sin(np.pi * (np.arange(length) + 0.6) / (length + 0.2))
    for _ in range(int(rng.poisson(frames / fps / 3)) if frames >= 4 else 0):
        start = int(rng.integers(0, frames - 2))
        part = lids[start : start + length]
        np.maximum(part, shape[: len(part)], out=part)


def observe(
    rng: np.random.Generator,
    truth: Float[np.ndarray, "frames 17"],
    noise: float = DEMO.label_noise,
    fps: float = DEMO.fps,
) -> tuple[Float[np.ndarray, "frames 17"], Int[np.ndarray, "frames 18"]]:
    """What an automatic coder reports: `_r` in 0..5 and `_c`, with errors that change slowly.

    `noise` is the deviation of both, in levels, half of it the same over the sequence; so `_c` is
    wrong near the threshold of 1, and for a tenth of `noise` of the time anywhere, in spells.
    `_c` has OpenFace's 18 columns, AU28 before AU45.
    """
    (frames, columns), half = truth.shape, noise * np.sqrt(0.5)
    error = half * (drift(rng, frames, columns, fps) + rng.normal(0, 1, 17))
    reported = np.clip(truth + error * np.minimum(1, 0.4 + truth), 0, 5)
    judged = truth + half * (drift(rng, frames, columns, fps) + rng.normal(0, 1, 17))
    spell = np.abs(drift(rng, frames, 18, fps)) > -ndtri(0.05 * noise)
    present = ((judged >= 1) ^ spell[:, :17]).astype(np.int64)
    bite = spell[:, 17:].astype(np.int64)
    return reported, np.concatenate([present[:, :-1], bite, present[:, -1:]], 1)
