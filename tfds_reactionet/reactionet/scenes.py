"""The keyword pool that reaction videos were searched with: scenes, sub-scenes, keywords."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drr_jax import files, limits
from drr_jax.errors import InputError, nearest
from drr_jax.facs import SCENES

POOL = Path(__file__).with_name("scenes.toml")
PREFIX = "Reaction to"  # "was concatenated with each keyword" (supplement 1.8)


@dataclass(frozen=True)
class SubScene:
    """A fine-grained scene: folder name, the paper's title, and its keywords in their order."""

    scene: str
    name: str
    title: str
    keywords: tuple[str, ...]


def read_pool(path: Path = POOL) -> dict[str, tuple[SubScene, ...]]:
    """Sub-scenes by scene, in the file's order.

    Raises InputError naming the file and the key if it is no TOML of this shape.
    Source: supplement 1.8.
    """
    try:
        document = tomllib.loads(files.read_at_most(path, limits.DOCUMENT_BYTES).decode())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: {error}; expected scenes in TOML") from error
    return {scene: _scene(scene, table, path) for scene, table in document.items()}


def _scene(scene: str, table: Any, path: Path) -> tuple[SubScene, ...]:
    if scene not in SCENES:
        raise InputError(f"{path}: unknown scene {scene[:40]!r}; {nearest(scene, SCENES)}")
    subs = table.get("sub_scenes") if isinstance(table, dict) else None
    if not isinstance(subs, dict) or not subs:
        raise InputError(f"{path}: {scene} has no sub_scenes; expected [{scene}.sub_scenes]")
    found = []
    for name, entry in subs.items():
        title = entry.get("title") if isinstance(entry, dict) else None
        keywords = entry.get("keywords") if isinstance(entry, dict) else None
        texts = isinstance(keywords, list) and all(isinstance(k, str) and k for k in keywords)
        if not isinstance(title, str) or not texts or not keywords:
            raise InputError(
                f"{path}: {scene}.sub_scenes.{name}: expected a title and a list of keywords"
            )
        found.append(SubScene(scene, name, title, tuple(keywords)))
    return tuple(found)


def queries(
    pool: dict[str, tuple[SubScene, ...]], scene: str | None = None, sub_scene: str | None = None
) -> list[str]:
    """The searches "Reaction to ..." of the pool, of a scene or of a sub-scene, each once.

    Raises InputError for an unknown name.
    """
    if scene is not None and scene not in pool:
        raise InputError(f"unknown scene {scene!r}; {nearest(scene, tuple(pool))}")
    chosen: Sequence[SubScene] = [
        sub for name, subs in pool.items() if scene in (None, name) for sub in subs
    ]
    if sub_scene is not None:
        names = tuple(dict.fromkeys(sub.name for sub in chosen))
        if sub_scene not in names:
            raise InputError(f"unknown sub_scene {sub_scene!r}; {nearest(sub_scene, names)}")
        chosen = [sub for sub in chosen if sub.name == sub_scene]
    return list(dict.fromkeys(f"{PREFIX} {word}" for sub in chosen for word in sub.keywords))
