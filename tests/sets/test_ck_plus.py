"""CK+ from a tiny tree in the official formats: every value, both configs, folds, every defect."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from prepared_faces import build, pixels, read
from raw_ck_plus import FRAMES, HEIGHT, SEQUENCES, WIDTH, number, write_ck_plus

from drr_jax.errors import InputError
from drr_jax.facs import EXPRESSIONS_8
from tfds_reactionet.building import NO_LANDMARKS
from tfds_reactionet.building.catalog import defaults
from tfds_reactionet.building.summary import read_metadata, summarise
from tfds_reactionet.building.verification import verify
from tfds_reactionet.ck_plus import DATA_SET, labels
from tfds_reactionet.ck_plus.reader import (
    CUT_OFF,
    LOST,
    NO_EMOTION,
    NO_EXPRESSION,
    NO_FACS,
    NOT_LAST,
    OTHER_EMOTION,
    OTHER_PEAK,
    Reader,
)
from tfds_reactionet.reading.crop import move
from tfds_reactionet.reading.placing import full_transform

NAMES = {1: "anger", 2: "contempt", 3: "disgust", 4: "fear", 5: "happy", 6: "sad", 7: "surprise"}
PARTS = {  # six subjects with one of six emotions, by the number in their ids
    "S005/001": "part2",
    "S010/002": "part1",
    "S011/001": "part2",
    "S130/009": "part1",
    "S501/006": "part3",
    "S999/003": "part3",
}
EXPECTED = {NO_EMOTION: 1, OTHER_EMOTION: 1}
EMOTION = "Emotion/S010/002/S010_002_00000005_emotion.txt"
FACS = "FACS/S010/002/S010_002_00000005_facs.txt"
IMAGES = "cohn-kanade-images/S010/002"
POINTS = "Landmarks/S010/002/S010_002_00000004_landmarks.txt"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    root = tmp_path_factory.mktemp("raw")
    return root, write_ck_plus(root / "CK+")


@pytest.fixture
def raw(release: tuple[Path, Any], tmp_path: Path) -> Path:
    """A copy of the tree that a test may change."""
    return Path(shutil.copytree(release[0] / "CK+", tmp_path / "raw"))


@pytest.mark.parametrize("config", ["au", "expression"])
def test_every_value_of_every_record(
    release: tuple[Path, Any], tmp_path: Path, config: str
) -> None:
    options = {"crop": "full", "image_format": "png", "fit": "centre"}
    prepared = build(f"ck_plus/{config}", release[0], tmp_path, **options)
    found = read(prepared)
    assert len(found) == len(PARTS) * 3
    for sequence, part in PARTS.items():
        truth = release[1][sequence]
        for frame in (FRAMES - 2, FRAMES - 1, FRAMES):
            record = found[sequence, frame]
            assert record["part"] == part and record["subject"] == sequence[:4]
            assert labels.SIX_EMOTIONS[record["expression"]] == NAMES[truth["emotion"]]
            for column, au in enumerate(labels.CODED):
                grade = truth["facs"].get(au)
                assert record["au"]["occurrence"][column] == (grade is not None)
                intensity = record["au"]["intensity"][column]
                assert np.isnan(intensity) if grade == 0 else intensity == (grade or 0)
            assert (pixels(record["reaction"]["image"]) == truth["images"][frame - 1][0, 0]).all()
            points = move(
                truth["landmarks"][frame - 1], full_transform(HEIGHT, WIDTH, 32, "centre")
            )
            np.testing.assert_allclose(record["landmarks"], points, atol=1e-3)
            assert record["label_source"] == 1
    metadata = read_metadata(prepared)
    assert metadata["task"] == config and metadata["skipped"] == EXPECTED
    assert metadata["expression_names"] == ["anger", "disgust", "fear", "happy", "sad", "surprise"]
    aus = (1, 2, 4, 5, 6, 7, 9, 12, 17, 23, 24, 25)
    assert metadata["evaluated_aus"] == [f"AU{au:02d}" for au in aus]
    assert metadata["protocol"]["test"] == [["part1"], ["part2"], ["part3"]]
    assert "verified: 18 records" in verify(prepared, jobs=1, progress=False)


@pytest.mark.parametrize("config", ["contempt", "eight"])
def test_contempt_and_the_neutral_face_that_a_sequence_begins_with(raw: Path, config: str) -> None:
    (raw / EMOTION).write_text(number(0))
    prepared = build(f"ck_plus/{config}", raw, raw.parent / "data", crop="full", image_format="png")
    found, metadata = read(prepared), read_metadata(prepared)
    names = metadata["expression_names"]
    neutral = ["neutral"] if config == "eight" else []
    assert names == [*labels.SIX_EMOTIONS, *neutral, "contempt"]
    assert metadata["skipped"] == {NO_EMOTION: 1, NO_EXPRESSION: 1}
    shown = {key: names[record["expression"]] for key, record in found.items()}
    frames = [1, 3, 4, 5] if config == "eight" else [3, 4, 5]
    assert sorted(shown) == sorted(
        (sequence, frame) for sequence in {*PARTS, "S138/004"} - {"S010/002"} for frame in frames
    )
    for (sequence, frame), name in shown.items():
        emotion = NAMES[SEQUENCES[sequence][0] or 0]
        assert name == ("neutral" if frame == 1 else emotion)
        occurrence = found[sequence, frame]["au"]["occurrence"]
        assert (occurrence < 0).all() == (frame == 1)  # FACS codes are the peak's
    short = build(f"ck_plus/{config}", raw, raw.parent / "short", last=99)
    assert "neutral" not in {names[record["expression"]] for record in read(short).values()}


def test_options_for_frames_folds_and_threshold(raw: Path) -> None:
    prepared = build("ck_plus", raw, raw.parent / "data", last=1, folds=2, threshold=2)
    found = read(prepared)
    assert sorted(found) == [(sequence, FRAMES) for sequence in PARTS]
    numbers = [int(found[s, FRAMES]["part"].removeprefix("part")) for s in PARTS]
    assert numbers == [(int(s[1:4]) - 1) % 2 + 1 for s in PARTS]
    occurrence = dict(zip(labels.CODED, found["S010/002", 5]["au"]["occurrence"], strict=True))
    assert [occurrence[au] for au in (1, 2, 5, 25, 27, 6)] == [1, 0, 1, -1, 1, 0]
    everything = build("ck_plus", raw, raw.parent / "all", last=99)
    assert len(read(everything)) == len(PARTS) * FRAMES


def test_folders_as_the_zip_files_unpack(tmp_path: Path) -> None:
    write_ck_plus(tmp_path / "raw/outer", landmarks=False, nested=True)
    prepared = build("ck_plus", tmp_path / "raw", tmp_path / "data")
    assert len(read(prepared)) == 18
    assert read_metadata(prepared)["options"]["crop"] == "full"


@pytest.mark.parametrize("moved", [-1, 1])
@pytest.mark.parametrize("with_landmarks", [True, False])
def test_images_numbered_otherwise_than_labels_are_found_out(
    raw: Path, release: tuple[Path, Any], moved: int, with_landmarks: bool
) -> None:
    if not with_landmarks:
        shutil.rmtree(raw / "Landmarks")
    for path in sorted((raw / "cohn-kanade-images").rglob("*.png"), reverse=moved > 0):
        path.rename(path.with_name(f"{path.stem[:9]}{int(path.stem[9:]) + moved:08d}.png"))
    with pytest.raises(InputError, match=rf"in 6 of 6 sequences.*pass --frame_offset={moved}"):
        build("ck_plus", raw, raw.parent / "data")
    options = {"crop": "full", "image_format": "png", "frame_offset": moved}
    found = read(build("ck_plus", raw, raw.parent / "data", **options))
    for sequence in PARTS:
        stored = pixels(found[sequence, FRAMES + moved]["reaction"]["image"])
        assert (stored[16, 16] == release[1][sequence]["images"][FRAMES - 1][0, 0]).all()


def test_landmarks_numbered_otherwise_than_images_are_found_out(raw: Path) -> None:
    for path in sorted((raw / "Landmarks").rglob("*.txt")):
        number = int(path.stem[9:17]) - 1
        path.rename(path.with_name(f"{path.stem[:9]}{number:08d}_landmarks.txt"))
    with pytest.raises(InputError, match=r"from 1 to 5, landmark files from 0 to 4"):
        build("ck_plus", raw, raw.parent / "data")


def test_names_of_other_widths_belong_together(raw: Path) -> None:
    for path in list((raw / "cohn-kanade-images").rglob("*.png")):
        path.rename(path.with_name(f"{path.stem[:9]}{int(path.stem[9:])}.png"))
    assert len(read(build("ck_plus", raw, raw.parent / "data"))) == 18


def test_peak_is_the_frame_that_the_label_names(raw: Path) -> None:
    (raw / EMOTION).rename(raw / EMOTION.replace("00000005", "00000004"))
    prepared = build("ck_plus", raw, raw.parent / "data")
    assert read_metadata(prepared)["noted"] == {NOT_LAST: 1, OTHER_PEAK: 1}
    assert f"1  {NOT_LAST}" in summarise(prepared)
    found = read(prepared)
    assert [frame for sequence, frame in sorted(found) if sequence == "S010/002"] == [2, 3, 4]


SKIPS: dict[str, tuple[Callable[[Path], Any], str, int]] = {
    "no peak": (lambda raw: (raw / IMAGES / "S010_002_00000005.png").unlink(), CUT_OFF, 3),
    "no images": (lambda raw: shutil.rmtree(raw / IMAGES), CUT_OFF, 3),
    "gap": (lambda raw: (raw / IMAGES / "S010_002_00000003.png").unlink(), LOST, 1),
    "no first": (lambda raw: (raw / IMAGES / "S010_002_00000001.png").unlink(), LOST, 1),
    "no codes": (lambda raw: (raw / FACS).unlink(), NO_FACS, 1),
    "no landmarks": (lambda raw: (raw / POINTS).unlink(), NO_LANDMARKS, 1),
    "half of the landmarks": (
        lambda raw: [p.unlink() for p in (raw / "Landmarks").rglob("*0[24]_landmarks.txt")],
        NO_LANDMARKS,
        6,
    ),
}


@pytest.mark.parametrize("defect", SKIPS)
def test_what_is_missing_is_counted_and_listed(raw: Path, defect: str) -> None:
    change, reason, count = SKIPS[defect]
    change(raw)
    options = {"folds": 2, "max_skipped": 0.5}
    with pytest.raises(InputError, match=rf"most often: {reason} \({count}\)"):
        build("ck_plus", raw, raw.parent / "data", folds=2)
    prepared = build("ck_plus", raw, raw.parent / "data", **options)
    assert read_metadata(prepared)["skipped"] == {**EXPECTED, reason: count}
    if reason == NO_FACS:  # the other config does not need them
        prepared = build("ck_plus/expression", raw, raw.parent / "data")
        assert (read(prepared)["S010/002", 5]["au"]["occurrence"] == -1).all()
        assert read_metadata(prepared)["noted"] == {NO_FACS: 1}
        note = "7 sequences have an emotion label; the release has 327"
        assert read_metadata(prepared)["notes"] == [note]


@pytest.mark.parametrize("lost", [(1,), (2, 3, 4), (1, 2, 3), (5,), (4, 5)])
@pytest.mark.parametrize("named_by", ["emotion", "facs", "landmarks"])
def test_lost_images_give_no_other_frame_their_labels(
    raw: Path, lost: tuple[int, ...], named_by: str
) -> None:
    """Whichever file's name says where a sequence ends, what is left keeps its own labels."""
    for frame in lost:
        (raw / IMAGES / f"S010_002_{frame:08d}.png").unlink()
    left = max({1, 2, 3, 4, 5} - set(lost))
    for kind, name in (("emotion", EMOTION), ("facs", FACS)):
        if kind != named_by:
            (raw / name).rename(raw / name.replace("00000005", f"{left:08d}"))
    for path in (raw / "Landmarks/S010/002").iterdir():
        if named_by != "landmarks" and int(path.name[9:17]) > left:
            path.unlink()
    reader = Reader(raw, "eight", {**defaults(DATA_SET), "crop": "full"})
    frames, skips = reader.frames({it.sequence: it for it in reader.units()}["S010/002"])
    shown = {frame.number: EXPRESSIONS_8[frame.expression] for frame in frames[:]}
    truth = {1: "neutral"} | dict.fromkeys((3, 4, 5), "surprise")
    assert shown == ({} if 5 in lost else {n: e for n, e in truth.items() if n not in lost})
    assert {skip.reason for skip in skips} == {CUT_OFF if 5 in lost else LOST}
    assert 5 in lost or {int(skip.key[-1]) for skip in skips} == set(lost)


