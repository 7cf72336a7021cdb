"""Damaged BP4D trees: frames that are counted, defects that are one line, wrong options."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prepared_faces import build, read
from raw_bp4d import (
    CODED,
    FIRST,
    FRAMES,
    INTENSITY,
    write_bp4d,
)
from scipy.io import savemat

from drr_jax.errors import InputError
from tfds_reactionet.bp4d.reader import Reader
from tfds_reactionet.building import NO_LANDMARKS, UNLABELLED
from tfds_reactionet.building.face_records import BAD_DEPTH, BAD_IMAGE, NO_FACE
from tfds_reactionet.building.summary import read_metadata, summarise
from tfds_reactionet.reading.bp4d_codes import NO_IMAGE, NO_INTENSITY, NO_MESH

OCCURRENCE = "AUCoding/AU_OCC/F001_T1.csv"
IMAGES = "Sequences(2D+3D)/F001/T1"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[Any, Any]]:
    """A raw tree of 6 sequences of 4 coded frames that tests only read, and what is in it."""
    root = tmp_path_factory.mktemp("raw")
    return root, write_bp4d(root / "BP4D")


@pytest.fixture
def raw(release: tuple[Path, Any], tmp_path: Path) -> Path:
    """A copy of the tree that a test may change."""
    return Path(shutil.copytree(release[0] / "BP4D", tmp_path / "raw"))


def unlink(name: str) -> Callable[[Path], None]:
    return lambda raw: (raw / name).unlink()


def write(name: str, content: bytes) -> Callable[[Path], None]:
    return lambda raw: (raw / name).write_bytes(content) and None


def lose_tracking(raw: Path) -> None:
    fit = np.zeros(FIRST + FRAMES, dtype=[("pred", object)])
    for number in range(len(fit)):
        fit[number] = (np.zeros((0, 0)),)
    savemat(raw / "2DFeatures/F001_T1.mat", {"fit": fit})


def lines(name: str, count: int) -> Callable[[Path], None]:
    """Leaves so many lines of a file."""

    def change(raw: Path) -> None:
        kept = (raw / name).read_text().splitlines(keepends=True)[:count]
        (raw / name).write_text("".join(kept))

    return change


def lose_codes(raw: Path) -> None:
    """All of a sequence's: then every image of it should have had some."""
    for path in list((raw / "AUCoding").rglob("F001_T1*.csv")):
        path.unlink()


SKIPS = {
    "no codes": (unlink(OCCURRENCE), UNLABELLED, 4),
    "cut codes": (lines(OCCURRENCE, 2), UNLABELLED, 3),
    "header of codes": (lines(OCCURRENCE, 1), UNLABELLED, 4),
    "no code at all": (lose_codes, UNLABELLED, 6),
    "no image": (unlink(f"{IMAGES}/0021.jpg"), NO_IMAGE, 1),
    "no folder": (lambda raw: shutil.rmtree(raw / IMAGES), NO_IMAGE, 4),
    "cut off": (write(f"{IMAGES}/0021.jpg", b"\xff\xd8\xff\xe0 cut"), BAD_IMAGE, 1),
    "empty": (write(f"{IMAGES}/0021.jpg", b""), BAD_IMAGE, 1),
    "no mesh": (unlink(f"{IMAGES}/0021.obj"), NO_MESH, 1),
    "bad mesh": (write(f"{IMAGES}/0021.obj", b"v 0 0\n"), BAD_DEPTH, 1),
    "lost": (lose_tracking, NO_FACE, 4),
    "no landmark file": (unlink("2DFeatures/F001_T1.mat"), NO_LANDMARKS, 4),
}


@pytest.mark.parametrize("defect", SKIPS)
def test_unusable_frames_are_counted_and_listed(raw: Path, defect: str) -> None:
    change, reason, count = SKIPS[defect]
    change(raw)
    if reason != NO_FACE:
        with pytest.raises(InputError, match=rf"{count} of 2[46] frames.*listed in .*skipped-rgb"):
            build("bp4d/rgb_depth", raw, raw.parent / "data")
    prepared = build("bp4d/rgb_depth", raw, raw.parent / "data", max_skipped=0.5)
    assert read_metadata(prepared)["skipped"] == {reason: count}
    rows = (raw.parent / "data/bp4d/skipped-rgb_depth.csv").read_text().splitlines()[1:]
    assert len(rows) == count and all("F001/T1" in row and reason in row for row in rows)
    assert len(read(prepared)) == 24 - min(count, 4)


@pytest.mark.parametrize("change", [unlink(INTENSITY), write(INTENSITY, b""), lines(INTENSITY, 1)])
def test_an_intensity_that_is_missing_is_unknown_and_said(
    raw: Path, change: Callable[[Path], None]
) -> None:
    change(raw)
    prepared = build("bp4d", raw, raw.parent / "data")
    found = read(prepared)
    assert np.isnan(found["F001/T1", FIRST + 1]["au"]["intensity"][CODED.index(6)])
    note = "rows of AU_INT of AU06 missing in some frames or in all: unknown there"
    assert read_metadata(prepared)["noted"] == {note: 1} and f"1  {note}" in summarise(prepared)
    shutil.rmtree(raw / "AUCoding/AU_INT")
    assert NO_INTENSITY in summarise(build("bp4d", raw, raw.parent / "without"))


