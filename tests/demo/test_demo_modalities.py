"""Depth and thermal images of the demo: the same faces as in colour, without their colour."""

import dataclasses
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from drr_jax.facs.labels import REACTIONET_AUS
from tfds_reactionet.demo import sheets as demo_sheets
from tfds_reactionet.demo import write as demo
from tfds_reactionet.demo.face import render as demo_faces
from tfds_reactionet.demo.face.shape import Pose, sample_identity
from tfds_reactionet.demo.modalities import Modalities, render_head, render_modalities
from tfds_reactionet.demo.reaction import Reaction, Studio, Take, render_reaction, sample_studio

SIZE = 96
STUDIO = dataclasses.replace(sample_studio(np.random.default_rng(0)), **demo_sheets.STILL)
# landmarks whose box, widened by 0.15 of the image, holds what an AU changes
FACE, EYES, MOUTH = (0, 67), (17, 47), (31, 59)
REGIONS = {1: EYES, 2: EYES, 4: EYES, 5: EYES, 6: FACE, 7: EYES, 9: FACE, 10: MOUTH, 12: FACE}
REGIONS |= {14: MOUTH, 15: MOUTH, 17: MOUTH, 20: MOUTH, 23: MOUTH, 25: MOUTH, 26: FACE, 45: EYES}


def person(seed: int = 32, **changes: Any) -> Any:
    return dataclasses.replace(sample_identity(np.random.default_rng(seed)), **changes)


def vector(**levels: float) -> np.ndarray:
    """vector(au12=5): intensities of the 17 AUs."""
    au = np.zeros(17)
    for name, level in levels.items():
        au[REACTIONET_AUS.index(f"AU{int(name[2:]):02d}")] = level
    return au


def frame(who: Any, studio: Studio = STUDIO, size: int = SIZE, **levels: float) -> Modalities:
    return render_modalities(Take(who, vector(**levels), studio, 0, 0.0, size))


def coloured(who: Any, studio: Studio = STUDIO, size: int = SIZE, **levels: float) -> Reaction:
    return render_reaction(Take(who, vector(**levels), studio, 0, 0.0, size))


