"""Face ids: kept over movement, crossings and gaps; the same after a restart; new for new faces."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drr_jax.predict import Tracks
from drr_jax.predict.tracks import overlaps
from tfds_reactionet.reading import Box


def square(x: float, y: float = 0, side: float = 100) -> Box:
    return Box(x, y, side, side)


def counted(a: Box, b: Box) -> float:
    """Intersection over union of boxes of whole edges, pixel by pixel."""
    masks = []
    for box in (a, b):
        mask = np.zeros((24, 24), bool)
        left, top = int(box.left), int(box.top)
        mask[top : top + int(box.height), left : left + int(box.width)] = True
        masks.append(mask)
    both = (masks[0] | masks[1]).sum()
    return float((masks[0] & masks[1]).sum() / both) if both else 0.0


whole_boxes = st.lists(
    st.builds(Box, *[st.integers(0, 11).map(float)] * 2, *[st.integers(0, 12).map(float)] * 2),
    max_size=5,
)


@given(whole_boxes, whole_boxes)
@settings(max_examples=100, deadline=None)
def test_overlaps_against_counted_pixels(some, others):
    shared = overlaps(some, others)
    assert shared.shape == (len(some), len(others))
    for row, a in zip(shared, some, strict=True):
        np.testing.assert_allclose(row, [counted(a, b) for b in others])


def test_ids_follow_faces_in_whatever_order_they_come():
    tracks, rng = Tracks(), np.random.default_rng(0)
    for frame in range(60):
        boxes = [square(3 * frame, 0), square(400, 2 * frame), square(700 - 4 * frame, 300, 60)]
        order = rng.permutation(3) if frame else np.arange(3)
        assert tracks.update(frame, [boxes[k] for k in order]) == order.tolist()


@pytest.mark.parametrize("hidden", [0, 6])
def test_two_faces_cross(hidden):
    """The one behind may be hidden while they overlap: for 2 * hidden + 1 frames."""
    tracks, seen = Tracks(), set()
    for frame in range(61):
        front, back = square(5 * frame, 0), square(300 - 5 * frame, 10)
        boxes = [front] if hidden and abs(frame - 30) <= hidden else [front, back]
        ids = tracks.update(frame, boxes)
        assert ids == [0, 1][: len(boxes)]
        seen.update(ids)
    assert seen == {0, 1}


def test_a_lost_face_has_its_id_again_where_it_was_if_it_is_not_gone_for_long():
    for gap, same in ((1, True), (10, True), (25, True), (26, False)):
        tracks = Tracks(patience=25)
        assert tracks.update(0, [square(0)]) == [0]
        for frame in range(1, 1 + gap):
            assert tracks.update(frame, []) == []
        assert tracks.update(1 + gap, [square(20)]) == ([0] if same else [1])
    assert tracks.update(28, [square(500), square(25)]) == [2, 1]  # elsewhere it is a new one


def test_a_face_that_nods_and_is_lost_is_the_same_when_it_is_back():
    tracks = Tracks()
    for frame in range(10):
        assert tracks.update(frame, [square(0, 8 * frame)]) == [0]
    assert tracks.update(25, [square(0, 60)]) == [0]  # it did not move on


def test_frames_that_are_left_out_count():
    tracks = Tracks(patience=3)
    assert tracks.update(0, [square(0)]) == [0]
    assert tracks.update(4, [square(0)]) == [0]
    assert tracks.update(9, [square(0)]) == [1]


def test_the_least_overlap():
    for shift, same in ((40, True), (60, False)):  # 60 / 140 and 40 / 160
        tracks = Tracks(overlap=0.3)
        tracks.update(0, [square(0)])
        assert tracks.update(1, [square(shift)]) == ([0] if same else [1])


def test_all_matches_together_count_not_the_best_one_first():
    tracks = Tracks()
    assert tracks.update(0, [square(0), square(50)]) == [0, 1]
    # 0 overlaps the first by 0.6 and the second not; 1 the first by 0.6 and the second by 0.54
    assert tracks.update(1, [square(25), square(80)]) == [0, 1]


def test_what_is_remembered_stays_small():
    tracks, rng = Tracks(patience=5), np.random.default_rng(0)
    for frame in range(300):
        tracks.update(frame, [square(*rng.uniform(0, 1e6, 2)) for _ in range(2)])
    assert len(tracks._tracks) == 2 * 6 + 2
    assert tracks._next == 600


moves = st.lists(
    st.lists(st.tuples(st.floats(0, 300), st.floats(0, 300), st.floats(1, 200)), max_size=4),
    min_size=1,
    max_size=12,
)


@given(moves, st.integers(0, 12))
@settings(max_examples=60, deadline=None)
def test_who_is_told_all_boxes_again_goes_on_with_the_same_ids(frames, stop):
    one, other = Tracks(patience=2), Tracks(patience=2)
    for frame, squares in enumerate(frames):
        boxes = [square(*numbers) for numbers in squares]
        if frame == stop:
            other = Tracks(patience=2)  # of a run that was stopped, which reads its rows again
            for earlier, told in enumerate(frames[:stop]):
                other.update(earlier, [square(*numbers) for numbers in told])
        ids = one.update(frame, boxes)
        assert ids == other.update(frame, boxes)
        assert len(set(ids)) == len(boxes)


def test_no_face_and_wrong_input():
    tracks = Tracks()
    assert tracks.update(5, []) == []
    for frame in (5, 4):
        with pytest.raises(ValueError, match=f"frame {frame} after frame 5"):
            tracks.update(frame, [])
    for wrong in ({"overlap": 0}, {"overlap": 1.1}, {"patience": -1}):
        with pytest.raises(ValueError, match="expected"):
            Tracks(**wrong)
