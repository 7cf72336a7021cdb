"""MATLAB files as scipy writes them, read back; damaged ones end in one line, never in a crash."""

import os
import signal
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from drr_jax import limits
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
    monkeypatch.setattr(limits, "MATLAB_BYTES", 1 << 20)
    assert path.stat().st_size < 1 << 20
    with pytest.raises(InputError, match="a packed variable is cut off or too large"):
        read_variable(path, "pts")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits memory")
def test_small_arrays_without_end_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """171 kB once took 5.8 GB: a packed array of structs whose fields are all empty."""

    def element(kind: int, data: bytes) -> bytes:
        return struct.pack("<II", kind, len(data)) + data.ljust(-(-len(data) // 8) * 8, b"\0")

    count = 500_000
    fit = element(6, struct.pack("<II", 2, 0)) + element(5, struct.pack("<II", 1, count))
    fit += (
        element(1, b"fit") + element(5, struct.pack("<I", 8)) + element(1, b"pts".ljust(8, b"\0"))
    )
    packed = zlib.compress(element(14, fit + element(14, b"") * count))
    path, good = tmp_path / "a.mat", tmp_path / "good.mat"
    path.write_bytes(b" " * 124 + b"\x00\x01IM" + struct.pack("<II", 15, len(packed)) + packed)
    savemat(good, {"fit": np.eye(2)})
    assert path.stat().st_size < 10_000
    monkeypatch.setattr(limits, "MATLAB_MEMORY", 32 << 20)
    with pytest.raises(InputError, match=r"a\.mat: .*more than 33554432 bytes of memory needed"):
        read_variable(path, "fit")
    assert read_variable(good, "fit").shape == (2, 2)


def test_a_file_may_neither_stop_nor_end_the_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.mat"
    savemat(path, {"pts": np.eye(2)})
    read_variable(path, "pts")
    worker = matlab._worker(os.getpid())
    process = worker._process
    assert process
    os.kill(process.pid, signal.SIGSTOP)
    monkeypatch.setattr(limits, "MATLAB_SECONDS", 0.1)
    with pytest.raises(InputError, match=r"a\.mat: .*reading it takes longer than 0.1 seconds"):
        read_variable(path, "pts")
    assert process.returncode == -signal.SIGKILL
    monkeypatch.undo()
    assert read_variable(path, "pts").shape == (2, 2)
    with pytest.raises(ValueError, match="it ends the process that reads it, code 1"):
        worker.ask(["not what it expects"], 60)
    assert read_variable(path, "pts").shape == (2, 2)


@pytest.mark.parametrize("end", ["pass", "os._exit(0)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_the_reading_process_ends_with_its_parent(tmp_path: Path, end: str) -> None:
    savemat(tmp_path / "a.mat", {"pts": np.eye(2)})
    code = (
        "import os, pathlib, signal\n"
        "from tfds_reactionet.reading import read_variable\n"
        f"print(read_variable(pathlib.Path({str(tmp_path / 'a.mat')!r}), 'pts').shape)\n{end}"
    )
    # Its standard error is the parent's: run() waits until both have closed it.
    done = subprocess.run([sys.executable, "-uc", code], capture_output=True, timeout=120)
    assert done.stdout.strip() == b"(2, 2)" and not done.stderr


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
