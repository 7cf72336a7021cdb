"""Two numberings of a sequence: what is found out, and what is left in peace."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drr_jax.errors import InputError
from tfds_reactionet.reading.numbering import Offset, moved, shift

LABELS = st.tuples(st.integers(0, 3000), st.integers(3, 60)).map(lambda it: range(it[0], sum(it)))
DROPPED = st.sets(st.integers(1, 58), max_size=8)
USUAL = st.sampled_from([-1, 0])


def inner(numbers: range, dropped: set[int]) -> list[int]:
    """Numbers without some that are neither the first nor the last."""
    ends = (0, len(numbers) - 1)
    return [n for at, n in enumerate(numbers) if at in ends or at not in dropped]


@given(labels=LABELS, usual=USUAL, lost=DROPPED, uncoded=DROPPED)
def test_holes_in_the_middle_are_no_other_numbering(
    labels: range, usual: int, lost: set[int], uncoded: set[int]
) -> None:
    images = [number + usual for number in inner(labels, lost)]
    Offset("frame_offset", usual, False).check("here", images, inner(labels, uncoded))


@given(labels=LABELS, usual=USUAL, by=st.integers(-100, 100).filter(bool), lost=DROPPED)
def test_a_whole_sequence_that_is_moved_is_found_out(
    labels: range, usual: int, by: int, lost: set[int]
) -> None:
    images = [number + usual + by for number in inner(labels, lost)]
    offset = Offset("frame_offset", usual, False)
    with pytest.raises(InputError, match=rf"^here: .*pass --frame_offset={usual + by};") as caught:
        offset.check("here", images, labels)
    assert "\n" not in str(caught.value)
    Offset("frame_offset", usual, True).check("here", images, labels)  # the user says so
    assert moved(images, labels) == usual + by == (shift(images, labels) or 0)


@given(first=st.integers(2, 40), count=st.integers(2, 40), rest=st.integers(0, 40))
def test_images_of_a_whole_sequence_with_few_labels(first: int, count: int, rest: int) -> None:
    """Images from 0 are the official BP4D's; from 1 they are not."""
    labels, last = range(first, first + count), first + count + rest
    offset = Offset("frame_offset", -1, False)
    offset.check("here", range(last), labels, whole_from=1)
    with pytest.raises(InputError, match="pass --frame_offset=0;"):
        offset.check("here", range(1, last), labels, whole_from=1)


@pytest.mark.parametrize(
    ("images", "labels", "found"),
    [
        (range(10), [3, 6, 10], -1),  # images from 0
        (range(1, 11), [0, 3, 6], 1),  # labels from 0
        (range(10), [3, 6, 9], None),
        (range(1, 11), [3, 6, 30], None),  # a stray label
        (range(10), [3, 12], None),
    ],
)
def test_labels_of_a_few_images(images: range, labels: list[int], found: int | None) -> None:
    offset = Offset("label_offset", 0, False)
    if found is None:
        offset.check_sparse("here", images, labels, "key frames")
        return
    with pytest.raises(InputError, match=f"key frames from .*pass --label_offset={found};"):
        offset.check_sparse("here", images, labels, "key frames")


def test_counted_images() -> None:
    offset = Offset("frame_offset", 0, False)
    offset.check_ranks("here", [1, 2, 4], [1, 2, 4], "rows")
    offset.check_ranks("here", [1, 2, 4], [1, 2, 3, 4], "rows")
    with pytest.raises(InputError, match="they seem to be counted, not numbered"):
        offset.check_ranks("here", [1, 2, 4], [1, 2, 3], "rows")
    assert shift([], [1]) is None and moved([], [1]) == 0
