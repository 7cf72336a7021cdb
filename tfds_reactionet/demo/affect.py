"""Affect model of the demo release: scene and event -> emotion -> AU intensities over time.

Events and their emotions are invented; the emotion -> AU table follows the FACS prototypes of basic
and compound emotions (docs/method.md 3.1), with the controlled smile that gives BP4D's and
supplement Figure 7's pairs 12-14, 12-15, 12-17 and 12-23 (reconstruction).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from drr_jax.facs import EXPRESSIONS, REACTIONET_AUS, SCENES

# scene -> sub-scene (supplement 1.8, slugged) -> two events, each with its emotions in percent.
EVENTS: dict[str, dict[str, dict[str, dict[str, int]]]] = {
    "sport": {
        "soccerball": {
            "goal": {"happy": 50, "surprise": 40, "anger": 10},
            "foul": {"anger": 60, "sad": 25, "disgust": 15},
        },
        "basketball": {
            "dunk": {"surprise": 50, "happy": 50},
            "miss": {"sad": 55, "anger": 30, "surprise": 15},
        },
        "boxing": {
            "knockout": {"surprise": 45, "fear": 35, "happy": 20},
            "blood": {"disgust": 55, "fear": 35, "sad": 10},
        },
    },
    "show": {
        "talk_show": {
            "joke": {"happy": 80, "surprise": 10, "disgust": 10},
            "tears": {"sad": 75, "surprise": 15, "happy": 10},
        },
        "magic_show": {
            "reveal": {"surprise": 70, "happy": 25, "fear": 5},
            "fail": {"disgust": 35, "happy": 35, "sad": 30},
        },
        "concert_show": {
            "chorus": {"happy": 60, "surprise": 35, "sad": 5},
            "ballad": {"sad": 65, "happy": 35},
        },
    },
    "animation": {
        "family_friendly": {"hug": {"happy": 80, "sad": 20}, "lost": {"sad": 80, "fear": 20}},
        "fantasy": {
            "magic": {"surprise": 60, "happy": 40},
            "dragon": {"fear": 65, "surprise": 25, "anger": 10},
        },
        "action": {
            "explosion": {"surprise": 50, "fear": 40, "happy": 10},
            "villain": {"anger": 55, "disgust": 25, "fear": 20},
        },
    },
    "film": {
        "horror": {
            "scare": {"fear": 65, "surprise": 30, "disgust": 5},
            "gore": {"disgust": 70, "fear": 30},
        },
        "romance": {
            "kiss": {"happy": 70, "disgust": 15, "sad": 15},
            "parting": {"sad": 80, "anger": 20},
        },
        "western": {
            "shot": {"fear": 40, "surprise": 45, "anger": 15},
            "fire": {"anger": 55, "sad": 25, "disgust": 20},
        },
    },
    "game": {
        "action": {
            "victory": {"happy": 65, "surprise": 35},
            "defeat": {"anger": 60, "sad": 25, "disgust": 15},
        },
        "simulation": {
            "crash": {"surprise": 40, "fear": 35, "anger": 25},
            "jam": {"anger": 65, "disgust": 20, "sad": 15},
        },
        "puzzle": {
            "solved": {"happy": 65, "surprise": 35},
            "collapse": {"anger": 45, "sad": 35, "surprise": 20},
        },
    },
    "object": {
        "food_related_content": {
            "tasty": {"happy": 75, "surprise": 25},
            "rotten": {"disgust": 85, "fear": 15},
        },
        "instrument_related_content": {
            "solo": {"happy": 45, "surprise": 35, "sad": 20},
            "wrong_note": {"disgust": 60, "anger": 25, "happy": 15},
        },
        "living_organism_related_content": {
            "kitten": {"happy": 80, "sad": 20},
            "spider": {"fear": 45, "disgust": 55},
        },
    },
    "self_made": {
        "funny_related": {
            "slip": {"happy": 75, "surprise": 25},
            "mean": {"anger": 60, "disgust": 30, "sad": 10},
        },
        "fear_related": {"ghost": {"fear": 75, "surprise": 25}, "hoax": {"happy": 60, "anger": 40}},
        "sadness_related": {
            "farewell": {"sad": 85, "happy": 15},
            "reunion": {"happy": 50, "sad": 35, "surprise": 15},
        },
    },
    "interview_public_speech": {
        "interview": {
            "hilarious": {"happy": 80, "surprise": 20},
            "rude": {"anger": 50, "disgust": 40, "surprise": 10},
        },
        "speech": {
            "announcement": {"surprise": 55, "happy": 45},
            "tribute": {"sad": 75, "happy": 25},
        },
        "debate": {
            "attack": {"anger": 60, "disgust": 30, "fear": 10},
            "blunder": {"happy": 40, "surprise": 35, "disgust": 25},
        },
    },
}
SUB_SCENES = tuple((scene, name) for scene in SCENES for name in EVENTS[scene])

# Emotion -> AU -> (probability of taking part, mean intensity at full strength).
PROTOTYPES: dict[str, dict[int, tuple[float, float]]] = {
    "happy": {
        6: (0.85, 3.2),
        12: (0.97, 3.6),
        25: (0.65, 2.8),
        7: (0.45, 2.3),
        10: (0.3, 2.2),
        26: (0.3, 2.4),
        2: (0.2, 2.2),
        14: (0.2, 2.0),
    },
    "controlled_smile": {
        6: (0.75, 2.6),
        7: (0.65, 2.6),
        12: (0.95, 3.0),
        10: (0.55, 2.6),
        14: (0.8, 3.0),
        17: (0.55, 2.5),
        15: (0.4, 2.3),
        23: (0.7, 2.8),
    },
    "sad": {
        1: (0.85, 3.2),
        4: (0.7, 2.6),
        15: (0.85, 3.2),
        17: (0.75, 2.9),
        6: (0.25, 2.1),
        7: (0.3, 2.1),
        14: (0.4, 2.4),
        10: (0.2, 2.0),
        45: (0.15, 3.0),
    },
    "anger": {
        4: (0.95, 3.5),
        7: (0.8, 3.0),
        23: (0.92, 3.2),
        17: (0.55, 2.7),
        5: (0.35, 2.8),
        10: (0.35, 2.5),
        14: (0.35, 2.4),
        9: (0.15, 2.2),
    },
    "disgust": {
        9: (0.7, 3.1),
        10: (0.9, 3.3),
        4: (0.5, 2.6),
        7: (0.6, 2.6),
        17: (0.55, 2.6),
        6: (0.35, 2.3),
        15: (0.4, 2.5),
        14: (0.3, 2.2),
        25: (0.2, 2.2),
        23: (0.2, 2.2),
    },
    "fear": {
        1: (0.85, 3.2),
        2: (0.6, 2.7),
        4: (0.75, 2.8),
        5: (0.75, 3.2),
        20: (0.75, 3.0),
        25: (0.65, 2.6),
        26: (0.6, 2.7),
        7: (0.4, 2.2),
    },
    "surprise": {
        1: (0.92, 3.5),
        2: (0.92, 3.6),
        5: (0.75, 3.1),
        25: (0.85, 2.9),
        26: (0.85, 3.4),
        12: (0.15, 2.2),
    },
    "neutral": {},
}
STRAY = 0.045  # probability that an AU joins without the emotion's leave


@dataclass(frozen=True)
class Subject:
    """How a person reacts: overall strength, delay in frames, a personal bias for every AU."""

    expressivity: float
    delay: float
    bias: Float[np.ndarray, "17"]


def sample_subject(rng: np.random.Generator) -> Subject:
    return Subject(
        expressivity=rng.uniform(0.8, 1.25),
        delay=rng.uniform(2, 5),
        bias=np.exp(rng.normal(0, 0.18, 17)),
    )


@dataclass(frozen=True)
class Course:
    """One sequence: AU truth, expression (index in EXPRESSIONS), and which event is seen when."""

    intensity: Float[np.ndarray, "frames 17"]
    expression: Int[np.ndarray, "frames"]
    event: str
    event_frame: int  # index of the first frame that shows the event


def _column(number: int) -> int:
    return REACTIONET_AUS.index(f"AU{number:02d}")


def draw_emotion(rng: np.random.Generator, scene: str, sub_scene: str, event: str) -> str:
    """The emotion a viewer feels; now and then none, or one of their own."""
    if rng.uniform() < 0.08:
        return str(rng.choice(EXPRESSIONS))
    odds = EVENTS[scene][sub_scene][event]
    return str(rng.choice(list(odds), p=np.array(list(odds.values())) / 100))


def draw_apex(rng: np.random.Generator, emotion: str, who: Subject) -> Float[np.ndarray, "17"]:
    """AU intensities 0..5 at the height of a reaction."""
    mask = "controlled_smile" if emotion == "happy" and rng.uniform() < 0.42 else emotion
    parts = {mask: 1.0}
    if emotion != "neutral" and rng.uniform() < 0.3:
        others = [e for e in PROTOTYPES if e not in (mask, emotion, "neutral")]
        parts[str(rng.choice(others))] = rng.uniform(0.5, 0.75)
    apex = np.zeros(17)
    for part, weight in parts.items():
        for number, (odds, mean) in PROTOTYPES[part].items():
            if rng.uniform() < odds * weight**0.5:
                level = 1.1 * mean * weight * who.expressivity * rng.uniform(0.75, 1.3)
                apex[_column(number)] = max(apex[_column(number)], level)
    stray = (rng.uniform(size=17) < STRAY) & (np.arange(17) != _column(45))
    apex = np.maximum(apex, np.where(stray, rng.uniform(1.2, 3.2, 17), 0)) * who.bias
    if apex[_column(26)] > 1:  # a dropped jaw parts the lips
        apex[_column(25)] = max(apex[_column(25)], 1.5)
    if apex[_column(23)] > 1 and apex[[_column(n) for n in (25, 26)]].max() > 2:
        apex[_column(23)] = 0
    if apex[_column(20)] > 1.5 and apex[_column(12)] > 1.5:
        apex[_column(20)] = 0
    return np.clip(apex, 0, 5)


def _ease(t: np.ndarray) -> np.ndarray:
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def draw_course(
    rng: np.random.Generator, scene: str, sub_scene: str, who: Subject, frames: int
) -> Course:
    """Onset, apex and partial decay after an event; before it a fading earlier mood or nothing."""
    event = str(rng.choice(list(EVENTS[scene][sub_scene])))
    event_frame = int(rng.integers(0, max(1, frames // 3)))
    other = str(rng.choice(list(EVENTS[scene][sub_scene])))
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
        intensity[start : start + 3, _column(45)] = np.maximum(
            intensity[start : start + 3, _column(45)], blink
        )
    strength = np.stack([first.sum() * (1 - rise.mean(1)), (second * rise * decay).sum(1)])
    label = np.where(
        strength[1] >= strength[0], EXPRESSIONS.index(after), EXPRESSIONS.index(before)
    )
    label = np.where(
        np.maximum(strength[0], strength[1]) < 3.0, EXPRESSIONS.index("neutral"), label
    )
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
