"""DISFA from a tiny tree in the official formats: every value, videos and folders, every defect."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from prepared_faces import build, pixels, read
from raw_disfa import AUS, FRAMES, HEIGHT, SUBJECTS, WIDTH, write_disfa
from scipy.io import savemat

from drr_jax.errors import InputError
from drr_jax.facs.labels import DISFA_AUS
from tfds_reactionet.building import NO_LANDMARKS, UNLABELLED
from tfds_reactionet.building.face_records import BAD_IMAGE, NO_FACE
from tfds_reactionet.building.summary import read_metadata
from tfds_reactionet.building.verification import verify
from tfds_reactionet.disfa.labels import read_intensity
from tfds_reactionet.disfa.reader import NO_IMAGE, PARTS
from tfds_reactionet.reading.crop import face_transform, move
from tfds_reactionet.reading.images import VideoFrames
from tfds_reactionet.reading.pixels import VideoImage, rotated

LABELS = "ActionUnit_Labels/SN003/SN003_au12.txt"
RECORDS = len(SUBJECTS) * FRAMES - 1  # SN010 lacks a row


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A raw tree of three subjects that tests only read, and what is in it."""
    root = tmp_path_factory.mktemp("raw")
    return root, write_disfa(root / "DISFA")


@pytest.fixture
def raw(release: tuple[Path, Any], tmp_path: Path) -> Path:
    """A copy of the tree that a test may change."""
    return Path(shutil.copytree(release[0] / "DISFA", tmp_path / "raw"))


def test_every_value_of_every_record(release: tuple[Path, Any], tmp_path: Path) -> None:
    prepared = build("disfa", release[0], tmp_path, crop="full", fit="centre")
    found = read(prepared)
    assert len(found) == RECORDS and ("SN010", FRAMES) not in found
    for subject, truth in release[1].items():
        for row, intensity in enumerate(truth["intensity"]):
            record = found[subject, row + 1]
            np.testing.assert_array_equal(record["au"]["intensity"], intensity)
            np.testing.assert_array_equal(record["au"]["occurrence"], intensity >= 2)
            assert record["part"] == PARTS[subject] and record["subject"] == subject
            mean = pixels(record["reaction"]["image"]).mean(axis=(0, 1))
            assert np.abs(mean - truth["colours"][row]).max() < 12  # image row - 1
            corner = np.array([(WIDTH - HEIGHT) / 2, 0])  # of the square in the middle
            points = (truth["landmarks"][row] - corner + 0.5) * (32 / HEIGHT) - 0.5
            np.testing.assert_allclose(record["landmarks"], points, atol=1e-3)
    metadata = read_metadata(prepared)
    assert metadata["au_names"] == [f"AU{au:02d}" for au in AUS]
    assert metadata["evaluated_aus"] == list(DISFA_AUS)
    assert [part["subjects"] for part in metadata["parts"].values()] == [[s] for s in SUBJECTS]
    assert f"verified: {RECORDS} records" in verify(prepared, jobs=1, progress=False)


def test_threshold_changes_occurrence_and_keeps_intensity(
    release: tuple[Path, Any], tmp_path: Path
) -> None:
    found = read(build("disfa", release[0], tmp_path, threshold=1))
    intensity = release[1]["SN003"]["intensity"]
    for row in range(FRAMES):
        record = found["SN003", row + 1]
        np.testing.assert_array_equal(record["au"]["occurrence"], intensity[row] >= 1)
        np.testing.assert_array_equal(record["au"]["intensity"], intensity[row])
    with pytest.raises(InputError, match="was built with threshold=1, not 2"):
        build("disfa", release[0], tmp_path, threshold=2)


def test_faces_are_cut_out_by_the_landmarks(release: tuple[Path, Any], tmp_path: Path) -> None:
    found = read(build("disfa", release[0], tmp_path))
    for subject, truth in release[1].items():
        points = np.float32(truth["landmarks"][2])
        expected = move(points, face_transform(points, 32, 0.1))
        np.testing.assert_allclose(found[subject, 3]["landmarks"], expected, atol=1e-3)


