"""BU-3DFE from a tiny tree in the official formats: names, classes, levels, depth, defects."""

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
from raw_bu3dfe import EXTRA, SUBJECTS, write_bu3dfe, write_wrl

from drr_jax.errors import InputError
from drr_jax.facs.labels import EXPRESSIONS
from tfds_reactionet.bu3dfe import names
from tfds_reactionet.bu3dfe.reader import (
    NO_IMAGE,
    NO_MESH,
    NO_SCANS,
    NOT_A_CLASS,
    OTHER_LEVEL,
)
from tfds_reactionet.building.face_records import BAD_DEPTH, BAD_IMAGE
from tfds_reactionet.building.summary import read_metadata
from tfds_reactionet.building.verification import verify

EVERY = (*SUBJECTS, EXTRA)
Truth = dict[tuple[str, int], np.ndarray]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    """A raw tree that tests only read, and what is in it."""
    root = tmp_path_factory.mktemp("raw")
    return root, write_bu3dfe(root / "BU_3DFE" / "Subjects")


@pytest.fixture
def raw(release: tuple[Path, Truth], tmp_path: Path) -> Path:
    """A copy of the tree that a test may change."""
    return Path(shutil.copytree(release[0] / "BU_3DFE/Subjects", tmp_path / "raw"))


def test_every_value_of_every_record(release: tuple[Path, Truth], tmp_path: Path) -> None:
    prepared = build("bu3dfe", release[0], tmp_path, classes=7, image_format="png")
    found = read(prepared)
    assert found.keys() == release[1].keys()  # (subject, number)
    for (subject, number), original in release[1].items():
        record = found[subject, number]
        neutral = number == 24
        name = "neutral" if neutral else EXPRESSIONS[number // 4]
        assert EXPRESSIONS[record["expression"]] == name
        assert record["level"] == (0 if neutral else number % 4 + 1)
        assert record["race"] == ("WH" if subject < "F0005" else "AE")
        assert (record["subject"], record["task"]) == (subject, "")
        assert record["part"] == names.part("10", subject)
        expected = cv2.resize(original, (32, 32), interpolation=cv2.INTER_AREA)
        assert np.array_equal(pixels(record["reaction"]["image"]), expected)
        assert "depth" not in record
    metadata = read_metadata(prepared)
    assert metadata["expression_names"] == list(EXPRESSIONS) and metadata["skipped"] == {}
    assert len(metadata["protocol"]["train"]) == 10 and metadata["options"]["crop"] == "full"
    assert metadata["parts"]["part8"]["subjects"] == ["F0008", "M0002"]


def test_six_classes_by_default(release: tuple[Path, Truth], tmp_path: Path) -> None:
    prepared = build("bu3dfe", release[0], tmp_path)
    metadata = read_metadata(prepared)
    assert metadata["expression_names"] == list(EXPRESSIONS[:6])
    assert metadata["skipped"] == {NOT_A_CLASS: len(EVERY)}
    counts = np.sum([part["expression_counts"] for part in metadata["parts"].values()], axis=0)
    others = len(EVERY) - 1
    assert counts.tolist() == [4 + 2 * others, 4, 4, 4, 4 + others, 4]


@pytest.mark.parametrize(("levels", "lowest"), [("2-4", 2), ("3-4", 3), ("4", 4)])
def test_levels(raw: Path, levels: str, lowest: int) -> None:
    for subject in EVERY:  # at least one scan of each level in each part
        for name in ("bmp", "wrl"):
            for path in sorted((raw / subject).glob(f"{subject}_SA02*_F??.{name}")):
                shutil.copy(path, str(path).replace("SA02", "SA04"))
    prepared = build("bu3dfe", raw, raw.parent / "data", levels=levels, classes=7)
    found = read(prepared)
    assert {record["level"] for record in found.values()} == {0, *range(lowest, 5)}
    assert read_metadata(prepared)["skipped"].keys() == {OTHER_LEVEL}
    assert sum(subject == "F0001" for subject, _ in found) == 6 * (5 - lowest) + 1


def test_depth_is_seen_from_the_front(release: tuple[Path, Truth], tmp_path: Path) -> None:
    prepared = build("bu3dfe/rgb_depth", release[0], tmp_path, classes=7)
    assert read_metadata(prepared)["domains"] == ["reaction", "depth"]
    found = read(prepared)
    assert len(found) == len(release[1])
    for (_, number), record in found.items():
        depth = pixels(record["depth"]["image"])
        assert depth.shape == (32, 32) and depth.dtype == np.uint8
        row, column = np.unravel_index(depth.argmax(), depth.shape)
        if number == 24:  # the tip is in the upper right
            assert row < 10 and column > 22
        else:
            assert 14 <= row <= 17 and 14 <= column <= 17
        assert depth[0].max() == 0 and depth[16, 4] > 0  # room around the face
    assert f"verified: {len(found)} records" in verify(prepared, jobs=1, progress=False)


def test_names_in_lower_case(raw: Path) -> None:
    for path in sorted((raw / "F0003").iterdir()):
        path.rename(path.with_name(path.name.lower()))
    (raw / "F0003").rename(raw / "f0003")
    found = read(build("bu3dfe/rgb_depth", raw, raw.parent / "data"))
    assert {number for subject, number in found if subject == "F0003"} == {0, 3, 17}


def unlink(name: str) -> Callable[[Path], None]:
    return lambda raw: (raw / "F0001" / name).unlink()


def write(name: str, content: bytes) -> Callable[[Path], None]:
    def change(raw: Path) -> None:
        (raw / "F0001" / name).write_bytes(content)

    return change


SKIPS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no image": (unlink("F0001_HA02WH_F2D.bmp"), NO_IMAGE),
    "no mesh": (unlink("F0001_HA02WH_F3D.wrl"), NO_MESH),
    "bad image": (write("F0001_HA02WH_F2D.bmp", b"BM cut off"), BAD_IMAGE),
    "bad mesh": (write("F0001_HA02WH_F3D.wrl", b"#VRML V2.0 utf8\n"), BAD_DEPTH),
    "bad point": (
        lambda raw: replace(raw / "F0001/F0001_HA02WH_F3D.wrl", "0, 1, 4", "0, 1, 9"),
        BAD_DEPTH,
    ),
}


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize("defect", SKIPS)
def test_unusable_scans_are_counted_and_listed(raw: Path, defect: str) -> None:
    damage, reason = SKIPS[defect]
    damage(raw)
    with pytest.raises(InputError, match=r"1 of 54 frames.*listed in .*skipped-rgb_depth"):
        build("bu3dfe/rgb_depth", raw, raw.parent / "data")
    prepared = build("bu3dfe/rgb_depth", raw, raw.parent / "data", max_skipped=0.1)
    assert read_metadata(prepared)["skipped"] == {NOT_A_CLASS: len(EVERY), reason: 1}
    assert ("F0001", 13) not in read(prepared)


