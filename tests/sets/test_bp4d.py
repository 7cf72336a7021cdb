"""BP4D from a tiny tree in the official formats: every value, both offsets, depth, landmarks."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from prepared_faces import build, letterboxed, pixels, read
from raw_bp4d import (
    CODED,
    FIRST,
    FRAMES,
    GRADED,
    HEIGHT,
    INTENSITY,
    SUBJECTS,
    TASKS,
    WIDTH,
    write_bp4d,
)
from scipy.io import savemat

from drr_jax.data.label_counts import class_weights, part_counts
from drr_jax.data.prepared import open_dataset
from drr_jax.errors import InputError
from tfds_reactionet.bp4d.reader import PARTS
from tfds_reactionet.building import NO_LANDMARKS
from tfds_reactionet.building.face_records import NO_FACE
from tfds_reactionet.building.summary import read_metadata, summarise
from tfds_reactionet.building.verification import verify
from tfds_reactionet.reading import bp4d_codes as codes
from tfds_reactionet.reading.crop import CROP_VERSION, face_transform, move, warp
from tfds_reactionet.reading.placing import full_transform


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[Any, Any]]:
    """A raw tree of 6 sequences of 4 coded frames that tests only read, and what is in it."""
    root = tmp_path_factory.mktemp("raw")
    return root, write_bp4d(root / "BP4D")


@pytest.fixture(scope="module")
def prepared(release: tuple[Path, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("bp4d", release[0], tmp_path_factory.mktemp("data"), crop="full")


@pytest.fixture
def raw(release: tuple[Path, Any], tmp_path: Path) -> Path:
    """A copy of the tree that a test may change."""
    return Path(shutil.copytree(release[0] / "BP4D", tmp_path / "raw"))


def test_every_value_of_every_record(prepared: Path, release: tuple[Path, Any]) -> None:
    found = read(prepared)
    assert len(found) == len(SUBJECTS) * len(TASKS) * FRAMES
    for (subject, task), truth in release[1].items():
        for row, frame in enumerate(range(FIRST, FIRST + FRAMES)):
            record = found[f"{subject}/{task}", frame]
            assert (record["subject"], record["task"]) == (subject, task)
            assert record["part"] == PARTS[subject]
            codes_of = truth["occurrence"][row]
            for column, au in enumerate(CODED):
                expected = -1 if codes_of[au] == 9 else codes_of[au]
                assert record["au"]["occurrence"][column] == expected
                intensity = record["au"]["intensity"][column]
                if au in GRADED and truth["intensity"][au][row] != 9:
                    assert intensity == truth["intensity"][au][row]
                else:
                    assert np.isnan(intensity)
            assert record["expression"] == -1 and record["label_source"] == 1
            original = cv2.imread(str(truth["images"][frame - 1]))[..., ::-1]  # image f - 1
            expected = letterboxed(original)
            assert np.abs(pixels(record["reaction"]["image"]).astype(int) - expected).max() < 60
            transform = full_transform(HEIGHT, WIDTH, 32)
            np.testing.assert_allclose(
                record["landmarks"], move(truth["landmarks"][frame - 1], transform), atol=1e-3
            )
    assert found["F001/T1", FIRST + 1]["au"]["occurrence"][CODED.index(13)] == -1


def test_metadata_names_protocol_weights_and_options(prepared: Path) -> None:
    metadata = read_metadata(prepared)
    assert metadata["task"] == "au" and metadata["domains"] == ["reaction"]
    assert len(metadata["au_names"]) == 34 and "AU25" not in metadata["au_names"]
    assert metadata["evaluated_aus"] == [f"AU{n:02d}" for n in codes.BENCHMARK]
    assert metadata["protocol"]["kind"] == "folds"
    assert metadata["protocol"]["test"] == [["part1"], ["part2"], ["part3"]]
    assert metadata["protocol"]["train"][1] == ["part1", "part3"]
    assert metadata["options"]["frame_offset"] == -1 and metadata["options"]["crop"] == "full"
    assert metadata["task_emotions"]["T8"] == "disgust"
    assert metadata["crop_version"] == CROP_VERSION
    parts = metadata["parts"]
    assert {name: part["subjects"] for name, part in parts.items()} == {
        "part1": ["F001"],
        "part2": ["M002"],
        "part3": ["F004"],
    }
    assert parts["part1"]["tasks"] == list(TASKS)
    train = [parts[name] for name in metadata["protocol"]["train"][0]]
    columns = [metadata["au_names"].index(name) for name in metadata["evaluated_aus"]]
    positives = np.array([sum(p["au_pairs"][c][c] for p in train) for c in columns])
    known = np.array([sum(p["au_known"][c] for p in train) for c in columns])
    rates = np.where(positives, known / np.maximum(positives, 1), 0)
    opened = open_dataset(prepared)
    assert list(opened.classes("au")) == metadata["evaluated_aus"]
    counts = part_counts(opened, opened.folds[0][0], "au")
    weights = class_weights(counts, opened.classes("au"))
    np.testing.assert_allclose(weights, rates / rates[positives > 0].mean())
    assert "24 records, folds of the protocol, images full" in summarise(prepared)
    assert "verified: 24 records" in verify(prepared, jobs=1, progress=False)


def test_parts_are_the_published_ones() -> None:
    assert len(PARTS) == 41
    counts = [sum(part == f"part{n}" for part in PARTS.values()) for n in (1, 2, 3)]
    assert counts == [14, 14, 13]


def test_faces_are_cut_out_by_the_landmarks(release: tuple[Path, Any], tmp_path: Path) -> None:
    prepared = build("bp4d", release[0], tmp_path, margin=0.2, image_format="png")
    truth = release[1]["M002", "T8"]
    for frame in range(FIRST, FIRST + FRAMES):
        record = read(prepared)["M002/T8", frame]
        transform = face_transform(np.float32(truth["landmarks"][frame - 1]), 32, 0.2)
        original = cv2.imread(str(truth["images"][frame - 1]))[..., ::-1]
        expected = warp(np.ascontiguousarray(original), transform, 32)
        assert np.abs(pixels(record["reaction"]["image"]).astype(int) - expected).max() <= 3
        points = move(truth["landmarks"][frame - 1], transform)
        np.testing.assert_allclose(record["landmarks"], points, atol=1e-2)
    assert read_metadata(prepared)["options"]["crop"] == "face"
    with pytest.raises(InputError, match=r"was built with margin=0\.2, not 0\.3"):
        build("bp4d", release[0], tmp_path, margin=0.3)


@pytest.mark.parametrize(("offset", "digits"), [(-1, 3), (0, 4), (0, 1)])
def test_names_of_any_width_and_both_offsets(tmp_path: Path, offset: int, digits: int) -> None:
    written = write_bp4d(tmp_path / "raw", offset, digits, meshes=False, landmarks=False)
    options = {"frame_offset": offset, "image_format": "png"}
    prepared = build("bp4d", tmp_path / "raw", tmp_path / "data", **options)
    metadata = read_metadata(prepared)
    assert metadata["options"]["crop"] == "full"  # there are no landmarks
    found = read(prepared)
    for (subject, task), truth in written.items():
        for frame in range(FIRST, FIRST + FRAMES):
            original = cv2.imread(str(truth["images"][frame + offset]))[..., ::-1]
            expected = letterboxed(original)
            stored = pixels(found[f"{subject}/{task}", frame]["reaction"]["image"])
            assert np.abs(stored.astype(int) - expected).max() <= 3
            assert np.isnan(found[f"{subject}/{task}", frame]["landmarks"]).all()


def rename_images(raw: Path, name: Callable[[int], str], keep: Callable[[int], bool]) -> None:
    """Gives the images of all sequences other names, and removes those that are not kept."""
    for folder in raw.glob("Sequences(2D+3D)/*/*"):
        for path in folder.glob("*.obj"):
            path.unlink()
        images = {int(path.stem): path.rename(path.with_suffix(".x")) for path in folder.iterdir()}
        for number, path in images.items():
            if keep(number):
                path.rename(folder / name(number).replace("SUBJECT", folder.parent.name))
            else:
                path.unlink()


CODED_IMAGES = range(FIRST - 1, FIRST + FRAMES - 1)  # numbers of the images with codes, from 0


@pytest.mark.parametrize(
    ("name", "offset"),
    [
        (lambda number: f"{number}.jpg", None),
        (lambda number: f"SUBJECT_T1_{number:05d}.jpg", None),
        (lambda number: f"{number + 1:04d}.jpg", 0),
        (lambda number: f"frame{number + 1}.jpg", 0),
    ],
)
def test_images_named_by_the_codes_own_number_are_found_out(
    raw: Path, release: tuple[Path, Any], name: Callable[[int], str], offset: int | None
) -> None:
    rename_images(raw, name, CODED_IMAGES.__contains__)
    options: dict[str, Any] = {} if offset is None else {"frame_offset": offset}
    if offset is not None:
        with pytest.raises(InputError, match=r"numbered from 21 to 24, AU codes from 21 to 24.*pa"):
            build("bp4d", raw, raw.parent / "data")
    prepared = build("bp4d", raw, raw.parent / "data", image_format="png", **options)
    assert read_metadata(prepared)["options"]["frame_offset"] == options.get("frame_offset", -1)
    found = read(prepared)
    for (subject, task), truth in release[1].items():
        for frame in range(FIRST, FIRST + FRAMES):
            points = np.float32(truth["landmarks"][frame - 1])
            moved = move(points, face_transform(points, 32, 0.1))
            record = found[f"{subject}/{task}", frame]
            np.testing.assert_allclose(record["landmarks"], moved, atol=1e-2)
            original = cv2.imread(str(truth["images"][frame - 1]))[..., ::-1]
            expected = warp(np.ascontiguousarray(original), face_transform(points, 32, 0.1), 32)
            stored = pixels(record["reaction"]["image"]).astype(int)
            assert np.abs(stored - expected).max() <= 3


@pytest.mark.parametrize("first", [0, 1])
def test_whole_sequences_from_zero_and_from_one(tmp_path: Path, first: int) -> None:
    raw = tmp_path / "raw"
    write_bp4d(raw, offset=first - 1, meshes=False, landmarks=False)
    for folder in raw.glob("Sequences(2D+3D)/*/*"):
        for number in range(first, FIRST):
            shutil.copy(folder / f"{FIRST:04d}.jpg", folder / f"{number:04d}.jpg")
    if first:
        with pytest.raises(InputError, match=r"numbered from 1 to .*pass --frame_offset=0"):
            build("bp4d", raw, tmp_path / "data")
    given = {"frame_offset": 0} if first else {}
    assert len(read(build("bp4d", raw, tmp_path / "data", **given))) == 24


def test_images_that_begin_with_different_words_are_refused(raw: Path) -> None:
    rename_images(raw, lambda number: f"{'ab'[number % 2]}_{number}.jpg", lambda number: True)
    with pytest.raises(InputError, match=r"a_\d+\.jpg and b_\d+\.jpg begin differently"):
        build("bp4d", raw, raw.parent / "data")


def test_the_tree_of_fera_2015(raw: Path) -> None:
    """Codes lie in AUCoding/ itself, and images have the codes' numbers."""
    for path in (raw / "AUCoding" / "AU_OCC").iterdir():
        path.rename(raw / "AUCoding" / path.name)
    (raw / "AUCoding" / "AU_OCC").rmdir()
    for path in list((raw / "AUCoding" / "AU_INT").iterdir()):
        path.rename(raw / "AUCoding" / path.name)
    (raw / "AUCoding" / "AU_INT").rmdir()
    shutil.rmtree(raw / "3DFeatures")
    shutil.rmtree(raw / "2DFeatures")
    rename_images(raw, lambda number: f"{number + 1}.jpg", CODED_IMAGES.__contains__)
    (raw / "Sequences(2D+3D)").rename(raw / "BP4D-training")
    with pytest.raises(InputError, match="pass --frame_offset=0"):
        build("bp4d", raw, raw.parent / "data")
    found = read(build("bp4d", raw, raw.parent / "data", frame_offset=0))
    assert len(found) == 24 and found["F001/T1", FIRST]["au"]["intensity"][CODED.index(6)] >= 0


