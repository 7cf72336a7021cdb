"""Three disjoint parts for cross validation: read from a release, or made from its people."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from jaxtyping import Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from drr_jax.errors import InputError, nearest
from tfds_reactionet.reading.tables import inner_path, numbered_lines

PARTS = ("part1", "part2", "part3")
MOST_OF_EVEN = 1.35  # the largest part, in even shares
_LARGEST = MOST_OF_EVEN / len(PARTS)  # share of the frames


@dataclass(frozen=True)
class FoldUnit:
    """What the balance needs to know of one sequence."""

    key: str  # scene/sub_scene/task/sequence
    subjects: tuple[str, ...]  # empty if unknown
    frames: int
    positives: tuple[int, ...]  # frames with each evaluated AU


def read_folds(paths: Sequence[Path], keys: Sequence[str]) -> dict[str, int] | None:
    """Part index (0, 1, 2) of every sequence from the files of held-out sequences.

    Returns None if the release has none of the files. Entries of sequences that are not on disk
    are ignored. Raises InputError if a file is missing, two overlap, or a sequence is in none.
    """
    present = [path for path in paths if path.is_file()]
    if not present:
        return None
    for path in paths:
        if not path.is_file():
            raise InputError(f"{path}: missing, although {present[0].name} is there")
    parts: dict[str, int] = {}
    for part, path in enumerate(paths):
        for line, text in numbered_lines(path):
            if text.lstrip().startswith("#"):
                continue
            key = inner_path(text.strip(), 4, path, line)
            if key in parts:
                other = paths[parts[key]].name
                raise InputError(f"{path}: line {line}: {key} is also in {other}; expected once")
            parts[key] = part
    for key in keys:
        if key not in parts:
            hint = nearest(key, tuple(parts)) if "did you" in nearest(key, tuple(parts)) else ""
            raise InputError(f"{paths[0].parent}: no fold file holds the sequence {key} {hint}")
    return {key: parts[key] for key in keys}


def components(subjects: Mapping[str, Sequence[str]], tasks: Mapping[str, str]) -> dict[str, int]:
    """Component number of every sequence in the graph that links its task and its subjects.

    Sequences of one source video (task) or with a person in common end in one component.
    """
    numbers = connected(
        [("task", task), *(("subject", one) for one in subjects.get(key, ()))]
        for key, task in tasks.items()
    )
    return dict(zip(tasks, numbers.tolist(), strict=True))


def connected(names: Iterable[Iterable[Hashable]]) -> Int[np.ndarray, " things"]:
    """A number for each thing, of which `names` has the names: the same where things share one.

    Shared in turn, too: A and C are one with B, if B has a name of each. Numbers count from 0 in
    order.
    """
    listed = list(map(tuple, names))
    nodes = {name: len(listed) + k for k, name in enumerate(dict.fromkeys(chain(*listed)))}
    edges = [(thing, nodes[name]) for thing, several in enumerate(listed) for name in several]
    size = len(listed) + len(nodes)
    ends = tuple(np.array(edges, int).reshape(-1, 2).T)  # also of none
    graph = coo_array((np.ones(len(edges)), ends), shape=(size, size))
    # SciPy counts components by their first nodes, and the things come first.
    return connected_components(graph, directed=False)[1][: len(listed)]


def balanced_parts(units: Sequence[FoldUnit], seed: int = 0) -> dict[str, int]:
    """Part index (0, 1, 2) of every sequence, so that no subject and no task is in two parts.

    Connected components are assigned greedily, the largest first, each to the part where the
    squared distance to equal thirds grows least; the distance counts frames, the positives of
    each evaluated AU and the frames of each sub-scene, each relative to its total; frames alone, if
    a part were too large by that.

    Raises InputError if there are fewer than three components.
    Source: docs/method.md 8.2 (a reconstruction: the paper's own lists are not public).
    """
    units = sorted(units, key=lambda unit: unit.key)
    tasks = {unit.key: unit.key.rsplit("/", 1)[0] for unit in units}
    component = components({unit.key: unit.subjects for unit in units}, tasks)
    count = max(component.values(), default=-1) + 1
    if count < len(PARTS):
        raise InputError(
            f"the release has {count} group(s) of sequences without a common subject or task, "
            "fewer than 3 parts; give splits/fold1.txt to fold3.txt"
        )
    loads = _component_loads(units, component, count)
    part_of = _greedy(loads, seed)
    if np.bincount(part_of, loads[:, 0]).max() > _LARGEST:  # AUs and sub-scenes ask too much
        part_of = _greedy(loads[:, :1], seed)
    return {key: int(part_of[number]) for key, number in component.items()}


def _greedy(loads: np.ndarray, seed: int) -> np.ndarray:
    """Part of each component by its load [count, features], the first of which is its frames."""
    count, features = loads.shape
    jitter = np.random.default_rng(seed).random(count)  # the order among components of one size
    order = np.lexsort((jitter, -loads[:, 0]))
    part_loads = np.zeros((len(PARTS), features))
    part_of = np.zeros(count, int)
    for number in order:
        grown = part_loads + loads[number]
        part = int(np.argmin(np.sum(grown**2 - part_loads**2, axis=1)))
        part_of[number] = part
        part_loads[part] = grown[part]
    empty = set(range(len(PARTS))) - {int(part) for part in part_of}
    for part in sorted(empty):  # tiny releases: every part needs something
        sizes = np.bincount(part_of, minlength=len(PARTS))
        part_of[next(n for n in order[::-1] if sizes[part_of[n]] > 1)] = part
    return part_of


def check_balance(parts: Mapping[str, int], units: Sequence[FoldUnit]) -> None:
    """Raises InputError if the largest of some automatic parts is far from a third of the frames.

    Then most sequences hang together by people and videos, and a model would be trained on the
    small rest, or tested on it.
    """
    frames = np.bincount([parts[unit.key] for unit in units], [unit.frames for unit in units])
    share = frames.max() / max(frames.sum(), 1)
    if share > _LARGEST:
        raise InputError(
            f"the largest of the automatic folds' parts holds {share:.1%} of the records, more "
            f"than {_LARGEST:.1%} ({MOST_OF_EVEN} / {len(PARTS)}): too many sequences hang "
            "together by common people and videos; correct labels/demographics.csv, or give folds "
            "of your own, splits/fold1.txt to fold3.txt or --folds=FILE (lines `SEQUENCE PART`)"
        )


def _component_loads(
    units: Sequence[FoldUnit], component: Mapping[str, int], count: int
) -> np.ndarray:
    """Load of each component [count, features], every group of features weighing the same."""
    sub_scenes = sorted({unit.key.rsplit("/", 2)[0] for unit in units})
    aus = len(units[0].positives)
    loads = np.zeros((count, 1 + aus + len(sub_scenes)))
    for unit in units:
        row = loads[component[unit.key]]
        row[0] += unit.frames
        row[1 : 1 + aus] += unit.positives
        row[1 + aus + sub_scenes.index(unit.key.rsplit("/", 2)[0])] += unit.frames
    loads /= np.maximum(loads.sum(axis=0), 1)
    loads[:, 1 : 1 + aus] /= np.sqrt(aus)
    loads[:, 1 + aus :] /= np.sqrt(len(sub_scenes))
    return loads