def test_scans_that_are_not_there_are_said(raw: Path) -> None:
    """F0001 has all 25 of the release, the others of this tree have four."""
    for path in (raw / "F0001").glob("F0001_AN04*"):
        path.unlink()
    prepared = build("bu3dfe", raw, raw.parent / "data")
    noted = {1: 1, 21: len(EVERY) - 1}  # neutral is no class
    said = {f"{n} of the subject's 24 scans are not there": count for n, count in noted.items()}
    assert read_metadata(prepared)["noted"] == said


def nest(folder: Path) -> None:
    folder.rename(folder.with_name("x"))
    folder.mkdir()
    folder.with_name("x").rename(folder / folder.name)


@pytest.mark.parametrize(
    "change", [nest, lambda folder: [path.unlink() for path in folder.iterdir()]]
)
def test_a_subject_without_a_scan_counts(raw: Path, change: Callable[[Path], Any]) -> None:
    change(raw / "M0002")
    with pytest.raises(InputError, match=rf"24 of 75 frames.*most often: {NO_SCANS} \(24\)"):
        build("bu3dfe", raw, raw.parent / "data")


def test_subjects_of_the_release_that_are_not_there_are_said(raw: Path) -> None:
    """Also folders that almost have a subject's name, and archives of what is unpacked."""
    shutil.copytree(raw / "F0003", raw / "F0003 copy")
    shutil.copytree(raw / "F0003", raw / "old/F0003")
    (raw / "F0003.rar").write_bytes(b"Rar!")
    prepared = build("bu3dfe", raw, raw.parent / "data")
    assert read_metadata(prepared)["notes"] == [
        "11 subjects; the release has 100",
        "1 folders were not read, since their names are not those of subjects, such as "
        "'F0003 copy'",
    ]


def test_images_alone_do_for_rgb(raw: Path) -> None:
    for path in raw.glob("*/*.wrl"):
        path.unlink()
    assert len(read(build("bu3dfe", raw, raw.parent / "data"))) == 54
    with pytest.raises(InputError, match="54 of 54 frames are unusable"):
        build("bu3dfe/rgb_depth", raw, raw.parent / "data")


def pack(raw: Path) -> None:
    for folder in sorted(raw.iterdir()):
        shutil.rmtree(folder)
        folder.with_suffix(".rar").write_bytes(b"Rar!")


def rename(old: str, new: str) -> Callable[[Path], None]:
    return lambda raw: (raw / "F0001" / old).rename(raw / "F0001" / new) and None


