"""A fold of a data set that is not here: what its builder declares, and numbers that stand in."""

import dataclasses
from pathlib import Path
from typing import Any

from drr_jax.config import Config
from drr_jax.data import landmarks
from drr_jax.data.fold import Fold, read_fold
from drr_jax.data.prepared import INPUTS, Prepared
from drr_jax.facs import SCENES

# Stand-ins: constants of a schedule and of a loss, which change nothing that a program costs.
RECORDS = 400_000  # of each part; supplement 1.2 counts 1.1 million frames in three
TASKS = 3  # of a sub-scene in a part, so that it may be a class


@dataclasses.dataclass(frozen=True)
class Declared(Prepared):
    """A data set by what its builder declares: its classes, parts and inputs are its own."""

    declared_inputs: tuple[str, ...] = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        return self.declared_inputs


def declared_fold(config: Config, number: int) -> Fold:
    """What is known of fold `number` of `data.name` without the data, for programs to be compiled.

    Classes, parts and inputs are the builder's; records are `RECORDS` a part, every class occurs in
    half of them and the captions have no words, so that the table of word pieces has the size that
    `text.vocabulary` says. Nothing is held out for validation, which would have to be read.
    Raises InputError as `read_fold`, and for an unknown data set.
    """
    plain = dataclasses.replace(config, selection="last")
    return read_fold(plain, _declared(config), number)


def _declared(config: Config) -> Declared:
    from tfds_reactionet import build

    name = "/".join(build.resolve(config.data.name))
    spec = build.declared(config.data.name)
    points = ("landmarks",) if spec.landmarks in landmarks.SCHEMES else ()
    heard = ("audio",) if spec.sound else ()
    has = {*spec.images, *("caption",) * ("caption" in spec.extra), *heard, *points}
    metadata: dict[str, Any] = {
        "task": spec.task,
        "au_names": list(spec.au_names),
        "evaluated_aus": list(spec.evaluated_aus),
        "graded_aus": list(spec.graded_aus),
        "expression_names": list(spec.expression_names),
        "protocol": spec.protocol.to_json(),
        "fingerprint": "",
        "rendered": build.is_rendered(config.data.name),
        "parts": {part: _part(config, spec, part) for part in spec.protocol.parts},
    }
    inputs = tuple(key for key in INPUTS if key in has)
    return Declared(Path(), name, "", metadata, None, (), inputs)


def _part(config: Config, spec: Any, part: str) -> dict[str, Any]:
    """Counts of a part in which every class occurs."""
    classes = len(spec.au_names)
    pairs = [[RECORDS // (2 if i == j else 4) for j in range(classes)] for i in range(classes)]
    scenes = _sub_scenes(config) if config.task == "scene" else []
    sequences = [[f"{scene}/{part}{task}/1", "", 0, 1] for scene in scenes for task in range(TASKS)]
    return {
        "records": RECORDS,
        "sequences": sequences,
        "au_known": [RECORDS] * classes,
        "au_pairs": pairs,
        "au_given": [[RECORDS // 2] * classes] * classes,
        "au_levels": [[RECORDS // 2, RECORDS // 2]] * classes,
        "expression_counts": [RECORDS] * len(spec.expression_names),
        "sub_scene_counts": dict.fromkeys(scenes, RECORDS),
        "caption_words": {},
        "sound_counts": {"with": RECORDS} if spec.sound else {},
    }


def _sub_scenes(config: Config) -> list[str]:
    """Sub-scenes to choose from: those that are named, or enough in every scene."""
    if config.scene.names:
        return config.scene.names.split("+")
    return [f"{scene}/{i:03}" for scene in SCENES for i in range(config.scene.classes)]
