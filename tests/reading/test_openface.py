"""The OpenFace reader and the other table parsers: real headers, defects, damaged bytes."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raw_reactionet import openface_columns, write_csv

from drr_jax.errors import InputError
from drr_jax.facs.labels import REACTIONET_AUS
from tfds_reactionet.reactionet.labels import (
    AU_COLUMNS,
    read_captions,
    read_demographics,
    read_keyframes,
)
from tfds_reactionet.reading.openface import OpenFaceFile

FUZZ = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def full_row(frame: int, face: int = 0, confidence: float = 0.98, success: int = 1) -> list[float]:
    """A row of openface_columns() whose cells from the sixth on are 0.01, 0.02, ... and `_c` 1."""
    middle = [round(0.01 * n, 2) for n in range(len(openface_columns()) - 5 - 18)]
    return [frame, face, 0.04 * frame, confidence, success, *middle, *[1] * 18]


def write_openface(path: Path, rows: list, header: list[str] | None = None, sep: str = ",") -> Path:
    write_csv(path, header or openface_columns(), rows, separator=sep)
    return path


@pytest.mark.parametrize("separator", [",", ", "])  # 2.2 writes the first, 2.0 and 2.1 the second
def test_values_of_a_full_file_by_column(tmp_path: Path, separator: str) -> None:
    path = write_openface(tmp_path / "o.csv", [full_row(7), full_row(3)], sep=separator)
    file = OpenFaceFile(path)
    assert file.frames.tolist() == [3, 7]
    faces = file.faces(np.array([7]))
    cells = dict(zip(openface_columns(), full_row(7), strict=True))
    np.testing.assert_allclose(
        faces.gaze[0, :6], [cells[f"gaze_{i // 3}_{'xyz'[i % 3]}"] for i in range(6)]
    )
    np.testing.assert_allclose(faces.gaze[0, 6:], [cells["gaze_angle_x"], cells["gaze_angle_y"]])
    pose = [cells[f"pose_{name}"] for name in ("Tx", "Ty", "Tz", "Rx", "Ry", "Rz")]
    np.testing.assert_allclose(faces.head_pose[0], np.float32(pose))
    points = [[cells[f"x_{point}"], cells[f"y_{point}"]] for point in range(68)]
    np.testing.assert_allclose(faces.landmarks[0], np.float32(points))
    intensity = [cells[f"{name}_r"] for name in REACTIONET_AUS]
    np.testing.assert_allclose(faces.intensity[0], np.float32(intensity))
    assert faces.occurrence.tolist() == [[1] * 17]


def test_version_1_file_without_face_id_gaze_angle_and_au28(tmp_path: Path) -> None:
    drop = {"face_id", "gaze_angle_x", "gaze_angle_y", "AU28_c"}
    keep = [i for i, name in enumerate(openface_columns()) if name not in drop]
    header = [openface_columns()[i] for i in keep]
    path = write_openface(tmp_path / "o.csv", [[full_row(1)[i] for i in keep]], header)
    faces = OpenFaceFile(path).faces(np.array([1]))
    assert np.isnan(faces.gaze[0, 6:]).all() and not np.isnan(faces.gaze[0, :6]).any()
    assert faces.occurrence.tolist() == [[1] * 17]


def test_missing_groups_are_unknown(tmp_path: Path) -> None:
    path = write_openface(tmp_path / "o.csv", [[1, 0.9, 1]], ["frame", "confidence", "success"])
    file = OpenFaceFile(path)
    faces = file.faces(file.frames)
    assert not file.has_occurrence and (faces.occurrence == -1).all()
    for values in (faces.gaze, faces.head_pose, faces.landmarks, faces.intensity):
        assert np.isnan(values).all()


def test_the_most_confident_face_wins_and_failed_ones_are_not_found(tmp_path: Path) -> None:
    rows = [full_row(1, 0, 0.85), full_row(1, 1, 0.95), full_row(1, 2, 0.99, success=0)]
    rows[1][5] = 0.5
    rows += [full_row(2, 0, 0.79), full_row(3, 0, 0.99, success=0), full_row(4, 0, 0.8)]
    file = OpenFaceFile(write_openface(tmp_path / "o.csv", rows))
    assert file.frames.tolist() == [1, 2, 3, 4]
    assert file.found.tolist() == [True, False, False, True]
    assert file.faces(np.array([1])).gaze[0, 0] == np.float32(0.5)


def test_windows_line_ends_and_nan(tmp_path: Path) -> None:
    path = write_openface(tmp_path / "o.csv", [full_row(1)])
    text = path.read_text().replace("0.01", "-nan(ind)", 1).replace("\n", "\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    gaze = OpenFaceFile(path).faces(np.array([1])).gaze
    assert np.isnan(gaze[0, 1]) and gaze[0, 2] == np.float32(0.02)


def broken(column: str, value: object) -> list:
    row: list = full_row(1)
    row[openface_columns().index(column)] = value
    return [row]


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        ([full_row(1)[:3]], None, "line 2 has 3 columns, expected"),
        ([full_row(1), full_row(1)], None, "line 3: frame 1 (face_id 0) occurs twice"),
        ([[1, 1]], ["frame", "success"], "no column 'confidence'"),
        ([[1, 1, 1, 1]], ["frame", "confidence", "success", "pose_Tx"], "no column 'pose_Ty'"),
        ([[1, 1, 1, 1]], ["frame", "confidence", "success", "frame"], "'frame' occurs twice"),
        (broken("frame", "1.5"), None, "line 2: frame is '1.5', expected a whole number"),
        (broken("confidence", "nan"), None, "line 2: confidence is 'nan'"),
        (broken("gaze_0_x", "up"), None, "line 2: gaze_0_x is 'up', expected a number"),
        (broken("pose_Tz", "1e300"), None, "line 2: pose_Tz is '1e300', expected a finite"),
        (broken("AU12_c", "2"), None, "line 2: AU12_c is '2', expected 0 or 1"),
    ],
)
def test_defects_name_file_and_line(tmp_path: Path, rows: list, header: list, message: str) -> None:
    path = write_openface(tmp_path / "o.csv", rows, header)
    with pytest.raises(InputError) as caught:
        file = OpenFaceFile(path)
        file.faces(file.frames)
    assert str(path) in str(caught.value) and message in str(caught.value)
    assert "\n" not in str(caught.value)


def damage(data: bytes, edits: list[tuple[float, bytes]]) -> bytes:
    """Overwrites bytes at relative positions; an empty edit cuts the rest off."""
    for where, what in edits:
        at = int(where * len(data))
        data = data[:at] + what + data[at + len(what) :] if what else data[:at]
    return data


EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.binary(max_size=3) | st.sampled_from([b",", b"\n", b'"', b"9"])),
    min_size=1,
    max_size=4,
)


@FUZZ
@given(edits=EDITS)
def test_damaged_openface_files(tmp_path: Path, edits: list[tuple[float, bytes]]) -> None:
    header = ["frame", "face_id", "confidence", "success", *openface_columns()[13:19]]
    rows = [[frame, 0, 0.98, 1, *[round(0.1 * n, 1) for n in range(6)]] for frame in (1, 2, 3)]
    path = write_openface(tmp_path / "o.csv", rows, header, sep=", ")
    path.write_bytes(damage(path.read_bytes(), edits))
    try:
        file = OpenFaceFile(path)
        faces = file.faces(file.frames)
    except InputError as error:
        assert str(path) in str(error)
        return
    assert len(file.frames) == len(set(file.frames.tolist())) <= 3
    assert faces.head_pose.shape == (len(file.frames), 6)
    assert not np.isinf(faces.head_pose).any()


@FUZZ
@given(edits=EDITS, as_json=st.booleans())
def test_damaged_captions(tmp_path: Path, edits: list[tuple[float, bytes]], as_json: bool) -> None:
    csv_path, json_path = tmp_path / "captions.csv", tmp_path / "captions.json"
    csv_path.unlink(missing_ok=True)
    json_path.unlink(missing_ok=True)
    if as_json:
        path = json_path
        path.write_text(json.dumps({"000001": 'a "man", runs', "2-4": "café"}, ensure_ascii=False))
    else:
        path = csv_path
        path.write_text('frame,caption\n1,"a ""man"", runs"\n2-4,café\n')
    path.write_bytes(damage(path.read_bytes(), edits))
    try:
        captions = read_captions(csv_path, json_path)
    except InputError as error:
        assert str(path) in str(error)
        return
    for frame in range(6):
        caption = captions.get(frame)
        assert caption is None or caption.strip()


@FUZZ
@given(edits=EDITS)
def test_damaged_label_tables(tmp_path: Path, edits: list[tuple[float, bytes]]) -> None:
    header = ["scene", "sub_scene", "task", "sequence", "frame", "expression", *AU_COLUMNS]
    keyframes, people = tmp_path / "k.csv", tmp_path / "d.csv"
    write_csv(keyframes, header, [["film", "a", "b", "c", n, "happy", *[1] * 17] for n in (1, 2)])
    write_csv(people, ["sequence", "subject"], [["film/a/b/c", "S1"], ["film/a/b/d", "S2"]])
    for path, read in ((keyframes, read_keyframes), (people, read_demographics)):
        path.write_bytes(damage(path.read_bytes(), edits))
        try:
            found = read(path)
        except InputError as error:
            assert str(path) in str(error)
            continue
        for key, labels in found.items():
            assert len(key.split("/")) == 4 and ".." not in key.split("/")
            if path == keyframes:
                assert set(np.unique(labels.occurrence)) <= {-1, 0, 1}
