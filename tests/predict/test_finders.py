"""Faces looked for by several processes are those that one finds, in the same order."""

import multiprocessing
from dataclasses import replace

import numpy as np
import pytest
from rendered_faces import put, rendered_face

from drr_jax.errors import InputError
from drr_jax.predict import finders, stream
from drr_jax.predict.inputs import Arrays, Picture


@pytest.fixture(scope="module")
def pictures():
    """A face that moves, between a frame that shows none and one that cannot be read."""
    face, _ = rendered_face(0)
    shown = [put([(face, (10 * k, 20), 240)], 300, 400) for k in range(6)]
    shown[2] = None
    shown[4] = np.zeros((300, 400, 3), np.uint8)
    return [Picture(f"{k}.png", k + 1, k / 25, pixels) for k, pixels in enumerate(shown)]


def finder():
    return finders.Detected("auto", "", video=True, largest=False)


def test_processes_find_what_one_finds(pictures):
    alone = list(finder().follow(pictures, 1))
    assert [len(found) for _, found in alone] == [1, 1, 0, 1, 0, 1]
    together = list(finder().follow(pictures, 2))
    assert [picture.name for picture, _ in together] == [picture.name for picture in pictures]
    for (_, some), (_, others) in zip(alone, together, strict=True):
        assert [(one.box, one.face, one.confidence) for one in some] == [
            (one.box, one.face, one.confidence) for one in others
        ]
        for one, other in zip(some, others, strict=True):
            np.testing.assert_array_equal(one.points, other.points)


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_came_before_an_error_is_given_first(pictures, jobs):
    def cut_off():
        yield from pictures[:3]
        raise InputError("cut off")

    given = []
    with pytest.raises(InputError, match="cut off"):
        given.extend(finder().follow(cut_off(), jobs))
    # extend takes what it was given before the error
    assert [picture.name for picture, _ in given] == ["0.png", "1.png", "2.png"]


def test_without_its_processes_one_goes_on_alone(pictures):
    """They were killed, as for memory: nothing is lost, and nothing is there twice."""
    repeated = [
        replace(picture, frame=6 * k + picture.frame) for k in range(9) for picture in pictures
    ]
    followed = finder().follow(repeated, 2)
    found = [next(followed)]
    for process in multiprocessing.active_children():
        process.kill()
    found += followed
    expected = list(finder().follow(repeated, 1))
    assert [picture.frame for picture, _ in found] == list(range(1, 55))
    assert [[(one.box, one.face) for one in faces] for _, faces in found] == [
        [(one.box, one.face) for one in faces] for _, faces in expected
    ]


def test_where_nothing_can_be_shared_one_process_looks(monkeypatch, tmp_path):
    over = Arrays([np.zeros((8, 8, 3), np.uint8)] * stream.WORTH_PROCESSES)
    monkeypatch.setattr(stream.machine, "cores", lambda: 4)
    assert (stream.processes(over), stream.processes(over, first=2)) == (4, 1)
    monkeypatch.setattr(stream.building, "can_share", lambda: False)
    assert stream.processes(over) == 1
