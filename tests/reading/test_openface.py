"""The OpenFace reader and the other table parsers: real headers, defects, damaged bytes."""

import json
from pathlib import Path
from typing import Literal

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
from tfds_reactionet.reading.openface_table import POSE

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


def test_failed_and_unsure_frames_are_not_found(tmp_path: Path) -> None:
    rows = [full_row(1, 0, 0.79), full_row(2, 0, 0.99, success=0), full_row(3, 0, 0.8)]
    file = OpenFaceFile(write_openface(tmp_path / "o.csv", rows))
    assert file.frames.tolist() == [1, 2, 3] and file.found.tolist() == [False, False, True]


def sized(frame: int, face: int, side: float, confidence: float = 0.98) -> list[float]:
    """A row whose landmarks enclose a square, and whose gaze_0_x tells the face."""
    row, columns = full_row(frame, face, confidence), openface_columns()
    for axis in "xy":
        for point in range(68):
            row[columns.index(f"{axis}_{point}")] = side * (point % 2)
    row[columns.index("gaze_0_x")] = face / 10
    return row


@pytest.mark.parametrize("choice", ["longest", "largest"])
def test_one_face_of_several_is_followed_and_labels_never_hop(
    tmp_path: Path, choice: Literal["longest", "largest"]
) -> None:
    small = [sized(frame, 1, 20, 0.85) for frame in (1, 2, 3, 4)]
    large = [sized(frame, 2, 90, 0.98) for frame in (2, 3, 5)]  # more confident
    failed = full_row(6, 1, success=0)
    file = OpenFaceFile(write_openface(tmp_path / "o.csv", [*large, *small, failed]), choice)
    kept, found = (1, [1, 2, 3, 4]) if choice == "longest" else (2, [2, 3, 5])
    assert file.face == kept and file.face_count == 2
    assert file.frames.tolist() == [1, 2, 3, 4, 5, 6]
    assert file.frames[file.found].tolist() == found
    assert set(file.frames[file.others].tolist()) == {1, 2, 3, 4, 5} - set(found)
    np.testing.assert_allclose(file.faces(np.array(found)).gaze[:, 0], kept / 10)
    assert sorted(file.tracks()) == [1, 2]


def test_the_nearest_face_is_the_largest_without_landmarks(tmp_path: Path) -> None:
    header = ["frame", "face_id", "confidence", "success", *POSE]
    rows = [[1, face, 0.98, 1, 0, 0, distance, 0, 0, 0] for face, distance in ((4, 900), (5, 400))]
    file = OpenFaceFile(write_openface(tmp_path / "o.csv", rows, header), "largest")
    assert file.face == 5


CLNF_R = (1, 2, 4, 5, 6, 9, 10, 12, 14, 15, 17, 20, 25, 26)
CLNF_C = (4, 12, 15, 23, 28, 45)


def test_columns_that_old_versions_lack_are_unknown_and_named(tmp_path: Path) -> None:
    """The action units of the CLNF-era files, with neither gaze nor face_id."""
    header = ["frame", "timestamp", "confidence", "success"]
    header += [f"AU{n:02d}_r" for n in CLNF_R] + [f"AU{n:02d}_c" for n in CLNF_C]
    path = write_openface(
        tmp_path / "o.csv", [[1, 0, 0.98, 1, *[2.5] * 14, *[1] * 6]], header, ", "
    )
    file = OpenFaceFile(path)
    faces = file.faces(file.frames)
    for column, name in enumerate(REACTIONET_AUS):
        there = int(name[2:]) in CLNF_R
        assert faces.intensity[0, column] == 2.5 if there else np.isnan(faces.intensity[0, column])
        assert faces.occurrence[0, column] == (1 if int(name[2:]) in CLNF_C else -1)
    assert file.lacking[:4] == ("gaze", "gaze_angle", "pose", "landmarks")
    assert "AU07_r" in file.lacking and "AU01_c" in file.lacking and "AU04_c" not in file.lacking
    assert file.has_occurrence and file.has_intensity


DIALECTS = {
    "semicolons": (
        lambda text: text.replace(".", ",").replace(", ", ";"),
        "semicolons separate the columns and numbers have decimal commas",
    ),
    "tabs": (lambda text: text.replace(", ", "\t"), "tabs separate the columns"),
    "decimal commas": (
        lambda text: text.replace("0.98", "0,98", 1),
        "line 2 has 191 columns, expected 190; decimal commas?",
    ),
    "quoted": (
        lambda text: ",".join(f'"{n}"' for n in openface_columns()) + "\n" + text.split("\n")[1],
        "the header's names are quoted",
    ),
    "FaceLandmarkImg": (
        lambda text: text.replace("frame, face_id, timestamp, ", "face, ", 1),
        "FaceLandmarkImg wrote this",
    ),
    "another table": (lambda text: ";".join(["x"] * 400), "no column 'frame'"),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_other_programs_write_is_named_in_one_short_line(tmp_path: Path, dialect: str) -> None:
    change, message = DIALECTS[dialect]
    path = write_openface(tmp_path / "o.csv", [full_row(1)], sep=", ")
    rows = path.read_text().replace(",", ", ").replace(",  ", ", ")
    path.write_text(change(rows))
    with pytest.raises(InputError) as caught:
        OpenFaceFile(path)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 400 + len(str(path)) and "\n" not in str(caught.value)


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
        (broken("AU28_c", "0.5"), None, "line 2: AU28_c is '0.5', expected 0 or 1"),
        (broken("AU12_r", "233"), None, "line 2: AU12_r is '233', expected 0 to 5"),
        (broken("AU45_r", "-0.01"), None, "line 2: AU45_r is '-0.01', expected 0 to 5"),
        (broken("confidence", "98"), None, "line 2: confidence is '98', expected 0 to 1"),
        (broken("success", "2"), None, "line 2: success is '2', expected 0 or 1"),
        (broken("timestamp", "-1"), None, "line 2: timestamp is '-1', expected seconds"),
        (broken("face_id", "0.5"), None, "line 2: face_id is '0.5', expected a whole number"),
        (broken("gaze_1_z", "-1.2"), None, "line 2: gaze_1_z is '-1.2', expected -1 to 1"),
        (broken("gaze_angle_x", "40"), None, "gaze_angle_x is '40', expected radians"),
        (broken("pose_Rx", "57.3"), None, "line 2: pose_Rx is '57.3', expected radians"),
        (broken("x_3", "inf"), None, "line 2: x_3 is 'inf', expected a finite number of pixels"),
    ],
)
def test_defects_name_file_and_line(tmp_path: Path, rows: list, header: list, message: str) -> None:
    path = write_openface(tmp_path / "o.csv", rows, header)
    with pytest.raises(InputError) as caught:
        file = OpenFaceFile(path)
        file.faces(file.frames)
    assert str(path) in str(caught.value) and message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_values_of_rows_without_success_are_not_judged(tmp_path: Path) -> None:
    row = broken("AU12_r", "233")[0]
    row[openface_columns().index("success")] = 0
    file = OpenFaceFile(write_openface(tmp_path / "o.csv", [row]))
    assert not file.found.any()


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
