"""The sub-scenes that task=scene tells apart, and the records that show one of them.

The supplement classifies 24 sub-scenes and names none, so which ones is a reconstruction (method
3.3): by default those with most sequences that every fold can both learn and test.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from drr_jax.config import Scene
from drr_jax.data.prepared import Prepared, sub_scene_of
from drr_jax.data.split import Rows
from drr_jax.errors import InputError, nearest

TASKS = 3  # videos that a sub-scene needs: one for each fold to hold out
SPORT_SHOW = ("sport", "show")  # 14 + 10 sub-scenes in the supplement's Figure 1


class Usage(NamedTuple):
    """What a data set has of one sub-scene."""

    name: str
    sequences: int
    lack: str  # why it cannot be a class, or nothing


def survey(prepared: Prepared) -> list[Usage]:
    """What the set has of each of its sub-scenes, in the order of `prepared.classes("scene")`."""
    keys = {part: [key for key, *_ in prepared.sequences(part)] for part in prepared.parts}
    found = []
    for name in prepared.classes("scene"):
        shown = {p: [key for key in some if sub_scene_of(key) == name] for p, some in keys.items()}
        every = [key for some in shown.values() for key in some]
        tasks = {key.rsplit("/", 1)[0] for key in every}
        empty = [part for part, some in shown.items() if not some]
        lack = f"{name} (no task in {', '.join(empty)})" if empty else ""
        if len(tasks) < TASKS:
            lack = f"{name} ({len(tasks)} of {TASKS} tasks)"
        found.append(Usage(name, len(every), lack))
    return found


def choose(prepared: Prepared, scene: Scene) -> tuple[str, ...]:
    """The classes "scene/sub_scene" of a config, those of one scene beside each other.

    sequences: the sub-scenes with most sequences, ties by name, of those with three tasks or more
    and one in every part; sport_show: the same among sport and show; list: those of `scene.names`.
    Raises InputError for a name that the set lacks or that has too few tasks, and if there are
    fewer than `scene.classes`.
    """
    usages = survey(prepared)
    where = f"data set {prepared.name}"
    if scene.choice == "list":
        wanted = _listed(scene, [usage.name for usage in usages], where)
        usages = [usage for usage in usages if usage.name in wanted]
        key = f"scene.names={scene.names}"
    else:
        key = f"scene.choice={scene.choice}"
        if scene.choice == "sport_show":
            usages = [usage for usage in usages if usage.name.split("/")[0] in SPORT_SHOW]
    usable = [usage for usage in usages if not usage.lack]
    if len(usable) < scene.classes:
        lacking = ", ".join(usage.lack for usage in usages if usage.lack)
        raise InputError(
            f"config key scene.classes={scene.classes}: {where} has {len(usable)} usable "
            f"sub-scenes for {key}, with {TASKS} tasks or more and one in every part; "
            + (f"these lack tasks: {lacking}" if lacking else "it has no others")
            + (f"; set scene.classes={len(usable)} or less" if len(usable) > 1 else "")
        )
    most = sorted(usable, key=lambda usage: (-usage.sequences, usage.name))[: scene.classes]
    return tuple(usage.name for usage in usable if usage in most)


def _listed(scene: Scene, known: Sequence[str], where: str) -> list[str]:
    names = scene.names.split("+")
    for name in names:
        if name not in known:
            raise InputError(
                f"config key scene.names: {where} has no sub-scene {name!r}: {nearest(name, known)}"
            )
    if len(set(names)) != len(names) or len(names) != scene.classes:
        raise InputError(
            f"config key scene.names={scene.names}: expected scene.classes={scene.classes} "
            f"different names with a + between them, found {len(set(names))}"
        )
    return names


def scene_rows(prepared: Prepared, parts: Sequence[str], names: Sequence[str]) -> Rows:
    """Records of `parts` that show one of the sub-scenes `names`, numbered through the parts."""
    shown = [
        np.full(count, sub_scene_of(key) in names)
        for part in parts
        for key, _, _, count in prepared.sequences(part)
    ]
    return np.flatnonzero(np.concatenate(shown))
