"""BP4D+ from a tiny tree in the official formats: zips, folders, depth, thermal, folds, defects."""

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prepared_faces import build, letterboxed, pixels, read
from raw_bp4d_plus import (
    CODED,
    CODES,
    FRAMES,
    GRADED,
    HEIGHT,
    LOST,
    SUBJECTS,
    TASKS,
    WIDTH,
    write_bp4d_plus,
)

from drr_jax.data import source
from drr_jax.data.landmarks import INNER_49
from drr_jax.data.prepared import open_dataset
from drr_jax.errors import InputError
from tfds_reactionet.bp4d_plus import folds, thermal
from tfds_reactionet.bp4d_plus.reader import (
    NO_FOLD,
    NO_THERMAL,
    NO_THERMAL_FACE,
    OTHER_TASK,
)
from tfds_reactionet.building import NO_LANDMARKS
from tfds_reactionet.building.face_records import BAD_DEPTH
from tfds_reactionet.building.summary import read_metadata
from tfds_reactionet.building.verification import verify
from tfds_reactionet.reading.bp4d_codes import NO_IMAGE, NO_MESH
from tfds_reactionet.reading.crop import face_transform, move, warp
from tfds_reactionet.reading.placing import full_transform

ALL = len(SUBJECTS) * len(TASKS) * len(CODES)
IMAGES = "2D+3D/F002/T1"
POINTS = "IRFeatures/F002_T1.txt"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[Any, Any]]:
    """A raw tree that tests only read (F001 is a zip file), and what is in it."""
    root = tmp_path_factory.mktemp("raw")
    return root, write_bp4d_plus(root / "BP4D+")


