"""BP4D's label and landmark files, damaged: the right values or one line that names the file."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from raw_bp4d import write_bp4d

from drr_jax.errors import InputError
from tfds_reactionet.reading import bp4d_codes as codes
from tfds_reactionet.reading.bp4d_landmarks import read_landmarks


@pytest.fixture(scope="module")
def landmark_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("raw")
    write_bp4d(root)
    return root / "2DFeatures/F001_T1.mat"


CELL = st.text("019,x. \r\n-\x00é", max_size=60)


@settings(max_examples=150, deadline=None)
@given(text=CELL, header=st.booleans())
@example(text="21" + ",0" * 99 + "\n", header=True)
def test_any_text_gives_codes_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, text: str, header: bool
) -> None:
    path = tmp_path_factory.mktemp("codes") / "F001_T1.csv"
    prefix = ",".join(map(str, range(100))) + "\n" if header else ""
    path.write_bytes((prefix + text).encode())
    try:
        found = codes.read_bp4d_occurrence(path)
        assert found.values.shape == (len(found.frames), 34)
        assert found.frames == sorted(set(found.frames))
        assert set(np.unique(found.values)) <= {-1, 0, 1}
    except InputError as error:
        assert str(path) in str(error) and "\n" not in str(error)


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=40))
@example(data=b"21,3\r\n22,9\r\n")
def test_any_bytes_give_intensities_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("codes") / "F001_T1_AU06.csv"
    path.write_bytes(data)
    try:
        found = codes.read_intensity(path)
        assert all(np.isnan(value) or 0 <= value <= 5 for value in found.values())
    except InputError as error:
        assert str(path) in str(error) and "\n" not in str(error)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_landmark_files_give_landmarks_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, landmark_file: Path, data: st.DataObject
) -> None:
    content = bytearray(landmark_file.read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("mat") / "F001_T1.mat"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        for landmarks in read_landmarks(path).values():
            assert landmarks is None or landmarks.shape == (49, 2)
    except InputError as error:
        assert str(path) in str(error) and "\n" not in str(error)


@pytest.mark.parametrize("first", ["0", "Frame", ""])
def test_frame_column_goes_by_its_place_too(tmp_path: Path, first: str) -> None:
    names = [first, *map(str, range(1, 100))]
    cells = ["7", "1", *["0"] * 98]
    file = tmp_path / "F001_T1.csv"
    file.write_text(",".join(names) + "\n" + ",".join(cells) + "\n")
    read = codes.read_bp4d_occurrence(file)
    assert read.frames == [7] and read.values[0, 0] == 1 and not read.values[0, 1:].any()
