"""Contact sheets of the demo release, to judge the renderer by eye."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from drr_jax.errors import InputError
from drr_jax.facs import EXPRESSIONS, REACTIONET_AUS
from tfds_reactionet.demo.content import SUB_SCENES
from tfds_reactionet.demo.face import Light, Pose, render_head, sample_identity
from tfds_reactionet.demo.modalities import render_modalities
from tfds_reactionet.demo.reaction import render_reaction, sample_studio
from tfds_reactionet.demo.sequence import Release, draw_captions, draw_stimulus, write_script
from tfds_reactionet.demo.stimulus import Shot, render_stimulus

TILE = 160  # pixels on the sheet
# a studio in which nothing distracts from the face
STILL = {"occlusion": "none", "pose": (0.0, 0.0, 0.0), "place": (0.5, 0.545), "zoom": 0.385}
STILL |= {"grain": 0.0, "blur": 0.0, "gaze": (0.0, 0.0)}


def _tile(image: np.ndarray, text: str = "") -> np.ndarray:
    tile = cv2.resize(image, (TILE, TILE), interpolation=cv2.INTER_AREA)
    if text:
        cv2.putText(
            tile, text, (4, TILE - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 3, cv2.LINE_AA
        )
        cv2.putText(
            tile,
            text,
            (4, TILE - 5),
            cv2.FONT_HERSHEY_SIMPLEX,
            0.4,
            (255, 255, 255),
            1,
            cv2.LINE_AA,
        )
    return tile


def modality_sheet(size: int = 256, identity: int = 32) -> np.ndarray:
    """One AU a row at intensities 0..5, in colour, depth and thermal: RGB uint8."""
    who = sample_identity(np.random.default_rng(identity))
    still = replace(sample_studio(np.random.default_rng(0)), **STILL)
    rows = []
    for index, name in enumerate(REACTIONET_AUS):
        colour, depth, thermal = [], [], []
        for level in range(6):
            au = np.zeros(17)
            au[index] = level
            image = render_reaction(who, au, still, 0, 0.0, size).image
            others = render_modalities(who, au, still, 0, 0.0, size)
            colour.append(_tile(image, f"{name} {level}"))
            depth.append(_tile(_grey(others.depth)))
            thermal.append(_tile(_grey(others.thermal)))
        rows.append(np.concatenate(colour + depth + thermal, 1))
    return np.concatenate(rows)


def _grey(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)


def contact_sheet(size: int = 256, identities: tuple[int, ...] = (32, 40)) -> np.ndarray:
    """One AU a row at intensities 0..5, for each of the identities (seeds): RGB uint8."""
    light = Light((0.4, -0.5, 1.0), 0.45, (1.0, 1.0, 1.0))
    pose = Pose(0.0, 0.0, 0.0, (size / 2, 0.555 * size), 0.385 * size)
    wall = np.full((size, size, 3), (120, 130, 140), np.uint8)
    people = [sample_identity(np.random.default_rng(seed)) for seed in identities]
    rows = []
    for index, name in enumerate(REACTIONET_AUS):
        row = []
        for who in people:
            for level in range(6):
                au = np.zeros(17)
                au[index] = level
                row.append(
                    _tile(render_head(who, au, pose, light, (0.0, 0.0), wall)[0], f"{name} {level}")
                )
        rows.append(np.concatenate(row, 1))
    return np.concatenate(rows)


def scenes(size: int = 256) -> np.ndarray:
    """Every sub-scene before its event and at the end of both of its events: RGB uint8."""
    tiles = []
    for index, ((scene, sub_scene), declared) in enumerate(SUB_SCENES.items()):
        rng = np.random.default_rng(index)
        fixed = tuple(rng.uniform(size=12))
        first, second = declared.events
        for event, progress, text in (
            (first, 0.0, sub_scene),
            (first, 1.0, first),
            (second, 1.0, second),
        ):
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
        studio = sample_studio(release.rng(6, int(index)))
        seen = (script.who, course.intensity[frame], studio, frame, 0.0, release.size)
        images = [render_reaction(*seen).image, draw_stimulus(release, int(index), script, frame)]
        if release.modalities:
            others = render_modalities(*seen)
            images += [_grey(others.depth), _grey(others.thermal)]
        row = np.concatenate([cv2.resize(image, (208, 208)) for image in images], 1)
        names = " ".join(
            n[2:].lstrip("0")
            for n, v in zip(REACTIONET_AUS, course.intensity[frame], strict=True)
            if v >= 1
        )
        note = np.full((66, row.shape[1], 3), 255, np.uint8)
        caption = draw_captions(release, int(index), script)[frame]
        head = f"{EXPRESSIONS[course.expression[frame]]}: AU {names or 'none'}"
        for line, text in enumerate(
            [head, *(caption[k : k + 62] for k in range(0, len(caption), 62))][:4]
        ):
            cv2.putText(
                note,
                text,
                (4, 14 + 16 * line),
                cv2.FONT_HERSHEY_SIMPLEX,
                0.38,
                (20, 20, 20),
                1,
                cv2.LINE_AA,
            )
        tiles.append(np.concatenate([row, note]))
    return _sheet(tiles, 2 if release.modalities else 4)


def _sheet(tiles: list[np.ndarray], columns: int) -> np.ndarray:
    tiles = tiles + [np.full_like(tiles[0], 255)] * (-len(tiles) % columns)
    return np.concatenate(
        [np.concatenate(tiles[k : k + columns], 1) for k in range(0, len(tiles), columns)]
    )


def check(path: str) -> None:
    """Raises InputError if the folder is missing or the name is no .png."""
    if Path(path).suffix.lower() != ".png" or not Path(path).absolute().parent.is_dir():
        raise InputError(f"{path}: expected a .png file in an existing folder")


def save(path: str, image: np.ndarray) -> None:
    """Writes a PNG."""
    data = cv2.imencode(".png", image[..., ::-1])[1]
    Path(path).write_bytes(data.tobytes())
