"""Affect model of the demo release: scene and event -> emotion -> AU intensities over time.

Events and their emotions are invented (content.toml); its emotion -> AU table follows the FACS
prototypes of basic and compound emotions (docs/method.md 3.1), with the controlled smile that gives
BP4D's and supplement Figure 7's pairs 12-14, 12-15, 12-17 and 12-23 (reconstruction).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from drr_jax.facs import EXPRESSIONS, REACTIONET_AUS
from tfds_reactionet.demo.content import EMOTIONS, SUB_SCENES

COLUMN = {int(name[2:]): k for k, name in enumerate(REACTIONET_AUS)}  # AU number -> column
STRAY = 0.045  # probability that an AU joins without the emotion's leave


@dataclass(frozen=True)
class Subject:
    """How a person reacts: overall strength, delay in frames, a personal bias for every AU."""

    expressivity: float
    delay: float
    bias: Float[np.ndarray, "17"]


def sample_subject(rng: np.random.Generator) -> Subject:
    return Subject(rng.uniform(0.8, 1.25), rng.uniform(2, 5), np.exp(rng.normal(0, 0.18, 17)))


@dataclass(frozen=True)
class Course:
    """One sequence: AU truth, expression (index in EXPRESSIONS), and which event is seen when."""

    intensity: Float[np.ndarray, "frames 17"]
    expression: Int[np.ndarray, "frames"]
    event: str
    event_frame: int  # index of the first frame that shows the event


def draw_emotion(rng: np.random.Generator, scene: str, sub_scene: str, event: str) -> str:
    """The emotion a viewer feels; now and then none, or one of their own."""
    if rng.uniform() < 0.08:
        return str(rng.choice(EXPRESSIONS))
    odds = SUB_SCENES[scene, sub_scene].events[event].feel
    return str(rng.choice(list(odds), p=np.array(list(odds.values())) / 100))


def draw_apex(rng: np.random.Generator, emotion: str, who: Subject) -> Float[np.ndarray, "17"]:
    """AU intensities 0..5 at the height of a reaction."""
    mask = "controlled_smile" if emotion == "happy" and rng.uniform() < 0.42 else emotion
    parts = {mask: 1.0}
    if emotion != "neutral" and rng.uniform() < 0.3:
        others = [e for e in EMOTIONS if e not in (mask, emotion, "neutral")]
        parts[str(rng.choice(others))] = rng.uniform(0.5, 0.75)
    apex = np.zeros(17)
    for part, weight in parts.items():
        for number, odds, mean in EMOTIONS[part]:
            if rng.uniform() < odds * weight**0.5:
                level = 1.1 * mean * weight * who.expressivity * rng.uniform(0.75, 1.3)
                apex[COLUMN[number]] = max(apex[COLUMN[number]], level)
    stray = (rng.uniform(size=17) < STRAY) & (np.arange(17) != COLUMN[45])
    apex = np.maximum(apex, np.where(stray, rng.uniform(1.2, 3.2, 17), 0)) * who.bias
    if apex[COLUMN[26]] > 1:  # a dropped jaw parts the lips
        apex[COLUMN[25]] = max(apex[COLUMN[25]], 1.5)
    if apex[COLUMN[23]] > 1 and max(apex[COLUMN[25]], apex[COLUMN[26]]) > 2:
        apex[COLUMN[23]] = 0
    if apex[COLUMN[20]] > 1.5 and apex[COLUMN[12]] > 1.5:
        apex[COLUMN[20]] = 0
    return np.clip(apex, 0, 5)


def _ease(t: np.ndarray) -> np.ndarray:
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def draw_course(
    rng: np.random.Generator, scene: str, sub_scene: str, who: Subject, frames: int
) -> Course:
    """Onset, apex and partial decay after an event; before it a fading earlier mood or nothing."""
    events = list(SUB_SCENES[scene, sub_scene].events)
    event = str(rng.choice(events))
    event_frame = int(rng.integers(0, max(1, frames // 3)))
    other = str(rng.choice(events))
    before = draw_emotion(rng, scene, sub_scene, other) if rng.uniform() < 0.4 else "neutral"
    after = "neutral" if rng.uniform() < 0.07 else draw_emotion(rng, scene, sub_scene, event)
    first, second = draw_apex(rng, before, who) * rng.uniform(0.35, 0.7), draw_apex(rng, after, who)
    # short sequences are cut from the middle of a reaction
    delay = min(who.delay, frames / 4)
    time = np.arange(frames) - event_frame - delay
    onset = rng.uniform(2, 4) * min(1.0, frames / 12)
    lag = rng.uniform(-0.25, 0.25, 17) * onset  # not all muscles start at once
    rise = _ease((time[:, None] - lag) / onset)
    decay = 1 - rng.uniform(0, 0.4) * _ease((time[:, None] - onset - 3) / 9)
    intensity = first * (1 - _ease((time[:, None] + 1) / onset)) + second * rise * decay
    wobble = rng.normal(0, 0.12, (frames, 17)).cumsum(0)
    wobble -= wobble.mean(0)
    intensity = np.clip(intensity + wobble * np.minimum(intensity, 1) * 0.6, 0, 5)
    if rng.uniform() < 0.45 and frames >= 4:  # a blink
        start = int(rng.integers(0, frames - 2))
        blink = np.array([3.5, 5.0, 3.0])[: frames - start]
        lids = intensity[start : start + 3, COLUMN[45]]
        np.maximum(lids, blink, out=lids)
    strength = np.stack([first.sum() * (1 - rise.mean(1)), (second * rise * decay).sum(1)])
    earlier, later, neutral = (EXPRESSIONS.index(name) for name in (before, after, "neutral"))
    label = np.where(strength[1] >= strength[0], later, earlier)
    label = np.where(strength.max(0) < 3.0, neutral, label)
    return Course(intensity, label.astype(np.int64), event, event_frame)


def observe(
    rng: np.random.Generator, truth: Float[np.ndarray, "frames 17"]
) -> tuple[Float[np.ndarray, "frames 17"], Int[np.ndarray, "frames 18"]]:
    """What an automatic coder reports: `_r` in 0..5 with jitter, `_c` with a few per cent flipped.

    Flips are likelier near the threshold of 1. `_c` has OpenFace's 18 columns, AU28 before AU45.
    """
    reported = truth + rng.normal(0, 0.18, truth.shape) + rng.normal(0, 0.15, truth.shape[1])
    reported = np.clip(np.where(truth < 0.05, np.abs(reported) * 0.4, reported), 0, 5)
    present = truth >= 1
    flip = rng.uniform(size=truth.shape) < 0.012 + 0.14 * np.exp(-(((truth - 1) / 0.4) ** 2))
    present = (present ^ flip).astype(np.int64)
    bite = (rng.uniform(size=(len(truth), 1)) < 0.02).astype(np.int64)
    return reported, np.concatenate([present[:, :-1], bite, present[:, -1:]], 1)