def test_chunks_of_a_video_are_read_on_without_seeking(
    release: tuple[Path, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tfds_reactionet.building import face_builder
    from tfds_reactionet.reading import pixels

    reads: list[int] = []
    grab, read = VideoFrames.frame, reads.append
    monkeypatch.setattr(VideoFrames, "frame", lambda self, n: read(n) or grab(self, n))
    starts: list[Path] = []
    begin = VideoFrames._open
    monkeypatch.setattr(VideoFrames, "_open", lambda v: starts.append(v.path) or begin(v))
    pixels.open_video.cache_clear()
    whole = build("disfa", release[0], tmp_path / "whole", crop="full")
    monkeypatch.setattr(face_builder, "CHUNK_FRAMES", 2)
    pieces = build("disfa", release[0], tmp_path / "pieces", crop="full")
    assert read_metadata(whole)["fingerprint"] == read_metadata(pieces)["fingerprint"]
    assert reads == [*range(1, 5), *range(1, 6)] * 2
    assert len(starts) == 4  # both videos, once for each build


def video_of_greys(path: Path, count: int, width: int = 32, height: int = 16) -> None:
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20, (width, height))
    for number in range(count):
        video.write(np.full((height, width, 3), 20 * number, np.uint8))
    video.release()


def test_video_frames_by_number(tmp_path: Path) -> None:
    video_of_greys(tmp_path / "a.avi", 6)
    for number in (0, 3, 5, 1):  # going back starts the video again
        image = VideoImage(tmp_path / "a.avi", number).read()
        assert image.shape == (16, 32, 3) and abs(image.mean() - 20 * number) < 3
    corner = np.zeros((2, 3, 3), np.uint8)
    corner[0, 0] = 255
    turned = [np.argwhere(rotated(corner, d)[..., 0])[0].tolist() for d in (0, 90, 180, 270)]
    assert turned == [[0, 0], [0, 1], [1, 2], [2, 0]]


@pytest.mark.parametrize("first", [0, 1])
def test_extracted_frames_from_zero_and_from_one(tmp_path: Path, first: int) -> None:
    raw = tmp_path / "raw"
    written = write_disfa(raw, extracted=SUBJECTS, landmarks=False)
    for subject in SUBJECTS:
        for number in reversed(range(FRAMES)):
            (raw / subject / f"{number}.png").rename(raw / subject / f"{number + first:05d}.png")
    if first:
        with pytest.raises(InputError, match=r"numbered from 1 to 5.*pass --frame_offset=0"):
            build("disfa", raw, tmp_path / "data")
    options = {"frame_offset": first - 1, "fit": "centre"}
    found = read(build("disfa", raw, tmp_path / "data", **options))
    for subject, truth in written.items():
        for row in range(len(truth["intensity"])):
            mean = pixels(found[subject, row + 1]["reaction"]["image"]).mean(axis=(0, 1))
            assert np.abs(mean - truth["colours"][row]).max() < 3


def test_landmarks_counted_from_one_are_found_out(raw: Path, release: Any) -> None:
    for path in sorted((raw / "Landmark_Points/SN031").rglob("*.mat"), reverse=True):
        path.rename(path.with_name(f"l{int(path.name[1:6]) + 1:05d}_lm.mat"))
    said = r"landmark files are numbered from 1 to 5, label rows .*pass --landmark_offset=0"
    with pytest.raises(InputError, match=said):
        build("disfa", raw, raw.parent / "data")


def test_frames_with_a_prefix(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    write_disfa(raw, extracted=SUBJECTS, landmarks=False)
    for subject in SUBJECTS:
        for path in list((raw / subject).iterdir()):
            path.rename(path.with_name(f"{subject}_frame{int(path.stem):04d}.png"))
    assert len(read(build("disfa", raw, tmp_path / "data"))) == RECORDS


def test_an_action_unit_that_counts_otherwise_is_refused(raw: Path) -> None:
    rows = (raw / LABELS).read_text().split()
    moved = [f"{int(row.split(',')[0]) - 1},{row.split(',')[1]}\r\n" for row in rows]
    (raw / LABELS).write_bytes("".join(moved).encode())
    with pytest.raises(InputError, match=r"au12\.txt: frames 0 to 4, but other AUs have 1 to 5"):
        build("disfa", raw, raw.parent / "data")


def test_missing_labels_are_unknown_and_never_absent(raw: Path, release: Any) -> None:
    (raw / LABELS).unlink()
    path = raw / LABELS.replace("au12", "au25")
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    prepared = build("disfa", raw, raw.parent / "data")
    found = read(prepared)
    for frame in range(1, FRAMES + 1):
        au = found["SN003", frame]["au"]
        assert au["occurrence"][AUS.index(12)] == -1 and np.isnan(au["intensity"][AUS.index(12)])
        known = release[1]["SN003"]["intensity"][frame - 1, AUS.index(25)]
        expected = -1 if frame == FRAMES else int(known >= 2)
        assert au["occurrence"][AUS.index(25)] == expected
    note = "labels of AU12, AU25 missing in some frames or in all: unknown there"
    assert read_metadata(prepared)["noted"] == {note: 1}
    assert read_metadata(prepared)["parts"]["part3"]["au_known"][AUS.index(12)] == 0


@pytest.mark.parametrize("given", [{}, {"frame_offset": 0}])
def test_label_rows_that_do_not_count_a_videos_frames_from_1(
    raw: Path, given: dict[str, int]
) -> None:
    """Rows from 0 would find a neighbour's frame, all but one."""
    for path in (raw / "ActionUnit_Labels/SN003").iterdir():
        rows = [line.split(",") for line in path.read_text().split()]
        path.write_text("".join(f"{int(row) - 1},{code}\n" for row, code in rows))
    shutil.rmtree(raw / "Landmark_Points")
    with pytest.raises(InputError, match=r"SN003_comp\.avi: 5 frames, .* from 0 to 4; expected"):
        build("disfa", raw, raw.parent / "data", max_skipped=0.5, **given)


def test_folders_in_other_words(raw: Path) -> None:
    """Capital letters, folders around, the right camera beside the left."""
    (raw / "Videos_LeftCamera").rename(raw / "videos_leftcamera")
    for path in (raw / "videos_leftcamera").iterdir():
        path.rename(path.with_name(path.name.replace("_comp", "_Comp")))
    (raw / "ActionUnit_Labels").rename(raw / "actionunit_labels")
    (raw / "Video_RightCamera").mkdir()
    (raw / "Video_RightCamera" / "RightVideoSN003_Comp.avi").write_bytes(b"not read")
    (raw / "actionunit_labels" / "SN003" / ".DS_Store").write_bytes(b"x")
    outer = raw.parent / "outer"
    outer.mkdir()
    raw.rename(outer / "DISFA")
    assert len(read(build("disfa", outer, outer.parent / "data"))) == RECORDS


def add(name: str, content: bytes) -> Callable[[Path], None]:
    return lambda raw: (raw / name).write_bytes((raw / name).read_bytes() + content) and None


def cut_video(raw: Path) -> None:
    path = raw / "Videos_LeftCamera/LeftVideoSN003_comp.avi"
    video_of_greys(path, 3, WIDTH, HEIGHT)


def cut_labels(raw: Path) -> None:
    """Leaves the first row of all twelve files."""
    for path in (raw / "ActionUnit_Labels/SN031").iterdir():
        path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])


