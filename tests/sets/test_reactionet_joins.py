"""ReactioNet's joins: numberings one apart, several faces, and what else may lie in its folders."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prepared_faces import build, read
from raw_reactionet import SCENES_WRITTEN, openface_columns, write_raw

from drr_jax.errors import InputError
from tfds_reactionet.building.summary import read_metadata, summarise
from tfds_reactionet.reactionet import labels
from tfds_reactionet.reactionet.reader import NO_FACE, NO_SIDE, OTHER_FACE

KEY = "film/first/task2/seq1"
ALL = 48  # records of the whole tree: 12 sequences of 4 frames


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    write_raw(tmp_path / "raw", size=16)
    return tmp_path / "raw"


def built(raw: Path, **options: Any) -> Path:
    return build("reactionet/full", raw, raw.parent / "data", size=16, **options)


def renumber(folder: Path, name: Callable[[int], str]) -> None:
    """Gives images the names of `name(number)`, for a number from 1."""
    for path in sorted(folder.iterdir()):
        path.rename(path.with_suffix(".x"))
    for path in sorted(folder.glob("*.x")):
        path.rename(folder / f"{name(int(path.stem))}.jpg")


def move_rows(path: Path, by: int) -> None:
    """Adds to the first column of a table."""
    header, *rows = path.read_text().splitlines()
    cells = [row.partition(",") for row in rows]
    moved = [f"{int(frame) + by},{rest}" for frame, _, rest in cells]
    path.write_text("\n".join([header, *moved]) + "\n")


def sequences(raw: Path) -> list[Path]:
    return [path.parent for path in sorted(raw.rglob("openface.csv"))]


NAMES: dict[str, Callable[[int], str]] = {
    "six digits": lambda number: f"{number - 1:06d}",
    "no padding": lambda number: f"{number - 1}",
    "a prefix": lambda number: f"frame_det_00_{number - 1:05d}",
}


@pytest.mark.parametrize("name", NAMES)
def test_images_from_zero_and_openface_from_one(raw: Path, name: str) -> None:
    truth = write_raw(raw.parent / "same", size=16)
    for folder in sequences(raw):
        for side in ("reaction", "stimulus"):
            renumber(folder / side, NAMES[name])
        move_rows(folder / "captions.csv", -1)
    said = (
        r"images are numbered from 0 to 3, OpenFace's frames from 1 to 4; .*pass --frame_offset=-1;"
    )
    with pytest.raises(InputError, match=said):
        built(raw)
    with pytest.raises(InputError, match=r"pass --label_offset=-1 if as openface\.csv"):
        built(raw, frame_offset=-1)
    keys = raw / "labels" / "keyframes.csv"
    keys.write_text(keys.read_text().replace(",2,", ",1,"))  # key frames count as images do
    prepared = built(raw, frame_offset=-1, label_offset=0)
    found = read(prepared)
    assert len(found) == ALL and read_metadata(prepared)["options"]["frame_offset"] == -1
    for key, values in truth.items():
        for row in range(4):
            record = found[key, row]
            np.testing.assert_allclose(record["au"]["intensity"], values["intensity"][row])
            assert record["caption"] == values["captions"][row]
            assert (record["label_source"] == 1) == (row == 1)


def test_one_sequence_and_a_row_that_is_missing_are_enough(raw: Path) -> None:
    for side in ("reaction", "stimulus"):
        renumber(raw / KEY / side, lambda number: f"{number - 1:06d}")
    move_rows(raw / KEY / "captions.csv", -1)
    path = raw / KEY / "openface.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    with pytest.raises(InputError, match=r"seq1/openface\.csv: images are numbered from 0 to 3, "):
        built(raw)


def test_openface_that_counted_images_with_gaps(raw: Path) -> None:
    """OpenFace counts the images of a folder, whatever their names."""
    for side in ("reaction", "stimulus"):
        renumber(raw / KEY / side, lambda number: f"{number + number // 3:06d}")
    with pytest.raises(InputError, match=r"4 images numbered from 1 to 5 with gaps, and OpenFace"):
        built(raw, max_skipped=1)


def stimuli(raw: Path) -> None:
    for folder in sequences(raw):
        renumber(folder / "stimulus", lambda number: f"{number - 1:06d}")
        move_rows(folder / "captions.csv", -1)


def captions(raw: Path) -> None:
    for folder in sequences(raw):
        move_rows(folder / "captions.csv", -1)


def key_frames(raw: Path) -> None:
    for folder in sequences(raw):
        for side in ("reaction", "stimulus"):
            renumber(folder / side, lambda number: f"{number - 1:06d}")
        for table in ("openface.csv", "captions.csv"):
            move_rows(folder / table, -1)
    keys = raw / "labels" / "keyframes.csv"
    keys.write_text(keys.read_text().replace(",2,", ",4,"))


OTHERS: dict[str, tuple[Callable[[Path], None], str, str, int]] = {
    "stimuli": (
        stimuli,
        "reaction images are numbered from 1 to 4, stimuli from 0",
        "stimulus_offset",
        1,
    ),
    "captions": (
        captions,
        "stimulus images are numbered from 1 to 4, captions from 0",
        "label_offset",
        1,
    ),
    "key frames": (
        key_frames,
        "images are numbered from 0 to 3, key frames from 4",
        "label_offset",
        -1,
    ),
}


@pytest.mark.parametrize("what", OTHERS)
def test_every_join_by_number_is_watched(raw: Path, what: str) -> None:
    change, said, option, value = OTHERS[what]
    change(raw)
    with pytest.raises(InputError, match=rf"{said}.*pass --{option}={value}[;.]"):
        built(raw)
    if what == "stimuli":
        assert len(read(built(raw, stimulus_offset=1))) == ALL


def add_face(path: Path, frames: list[int], side: float, drop: tuple[int, ...] = ()) -> None:
    """Adds face 1 with intensity 5 and a square face, more confident; drops rows of face 0."""
    columns = openface_columns()
    header, *rows = path.read_text().splitlines()
    rows = [row for row in rows if int(row.split(",")[0]) not in drop]
    for frame in frames:
        row = dict.fromkeys(columns, "0") | {"frame": str(frame), "face_id": "1"}
        row |= {"confidence": "0.99", "success": "1"}
        row |= {name: "5" for name in columns if name.endswith("_r")}
        row |= {name: str(side) for name in columns if name[:2] in ("x_", "y_") and name[-1] == "1"}
        rows.append(",".join(row[name] for name in columns))
    path.write_text("\n".join([header, *rows]) + "\n")


@pytest.mark.parametrize(("face", "kept"), [("longest", (1, 3, 4)), ("largest", (1, 2, 4))])
def test_labels_of_a_sequence_are_of_one_face(raw: Path, face: str, kept: tuple[int, ...]) -> None:
    (raw / "labels" / "keyframes.csv").unlink()
    add_face(raw / KEY / "openface.csv", [1, 2, 4] if face == "largest" else [2, 4], 40, (2,))
    prepared = built(raw, face=face)
    found = {frame: r for (key, frame), r in read(prepared).items() if key == KEY}
    assert tuple(found) == kept
    for record in found.values():
        assert (record["au"]["intensity"] == 5).all() == (face == "largest")
    metadata = read_metadata(prepared)
    assert metadata["noted"] == {f"sequence of several faces, of which one is read (the {face})": 1}
    assert metadata["skipped"] == {OTHER_FACE: 1} and metadata["options"]["face"] == face
    assert "1  sequence of several faces" in summarise(prepared)


def test_columns_that_openface_did_not_write_are_named_and_unknown(raw: Path) -> None:
    header, *rows = (raw / KEY / "openface.csv").read_text().splitlines()
    names = [name.strip() for name in header.split(",")]
    keep = [at for at, name in enumerate(names) if name not in ("AU07_r", "AU01_c")]
    keep = [at for at in keep if "gaze_angle" not in names[at]]
    lines = [",".join(line.split(",")[at] for at in keep) for line in (header, *rows)]
    (raw / KEY / "openface.csv").write_text("\n".join(lines) + "\n")
    prepared = built(raw)
    note = "openface.csv without columns gaze_angle, AU07_r, AU01_c: unknown"
    assert read_metadata(prepared)["noted"] == {note: 1}
    record = read(prepared)[KEY, 1]
    assert np.isnan(record["gaze"][6:]).all() and record["au"]["occurrence"][0] == -1
    assert np.isnan(record["au"]["intensity"][5]) and not np.isnan(record["au"]["intensity"][4])


def test_lost_tracking_is_free_and_a_missing_file_is_not(raw: Path) -> None:
    (raw / "labels" / "keyframes.csv").unlink()
    path = raw / KEY / "openface.csv"
    path.write_text(path.read_text().replace(",0.98,1,", ",0.98,0,", 2))
    assert read_metadata(built(raw))["skipped"] == {NO_FACE: 2}
    path.unlink()
    with pytest.raises(InputError, match="4 of 48 frames are unusable"):
        built(raw, overwrite=True)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ben", "ben"),
        ("S000", "S000\u200b"),  # a character that nobody sees
        ("S000", "\uff33000"),  # of full width
        ("\u00e9", "e\u0301"),  # an accent of its own
        ("Stra\u00dfe", "STRASSE"),
        ("A B", "A\u00a0 B"),
    ],
)
def test_spellings_of_one_name(one: str, other: str) -> None:
    assert labels.spellings(["Anna", one, other, "S0", one]) == [sorted([one, other])]
    assert labels.spellings(["Ben", "Bea", "S01", "S1"]) == []


def test_one_person_in_two_spellings_is_warned_of(raw: Path) -> None:
    path = raw / "labels/demographics.csv"
    lines = path.read_text().replace("S000", "Ben").splitlines(keepends=True)
    path.write_text("".join(lines))
    assert "look like one name" not in summarise(build("reactionet", raw, raw.parent / "one"))
    at = next(n for n, line in enumerate(lines) if ",Ben," in line)
    lines[at] = lines[at].replace("Ben", "b\u200ben")
    path.write_text("".join(lines))
    text = summarise(build("reactionet", raw, raw.parent / "two"))
    assert "  WARNING: 'Ben' and 'b\\u200ben' in labels/demographics.csv look like one name" in text


def test_what_disks_and_people_leave_in_a_release(raw: Path) -> None:
    for name in ("lost+found", "@eaDir/film", "docs/a/b", "#recycle", ".snapshots"):
        (raw / name).mkdir(parents=True)
    (raw / "docs" / "README.md").write_text("notes\n")
    for folder in (raw / "film", raw / "film" / "first", raw / KEY, raw / KEY / "reaction"):
        (folder / "@eaDir" / "000001.jpg").mkdir(parents=True)
    shutil.rmtree(raw / KEY / "stimulus")
    prepared = built(raw)
    assert len(read(prepared)) == ALL - 4
    assert read_metadata(prepared)["skipped"] == {NO_SIDE: 1}
    listed = (raw.parent / "data" / "reactionet" / "skipped-full.csv").read_text().splitlines()
    assert listed[1].startswith(f"{KEY},{NO_SIDE},") and len(SCENES_WRITTEN) == 3
