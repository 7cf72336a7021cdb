"""The face crop: where points land, what pixels become, and which landmarks are refused."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfds_reactionet.reading.crop import (
    LANDMARK_COUNTS,
    Box,
    anchors,
    box_transform,
    face_transform,
    move,
    warp,
)
from tfds_reactionet.reading.images import BadImageError
from tfds_reactionet.reading.placing import full_transform

TEMPLATE = np.array([[0.325, 0.35], [0.675, 0.35], [0.5, 0.74]])
EYES = {68: (36, 42), 66: (36, 42), 51: (19, 25), 49: (19, 25)}
MOUTH = {68: (48, 54), 66: (48, 54), 51: (31, 37), 49: (31, 37)}


def landmarks(count: int, points: np.ndarray) -> np.ndarray:
    """Landmarks whose eye centres and mouth corners are given by three points."""
    rng = np.random.default_rng(0)
    marks = rng.uniform(0, 100, (count, 2))
    half = np.array([3.0, 0.5])
    if count == 5:
        return np.array([points[0], points[1], [0, 0], points[2] - half, points[2] + half])
    for first, centre in zip(EYES[count], points[:2], strict=True):
        around = rng.normal(size=(6, 2))
        marks[first : first + 6] = centre + around - around.mean(axis=0)
    marks[MOUTH[count][0]], marks[MOUTH[count][1]] = points[2] - half, points[2] + half
    return marks


@pytest.mark.parametrize("count", LANDMARK_COUNTS)
def test_a_similar_face_lands_exactly_on_the_template(count: int) -> None:
    turn, scale, shift = np.deg2rad(25), 180, np.array([300.0, 120.0])
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    face = scale * TEMPLATE @ rotation.T + shift
    marks = landmarks(count, face)
    np.testing.assert_allclose(anchors(marks), face, atol=1e-9)
    for margin in (0.0, 0.25):
        transform = face_transform(marks, 64, margin)
        expected = 64 * (0.5 + (TEMPLATE - 0.5) / (1 + 2 * margin)) - 0.5
        np.testing.assert_allclose(move(face, transform), expected, atol=1e-4)
        # a similarity: one scale, no shear, no mirroring
        linear = transform[:, :2]
        scale_here = 64 / 180 / (1 + 2 * margin)
        np.testing.assert_allclose(linear @ linear.T, np.eye(2) * scale_here**2, atol=1e-9)
        assert np.linalg.det(linear) > 0


@settings(max_examples=50, deadline=None)
@given(
    noise=st.lists(st.floats(-20, 20), min_size=6, max_size=6),
    turn=st.floats(-np.pi, np.pi),
    scale=st.floats(20, 500),
)
def test_transform_is_the_least_squares_similarity(
    noise: list[float], turn: float, scale: float
) -> None:
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    face = scale * TEMPLATE @ rotation.T + 400 + np.reshape(noise, (3, 2)) * scale / 200
    found = face_transform(landmarks(68, face), 100, 0.0)
    # reference: a, b, tx, ty by numpy's solver
    rows, goal = [], (100 * TEMPLATE - 0.5).ravel()
    for x, y in face:
        rows += [[x, -y, 1, 0], [y, x, 0, 1]]
    a, b, tx, ty = np.linalg.lstsq(np.array(rows), goal, rcond=None)[0]
    np.testing.assert_allclose(found, [[a, -b, tx], [b, a, ty]], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("size", [16, 128])
def test_a_marked_pixel_goes_where_its_landmark_goes(size: int) -> None:
    image = np.zeros((300, 400, 3), np.uint8)
    marks = landmarks(68, 150 * TEMPLATE + (100, 60))
    spot = np.array([[172.0, 130.0]])
    cv2.circle(image, (172, 130), 8, (255, 255, 255), -1)
    transform = face_transform(marks, size, 0.1)
    found = warp(image, transform, size)[..., 0].astype(float)
    y, x = np.mgrid[:size, :size]
    centre = np.array([(found * x).sum(), (found * y).sum()]) / found.sum()
    np.testing.assert_allclose(centre, move(spot, transform)[0], atol=0.15)


def test_shrinking_averages_instead_of_skipping_pixels() -> None:
    stripes = np.zeros((512, 512, 3), np.uint8)
    stripes[:, ::2] = 255
    found = warp(stripes, full_transform(512, 512, 32), 32)
    assert np.abs(found.astype(int) - 127.5).max() < 2


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(st.integers(90, 400), st.integers(90, 400)),
    place=st.tuples(st.floats(-60, 300), st.floats(-60, 300)),
    side=st.floats(40, 700),
    turn=st.floats(-3, 3),
)
def test_warp_agrees_with_a_finely_sampled_mean(
    shape: tuple[int, int], place: tuple[float, float], side: float, turn: float
) -> None:
    """Smooth images: any way of shrinking must give the mean of what a pixel covers."""
    height, width = shape
    y, x = np.mgrid[:height, :width]
    image = np.stack([x * 255 / width, y * 255 / height, (x + y) / 4], axis=-1).astype(np.uint8)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    transform = face_transform(landmarks(68, side * TEMPLATE @ rotation.T + place), 24, 0.0)
    found = warp(image, transform, 24).astype(float)
    points = np.stack(np.meshgrid(np.arange(24), np.arange(24)), axis=-1).reshape(-1, 2)
    source = (points - transform[:, 2]) @ np.linalg.inv(transform[:, :2]).T
    border = side / 24 * 2 + 2  # of pixels that lie partly outside
    inside = (source > border).all(axis=1)
    inside &= (source < (width - 1 - border, height - 1 - border)).all(axis=1)
    expected = np.stack(
        [source[:, 0] * 255 / width, source[:, 1] * 255 / height, source.sum(axis=1) / 4], axis=-1
    )
    assert np.abs(found.reshape(-1, 3) - expected)[inside].max(initial=0) < 2.5
    outside = (source < -border).any(axis=1) | (source > (width + border, height + border)).any(1)
    assert not found.reshape(-1, 3)[outside].any()


def test_whole_image_transform_agrees_with_resizing() -> None:
    rng = np.random.default_rng(0)
    image = cv2.resize(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8), (80, 60))
    moved = warp(image, full_transform(60, 80, 48), 48)
    resized = cv2.resize(image, (48, 36), interpolation=cv2.INTER_LINEAR)
    inside = moved[6:-6][2:-2, 2:-2].astype(int)  # of the letterbox
    assert np.abs(inside - resized[2:-2, 2:-2]).max() <= 2 and not moved[:5].any()


def test_box_becomes_a_square_around_its_middle() -> None:
    transform = box_transform(Box(10, 20, 40, 20), 60, 0.25)  # a square of 60 around (30, 30)
    np.testing.assert_allclose(transform, [[1, 0, 0], [0, 1, 0]], atol=1e-12)
    image = np.arange(60, dtype=np.uint8)[None, :, None].repeat(60, 0).repeat(3, 2)
    np.testing.assert_array_equal(warp(image, transform, 60), image)
    clipped = warp(image[:40, :40], transform, 60)  # beyond the image is black
    assert not clipped[41:].any() and not clipped[:, 41:].any()


def test_useless_landmarks_and_boxes_are_bad_images() -> None:
    with pytest.raises(BadImageError, match="one place"):
        face_transform(np.full((68, 2), 7.0), 64, 0.1)
    with pytest.raises(BadImageError, match="finite"):
        face_transform(np.full((49, 2), np.nan), 64, 0.1)
    with pytest.raises(BadImageError, match="empty"):
        box_transform(Box(3, 3, 0, 5), 64, 0.1)
    with pytest.raises(ValueError, match="67 landmarks"):
        anchors(np.zeros((67, 2)))