def contents(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_release_is_the_plain_one_with_two_images_more(tmp_path: Path) -> None:
    plain = contents(demo.write_release(tmp_path / "a", 40, 48, jobs=1, progress=False))
    release = demo.write_release(tmp_path / "b", 40, 48, jobs=1, progress=False, modalities=True)
    with_images = contents(release)
    again = demo.write_release(tmp_path / "c", 40, 48, jobs=2, progress=False, modalities=True)
    assert contents(again) == with_images
    about = {demo.MARKER, "README.txt"}
    assert all(with_images[name] == data for name, data in plain.items() if name not in about)
    extra = with_images.keys() - plain.keys()
    faces = [name for name in plain if "/reaction/" in name]
    depth = {name.replace("/reaction/", "/depth/").replace(".jpg", ".png") for name in faces}
    thermal = {name.replace("/reaction/", "/thermal/") for name in faces}
    assert extra == depth | thermal
    for name in sorted(extra)[::17]:
        image = cv2.imdecode(np.frombuffer(with_images[name], np.uint8), cv2.IMREAD_UNCHANGED)
        assert image is not None and image.dtype == np.uint8
        assert image.shape == ((48, 48) if name in depth else (48, 48, 3))
        if name in thermal:
            np.testing.assert_array_equal(image, image[..., :1].repeat(3, 2))


@pytest.mark.parametrize("pose", [(0.0, 0.0, 0.0), (0.1, 0.3, -0.1), (-0.1, -0.3, 0.15)])
@pytest.mark.parametrize("seed", [32, 40, 3])
def test_same_silhouette_and_landmarks_as_in_colour(seed: int, pose: tuple) -> None:
    who, au = person(seed), vector(au12=4, au25=3)
    where = Pose(*pose, (SIZE / 2, 0.53 * SIZE), 0.36 * SIZE)
    light = demo_faces.Light((0.2, -0.4, 1.0), 0.6, (1.0, 1.0, 1.0))
    wall = np.full((SIZE, SIZE, 3), 2, np.uint8)
    colour, points = demo_faces.render_head(who, au, where, light, (0.0, 0.0), wall)
    _, cover, _, ours = render_head(who, au, where, SIZE)
    np.testing.assert_allclose(ours, points, atol=0.5)
    drawn, covered = np.abs(colour.astype(int) - 2).max(2) > 2, cover > 0.5
    assert (drawn & covered).sum() / (drawn | covered).sum() > 0.94


def test_depth_knows_neither_light_nor_colour() -> None:
    who = person()
    other = person(skin=(90.0, 60.0, 40.0), hair=(220.0, 190.0, 120.0), iris=(10.0, 90.0, 200.0))
    light = demo_faces.Light((-0.9, 0.2, 1.0), 0.2, (0.6, 0.7, 1.0))
    studio = dataclasses.replace(STUDIO, light=light, wall=(9.0, 9.0, 9.0), shirt=(250.0,) * 3)
    ours, theirs = frame(who, au12=3), frame(other, studio, au12=3)
    np.testing.assert_array_equal(ours.depth, theirs.depth)
    np.testing.assert_array_equal(ours.thermal, theirs.thermal)
    seen = [coloured(person, s).image.astype(int) for person, s in ((who, STUDIO), (other, studio))]
    assert np.abs(seen[0] - seen[1]).mean() > 20  # while the colour images differ


@pytest.mark.parametrize("number", REGIONS)
@pytest.mark.parametrize("kind", ["depth", "thermal"])
def test_each_au_shows_in_its_own_region(kind: str, number: int) -> None:
    who, size = person(), 128
    neutral = np.asarray(getattr(frame(who, size=size), kind), float)
    points = coloured(who, size=size).landmarks
    first, last = REGIONS[number]
    low = np.maximum(points[first : last + 1].min(0) - 0.15 * size, 0).astype(int)
    high = np.ceil(points[first : last + 1].max(0) + 0.15 * size).astype(int)
    changes = []
    for level in (2, 5):
        shown = getattr(frame(who, size=size, **{f"au{number}": level}), kind)
        changes.append(np.abs(cv2.GaussianBlur(shown - neutral, (0, 0), 1.0)))
    weak, strong = changes  # both have the noise of the frame, which cancels
    inside = strong[low[1] : high[1], low[0] : high[0]]
    assert inside.sum() > 0.9 * strong.sum()
    assert (inside > 4).sum() >= 60 and weak.max() > 3 and strong.sum() > 1.2 * weak.sum()


def test_aus_look_different_from_one_another() -> None:
    who = person()
    for kind in ("depth", "thermal"):
        neutral = np.asarray(getattr(frame(who), kind), float)
        changes = np.stack(
            [(getattr(frame(who, **{f"au{n}": 4}), kind) - neutral).ravel() for n in REGIONS]
        )
        changes /= np.linalg.norm(changes, axis=1, keepdims=True)
        assert (np.abs(changes @ changes.T) - np.eye(len(changes))).max() < 0.9, kind


def test_near_is_bright() -> None:
    who = person(hair_style=0)
    depth = frame(who).depth.astype(int)
    points = coloured(who).landmarks.round().astype(int)

    def at(point: int) -> int:
        x, y = points[point]
        return depth[y, x]

    assert depth[0, 0] == 0 and depth[2, -3] == 0  # nothing behind the head
    assert at(30) > at(27) > at(1) > 0 and at(30) > at(51) > at(8)  # tip of the nose
    assert at(24) > (depth[points[37, 1], points[37, 0]])  # a brow stands before the eye
    open_mouth = frame(who, au25=3, au26=5).depth.astype(int)
    shown = coloured(who, au25=3, au26=5).landmarks
    x, y = shown[60:68].mean(0).round().astype(int)
    assert open_mouth[y, x] < at(62) - 25


def test_warm_is_bright() -> None:
    who = person(hair_style=1, glasses=2, beard=0)
    plain, glasses = frame(dataclasses.replace(who, glasses=0)), frame(who)
    shot = coloured(who)
    points = shot.landmarks.round().astype(int)

    def level(image: np.ndarray, x: int, y: int) -> float:
        return float(image[y - 1 : y + 2, x - 1 : x + 2].mean())

    eye = points[36:42].mean(0).round().astype(int)
    forehead, hair = (points[27, 0], points[19, 1] - 9), (points[27, 0], 12)
    warm = plain.thermal
    assert level(warm, *forehead) > level(warm, *points[30]) > level(warm, *hair) + 20
    assert level(warm, *hair) > level(warm, 3, 3) + 10  # the room
    assert level(glasses.thermal, *eye) < level(warm, *eye) - 60  # glass hides the eyes
    assert np.abs(glasses.depth.astype(int) - plain.depth).max() < 25  # but has no depth
    mouth = coloured(who, au26=5).landmarks[60:68].mean(0)
    opened = frame(who, au26=5).thermal
    assert level(opened, *mouth.round().astype(int)) > level(warm, *forehead) + 15


@pytest.mark.parametrize("occlusion", ["hand", "microphone"])
def test_what_hides_the_face_hides_it_from_all_cameras(occlusion: str) -> None:
    who, hiding = person(), dataclasses.replace(STUDIO, occlusion=occlusion)
    bare = coloured(who).image.astype(int)
    hidden = coloured(who, hiding).image.astype(int)
    changed = np.abs(hidden - bare).max(2) > 8
    ours, theirs = frame(who), frame(who, hiding)
    nearer = theirs.depth.astype(int) - ours.depth > 4
    assert nearer.sum() > 40
    assert (nearer & changed).sum() > 0.85 * nearer.sum()
    warmer = np.abs(theirs.thermal.astype(int) - ours.thermal) > 8
    assert (warmer & cv2.dilate(changed.astype(np.uint8), np.ones((5, 5))).astype(bool)).sum() > 40


def test_sheet_has_a_row_for_every_au() -> None:
    assert demo_sheets.modality_sheet(32).shape == (17 * demo_sheets.TILE, 18 * demo_sheets.TILE, 3)
    release = demo_sheets.Release(8, 32, 0, modalities=True)
    assert demo_sheets.samples(release, 2).shape[1] == 2 * 4 * 208
