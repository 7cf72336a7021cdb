"""What the demo release shows and tells, as content.toml beside this file declares it."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drr_jax.facs import SCENES

_CONTENT = tomllib.loads(Path(__file__).with_name("content.toml").read_text(encoding="utf-8"))
# Emotion -> AU, probability of taking part, mean intensity at full strength
EMOTIONS: dict[str, list[tuple[int, float, float]]] = _CONTENT["emotions"]
# Scene -> probability that its happy viewers' smile is a controlled one
CONTROLLED: dict[str, float] = _CONTENT["controlled_smiles"]
PHRASES: dict[str, list[str]] = _CONTENT["captions"]


@dataclass(frozen=True)
class Event:
    """What happens in a stimulus: emotion -> per cent of viewers, and what captions say of it."""

    feel: dict[str, int]
    say: list[str]


@dataclass(frozen=True)
class SubScene:
    """A caption's alternatives for who does what where while nothing happens, and the events."""

    who: list[str]
    where: list[str]
    quiet: list[str]
    events: dict[str, Event]


def _sub_scene(table: dict[str, Any]) -> SubScene:
    events = {name: Event(**entry) for name, entry in table.items() if isinstance(entry, dict)}
    return SubScene(table["who"], table["where"], table["quiet"], events)


# scene and sub-scene (supplement 1.8, slugged) -> its declaration, scenes in the order of SCENES
SUB_SCENES = {
    (scene, name): _sub_scene(table)
    for scene in SCENES
    for name, table in _CONTENT["scenes"][scene].items()
}
