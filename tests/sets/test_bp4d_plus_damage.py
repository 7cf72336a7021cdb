"""BP4D+ with damaged, hostile and contradicting files: one line each, and nothing is left."""

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from prepared_faces import build
from raw_bp4d_plus import FRAMES, write_bp4d_plus, zip_subject

from drr_jax.errors import InputError
from tfds_reactionet.bp4d_plus import images, thermal
from tfds_reactionet.bp4d_plus.reader import OTHER_LENGTH
from tfds_reactionet.building import UNLABELLED
from tfds_reactionet.building.summary import read_metadata

OCCURRENCE = "AUCoding/AU_OCC/F002_T1.csv"
POINTS = "IRFeatures/F002_T1.txt"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[Any, Any]]:
    """A raw tree that tests only read (F001 is a zip file), and what is in it."""
    root = tmp_path_factory.mktemp("raw")
    return root, write_bp4d_plus(root / "BP4D+")


@pytest.fixture
def raw(release: tuple[Path, Any], tmp_path: Path) -> Path:
    """A copy of the tree that a test may change."""
    return Path(shutil.copytree(release[0] / "BP4D+", tmp_path / "raw"))


def write(name: str, content: bytes) -> Callable[[Path], None]:
    def change(raw: Path) -> None:
        (raw / name).write_bytes(content)

    return change


def change_points(raw: Path, line: int, text: str) -> None:
    lines = (raw / POINTS).read_text().splitlines()
    lines[line - 1] = text
    (raw / POINTS).write_text("\n".join(lines))