def write(name: str, text: str) -> Callable[[Path], Any]:
    return lambda raw: (raw / name).write_text(text)


DEFECTS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "code": (write(EMOTION, number(8)), "emotion.txt: line 1: emotion 8, expected a whole number"),
    "half": (write(EMOTION, number(1.5)), "line 1: emotion 1.5, expected a whole number, 0 to 7"),
    "no code": (write(EMOTION, "\n"), "0 numbers, expected one emotion code"),
    "text": (write(EMOTION, "happy"), "line 1: 'happy', expected one number"),
    "two labels": (
        lambda raw: shutil.copy(raw / EMOTION, raw / EMOTION.replace("0005", "0004")),
        "expected one label file",
    ),
    "strange name": (
        lambda raw: (raw / EMOTION).rename(raw / EMOTION.replace("S010_", "S011_")),
        "does not belong into",
    ),
    "grade": (write(FACS, number(1) + number(6)), "facs.txt: line 1: intensity 6"),
    "no AU": (write(FACS, ""), "facs.txt: empty; expected lines of AU and intensity"),
    "blank": (write(FACS, "\r\n"), "facs.txt: empty; expected lines of AU and intensity"),
    "AU": (write(FACS, "\n" + number(0) + number(1)), "facs.txt: line 2: AU 0"),
    "AU twice": (write(FACS, 2 * (number(1) + number(1) + "\n")), "line 2: AU 1 is there twice"),
    "column": (write(FACS, number(1)), "expected 2 numbers"),
    "points": (write(POINTS, number(1) + number(1)), "1 points, expected 68 lines"),
    "image twice": (
        lambda raw: shutil.copy(
            raw / IMAGES / "S010_002_00000005.png", raw / IMAGES / "S010_002_5.png"
        ),
        "frame 5 is there twice",
    ),
    "number": (
        lambda raw: (raw / IMAGES / "S010_002_999999999.png").write_bytes(b""),
        "frame 999999999, expected at most 9999",
    ),
    "second folder": (
        lambda raw: shutil.move(raw / IMAGES, raw / "more" / IMAGES.split("/", 1)[1]),
        "more: holds images of 1 sequences, such as S010/002, that are not in",
    ),
    "no emotions": (lambda raw: shutil.rmtree(raw / "Emotion"), "no emotion in it; expected Emo"),
    "no facs": (lambda raw: shutil.rmtree(raw / "FACS"), "no facs in it; expected FACS/S005"),
    "no pictures": (lambda raw: shutil.rmtree(raw / "cohn-kanade-images"), "no images in it"),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_defect_is_one_line_and_nothing_is_left(raw: Path, defect: str) -> None:
    change, message = DEFECTS[defect]
    change(raw)
    with pytest.raises(InputError) as caught:
        build("ck_plus", raw, raw.parent / "data")
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert not list(raw.parent.glob("data/ck_plus/au/*"))


