"""Augmentation: against independent references, and the host against the device."""

import jax
import numpy as np
import pytest

from drr_jax import config
from drr_jax.data import augment, landmarks
from drr_jax.data.device_augment import augment_batch
from tfds_reactionet.demo.face import shape as demo_face_shape

POLICY = config.Augment()
MOVING = config.Augment(shift=0.1, zoom=0.2)
STAYS = (0, 0, 1)  # neither shift nor zoom
CORNERS = [
    (0, 0, 1, 1, 1, *STAYS),
    (0, 1, 1, 1, 1, *STAYS),
    (45, 0, 1, 1, 1, *STAYS),
    (-45, 1, 1, 1, 1, 0.25, -0.125, 1.25),
    (45, 1, 1.4, 1.4, 1.4, *STAYS),
    (-45, 0, 0.6, 0.6, 0.6, *STAYS),
    (90, 0, 0.6, 1.4, 1.4, *STAYS),
    (0, 0, 1.4, 0.6, 0.0, -0.5, 0.5, 0.75),
]


def smooth_image(rng, height=64, width=64):
    """A random image of a few soft waves in each channel, over the whole range of greys."""
    y, x = np.mgrid[:height, :width]
    image = np.zeros((height, width, 3))
    for _ in range(6):
        fx, fy = rng.normal(0, 4, 2)
        phase = rng.uniform(0, 7, 3)
        image += np.sin(2 * np.pi * (fx * x / width + fy * y / height)[..., None] + phase)
    image = (image - image.min()) / np.ptp(image)
    return np.rint(image * 255).astype(np.uint8)


def bilinear_reference(image, angle, flip, shift=(0, 0), extent=1):
    """A draw's geometry by float64 bilinear interpolation over zeros, pixel by pixel.

    `shift` is in pixels.
    """
    height, width, _ = image.shape
    turn = np.deg2rad(angle)
    out = np.zeros(image.shape)
    for row in range(height):
        for column in range(width):
            x = (width - 1 - column if flip else column) - (width - 1) / 2 - shift[0]
            y = row - (height - 1) / 2 - shift[1]
            source_x = extent * (np.cos(turn) * x - np.sin(turn) * y) + (width - 1) / 2
            source_y = extent * (np.sin(turn) * x + np.cos(turn) * y) + (height - 1) / 2
            left, top = int(np.floor(source_x)), int(np.floor(source_y))
            for i in (top, top + 1):
                for j in (left, left + 1):
                    weight = (1 - abs(source_x - j)) * (1 - abs(source_y - i))
                    if 0 <= i < height and 0 <= j < width and weight > 0:
                        out[row, column] += weight * image[i, j]
    return out


def test_draw_follows_policy_and_seed():
    rng = np.random.default_rng(3)
    draws = np.stack([augment.draw(rng, MOVING) for _ in range(4000)])
    assert draws.dtype == np.float32 and draws.shape == (4000, augment.DRAW_SIZE)
    lowest, highest = [-45, 0, 0.6, 0.6, 0.6], [45, 1, 1.4, 1.4, 1.4]
    np.testing.assert_allclose(draws[:, :5].min(0), lowest, atol=0.1)
    np.testing.assert_allclose(draws[:, :5].max(0), highest, atol=0.1)
    np.testing.assert_allclose(draws[:, 5:].min(0), [-0.1, -0.1, 0.8], atol=0.005)
    np.testing.assert_allclose(draws[:, 5:].max(0), [0.1, 0.1, 1.2], atol=0.005)
    np.testing.assert_allclose(draws.mean(0), [0, 0.5, 1, 1, 1, *STAYS], atol=1.5)
    assert np.abs(np.corrcoef(draws.T) - np.eye(8)).max() < 0.06
    assert np.all(draws[:, 0] * 16 == np.rint(draws[:, 0] * 16))
    again = augment.draw(np.random.default_rng(3), POLICY)
    np.testing.assert_array_equal(again, [*draws[0, :5], *STAYS])