@pytest.fixture(scope="module")
def prepared(release: tuple[Path, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("data")
    return build("bp4d_plus", release[0], data, crop="full", image_format="png")


@pytest.fixture
def raw(release: tuple[Path, Any], tmp_path: Path) -> Path:
    """A copy of the tree that a test may change."""
    return Path(shutil.copytree(release[0] / "BP4D+", tmp_path / "raw"))


def test_every_value_of_every_record(prepared: Path, release: tuple[Path, Any]) -> None:
    found = read(prepared)
    assert len(found) == ALL
    for (subject, task), truth in release[1].items():
        for frame in CODES:
            record = found[f"{subject}/{task}", frame]
            assert (record["subject"], record["task"]) == (subject, task)
            assert record["part"] == folds.LISTS["subjects"][subject]
            for column, au in enumerate(CODED):
                code = truth["occurrence"][frame, au]
                assert record["au"]["occurrence"][column] == (-1 if code == 9 else code)
                level = truth["intensity"].get((frame, au), 9)
                value = record["au"]["intensity"][column]
                assert np.isnan(value) if level == 9 else value == level
            original = truth["images"][frame - 1]  # image f - 1 of code f
            expected = letterboxed(original)
            stored = pixels(record["reaction"]["image"]).astype(int)
            assert np.abs(stored - expected).max() <= 3
            transform = full_transform(HEIGHT, WIDTH, 32)
            landmarks = move(truth["landmarks"][frame - 1], transform)
            np.testing.assert_allclose(record["landmarks"], landmarks, atol=1e-3)
            assert "depth" not in record and "thermal" not in record
    metadata = read_metadata(prepared)
    assert [metadata["parts"][f"part{n}"]["subjects"] for n in (1, 2, 3)] == [[s] for s in SUBJECTS]
    assert len(GRADED) == 5 and metadata["options"]["folds"] == "subjects"


def test_zips_and_folders_are_the_same(
    prepared: Path, release: tuple[Path, Any], tmp_path: Path
) -> None:
    fingerprint = read_metadata(prepared)["fingerprint"]
    options = {"crop": "full", "image_format": "png"}
    for number, zipped in enumerate([(), SUBJECTS]):
        raw = tmp_path / f"raw{number}"
        write_bp4d_plus(raw, zipped, columns="100")
        other = build("bp4d_plus", raw, tmp_path / f"data{number}", **options)
        assert read_metadata(other)["fingerprint"] == fingerprint
    assert "verified: 24 records" in verify(prepared, jobs=1, progress=False)


@pytest.mark.parametrize("fps", [25, 50])
def test_thermal_frame_of_the_same_time(tmp_path: Path, fps: int) -> None:
    written = write_bp4d_plus(tmp_path / "raw", fps=fps)
    options: dict[str, Any] = {"crop": "full", "image_format": "png"}
    name = "bp4d_plus/rgb_depth_thermal"
    prepared = build(name, tmp_path / "raw", tmp_path / "data", **options)
    assert read_metadata(prepared)["domains"] == ["reaction", "depth", "thermal"]
    found = read(prepared)
    assert len(found) == ALL  # whole thermal images need no landmarks
    for (subject, task), truth in written.items():
        for frame in CODES:
            record = found[f"{subject}/{task}", frame]
            number = (frame - 1) * fps // 25
            box = truth["thermal"][number]
            x = (10 + 2 * (number % 4) + 15) // 2
            stored = pixels(record["thermal"]["image"])
            assert np.abs(stored[15, x] - box.astype(int)).max() < 12
            depth = pixels(record["depth"]["image"])
            assert depth[15:17, 15:17].min() > 230 and depth[0].max() == 0  # the pyramid's tip
    options = {**options, "thermal_fps": 12.5}
    with pytest.raises(InputError, match=r"was built with thermal_fps=0.0, not 12.5"):
        build(name, tmp_path / "raw", tmp_path / "data", **options)
    slow = build(name, tmp_path / "raw", tmp_path / "slow", **options)
    colour = written["F002", "T1"]["thermal"][1]  # frame 3 is at 0.08 s
    x = (10 + 2 + 15) // 2
    stored = pixels(read(slow)["F002/T1", 3]["thermal"]["image"])
    assert np.abs(stored[15, x] - colour.astype(int)).max() < 12


def test_faces_of_both_cameras(release: tuple[Path, Any], tmp_path: Path) -> None:
    options = {"margin": 0.0, "image_format": "png"}
    prepared = build("bp4d_plus/rgb_depth_thermal", release[0], tmp_path, **options)
    found = read(prepared)
    metadata = read_metadata(prepared)
    assert metadata["options"]["crop"] == "face"
    assert metadata["skipped"] == {NO_THERMAL_FACE: len(SUBJECTS) * len(TASKS)}
    assert len(found) == ALL - len(SUBJECTS) * len(TASKS)
    for (subject, task), truth in release[1].items():
        for frame in sorted(set(CODES) - {LOST}):
            record = found[f"{subject}/{task}", frame]
            transform = face_transform(truth["landmarks"][frame - 1], 32, 0.0)
            expected = warp(np.ascontiguousarray(truth["images"][frame - 1]), transform, 32)
            stored = pixels(record["reaction"]["image"]).astype(int)
            assert np.abs(stored - expected).max() <= 3
            warm = pixels(record["thermal"]["image"]).astype(int)  # only the face, no background
            assert np.abs(warm - truth["thermal"][frame - 1]).max() < 12


def test_training_reads_depth_thermal_and_the_49_landmarks(
    release: tuple[Path, Any], tmp_path: Path
) -> None:
    options = {"crop": "full", "image_format": "png"}
    prepared = build("bp4d_plus/rgb_depth_thermal", release[0], tmp_path, **options)
    opened = open_dataset(prepared)
    assert opened.inputs == ("reaction", "depth", "thermal", "landmarks")
    records = source.Source(opened, ("part1",), 64, opened.classes("au"), inputs=opened.inputs)
    names = [records.identity(index) for index in range(len(records))]
    record = records[names.index(("F001/T1", 2))]
    stored = read(prepared)["F001/T1", 2]
    known = record["landmarks"][list(INNER_49)]
    np.testing.assert_allclose(known, (stored["landmarks"] + 0.5) * 2 - 0.5, atol=1e-4)
    assert np.isnan(np.delete(record["landmarks"], INNER_49, 0)).all()
    assert record["depth"].shape == record["thermal"].shape == (64, 64, 3)
    np.testing.assert_array_equal(record["depth"][::2, ::2].max((0, 1)), [255] * 3)


def test_thermal_box_is_that_of_the_points(release: tuple[Path, Any]) -> None:
    points = thermal.read_points(release[0] / "BP4D+" / POINTS)
    assert points.shape == (FRAMES, 28, 2)
    for found, expected in zip(points, release[1]["F002", "T1"]["boxes"], strict=True):
        box = thermal.face_box(found)
        if expected is None:
            assert box is None and np.isnan(found).all()
            continue
        assert box is not None
        edges = (box.left, box.top, box.left + box.width, box.top + box.height)
        np.testing.assert_allclose(edges, expected, atol=1e-3)


def test_landmarks_follow_the_code_and_not_the_name(raw: Path, release: tuple[Path, Any]) -> None:
    """With images renamed to the codes' numbers, entry f of `fit` still belongs to code f."""
    for task in TASKS:
        for path in sorted((raw / "2D+3D/F002" / task).iterdir(), reverse=True):
            path.rename(path.with_stem(f"{int(path.stem) + 1:03d}"))
    data = raw.parent / "data"
    prepared = build("bp4d_plus", raw, data, frame_offset=0, crop="full", max_skipped=1)
    record = read(prepared)["F002/T1", 6]
    transform = full_transform(HEIGHT, WIDTH, 32)
    expected = move(release[1]["F002", "T1"]["landmarks"][5], transform)
    np.testing.assert_allclose(record["landmarks"], expected, atol=1e-3)


def test_bigsmall_lists_are_complete_and_disjoint() -> None:
    counts = [list(folds.BIGSMALL.values()).count(f"part{n}") for n in (1, 2, 3)]
    assert counts == [46, 46, 47] and len(folds.BIGSMALL) == 139
    assert set(folds.SUBJECTS) - set(folds.BIGSMALL) == {"F082"} and len(folds.SUBJECTS) == 140
    known = {"F006": "part1", "F048": "part1", "F046": "part2", "F062": "part2", "F043": "part3"}
    assert {name: folds.BIGSMALL[name] for name in known} == known


def test_folds_of_bigsmall_and_of_a_file(raw: Path, release: tuple[Path, Any]) -> None:
    for name in ("T1", "T8"):  # F001, F002, M002 are all in part 2
        for old, new in (("F001", "F003"), ("F002", "F007")):
            source = raw / f"AUCoding/AU_OCC/{old}_{name}.csv"
            source.rename(source.with_name(f"{new}_{name}.csv"))
    shutil.copy(raw / "AUCoding/AU_OCC/F003_T1.csv", raw / "AUCoding/AU_OCC/F082_T1.csv")
    shutil.copy(raw / "AUCoding/AU_OCC/F003_T1.csv", raw / "AUCoding/AU_OCC/F003_T11.csv")
    (raw / "2D+3D/F001.zip").rename(raw / "2D+3D/F003.zip")
    with zipfile.ZipFile(raw / "2D+3D/F003.zip") as old:
        content = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(raw / "2D+3D/F003.zip", "w") as new_zip:
        for name, data in content.items():
            new_zip.writestr(name.replace("F001", "anything"), data)
    (raw / "2D+3D/F002").rename(raw / "2D+3D/F007")
    data = raw.parent / "data"
    prepared = build("bp4d_plus", raw, data, folds="bigsmall_3fold", crop="full")
    metadata = read_metadata(prepared)
    subjects = [metadata["parts"][f"part{n}"]["subjects"] for n in (1, 2, 3)]
    assert subjects == [["F003"], ["M002"], ["F007"]]
    assert metadata["skipped"] == {NO_FOLD: 1, OTHER_TASK: 1}

    listed = raw.parent / "folds.txt"
    listed.write_text("# mine\nF003 3\nF007,part1\r\nM002 2\nF082 1\n")
    options = {"folds": str(listed), "crop": "full", "max_skipped": 0.5}
    prepared = build("bp4d_plus", raw, raw.parent / "other", **options)
    metadata = read_metadata(prepared)
    subjects = [metadata["parts"][f"part{n}"]["subjects"] for n in (1, 2, 3)]
    assert subjects == [["F007"], ["M002"], ["F003"]]  # F082 has no images
    listed.write_text("F003 3\nF007 2\nM002 1\nF082 1\n")
    with pytest.raises(InputError, match="holds something else now"):
        build("bp4d_plus", raw, raw.parent / "other", **options)
    listed.write_text("F003 3\nM002 2\nF082 1\n")
    with pytest.raises(InputError, match=r"folds.txt: no line for subject F007"):
        build("bp4d_plus", raw, raw.parent / "third", **options)


def unlink(name: str) -> Callable[[Path], None]:
    return lambda raw: (raw / name).unlink()


def write(name: str, content: bytes) -> Callable[[Path], None]:
    def change(raw: Path) -> None:
        (raw / name).write_bytes(content)

    return change


def damage_zipped_mesh(raw: Path) -> None:
    path = raw / "2D+3D/F001.zip"
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    content["F001/T1/0001.obj"] = b"v 0 0\n"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)


SKIPS: dict[str, tuple[Callable[[Path], Any], str, int]] = {
    "no image": (unlink(f"{IMAGES}/0001.jpg"), NO_IMAGE, 1),
    "no folder": (lambda raw: shutil.rmtree(raw / IMAGES), NO_IMAGE, 4),
    "no mesh": (unlink(f"{IMAGES}/0001.obj"), NO_MESH, 1),
    "bad mesh": (write(f"{IMAGES}/0001.obj", b"v 0 0\n"), BAD_DEPTH, 1),
    "bad mesh in a zip": (damage_zipped_mesh, BAD_DEPTH, 1),
    "no video": (unlink("Thermal/F002/T1.avi"), NO_THERMAL, 4),
    "empty video": (write("Thermal/F002/T1.avi", b""), NO_THERMAL, 4),
}


@pytest.mark.parametrize("defect", SKIPS)
def test_unusable_frames_are_counted_and_listed(raw: Path, defect: str) -> None:
    change, reason, count = SKIPS[defect]
    change(raw)
    name, data = "bp4d_plus/rgb_depth_thermal", raw.parent / "data"
    with pytest.raises(InputError, match=rf"{count} of 24 frames.*listed in .*skipped-rgb"):
        build(name, raw, data, crop="full")
    prepared = build(name, raw, data, crop="full", max_skipped=0.5)
    assert read_metadata(prepared)["skipped"] == {reason: count}
    assert len(read(prepared)) == ALL - count


def test_thermal_without_landmarks_is_whole(raw: Path) -> None:
    shutil.rmtree(raw / "IRFeatures")
    prepared = build("bp4d_plus/rgb_depth_thermal", raw, raw.parent / "data")
    assert len(read(prepared)) == ALL and read_metadata(prepared)["skipped"] == {}
    assert thermal.find_video(raw / "Thermal/F002", "T9") is None
    assert thermal.find_video(raw / "Thermal/F009", "T1") is None


def test_missing_thermal_landmarks_count_and_lost_ones_do_not(raw: Path) -> None:
    (raw / POINTS).unlink()
    with pytest.raises(InputError, match=rf"{NO_LANDMARKS} \({len(CODES)}\)"):
        build("bp4d_plus/rgb_depth_thermal", raw, raw.parent / "data")
    prepared = build("bp4d_plus/rgb_depth_thermal", raw, raw.parent / "data", max_skipped=0.5)
    assert read_metadata(prepared)["skipped"] == {NO_LANDMARKS: len(CODES), NO_THERMAL_FACE: 5}


def test_missing_landmarks_of_a_sequence_count(raw: Path) -> None:
    (raw / "2DFeatures/F002_T1.mat").unlink()
    with pytest.raises(InputError, match=rf"{NO_LANDMARKS} \({len(CODES)}\)"):
        build("bp4d_plus/rgb", raw, raw.parent / "data")


@pytest.mark.parametrize("zipped", [False, True])
def test_images_counted_from_one_are_found_out(raw: Path, zipped: bool) -> None:
    if zipped:
        path = raw / "2D+3D/F001.zip"
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in members.items():
                stem, _, suffix = name.rpartition("/")[2].partition(".")
                if stem.isdecimal():  # with a prefix besides
                    inner = name.rpartition("/")[0]
                    archive.writestr(f"{inner}/F001_{int(stem) + 1:05d}.{suffix}", data)
    else:
        for path in sorted((raw / "2D+3D/F002/T1").glob("*.jpg"), reverse=True):
            path.rename(path.with_name(f"{int(path.stem) + 1:04d}.jpg"))
    with pytest.raises(InputError, match=r"numbered from 1 to 6, AU codes .*--frame_offset=0"):
        build("bp4d_plus/rgb", raw, raw.parent / "data")