def test_a_part_without_anybody_is_one_line(raw: Path) -> None:
    with pytest.raises(InputError, match=r"no usable frame for part\d .*--folds"):
        build("ck_plus", raw, raw.parent / "data", folds=7)
    with pytest.raises(InputError, match=r"folds=11: no such file, and no folds of that name"):
        build("ck_plus", raw, raw.parent / "data", folds=11)


def test_folds_depend_on_no_other_subject_of_the_disk(raw: Path) -> None:
    """One subject more or less moves nobody: a run's people stay those that it was trained on."""
    before = read(build("ck_plus", raw, raw.parent / "all"))
    for kind in ("Emotion", "FACS", "cohn-kanade-images", "Landmarks"):
        shutil.rmtree(raw / kind / "S005")
    prepared = build("ck_plus", raw, raw.parent / "fewer")
    after = read(prepared)
    assert {key: r["part"] for key, r in after.items()} == {
        key: r["part"] for key, r in before.items() if r["subject"] != "S005"
    }
    text = summarise(prepared)
    assert "part2: 3 records" in text and "1 subjects" in text
    assert "parts hold 20.0 to 40.0 % of the records" in text


def test_folds_of_a_file(raw: Path) -> None:
    listed = raw.parent / "folds.txt"
    listed.write_text("S005 1\nS010 1\nS011 2\nS130 2\nS501 1\nS999 2\n")
    prepared = build("ck_plus/expression", raw, raw.parent / "data", folds=listed)
    parts = {r["subject"]: r["part"] for r in read(prepared).values()}
    assert parts["S501"] == "part1" and parts["S999"] == "part2"
    assert read_metadata(prepared)["protocol"]["test"] == [["part1"], ["part2"]]
    assert f"folds of {listed}" in summarise(prepared)
    listed.write_text(listed.read_text().replace("S999 2", "S999 1"))
    with pytest.raises(InputError, match=r"folds\.txt holds something else now"):
        build("ck_plus/expression", raw, raw.parent / "data", folds=listed)


NUMBERS = st.one_of(st.binary(max_size=40), st.text("0123456789.e+-\r\n  nai", max_size=60))


@settings(max_examples=200, deadline=None)
@given(data=NUMBERS)
@example(data="   3.0000000e+00\r\n")
@example(data="   1.0000000e+00   2.0000000e+00\n   \n")
@example(data="1e999 1")
def test_any_bytes_give_labels_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: bytes | str
) -> None:
    path = tmp_path_factory.getbasetemp() / "ck_plus_label.txt"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    for parse in (labels.read_emotion, labels.read_facs, labels.read_landmarks):
        try:
            found: Any = parse(path)
        except InputError as error:
            assert str(path) in str(error) and "\n" not in str(error)
            continue
        if parse is labels.read_facs:
            assert all(0 < au < 100 and grade in range(6) for au, grade in found.items())
            occurrence, intensity = labels.codes(found, 2)
            assert set(occurrence) <= {-1, 0, 1} and not (intensity > 5).any()
        elif parse is labels.read_emotion:
            assert found == labels.EMOTIONS[int(float(path.read_text()))]