def hostile_zip(name: str) -> Callable[[Path], None]:
    def change(raw: Path) -> None:
        zip_subject(raw / "2D+3D", "F002")
        with zipfile.ZipFile(raw / "2D+3D/F002.zip", "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, b"\0" * (4 << 20))

    return change


def rename(raw: Path) -> None:
    for path in list((raw / "2D+3D/F002/T1").iterdir()):
        path.rename(path.with_name(f"F003_T1_{path.name}"))


DEFECTS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "value": (write(OCCURRENCE, b"0,1,2,4\n"), "F002_T1.csv: line 1: no column 6"),
    "no codes": (lambda raw: shutil.rmtree(raw / "AUCoding"), "no folder AU_OCC in it"),
    "no images": (lambda raw: shutil.rmtree(raw / "2D+3D"), "no images; expected 2D+3D/F001.zip"),
    "no thermal": (lambda raw: shutil.rmtree(raw / "Thermal"), "no folder Thermal in it"),
    "climbs": (hostile_zip("../../etc/0007.jpg"), "leads out of the archive"),
    "image twice": (hostile_zip("F002/T1/2.jpg"), "frame 2 of T1 is there twice"),
    "image twice in another format": (hostile_zip("F002/T1/0001.png"), "frame 1 of T1 is there tw"),
    "other subject": (hostile_zip("F009/T1/0099.jpg"), "is of another subject than F002"),
    "other subject's images": (lambda raw: rename(raw), "its name says F003, but it lies among"),
    "other subject's images in a zip": (
        lambda raw: rename(raw) or zip_subject(raw / "2D+3D", "F002"),
        "F003_T1_0000.jpg: its name says F003, but it lies among the files of F002",
    ),
    "cut zip": (write("2D+3D/F001.zip", b"PK\3\4"), "F001.zip: not a complete zip file"),
    "point": (lambda raw: change_points(raw, 2, "1 2 3"), "F002_T1.txt: line 2: '1 2 3', 3 values"),
    "text": (lambda raw: change_points(raw, 3, "x " * 56), "F002_T1.txt: line 3"),
    "number": (lambda raw: change_points(raw, 3, "1e- " * 56), "F002_T1.txt: line 3: could not"),
    "subject": (
        lambda raw: (raw / OCCURRENCE).rename(raw / "AUCoding/AU_OCC/F099_T1.csv"),
        "subject 'F099' is in no part of folds=subjects",
    ),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_defect_is_one_line_and_nothing_is_left(raw: Path, defect: str) -> None:
    change, message = DEFECTS[defect]
    change(raw)
    with pytest.raises(InputError) as caught:
        build("bp4d_plus/rgb_depth_thermal", raw, raw.parent / "data", max_skipped=1)
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert not list(raw.parent.glob("data/bp4d_plus/rgb_depth_thermal/*"))


def codes_cut_to(lines: int) -> Callable[[Path], None]:
    def change(raw: Path) -> None:
        kept = (raw / OCCURRENCE).read_text().splitlines(keepends=True)[:lines]
        (raw / OCCURRENCE).write_text("".join(kept))

    return change


LOST: dict[str, tuple[Callable[[Path], Any], int]] = {
    "no file": (lambda raw: (raw / OCCURRENCE).unlink(), 4),  # AU_INT has four frames
    "no file of a zip": (lambda raw: (raw / "AUCoding/AU_OCC/F001_T1.csv").unlink(), 4),
    "one row": (codes_cut_to(2), 3),
    "header": (codes_cut_to(1), 4),
    "no code": (lambda raw: [path.unlink() for path in raw.rglob("F002_T1*.csv")], FRAMES),
}


@pytest.mark.parametrize("defect", LOST)
def test_images_whose_codes_are_missing_count(raw: Path, defect: str) -> None:
    change, count = LOST[defect]
    change(raw)
    with pytest.raises(InputError, match=rf"most often: {UNLABELLED} \({count}\)"):
        build("bp4d_plus", raw, raw.parent / "data", crop="full")


def test_an_intensity_that_is_missing_is_said(raw: Path) -> None:
    (raw / "AUCoding/AU_INT/AU06/F002_T1_AU06.csv").write_text("")
    prepared = build("bp4d_plus", raw, raw.parent / "data", crop="full")
    note = "rows of AU_INT of AU06 missing in some frames or in all: unknown there"
    assert read_metadata(prepared)["noted"] == {note: 1}
    assert UNLABELLED not in read_metadata(prepared)["skipped"]  # frame 4 is occluded


def test_thermal_landmarks_of_another_length_are_said(raw: Path) -> None:
    """A first line that is lost gives each frame the box of the next."""
    lines = (raw / POINTS).read_text().splitlines(keepends=True)
    (raw / POINTS).write_text("".join(lines[1:]))
    options = {"max_skipped": 0.5}
    prepared = build("bp4d_plus/rgb_depth_thermal", raw, raw.parent / "data", **options)
    assert read_metadata(prepared)["noted"] == {OTHER_LENGTH: 1}


def test_bomb_in_a_zip_is_refused(raw: Path) -> None:
    bomb = hostile_zip("F002/T6/0000.jpg")
    bomb(raw)
    shutil.copy(raw / OCCURRENCE, raw / "AUCoding/AU_OCC/F002_T6.csv")
    text = (raw / OCCURRENCE).read_text().replace("\n2,", "\n1,")
    (raw / "AUCoding/AU_OCC/F002_T6.csv").write_text(text)
    with pytest.raises(InputError, match=r"F002/T6/0000.jpg' unpacks \d+ to 1"):
        build("bp4d_plus", raw, raw.parent / "data", max_skipped=1, crop="full")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"folds": "bigsmall"}, r"folds=bigsmall: no such file.*did you mean bigsmall_3fold\?"),
        ({"thermal_fps": -1.0}, "thermal_fps=-1.0, expected 0.0 to 1000.0"),
    ],
)
def test_wrong_options(raw: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build("bp4d_plus", raw, raw.parent / "data", **options)


LINE = st.text("0129.eE+-, nainfINF\t", max_size=30)


@settings(max_examples=150, deadline=None)
@given(lines=st.lists(st.one_of(LINE, st.just("1 2 " * 28), st.just("0 " * 56)), max_size=4))
@example(lines=["1e999 " * 56, "nan " * 56, "-inf " * 56, "1e308 -1e308 " * 28])
@example(lines=["1_0 " * 56])
@example(lines=["\u0661 " * 56])
def test_any_text_gives_points_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    path = tmp_path_factory.mktemp("points") / "F001_T1.txt"
    path.write_text("\n".join(lines))
    try:
        points = thermal.read_points(path)
        assert points.shape[1:] == (28, 2)
        for face in points:
            assert np.isfinite(face).all() or np.isnan(face).all()
            box = thermal.face_box(face)
            assert box is None or (box.width > 0 and box.height > 0)
    except InputError as error:
        assert f"{path}: line " in str(error) and "\n" not in str(error)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_zips_give_bytes_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, release: tuple[Path, Any], data: st.DataObject
) -> None:
    content = bytearray((release[0] / "BP4D+/2D+3D/F001.zip").read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("zip") / "F001.zip"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        found = images.sequence(path.parent, "F001", "T1")
        for image in found.images.values():
            assert isinstance(image.read(), bytes)
    except InputError as error:
        assert str(path) in str(error) and "\n" not in str(error)