SKIPS: dict[str, tuple[Callable[[Path], Any], str, int]] = {
    "rows without a frame": (cut_video, NO_IMAGE, 2),
    "no image": (lambda raw: (raw / "SN031/3.png").unlink(), NO_IMAGE, 1),
    "bad image": (lambda raw: (raw / "SN031/3.png").write_bytes(b"\x89PNG"), BAD_IMAGE, 1),
    "no landmarks": (
        lambda raw: next((raw / "Landmark_Points/SN031").rglob("l00003*")).unlink(),
        NO_LANDMARKS,
        1,
    ),
    "lost": (
        lambda raw: savemat(
            next((raw / "Landmark_Points/SN031").rglob("l00003*")), {"pts": np.zeros((0, 2))}
        ),
        NO_FACE,
        1,
    ),
    "half of the landmarks": (
        lambda raw: [p.unlink() for p in (raw / "Landmark_Points").rglob("*0[13]_lm.mat")],
        NO_LANDMARKS,
        6,
    ),
    "rows": (cut_labels, UNLABELLED, 4),
    "a subject without labels": (
        lambda raw: shutil.rmtree(raw / "ActionUnit_Labels/SN031"),
        UNLABELLED,
        5,
    ),
    "a subject without images": (lambda raw: shutil.rmtree(raw / "SN031"), NO_IMAGE, 5),
}


