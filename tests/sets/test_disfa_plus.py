"""DISFA+ from a tiny tree: every value, both kinds of folds, OpenFace's landmarks, every defect."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from prepared_faces import build, pixels, read
from raw_disfa_plus import AUS, FRAMES, HEIGHT, SUBJECTS, TRIALS, WIDTH, write_disfa_plus

from drr_jax.errors import InputError
from tfds_reactionet.building import UNLABELLED
from tfds_reactionet.building.face_records import NO_FACE
from tfds_reactionet.building.summary import read_metadata, summarise
from tfds_reactionet.building.verification import verify
from tfds_reactionet.disfa_plus.labels import read_intensity
from tfds_reactionet.disfa_plus.reader import NO_IMAGE, NO_LABELS, OTHER_LENGTH
from tfds_reactionet.reading.crop import face_transform, move

RECORDS = len(SUBJECTS) * len(TRIALS) * FRAMES
FIRST = f"SN001/{TRIALS[0]}"
AU1 = f"Labels/{FIRST}/AU1.txt"  # the first that is read
AU12 = f"Labels/{FIRST}/AU12.txt"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    root = tmp_path_factory.mktemp("raw")
    return root, write_disfa_plus(root / "DISFA+")


@pytest.fixture
def raw(release: tuple[Path, Any], tmp_path: Path) -> Path:
    """A copy of the tree that a test may change."""
    return Path(shutil.copytree(release[0] / "DISFA+", tmp_path / "raw"))


@pytest.mark.parametrize("nested", [False, True])
def test_every_value_of_every_record(tmp_path: Path, nested: bool) -> None:
    truth = write_disfa_plus(tmp_path / "raw" / "outer", nested)
    prepared = build("disfa_plus", tmp_path / "raw", tmp_path / "data", fit="centre")
    found = read(prepared)
    assert len(found) == RECORDS
    for (sequence, frame), record in found.items():
        intensity = truth[sequence]["intensity"][frame]
        np.testing.assert_array_equal(record["au"]["intensity"], intensity)
        np.testing.assert_array_equal(record["au"]["occurrence"], intensity >= 2)
        subject = sequence.split("/")[0]
        assert record["subject"] == subject
        assert record["part"] == f"part{SUBJECTS.index(subject) + 1}"
        mean = pixels(record["reaction"]["image"]).mean(axis=(0, 1))
        assert np.abs(mean - truth[sequence]["colours"][frame]).max() < 6
    metadata = read_metadata(prepared)
    assert metadata["au_names"] == metadata["evaluated_aus"] == [f"AU{au:02d}" for au in AUS]
    assert metadata["protocol"]["test"][8] == ["part9"] and metadata["skipped"] == {}
    assert f"verified: {RECORDS} records" in verify(prepared, jobs=1, progress=False)


def test_parts_of_disfa_and_another_threshold(raw: Path) -> None:
    prepared = build("disfa_plus", raw, raw.parent / "data", folds="disfa", threshold=4)
    parts = {record["subject"]: record["part"] for record in read(prepared).values()}
    assert [parts[s] for s in ("SN001", "SN013", "SN025", "SN027")] == [
        "part1",
        "part2",
        "part3",
        "part1",
    ]
    for record in read(prepared).values():
        np.testing.assert_array_equal(record["au"]["occurrence"], record["au"]["intensity"] >= 4)


def test_a_persons_part_in_disfa_is_that_of_its_published_lists() -> None:
    from tfds_reactionet.disfa.reader import PARTS as published
    from tfds_reactionet.disfa_plus.reader import PARTS

    assert PARTS["disfa"] == {subject: published[subject] for subject in SUBJECTS}


def test_faces_are_cut_out_by_the_landmarks_of_openface(raw: Path, release: Any) -> None:
    points = np.random.default_rng(0).uniform(0.3, 0.7, (FRAMES, 68, 2)) * (WIDTH, HEIGHT)
    for first, x in ((36, 0.4), (42, 0.6)):
        points[:, first : first + 6] = (x * WIDTH, 0.4 * HEIGHT)
    points[:, 48], points[:, 54] = (0.45 * WIDTH, 0.6 * HEIGHT), (0.55 * WIDTH, 0.6 * HEIGHT)
    points = points.round(1)
    columns = ["frame", "face_id", "timestamp", "confidence", "success"]
    columns += [f"{axis}_{n}" for axis in "xy" for n in range(68)]
    lines = [",".join(columns)]
    for number, of_frame in enumerate(points):
        row = [number + 1, 0, 0.05 * number, 0.98, int(number != 1), *of_frame.T.ravel()]
        lines.append(",".join(map(str, row)))
    tracks = raw.parent / "tracks"
    for name in release[1]:
        (tracks / name).parent.mkdir(parents=True, exist_ok=True)
        (tracks / f"{name}.csv").write_text("\n".join(lines) + "\n")
    options = {"landmarks": str(tracks), "max_skipped": 0.5}
    prepared = build("disfa_plus", raw, raw.parent / "data", **options)
    found = read(prepared)
    assert read_metadata(prepared)["skipped"] == {NO_FACE: len(release[1])}
    assert not any(frame == 1 for _, frame in found)  # where tracking was lost
    expected = np.float32(points[2])
    expected = move(expected, face_transform(expected, 32, 0.1))
    np.testing.assert_allclose(found[FIRST, 2]["landmarks"], expected, atol=1e-3)
    image = raw / "Images" / FIRST / "001.jpg"
    image.rename(raw / "001.jpg")  # those after it would have their neighbours'
    lost = rf"{OTHER_LENGTH} \({FRAMES - 1}\)"
    with pytest.raises(InputError, match=lost):
        build("disfa_plus", raw, raw.parent / "lost", **{**options, "max_skipped": 0})
    (raw / "001.jpg").rename(image)
    (tracks / f"SN013/{TRIALS[0]}.csv").unlink()  # trials of other subjects are called the same
    with pytest.raises(InputError, match=r"several times, and not once in a folder SN013/"):
        build("disfa_plus", raw, raw.parent / "fewer", **options)


SKIPS: dict[str, tuple[Callable[[Path], Any], str, int]] = {
    "an image": (lambda raw: (raw / "Images" / FIRST / "001.jpg").unlink(), NO_IMAGE, 1),
    "images": (lambda raw: shutil.rmtree(raw / "Images" / FIRST), NO_IMAGE, FRAMES),
    "labels": (lambda raw: shutil.rmtree(raw / "Labels" / FIRST), NO_LABELS, FRAMES),
    "rows": (lambda raw: cut(raw, 3), UNLABELLED, FRAMES - 1),
    "all rows": (lambda raw: cut(raw, 2), UNLABELLED, FRAMES),
}


def cut(raw: Path, lines: int) -> None:
    """Leaves so many lines of every label file of a trial; two are the header."""
    for path in (raw / "Labels" / FIRST).iterdir():
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:lines]))


@pytest.mark.parametrize("defect", SKIPS)
def test_what_is_missing_is_counted_and_listed(raw: Path, defect: str) -> None:
    change, reason, count = SKIPS[defect]
    change(raw)
    with pytest.raises(InputError, match=rf"most often: {reason} \({count}\)"):
        build("disfa_plus", raw, raw.parent / "data")
    prepared = build("disfa_plus", raw, raw.parent / "data", max_skipped=0.5)
    assert read_metadata(prepared)["skipped"] == {reason: count}


def test_an_au_or_a_row_that_is_missing_is_unknown(raw: Path) -> None:
    (raw / AU12).unlink()
    path = raw / f"Labels/{FIRST}/AU1.txt"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    prepared = build("disfa_plus", raw, raw.parent / "data")
    record = read(prepared)[FIRST, FRAMES - 1]
    note = "labels of AU01, AU12 missing in some frames or in all: unknown there"
    assert read_metadata(prepared)["noted"] == {note: 1} and f"1  {note}" in summarise(prepared)
    unknown = [AUS[n] for n in np.flatnonzero(record["au"]["occurrence"] < 0)]
    assert unknown == [1, 12] and np.isnan(record["au"]["intensity"][[0, AUS.index(12)]]).all()


@pytest.mark.parametrize("trials", [1, 2 * len(SUBJECTS)])
def test_images_counted_from_one_are_found_out(raw: Path, release: Any, trials: int) -> None:
    """All records but one a trial would have the neighbour's label."""
    for folder in sorted(raw.glob("Images/*/*"))[:trials]:
        for path in sorted(folder.glob("*.jpg"), reverse=True):
            path.rename(folder / f"{int(path.stem) + 1:04d}.jpg")
    said = r"images are numbered from 1 to 3, label rows from 0 to 2; .* pass --frame_offset=1;"
    with pytest.raises(InputError, match=said):
        build("disfa_plus", raw, raw.parent / "data")
    if trials > 1:
        found = read(build("disfa_plus", raw, raw.parent / "data", frame_offset=1))
        assert len(found) == RECORDS
        for (sequence, frame), record in found.items():
            truth = release[1][sequence]
            np.testing.assert_array_equal(record["au"]["intensity"], truth["intensity"][frame - 1])
            mean = pixels(record["reaction"]["image"])[12:20, 12:20].mean(axis=(0, 1))
            assert np.abs(mean - truth["colours"][frame - 1]).max() < 6