DEFECTS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "expression": (
        rename("F0001_HA02WH_F2D.bmp", "F0001_JO02WH_F2D.bmp"),
        "F0001_JO02WH_F2D.bmp: expression 'JO', expected one of AN, DI",
    ),
    "level": (
        rename("F0001_HA02WH_F2D.bmp", "F0001_HA05WH_F2D.bmp"),
        "F0001_HA05WH_F2D.bmp: level 05 of HA, expected 01 to 04",
    ),
    "neutral": (
        rename("F0001_NE00WH_F2D.bmp", "F0001_NE01WH_F2D.bmp"),
        "level 01 of NE, expected 00",
    ),
    "subject": (
        rename("F0001_HA02WH_F2D.bmp", "F0002_HA02WH_F2D.bmp"),
        "F0002_HA02WH_F2D.bmp: a file of F0002, expected it in a folder of that name",
    ),
    "race": (
        rename("F0001_HA02WH_F2D.bmp", "F0001_HA02AE_F2D.bmp"),
        "F0001_HA02WH_F3D.wrl: expression HA of level 2 is there twice",
    ),
    "twice": (
        lambda raw: shutil.copy(
            raw / "F0001/F0001_HA02WH_F2D.bmp", raw / "F0001/F0001_HA02WH_F2D.png"
        ),
        "F0001_HA02WH_F2D.png: expression HA of level 2 is there twice",
    ),
    "unknown": (
        lambda raw: (raw / "F0009").rename(raw / "F0057"),
        "subject 'F0057' is in no part of BU-3DFE's F0001 to F0056",
    ),
    "packed": (pack, "F0001.rar: not unpacked; unpack every archive"),
    "one packed": (
        lambda raw: (raw / "F0012.zip").write_bytes(b"PK"),
        "F0012.zip: not unpacked; unpack every archive of a subject, so that there is F0012/F0012",
    ),
    "one packed above": (
        lambda raw: [nest(raw), (raw / "F0012.part1.rar").write_bytes(b"Rar!")],
        "F0012.part1.rar: not unpacked",
    ),
    "second folder": (
        lambda raw: shutil.copytree(raw / "F0001", raw / "more/F0012"),
        "more: holds 1 subjects, such as F0012, that are not in",
    ),
    "two cases": (
        lambda raw: shutil.copytree(raw / "F0003", raw / "f0003"),
        "a subject has two folders",
    ),
    "nothing": (shutil.rmtree, "does not exist; ask Binghamton University"),
    "empty": (lambda raw: [shutil.rmtree(path) for path in raw.iterdir()], "no subjects; expected"),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_defect_is_one_line_and_nothing_is_left(raw: Path, defect: str) -> None:
    damage, message = DEFECTS[defect]
    damage(raw)
    with pytest.raises(InputError) as caught:
        build("bu3dfe", raw, raw.parent / "data", max_skipped=1)
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert not list(raw.parent.glob("data/bu3dfe/rgb/*"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"levels": "1-3"}, "levels=1-3, expected 1-4 or 2-4 or 3-4 or 4"),
        ({"classes": 8}, "classes=8, expected 6 to 7"),
        ({"crop": "face"}, "crop=face, but .* holds no landmarks or boxes"),
    ],
)
def test_wrong_options(raw: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build("bu3dfe", raw, raw.parent / "data", **options)


def test_change_of_the_release_is_noticed(raw: Path) -> None:
    build("bu3dfe", raw, raw.parent / "data")
    write_wrl(raw / "F0001/F0001_NE00WH_F3D_2.wrl", "x.bmp")
    with pytest.raises(InputError, match="holds something else now"):
        build("bu3dfe", raw, raw.parent / "data")


def test_published_subjects_and_folds() -> None:
    assert len(names.SUBJECTS) == 100 and len(set(names.SUBJECTS)) == 100
    parts = {subject: names.part("10", subject) for subject in names.SUBJECTS}
    counts = [list(parts.values()).count(f"part{n}") for n in range(1, 11)]
    assert counts == [10] * 10 and parts["F0056"] == "part6" and parts["M0001"] == "part7"


NAME = st.text("FMANDIEHSUW_0123456789.bmpwrl\0/é²", max_size=24)


@settings(max_examples=300, deadline=None)
@given(name=st.one_of(NAME, st.from_regex(r"\A[FM]\d{4}_[A-Z]{2}\d\d[A-Z]{2}_F[23]D\.\w{3}\Z")))
@example(name="F0001_NE00WH_F2D.bmp")
@example(name="F0001_AN00WH_F3D.wrl")
def test_any_name_gives_a_scan_or_one_line(name: str) -> None:
    path = Path("F0001") / name
    try:
        parsed = names.parse(path)
        if parsed is not None:
            scan, kind = parsed
            assert scan.subject == "F0001" and kind in ("F2D", "F3D")
            assert 0 <= scan.number <= 24 and (scan.number == 24) == (scan.level == 0)
            code = names.CODES[scan.expression]
            rebuilt = f"{scan.subject}_{code}{scan.level:02d}{scan.race}_{kind}"
            assert path.stem.upper() == rebuilt
    except InputError as error:
        assert str(path) in str(error)