def test_no_strength_is_identity():
    still = config.Augment(rotation=0, flip=0, brightness=0, contrast=0, saturation=0)
    image = smooth_image(np.random.default_rng(0))
    draw = augment.draw(np.random.default_rng(1), still)
    np.testing.assert_array_equal(augment.apply(image, draw), image)


def test_flip_and_quarter_turn_are_exact():
    image = smooth_image(np.random.default_rng(0), 40, 40)
    flipped = augment.apply(image, np.float32([0, 1, 1, 1, 1, *STAYS]))
    np.testing.assert_array_equal(flipped, image[:, ::-1])
    turned = augment.apply(image, np.float32([90, 0, 1, 1, 1, *STAYS]))
    np.testing.assert_array_equal(turned, np.rot90(image))  # counter-clockwise


@pytest.mark.parametrize(("angle", "flip"), [(30, False), (-45, True), (11.0625, True)])
@pytest.mark.parametrize("shape", [(24, 24), (17, 30)])
@pytest.mark.parametrize("moves", [STAYS, (0.125, -0.25, 1), (-0.0625, 0.125, 1.25), (0, 0, 0.5)])
def test_warp_is_bilinear_about_the_centre(angle, flip, shape, moves):
    image = smooth_image(np.random.default_rng(5), 96, 96)[: shape[0], : shape[1]]
    image = np.ascontiguousarray(image)
    ours = augment.apply(image, np.float32([angle, flip, 1, 1, 1, *moves]))
    shift = [np.rint(2 * moves[k] * shape[1 - k]) / 2 for k in range(2)]
    reference = bilinear_reference(image, angle, flip, shift, moves[2])
    # positions are within 1/32 pixel, so a step of 255 (the fill) may move by 2 * 255 / 32
    assert np.abs(ours - reference).max() < 2 * 255 / 32 + 1
    assert np.abs(ours - reference).mean() < 0.8


@pytest.mark.parametrize("factors", [(1.3, 1, 1), (1, 0.7, 1), (1, 1, 1.4), (0.8, 1.4, 0.6)])
@pytest.mark.parametrize("clips", [False, True])
def test_jitter_is_torchvisions_but_for_clipping_once(factors, clips):
    image = smooth_image(np.random.default_rng(7), 48, 40)
    image = image if clips else image // 4 + 90
    brightness, contrast, saturation = factors
    luma = np.array([0.299, 0.587, 0.114])
    bottom, top = (-np.inf, np.inf) if clips else (0, 255)
    expected = np.clip(brightness * image, bottom, top)
    mean = (expected @ luma).mean()
    expected = np.clip(contrast * expected + (1 - contrast) * mean, bottom, top)
    grey = (expected @ luma)[..., None]
    expected = np.clip(saturation * expected + (1 - saturation) * grey, 0, 255)
    ours = augment.apply(image, np.float32([0, 0, *factors, *STAYS]))
    assert np.abs(ours - expected).max() <= 1


@pytest.mark.parametrize("shape", [(64, 64), (50, 38)])
def test_device_equals_host_within_two_grey_levels(shape):
    rng = np.random.default_rng(11)
    draws = [augment.draw(rng, MOVING if n % 2 else POLICY) for n in range(56)]
    draws = np.concatenate([np.float32(CORNERS), np.stack(draws)])
    images = np.stack([smooth_image(rng, *shape) for _ in draws])
    images[-8:] = rng.integers(0, 256, images[-8:].shape)  # noise, the steepest slopes there are
    host = np.stack([augment.apply(*pair) for pair in zip(images, draws, strict=True)])
    device = np.asarray(jax.jit(augment_batch)(images, draws))
    assert device.dtype == np.uint8
    difference = np.abs(host.astype(int) - device)
    assert difference.max() <= 2
    assert difference.mean() < 1e-3


def test_device_warp_equals_host_bit_for_bit():
    rng = np.random.default_rng(13)
    images = rng.integers(0, 256, (24, 64, 64, 3), dtype=np.uint8)
    draws = np.stack([augment.draw(rng, MOVING) for _ in range(24)])
    draws[:, 2:5] = 1
    draws[:, 0] = np.rint(rng.uniform(-180, 180, 24) * 16) / 16
    draws[:, 1] = rng.integers(0, 2, 24)
    host = np.stack([augment.apply(*pair) for pair in zip(images, draws, strict=True)])
    np.testing.assert_array_equal(host, jax.jit(augment_batch)(images, draws))