@pytest.mark.parametrize("defect", SKIPS)
def test_unusable_frames_are_counted_and_listed(raw: Path, defect: str) -> None:
    change, reason, count = SKIPS[defect]
    change(raw)
    if defect.startswith("a subject"):
        with pytest.raises(InputError, match=rf"most often: {reason} \({count}\)"):
            build("disfa", raw, raw.parent / "data")
        with pytest.raises(InputError, match=r"no usable frame for part2 .*part2 0"):
            build("disfa", raw, raw.parent / "data", max_skipped=1)
        return
    if defect != "lost":
        with pytest.raises(InputError, match=rf"most often: {reason} \({count}\)"):
            build("disfa", raw, raw.parent / "data")
    prepared = build("disfa", raw, raw.parent / "data", max_skipped=0.5)
    assert read_metadata(prepared)["skipped"] == {reason: count}
    assert len(read(prepared)) == RECORDS - count


DEFECTS = {
    "value": (add(LABELS, b"6,6\r\n"), "SN003_au12.txt: line 6: intensity '6', expected 0 to 5"),
    "frame": (add(LABELS, b"x,1\r\n"), "line 6: frame 'x' is not a whole number"),
    "twice": (add(LABELS, b"1,1\r\n"), "line 6: frame 1 is there twice"),
    "columns": (add(LABELS, b"6\r\n"), "line 6: '6', expected frame,intensity"),
    "not utf-8": (add(LABELS, b"\xff"), "not UTF-8 at byte 25"),
    "no label file": (
        lambda raw: [path.unlink() for path in (raw / LABELS).parent.iterdir()],
        "no label file; expected SN003_au1.txt",
    ),
    "no labels": (lambda raw: shutil.rmtree(raw / "ActionUnit_Labels"), "no labels; expected"),
    "subject": (
        lambda raw: (raw / "ActionUnit_Labels/SN003").rename(raw / "ActionUnit_Labels/SN033"),
        "subject 'SN033' is in no part of DISFA's published lists",
    ),
    "label file of another": (
        lambda raw: shutil.copy(raw / LABELS, raw / "ActionUnit_Labels/SN031"),
        "its name says SN003, but it lies among the files of SN031; expected a file of SN031",
    ),
    "landmarks of another": (
        lambda raw: shutil.copytree(
            raw / "Landmark_Points/SN003", raw / "Landmark_Points/SN031", dirs_exist_ok=True
        ),
        "SN003_0000_lm.mat: its name says SN003, but it lies among the files of SN031",
    ),
    "images of another": (
        lambda raw: [p.rename(p.with_name(f"SN003_{p.name}")) for p in (raw / "SN031").iterdir()],
        "its name says SN003, but it lies among the files of SN031",
    ),
    "video": (
        lambda raw: (raw / "Videos_LeftCamera/LeftVideoSN003_comp.avi").write_bytes(b"RIFF"),
        "OpenCV finds no frame in it",
    ),
    "landmarks": (
        lambda raw: next((raw / "Landmark_Points/SN003").rglob("*0003*")).write_bytes(b"x"),
        "not a readable MATLAB file",
    ),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_defect_is_one_line_and_nothing_is_left(raw: Path, defect: str) -> None:
    change, message = DEFECTS[defect]
    change(raw)
    with pytest.raises(InputError) as caught:
        build("disfa", raw, raw.parent / "data")
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert not list(raw.parent.glob("data/disfa/left/*"))


@settings(max_examples=150, deadline=None)
@given(data=st.one_of(st.binary(max_size=60), st.text("0123456,\r\n x-", max_size=60)))
@example(data="1,0\r\n2,5\r\n")
def test_any_bytes_give_intensities_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: bytes | str
) -> None:
    path = tmp_path_factory.mktemp("labels") / "SN001_au1.txt"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    try:
        found = read_intensity(path)
        assert all(value in range(6) and frame >= 0 for frame, value in found.items())
    except InputError as error:
        assert str(path) in str(error) and "\n" not in str(error)