def test_intensities_that_count_otherwise_are_refused(raw: Path) -> None:
    path = raw / INTENSITY
    rows = [line.split(",") for line in path.read_text().splitlines()]
    path.write_text("".join(f"{int(frame) - 1},{code}\n" for frame, code in rows))
    with pytest.raises(InputError, match=r"frames 20 to 23, but F001_T1\.csv has 21 to 24"):
        build("bp4d", raw, raw.parent / "data")


def test_missing_landmark_files_count_and_lost_faces_do_not(raw: Path) -> None:
    fit = np.zeros(FIRST + 1, dtype=[("pred", object), ("pose", object)])
    for entry in range(len(fit)):  # all lost, and none for the last two codes
        fit[entry] = (np.zeros((0, 0)), np.eye(3))
    savemat(raw / "2DFeatures/F001_T1.mat", {"fit": fit})
    with pytest.raises(InputError, match=rf"2 of 24 .*{NO_LANDMARKS} \(2\)"):
        build("bp4d", raw, raw.parent / "data")
    prepared = build("bp4d", raw, raw.parent / "data", max_skipped=0.1)
    assert read_metadata(prepared)["skipped"] == {NO_FACE: 2, NO_LANDMARKS: 2}
    whole = build("bp4d", raw, raw.parent / "whole", crop="full")
    assert len(read(whole)) == 24  # nothing is cut out: landmarks are only unknown


def test_depth_follows_the_face(release: tuple[Path, Any], tmp_path: Path) -> None:
    prepared = build("bp4d/rgb_depth", release[0], tmp_path, crop="full")
    assert read_metadata(prepared)["domains"] == ["reaction", "depth"]
    for record in read(prepared).values():
        depth = pixels(record["depth"]["image"])
        assert depth.shape == (32, 32) and depth.dtype == np.uint8
        assert depth[15:17, 15:17].min() > 230 and depth[0].max() == 0  # the pyramid's tip
    assert "verified: 24" in verify(prepared, jobs=1, progress=False)


def test_same_set_from_two_processes_and_beam(
    release: tuple[Path, Any], prepared: Path, tmp_path: Path
) -> None:
    fingerprint = read_metadata(prepared)["fingerprint"]
    for number, options in enumerate([{"jobs": 2}, {"beam_runner": "DirectRunner"}]):
        other = build("bp4d", release[0], tmp_path / str(number), crop="full", **options)
        assert read_metadata(other)["fingerprint"] == fingerprint
        assert read_metadata(other)["parts"] == read_metadata(prepared)["parts"]
