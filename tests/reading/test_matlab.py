"""MATLAB files as scipy writes them, read back; damaged ones end in one line, never in a crash."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from drr_jax.errors import InputError
from tfds_reactionet.reading import matlab
from tfds_reactionet.reading.matlab import points, read_variable


def content() -> dict[str, Any]:
    fit = np.zeros((1, 3), dtype=[("frame", object), ("pts_2d", object), ("note", object)])
    for row in range(3):
        empty = row == 1
        landmarks = np.zeros((0, 0)) if empty else np.arange(98.0).reshape(49, 2) + row
        fit[0, row] = (float(row + 1), landmarks, "lost" if empty else "a face")
    return {
        "first": np.int16([[1, -2, 3]]),
        "fit": fit,
        "pts": np.float32([[1.5, 2.5], [3.5, -4.5]]),
        "cells": np.array([np.eye(2), "text", np.uint8([[7]])], dtype=object),
        "__header__": None,
    }


@pytest.mark.parametrize("packed", [False, True])
def test_values_that_scipy_wrote(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / "F001_T1.mat"
    written = {name: value for name, value in content().items() if not name.startswith("_")}
    savemat(path, written, do_compression=packed)
    np.testing.assert_array_equal(read_variable(path, "pts"), [[1.5, 2.5], [3.5, -4.5]])
    np.testing.assert_array_equal(read_variable(path, "first"), [[1, -2, 3]])
    fit = read_variable(path, "fit")
    assert [entry["frame"].item() for entry in fit] == [1, 2, 3]
    assert [entry["note"] for entry in fit] == ["a face", "lost", "a face"]
    np.testing.assert_array_equal(fit[2]["pts_2d"], np.arange(98).reshape(49, 2) + 2)
    assert fit[1]["pts_2d"].size == 0
    eye, text, seven = read_variable(path, "cells")
    np.testing.assert_array_equal(eye, np.eye(2))
    assert text == "text" and seven.item() == 7
    with pytest.raises(InputError, match="no variable 'pred' in it; found first, fit"):
        read_variable(path, "pred")


def test_unpacking_stops_at_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.mat"
    savemat(path, {"pts": np.zeros((1000, 1000))}, do_compression=True)
    assert read_variable(path, "pts").shape == (1000, 1000)
    monkeypatch.setattr(matlab, "MAX_BYTES", 1 << 20)
    assert path.stat().st_size < 1 << 20
    with pytest.raises(InputError, match="a packed variable is cut off or too large"):
        read_variable(path, "pts")


def test_points_are_landmarks_or_lost(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    assert points(np.zeros((0, 0)), 49, path, "entry 1") is None
    assert points(np.full((49, 2), np.nan), 49, path, "entry 1") is None
    found = points(np.ones((49, 2)), 49, path, "entry 1")
    assert found is not None and found.dtype == np.float32
    for wrong in (np.ones((2, 49)), np.ones(3), "text", [1]):
        with pytest.raises(InputError, match=r"a\.mat: entry 1: "):
            points(wrong, 49, path, "entry 1")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no MATLAB 5 header"),
        (b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + b"\x89HDF", "another version"),
        (b" " * 124 + b"\x00\x01IM" + b"\x0e\0\0\0\xff\0\0\0", "cut off"),
        (b" " * 124 + b"\x00\x01IM" + b"\x01\0\0\0\0\0\0\0", "an element of type 1 where"),
    ],
)
def test_other_files_are_named(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "a.mat").write_bytes(data)
    with pytest.raises(InputError, match=rf"a\.mat: not a readable MATLAB file \({message}"):
        read_variable(tmp_path / "a.mat", "fit")


@settings(max_examples=400, deadline=None)
@given(data=st.data(), packed=st.booleans())
def test_damaged_files_give_values_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, packed: bool
) -> None:
    path = tmp_path_factory.mktemp("mat") / "a.mat"
    savemat(path, {"fit": content()["fit"], "pts": np.eye(2)}, do_compression=packed)
    damaged = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(120, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(damaged[: data.draw(st.integers(100, len(damaged)))])
    for name in ("fit", "pts"):
        try:
            read_variable(path, name)
        except InputError as error:
            assert str(path) in str(error) and "\n" not in str(error)