def dotted_image(points, size):
    """A dark image with a soft bright dot at every point."""
    y, x = np.mgrid[:size, :size]
    squares = (x - points[:, 0, None, None]) ** 2 + (y - points[:, 1, None, None]) ** 2
    image = np.exp(-squares / (2 * 1.5**2)).sum(0)
    return np.rint(np.clip(image * 250, 0, 255)).astype(np.uint8)[..., None].repeat(3, 2)


def found_dot(image, near):
    """Centroid of the brightness within 5 pixels of a place."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    weight = image[..., 0] * (np.hypot(x - near[0], y - near[1]) < 5.0)
    return np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()


@pytest.mark.parametrize("flip", [0, 1])
@pytest.mark.parametrize("angle", [0, 30, -45, 13.0625])
@pytest.mark.parametrize("size", [96, 97])
@pytest.mark.parametrize("moves", [STAYS, (0.03125, -0.0625, 1.125)])
def test_landmarks_stay_on_the_dots_of_a_turned_image(angle, flip, size, moves):
    rng = np.random.default_rng(17)
    points = np.full((68, 2), np.nan, np.float32)
    chosen = [3, 13, 30, 36, 57]  # far apart below, so that each dot is alone
    places = np.float32([[25, 30], [70, 25], [48.5, 47], [30.25, 68], [66, 62.75]])
    points[chosen] = places + rng.uniform(-2, 2, (5, 2))
    draw = np.float32([angle, flip, 1, 1, 1, *moves])
    image = dotted_image(points[chosen], size)
    moved = augment.move_landmarks(points, draw, size)
    host = augment.apply(image, draw)
    device = np.asarray(jax.jit(augment_batch)(image[None], draw[None]))[0]
    np.testing.assert_array_equal(host, device)
    where = [landmarks.MIRROR.index(point) if flip else point for point in chosen]
    assert sorted(np.flatnonzero(np.isfinite(moved[:, 0]))) == sorted(where)
    for point in where:
        assert np.hypot(*(found_dot(host, moved[point]) - moved[point])) < 0.15


def test_mirror_of_the_scheme_is_the_mirror_image_of_a_face():
    who = demo_face_shape.sample_identity(np.random.default_rng(0))
    face = demo_face_shape.build_face(who, np.zeros(17)).landmarks  # frontal and symmetric
    mirrored = face[list(landmarks.MIRROR)] * [-1, 1]
    np.testing.assert_allclose(mirrored, face, atol=1e-9)
    assert [landmarks.MIRROR[i] for i in landmarks.MIRROR] == list(range(68))


def test_other_schemes_lie_in_the_68():
    face = np.random.default_rng(0).normal(size=(68, 2)).astype(np.float32)
    inner = np.delete(face, [60, 64], 0)  # as DISFA's 66 and, without the jaw, BP4D's 49
    for stored in (face, inner, face[17:], inner[17:]):
        found = landmarks.to_68(stored)
        known = np.isfinite(found[:, 0])
        np.testing.assert_array_equal(found[known], stored)
        np.testing.assert_array_equal(found[known], face[known])
    np.testing.assert_array_equal(face[list(landmarks.INNER_49)], inner[17:])


def test_geometry_keeps_what_moves_pixels_alone():
    image = smooth_image(np.random.default_rng(2))
    draw = augment.geometry(np.float32([0, 1, 1.4, 0.6, 0.8, *STAYS]))
    np.testing.assert_array_equal(augment.apply(image, draw), image[:, ::-1])
    draw = augment.geometry(np.float32([0, 1, 1.4, 0.6, 0.8, 0.25, 0, 1]))
    moved = augment.apply(image, draw)
    np.testing.assert_array_equal(moved[:, :-16], image[:, ::-1][:, 16:])
    assert not moved[:, -16:].any()
