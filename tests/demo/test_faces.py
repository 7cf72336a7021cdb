"""What FACS coders ask of the rendered faces, in landmarks and pixels."""

import numpy as np
import pytest

from drr_jax.facs.labels import REACTIONET_AUS
from tfds_reactionet.demo.canvas import Canvas
from tfds_reactionet.demo.face import Light, Pose, render_head
from tfds_reactionet.demo.face.marks import draw_creases
from tfds_reactionet.demo.face.paint import head_mask
from tfds_reactionet.demo.face.shape import Face, build_face, sample_identity, strengths

PEOPLE = [sample_identity(np.random.default_rng(seed)) for seed in (32, 40, 3)]
NUMBERS = [int(name[2:]) for name in REACTIONET_AUS]


def vector(**levels: float) -> np.ndarray:
    au = np.zeros(17)
    for name, level in levels.items():
        au[NUMBERS.index(int(name[2:]))] = level
    return au


def opening(face: Face) -> float:
    """Height of the eyes' opening, of the highest."""
    return float((face.lower_lid[1][:, 1] - face.upper_lid[1][:, 1]).max())


@pytest.mark.parametrize("who", PEOPLE)
def test_au07_narrows_more_than_the_second_level_of_au45(who) -> None:
    neutral, blink = (opening(build_face(who, vector(au45=level))) for level in (0, 2))
    for level in (2, 3, 4, 5):
        assert opening(build_face(who, vector(au7=level))) < blink - 0.02
    assert blink > 0.8 * neutral
    assert 0.2 * neutral < opening(build_face(who, vector(au7=5)))  # and does not shut it
    assert opening(build_face(who, vector(au45=5))) < 0.02


@pytest.mark.parametrize("who", PEOPLE)
def test_corners_rise_and_the_lip_is_lifted(who) -> None:
    neutral, smile, nose = (
        build_face(who, vector(**au)).landmarks for au in ({}, {"au12": 5}, {"au9": 5})
    )
    assert (neutral[[48, 54], 1] - smile[[48, 54], 1] >= 0.2).all()  # of 0.15 before
    assert neutral[51, 1] - nose[51, 1] > 0.05
    assert nose[57, 1] == pytest.approx(neutral[57, 1], abs=0.02)


@pytest.mark.parametrize("number", [20, 23])
def test_no_line_is_drawn_where_lips_stretch_or_tighten(number: int) -> None:
    who = PEOPLE[0]
    face, plain = build_face(who, vector(**{f"au{number}": 5})), head_mask(256)
    draw_creases(who, face, vector(**{f"au{number}": 5}), plain)
    bare: Canvas = head_mask(256)
    draw_creases(who, face, vector(), bare)
    np.testing.assert_array_equal(plain.image, bare.image)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_trace_is_fainter_than_b(number: int) -> None:
    light, pose = Light((0.4, -0.5, 1.0), 0.45, (1.0, 1.0, 1.0)), Pose(0, 0, 0, (64, 68), 46)
    wall = np.full((128, 128, 3), 120, np.uint8)

    def head(level: float) -> np.ndarray:
        au = vector(**{f"au{number}": level})
        return render_head(PEOPLE[0], au, pose, light, (0, 0), wall)[0].astype(float)

    neutral = head(0)
    trace, slight, marked = (np.abs(head(level) - neutral).sum() for level in (1, 2, 3))
    assert trace < 0.75 * slight < 0.75 * marked
    assert np.diff([strengths(vector(au1=level))[1] for level in range(6)]).min() > 0.1


@pytest.mark.parametrize("number", [12, 14])
def test_one_side_of_the_mouth(number: int) -> None:
    who, au = PEOPLE[1], vector(**{f"au{number}": 4})
    even, left, right = (build_face(who, au, lean) for lean in (0.0, -1.0, 1.0))
    mirrored = left.landmarks * [-1, 1]
    np.testing.assert_allclose(mirrored[54], right.landmarks[48])
    np.testing.assert_allclose(mirrored[48], right.landmarks[54])
    np.testing.assert_allclose(right.landmarks[54], even.landmarks[54])
    np.testing.assert_allclose(right.landmarks[48], build_face(who, vector()).landmarks[48])
    masks = []
    for face in (left, right):
        canvas = head_mask(256)
        draw_creases(who, face, au, canvas)
        masks.append(canvas.image[140:].astype(int).sum(0))  # the lower face, by column
    assert masks[1][128:].sum() > 1.5 * masks[1][:128].sum()
    assert masks[0][:128].sum() > 1.5 * masks[0][128:].sum()
