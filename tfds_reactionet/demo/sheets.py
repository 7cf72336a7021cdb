"""Contact sheets of the demo release, to judge the renderer by eye."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from drr_jax.errors import InputError
from drr_jax.facs import EXPRESSIONS, REACTIONET_AUS
from tfds_reactionet.demo.content import SUB_SCENES
from tfds_reactionet.demo.face import Light, Pose, render_head, sample_identity
from tfds_reactionet.demo.modalities import render_modalities
from tfds_reactionet.demo.reaction import Take, render_reaction, sample_studio
from tfds_reactionet.demo.sequence import (
    Release,
    draw_captions,
    draw_stimulus,
    draw_studio,
    write_script,
)
from tfds_reactionet.demo.stimulus import Shot, render_stimulus

TILE = 160  # pixels on the sheet
# a studio in which nothing distracts from the face
STILL = {"occlusion": "none", "pose": (0.0, 0.0, 0.0), "place": (0.5, 0.545), "zoom": 0.385}
STILL |= {"grain": 0.0, "blur": 0.0, "gaze": (0.0, 0.0)}


def _note(image: np.ndarray, text: str, place: tuple[int, int], size: float, *inks: int) -> None:
    """Writes text from `place` on, in grey values one over the other, the first one broad."""
    for ink in inks:
        broad = 3 if ink != inks[-1] else 1
        font = cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(image, text, place, font, size, (ink, ink, ink), broad, cv2.LINE_AA)


def _tile(image: np.ndarray, text: str = "") -> np.ndarray:
    """An image at the sheet's size with a name below; a grey one becomes RGB."""
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
    tile = cv2.resize(image, (TILE, TILE), interpolation=cv2.INTER_AREA)
    if text:
        _note(tile, text, (4, TILE - 5), 0.4, 0, 255)
    return tile


def _by_au(tiles: Callable[[np.ndarray, str], list[np.ndarray]]) -> np.ndarray:
    """One AU a row: the first tiles of its intensities 0..5, then the second ones, ..."""
    rows = []
    for au, name in zip(np.eye(17), REACTIONET_AUS, strict=True):
        columns = [tiles(level * au, f"{name} {level}") for level in range(6)]
        kinds = zip(*columns, strict=True)
        rows.append(np.concatenate([tile for kind in kinds for tile in kind], 1))
    return np.concatenate(rows)


def modality_sheet(size: int = 256, identity: int = 32) -> np.ndarray:
    """One AU a row at intensities 0..5, in colour, depth and thermal: RGB uint8."""
    who = sample_identity(np.random.default_rng(identity))
    still = replace(sample_studio(np.random.default_rng(0)), **STILL)

    def tiles(au: np.ndarray, name: str) -> list[np.ndarray]:
        take = Take(who, au, still, 0, 0.0, size)
        image, others = render_reaction(take).image, render_modalities(take)
        return [_tile(image, name), _tile(others.depth), _tile(others.thermal)]

    return _by_au(tiles)


def contact_sheet(size: int = 256, identities: tuple[int, ...] = (32, 40)) -> np.ndarray:
    """One AU a row at intensities 0..5, for each of the identities (seeds): RGB uint8."""
    light = Light((0.4, -0.5, 1.0), 0.45, (1.0, 1.0, 1.0))
    pose = Pose(0.0, 0.0, 0.0, (size / 2, 0.555 * size), 0.385 * size)
    wall = np.full((size, size, 3), (120, 130, 140), np.uint8)
    people = [sample_identity(np.random.default_rng(seed)) for seed in identities]

    def tiles(au: np.ndarray, name: str) -> list[np.ndarray]:
        heads = [render_head(who, au, pose, light, (0.0, 0.0), wall)[0] for who in people]
        return [_tile(head, name) for head in heads]

    return _by_au(tiles)


def scenes(size: int = 256) -> np.ndarray:
    """Every sub-scene before its event and at the end of both of its events: RGB uint8."""
    tiles = []
    for index, ((scene, sub_scene), declared) in enumerate(SUB_SCENES.items()):
        rng = np.random.default_rng(index)
        fixed = tuple(rng.uniform(size=12))
        first, second = declared.events
        moments = ((first, 0.0, sub_scene), (first, 1.0, first), (second, 1.0, second))
        for event, progress, text in moments:
            shot = Shot(fixed, event, progress, 0.3)
            tiles.append(_tile(render_stimulus(scene, sub_scene, shot, rng, size), text))
    return _sheet(tiles, 9)


def samples(release: Release, count: int = 20) -> np.ndarray:
    """Random tuples: reaction, stimulus, true AUs, expression and caption: RGB uint8.

    With depth and thermal images if the release has them.
    """
    rng, tiles = np.random.default_rng(release.seed), []
    for index in rng.choice(release.sequences, min(count, release.sequences), replace=False):
        script = write_script(release, int(index))
        course = script.course
        frame = int(rng.integers(len(course.intensity)))
        studio = draw_studio(release, int(index))
        face = (script.who, course.intensity[frame], studio, frame, 0.0, release.size)
        take = Take(*face, lean=course.lean)
        images = [render_reaction(take).image, draw_stimulus(release, int(index), script, frame)]
        if release.modalities:
            others = render_modalities(take)
            grey = (others.depth, others.thermal)
            images += [cv2.cvtColor(image, cv2.COLOR_GRAY2RGB) for image in grey]
        row = np.concatenate([cv2.resize(image, (208, 208)) for image in images], 1)
        shown = zip(REACTIONET_AUS, course.intensity[frame], strict=True)
        names = " ".join(name[2:].lstrip("0") for name, level in shown if level >= 1)
        note = np.full((66, row.shape[1], 3), 255, np.uint8)
        caption = draw_captions(release, int(index), script)[frame]
        head = f"{EXPRESSIONS[course.expression[frame]]}: AU {names or 'none'}"
        lines = [head, *(caption[k : k + 62] for k in range(0, len(caption), 62))]
        for line, text in enumerate(lines[:4]):
            _note(note, text, (4, 14 + 16 * line), 0.38, 20)
        tiles.append(np.concatenate([row, note]))
    return _sheet(tiles, 2 if release.modalities else 4)


def _sheet(tiles: list[np.ndarray], columns: int) -> np.ndarray:
    tiles = tiles + [np.full_like(tiles[0], 255)] * (-len(tiles) % columns)
    rows = [tiles[k : k + columns] for k in range(0, len(tiles), columns)]
    return np.concatenate([np.concatenate(row, 1) for row in rows])


def check(path: str) -> None:
    """Raises InputError if the folder is missing or the name is no .png."""
    if Path(path).suffix.lower() != ".png" or not Path(path).absolute().parent.is_dir():
        raise InputError(f"{path}: expected a .png file in an existing folder")


def save(path: str, image: np.ndarray) -> None:
    """Writes a PNG."""
    data = cv2.imencode(".png", image[..., ::-1])[1]
    Path(path).write_bytes(data.tobytes())
