"""Faces cut out by OpenFace's files, in sets whose releases have no landmarks."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prepared_faces import build, read
from raw_emotionet import CODED, IMAGES, values, write_csv, write_images
from raw_mmi import HEIGHT, WIDTH, write_mmi
from raw_reactionet import openface_columns, write_raw
from raw_reactionet import write_csv as write_table

from drr_jax.errors import InputError
from tfds_reactionet.building import NO_LANDMARKS
from tfds_reactionet.building.face_records import NO_FACE
from tfds_reactionet.building.summary import read_metadata
from tfds_reactionet.mmi.reader import FEW_FRAMES, OTHER_LENGTH, Changed
from tfds_reactionet.reading.crop import face_transform, move
from tfds_reactionet.reading.images import encode, video_length
from tfds_reactionet.reading.pixels import ImageFile

COLUMNS = openface_columns()
STILL = ["face", *COLUMNS[3:4], *COLUMNS[5:]]  # as FaceLandmarkImg writes


def face(left: float, top: float, side: float) -> np.ndarray:
    """68 points of a face in a square."""
    points = np.random.default_rng(0).uniform(0.2, 0.8, (68, 2))
    points[36:42], points[42:48] = (0.3, 0.35), (0.7, 0.35)
    points[48], points[54] = (0.4, 0.75), (0.6, 0.75)
    return points * side + (left, top)


def row(columns: list[str], points: np.ndarray, **cells: object) -> list[object]:
    values: dict[str, object] = dict.fromkeys(columns, 0)
    values |= {
        f"{axis}_{n}": f"{points[n, 'xy'.index(axis)]:.1f}" for axis in "xy" for n in range(68)
    }
    values |= {"confidence": 0.98, "success": 1, **cells}
    return [values[name] for name in columns]


def check(record: dict[str, Any], points: np.ndarray) -> None:
    rounded = points.round(1).astype(np.float32)
    expected = move(rounded, face_transform(rounded, 32, 0.1))
    np.testing.assert_allclose(record["landmarks"], expected, atol=0.02)


@pytest.fixture
def emotionet(tmp_path: Path) -> Path:
    write_images(tmp_path / "raw")
    write_csv(tmp_path / "raw" / "EmotioNet_FACS.csv", values(11, len(CODED)))
    return tmp_path


def write_stills(root: Path, faces: Callable[[int], list[np.ndarray]]) -> Path:
    for number, (folder, name) in enumerate(IMAGES):
        rows = [row(STILL, points, face=n) for n, points in enumerate(faces(number))]
        write_table(root / "tracks" / folder / f"{Path(name).stem}.csv", STILL, rows, ", ")
    return root / "tracks"


def test_emotionet_is_cut_out_by_files_of_single_images(emotionet: Path) -> None:
    def faces(number: int) -> list[np.ndarray]:
        return [face(1, 1, 8), face(4 + number, 2, 16)] if number else []

    tracks = write_stills(emotionet, faces)
    options = {"landmarks": str(tracks), "face": "largest", "max_skipped": 0.2}
    prepared = build("emotionet/manual", emotionet / "raw", emotionet / "data", **options)
    metadata = read_metadata(prepared)
    assert metadata["options"]["crop"] == "face" and metadata["skipped"][NO_FACE] == 1
    found = {record["name"]: record for record in read(prepared).values()}
    stems = [name for _, name in IMAGES]
    for number, name in enumerate(stems[1:3], 1):
        check(found[name], face(4 + number, 2, 16))
    (tracks / IMAGES[1][0] / f"{Path(IMAGES[1][1]).stem}.csv").unlink()
    with pytest.raises(InputError, match=rf"{NO_LANDMARKS} \(1\)"):
        build("emotionet/manual", emotionet / "raw", emotionet / "again", landmarks=str(tracks))


@pytest.mark.parametrize("flat", [False, True])
def test_no_image_gets_the_landmarks_of_its_namesake(emotionet: Path, flat: bool) -> None:
    """a/same.jpg and b/same.jpg, of which one file of landmarks is."""
    tracks = write_stills(emotionet, lambda number: [face(1 + number, 2, 16)])
    (tracks / "b" / "same.csv").unlink()
    if flat:
        (tracks / "a" / "same.csv").rename(tracks / "same.csv")
    message = r"same\.csv: is it of .*a/same\.jpg or of .*b/same\.jpg\? Expected one for each"
    with pytest.raises(InputError, match=message):
        build("emotionet/manual", emotionet / "raw", emotionet / "data", landmarks=str(tracks))


def test_folders_that_hold_no_landmarks(emotionet: Path) -> None:
    (emotionet / "empty").mkdir()
    for folder, message in (("none", "none: no such folder"), ("empty", "empty: no CSV in it")):
        with pytest.raises(InputError, match=message):
            build(
                "emotionet/manual",
                emotionet / "raw",
                emotionet / "data",
                landmarks=str(emotionet / folder),
            )
    assert read_metadata(
        build("emotionet/manual", emotionet / "raw", emotionet / "data", max_skipped=1)
    )


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("mmi")
    write_mmi(root / "MMI")
    return root


def write_clips(root: Path, sessions: Path, points: np.ndarray) -> Path:
    """One file for each clip and image; every frame has the same face."""
    for path in (sessions / "MMI").rglob("S*.*"):
        if path.suffix == ".avi":
            mine = points + np.array([WIDTH / 2, 0]) if path.stem.startswith("S001") else points
            frames = 1 + video_length(path)
            rows = [row(COLUMNS, mine, frame=n) for n in range(1, frames)]
            write_table(root / "tracks" / f"{path.stem}.csv", COLUMNS, rows)
        elif path.suffix == ".jpg":
            write_table(root / "tracks" / f"{path.stem}.csv", STILL, [row(STILL, points)])
    return root / "tracks"


def test_mmi_is_cut_out_in_turned_and_halved_clips(sessions: Path, tmp_path: Path) -> None:
    points = face(2, 4, 24)  # on the left, of S001 on the right
    (tmp_path / "turns.txt").write_text("S004 90\nS006 180\nS021 270\n")
    options = {
        "landmarks": str(write_clips(tmp_path, sessions, points)),
        "rotation": str(tmp_path / "turns.txt"),
        "folds": "3",
        "max_skipped": 0.2,
    }
    prepared = build("mmi", sessions, tmp_path / "data", **options)
    assert NO_FACE not in read_metadata(prepared)["skipped"]
    at = points.round(1)
    turned = {
        "S001": at,  # in the right half
        "S003": at,
        "S031": at,
        "S032": at,
        "S004": np.stack([HEIGHT - 1 - at[:, 1], at[:, 0]], axis=1),
        "S006": (WIDTH - 1, HEIGHT - 1) - at,
        "S021": np.stack([at[:, 1], WIDTH - 1 - at[:, 0]], axis=1),
    }
    found = {record["subject"]: record for record in read(prepared).values()}
    for subject, expected in turned.items():
        check(found[subject], expected)
    whole = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    (tmp_path / "a.png").write_bytes(encode(whole, "png"))
    right = Changed(ImageFile(tmp_path / "a.png"), 0, right=True)
    assert right.move(points) is None and right.read().shape == (HEIGHT, WIDTH // 2, 3)


def test_landmarks_of_a_clip_that_are_missing_count(sessions: Path, tmp_path: Path) -> None:
    tracks = write_clips(tmp_path, sessions, face(2, 4, 24))
    (tracks / "S032-108.csv").unlink()
    with pytest.raises(InputError, match=rf"{NO_LANDMARKS} \(3\)"):
        build("mmi", sessions, tmp_path / "data", landmarks=str(tracks))


def test_landmarks_of_a_clip_count_its_frames_from_1_to_the_last(
    sessions: Path, tmp_path: Path
) -> None:
    tracks = write_clips(tmp_path, sessions, face(2, 4, 24))
    path, options = tracks / "S032-108.csv", {"landmarks": str(tracks), "folds": "3"}
    for rows, message in (
        (range(9), r"S032-108\.csv: counts frames from 0; expected the first .* to be 1"),
        (range(1, 2), rf"{OTHER_LENGTH} \(3\)"),
        (range(1, 9), rf"{OTHER_LENGTH} \(3\)"),  # the clip has five
        (range(1, 4), rf"{NO_LANDMARKS} \(1\)"),
        (range(1, 6, 2), rf"{NO_LANDMARKS} \(2\)"),  # not that the face was lost
    ):
        table = [row(COLUMNS, face(2, 4, 24), frame=number) for number in rows]
        write_table(path, COLUMNS, table)
        with pytest.raises(InputError, match=message):
            build("mmi", sessions, tmp_path / "data", **options)
    write_table(path, COLUMNS, [row(COLUMNS, face(2, 4, 24), frame=n) for n in range(1, 7)])
    prepared = build("mmi", sessions, tmp_path / "data", **options)
    assert read_metadata(prepared)["noted"] == {FEW_FRAMES: 1}
    write_table(path, COLUMNS, [row(COLUMNS, face(2, 4, 24), frame=n) for n in range(1, 9)])
    whole = build("mmi", sessions, tmp_path / "whole", crop="full", **options)
    found = {number: r["landmarks"] for (key, number), r in read(whole).items() if "S032" in key}
    assert len(found) == 3 and all(np.isnan(points).all() for points in found.values())
    assert read_metadata(whole)["noted"] == {OTHER_LENGTH: 1}


def test_reactionet_is_cut_out_by_its_own_files(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    written = write_raw(raw, size=48)
    for key, truth in written.items():
        path = raw / key / "openface.csv"
        header, *lines = path.read_text().splitlines()
        names = [name.strip() for name in header.split(",")]
        points, cells = face(6, 6, 36), [line.split(",") for line in lines]
        for line in cells:
            for axis in "xy":
                for n in range(68):
                    line[names.index(f"{axis}_{n}")] = f"{points[n, 'xy'.index(axis)]:.1f}"
        path.write_text("\n".join([header, *(",".join(line) for line in cells)]) + "\n")
        truth["landmarks"] = points
    prepared = build("reactionet/full", raw, tmp_path / "data", crop="face")
    found = read(prepared)
    assert len(found) == 48 and read_metadata(prepared)["options"]["crop"] == "face"
    for (key, _), record in found.items():
        check(record, written[key]["landmarks"])
    shutil.rmtree(raw / next(iter(written)) / "reaction")
    with pytest.raises(InputError, match="depth, thermal images are kept whole"):
        build("reactionet/demo_multimodal", raw, tmp_path / "other", crop="face")