def replace(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(raw: Path) -> None:
        text = (raw / name).read_text()
        assert old in text
        (raw / name).write_text(text.replace(old, new, 1))

    return change


def add(name: str, text: str) -> Callable[[Path], None]:
    return lambda raw: (raw / name).write_text((raw / name).read_text() + text) and None


def set_code(raw: Path, code: str) -> None:
    """AU 12 of the second coded frame."""
    lines = (raw / OCCURRENCE).read_text().splitlines()
    cells = lines[2].split(",")
    cells[12] = code
    (raw / OCCURRENCE).write_text("\n".join([*lines[:2], ",".join(cells), *lines[3:]]))


DEFECTS = {
    "code": (replace(OCCURRENCE, "\n22,", "\n22,7,"), "F001_T1.csv: line 3 has 101 columns"),
    "value": (lambda raw: set_code(raw, "7"), "line 3: AU code '7', expected 0, 1 or 9"),
    "header": (replace(OCCURRENCE, "0,1,2", "0,1,1"), "line 1: column 1 is there twice"),
    "header name": (replace(OCCURRENCE, "0,1,2", "time,1,2"), "line 1: column 'time'"),
    "no column": (replace(OCCURRENCE, ",24,", ",240,"), "line 1: no column 24"),
    "frame twice": (replace(OCCURRENCE, "\n22,", "\n21,"), "line 3: frame 21 is there twice"),
    "frame": (replace(OCCURRENCE, "\n22,", "\n2x,"), "line 3: frame '2x'"),
    "empty file": (write(OCCURRENCE, b""), "F001_T1.csv: empty"),
    "not utf-8": (write(OCCURRENCE, b"0,1\xff"), "F001_T1.csv: not UTF-8 at byte 3"),
    "intensity": (add(INTENSITY, "90,6\n"), "F001_T1_AU06.csv: line 5: intensity '6'"),
    "intensity twice": (add(INTENSITY, "21,5\n"), "line 5: frame 21 is there twice"),
    "intensity width": (add(INTENSITY, "91,5,1\n"), "line 5 has 3 columns"),
    "unknown subject": (
        lambda raw: (raw / OCCURRENCE).rename(raw / "AUCoding/AU_OCC/F999_T1.csv"),
        "subject 'F999' is in no part of BP4D's published lists",
    ),
    "image twice": (
        lambda raw: shutil.copy(raw / IMAGES / "0021.jpg", raw / IMAGES / "021.jpg"),
        "frame 21 is there twice",
    ),
    "images of another": (
        lambda raw: [p.rename(p.with_name(f"F002_T1_{p.name}")) for p in (raw / IMAGES).iterdir()],
        "its name says F002, but it lies among the files of F001; expected a file of F001",
    ),
    "landmarks": (write("2DFeatures/F001_T1.mat", b"no matlab"), "not a readable MATLAB file"),
    "no codes": (lambda raw: shutil.rmtree(raw / "AUCoding"), "no folder AU_OCC in it"),
    "no images": (lambda raw: shutil.rmtree(raw / "Sequences(2D+3D)"), "no images; expected Seq"),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_defect_is_one_line_and_nothing_is_left(raw: Path, defect: str) -> None:
    change, message = DEFECTS[defect]
    change(raw)
    with pytest.raises(InputError) as caught:
        build("bp4d", raw, raw.parent / "data")
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert not list(raw.parent.glob("data/bp4d/rgb/*"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"crop": "head"}, "crop=head, expected face or full"),
        ({"margin": -1.0}, r"margin=-1.0, expected 0.0 to 2.0"),
        ({"threshold": 2}, "bp4d has no option 'threshold'"),
        ({"frame_ofset": 0}, r"did you mean frame_offset\?"),
    ],
)
def test_wrong_options(raw: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build("bp4d", raw, raw.parent / "data", **options)


def test_asking_for_a_face_without_landmarks(raw: Path) -> None:
    shutil.rmtree(raw / "2DFeatures")
    with pytest.raises(InputError, match=r"crop=face, but .* holds no landmarks or boxes"):
        build("bp4d", raw, raw.parent / "data", crop="face")


def test_command_line_has_the_options_of_the_data_set(raw: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tfds_reactionet.build", *arguments]
        return subprocess.run(command, capture_output=True, text=True)

    shown = run("bp4d", "--help")
    assert shown.returncode == 0 and "--frame_offset" in shown.stdout
    assert "--crop face|full" in shown.stdout and "--stimulus_delay" not in shown.stdout
    where = [f"--manual_dir={raw}", f"--data_dir={raw.parent}"]
    wrong = run("bp4d", "--frame_offset=minus", *where)
    assert wrong.returncode == 2
    assert wrong.stderr == "error: frame_offset=minus, expected a whole number\n"
    built = run("bp4d", "--crop=full", "--size=16", "--jobs=1", "--verify", *where)
    assert built.returncode == 0 and "verified: 24 records" in built.stdout, built.stderr


def test_release_that_changed_is_noticed(raw: Path) -> None:
    build("bp4d", raw, raw.parent / "data")
    add(INTENSITY, "90,5\n")(raw)
    with pytest.raises(InputError, match="holds something else now"):
        build("bp4d", raw, raw.parent / "data")


def test_reader_walks_past_other_trees(raw: Path) -> None:
    reader = Reader(raw.parent, "rgb", {"frame_offset": -1, "folds": "published"})
    assert reader.images == raw / "Sequences(2D+3D)"  # and not 3DFeatures, which looks alike
    assert [unit.sequence for unit in reader.units()][:2] == ["F001/T1", "F001/T8"]