def rename_images(raw: Path, prefix: str) -> None:
    for path in list((raw / "Images" / FIRST).glob("*.jpg")):
        path.rename(path.with_name(prefix + path.name))


def change(name: str, old: str, new: str) -> Callable[[Path], Any]:
    def act(raw: Path) -> None:
        text = (raw / name).read_bytes().decode()
        assert old in text
        (raw / name).write_bytes(text.replace(old, new, 1).encode())

    return act


DEFECTS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "header": (change(AU12, "---", "a\r\n---"), "AU12.txt: line 3: '-----"),
    "other AU": (change(AU12, "AU12", "AU2"), "line 1: '# Intensity of AU2', expected labels of"),
    "other person": (
        lambda raw: rename_images(raw, "SN003_"),
        "its name says SN003, but it lies among the files of SN001; expected a file of SN001",
    ),
    "moved AU": (
        lambda raw: (raw / AU1).write_text("001.jpg 0\n002.jpg 0\n003.jpg 0\n"),
        "AU1.txt: frames 1 to 3, but other AUs have 0 to 2",
    ),
    "row": (change(AU12, "001.jpg  ", "image 1"), "AU12.txt: line 4: 'image 1"),
    "twice": (change(AU12, "001.jpg", "000.jpg"), "line 4: image 0 is there twice"),
    "two files": (
        lambda raw: shutil.copy(raw / AU12, raw / AU12.replace("AU12", "au12")),
        "AU 12 is there twice",
    ),
    "person": (
        lambda raw: (raw / "Labels/SN001").rename(raw / "Labels/SN002"),
        "subject 'SN002' is in no part of the nine subjects of DISFA+",
    ),
    "no labels": (lambda raw: shutil.rmtree(raw / "Labels"), "no labels; expected Labels/SN001/A1"),
    "no images": (lambda raw: shutil.rmtree(raw / "Images"), "no images of a labelled trial; exp"),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_defect_is_one_line_and_nothing_is_left(raw: Path, defect: str) -> None:
    act, message = DEFECTS[defect]
    act(raw)
    with pytest.raises(InputError) as caught:
        build("disfa_plus", raw, raw.parent / "data")
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert not list(raw.parent.glob("data/disfa_plus/trials/*"))


CELLS = ["000.jpg", "1.JPG", "     ", "0", "5", "6", "\r\n", "\n", "AU1", "é", "1.0", "-"]


@settings(max_examples=100, deadline=None)
@given(cells=st.lists(st.sampled_from(CELLS), max_size=20), tail=st.binary(max_size=10))
@example(cells=["000.jpg", "     ", "5", "\r\n"], tail=b"")
def test_any_bytes_give_intensities_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, cells: list[str], tail: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "disfa_plus.txt"
    path.write_bytes("".join(cells).encode() + tail)
    try:
        assert set(read_intensity(path).values()) <= {0, 1, 2, 3, 4, 5}
    except InputError as error:
        assert str(path) in str(error) and "\n" not in str(error)
