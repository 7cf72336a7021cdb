"""AffectNet from tiny releases in both official layouts: every value, clipped boxes, defects."""

import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from prepared_faces import build, pixels, read
from raw_affectnet import HEADER, ROWS, write_2017, write_2021

from drr_jax.errors import InputError
from drr_jax.facs.labels import EXPRESSIONS_8
from tfds_reactionet.affectnet import labels
from tfds_reactionet.affectnet.reader import (
    NO_CLASS,
    NO_IMAGE,
    NO_LABEL,
    OTHER_CLASS,
    TWICE,
    TWO_CLASSES,
)
from tfds_reactionet.building.face_records import BAD_IMAGE, NO_FACE, OUTSIDE
from tfds_reactionet.building.summary import read_metadata
from tfds_reactionet.building.verification import verify
from tfds_reactionet.reading.crop import Box, box_transform, warp

NAMES = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "anger", "contempt")
LISTS = "Manually_Annotated_file_lists"


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[np.ndarray]]:
    root = tmp_path_factory.mktemp("raw")
    return root, write_2017(root / "AffectNet")


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[np.ndarray]]:
    root = tmp_path_factory.mktemp("raw")
    return root, write_2021(root / "AffectNet")


@pytest.fixture
def raw(old: tuple[Path, Any], tmp_path: Path) -> Path:
    return Path(shutil.copytree(old[0] / "AffectNet", tmp_path / "raw"))


@pytest.fixture
def raw_new(new: tuple[Path, Any], tmp_path: Path) -> Path:
    return Path(shutil.copytree(new[0] / "AffectNet", tmp_path / "raw"))


def records(prepared: Path, classes: int = 7) -> list[dict[str, Any] | None]:
    """A record for each of ROWS, or None, after its labels were compared."""
    found = read(prepared)
    numbers = {"train": 0, "test": 0}
    rows = []
    for split, code, _, valence, arousal in ROWS:
        record = found.pop((split, numbers[split]), None)
        numbers[split] += 1
        rows.append(record)
        assert (record is None) == (code >= classes)
        if record is not None:
            assert record["part"] == split and EXPRESSIONS_8[record["expression"]] == NAMES[code]
            for key, value in (("valence", valence), ("arousal", arousal)):
                expected = np.float32(np.nan if value == -2 else value)
                np.testing.assert_allclose(record[key], expected, rtol=1e-5)
    assert not found
    metadata = read_metadata(prepared)
    skipped = {7: {OTHER_CLASS: 3}, 8: {NO_CLASS: 2}}
    assert metadata["skipped"] == skipped[classes]
    assert metadata["protocol"]["test"] == [["test"]]
    assert metadata["expression_names"] == list(EXPRESSIONS_8[:classes])
    assert f"verified: {classes} records" in verify(prepared, jobs=1, progress=False)
    return rows


@pytest.mark.parametrize("header", [True, False])
def test_every_value_of_the_layout_of_2017(tmp_path: Path, header: bool) -> None:
    images = write_2017(tmp_path / "raw/outer", header)
    options = {"margin": 0.0, "image_format": "png"}
    prepared = build("affectnet", tmp_path / "raw", tmp_path / "data", **options)
    assert read_metadata(prepared)["options"]["crop"] == "face"
    for record, image, (_, _, box, *_) in zip(records(prepared), images, ROWS, strict=True):
        if record is None or box is None:
            continue
        left, top, width, height = box
        shown = Box(max(left, 0), max(top, 0), 0, 0)
        shown = Box(
            shown.left,
            shown.top,
            min(left + width, 80) - shown.left,
            min(top + height, 60) - shown.top,
        )
        expected = warp(image, box_transform(shown, 32, 0.0), 32)
        stored = pixels(record["reaction"]["image"]).astype(int)
        assert np.abs(stored - expected).mean() < 4  # JPEG at the box's edges
        assert (pixels(record["reaction"]["image"])[16, 16] < 215).all()  # inside of the box
        assert "/" in record["name"]


def test_every_value_of_the_layout_of_2021(new: tuple[Path, Any], tmp_path: Path) -> None:
    prepared = build("affectnet", new[0], tmp_path)
    assert read_metadata(prepared)["options"]["crop"] == "full"
    for record, image in zip(records(prepared), new[1], strict=True):
        if record is not None:
            difference = pixels(record["reaction"]["image"]).mean(axis=(0, 1)) - image[0, 0]
            assert np.abs(difference).max() < 4


@pytest.mark.parametrize("layout", ["old", "new"])
def test_eight_classes_have_contempt(
    request: pytest.FixtureRequest, tmp_path: Path, layout: str
) -> None:
    prepared = build("affectnet/eight", request.getfixturevalue(layout)[0], tmp_path)
    (scornful,) = (r for r, row in zip(records(prepared, 8), ROWS, strict=True) if row[1] == 7)
    assert scornful is not None and scornful["expression"] == 7


def test_an_image_that_the_lists_name_twice_is_counted(raw: Path) -> None:
    """It is tested on and not trained on; one of two expressions is neither."""
    training, validation = (raw / LISTS / f"{name}.csv" for name in ("training", "validation"))
    lines, tested = training.read_text().splitlines(), validation.read_text().splitlines()
    other = lines[2].split(",")
    other[6] = "2"
    lines += [lines[1], ",".join(other), tested[1]]
    training.write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match=r"4 of 10 frames are unusable"):
        build("affectnet", raw, raw.parent / "data")
    prepared = build("affectnet", raw, raw.parent / "data", max_skipped=0.5)
    assert read_metadata(prepared)["skipped"] == {OTHER_CLASS: 3, TWICE: 2, TWO_CLASSES: 2}
    names = [record["name"] for record in read(prepared).values()]
    assert len(names) == len(set(names)) == 6 and other[0] not in names
    (both,) = (r for r in read(prepared).values() if r["name"] == tested[1].split(",")[0])
    assert both["part"] == "test"


def test_boxes_are_cut_off_at_the_edges() -> None:
    assert Box(-10, -20, 50, 60).clipped(80, 60) == Box(0, 0, 40, 40)
    assert Box(70, 50, 20, 20).clipped(80, 60) == Box(70, 50, 10, 10)
    assert Box(5, 6, 7, 8).clipped(80, 60) == Box(5, 6, 7, 8)
    assert Box(90, 10, 20, 20).clipped(80, 60).width == 0


def edit(split: str, old: str, new: str) -> Callable[[Path], Any]:
    def act(raw: Path) -> None:
        path = raw / LISTS / f"{split}.csv"
        text = path.read_bytes().decode()
        assert old in text
        path.write_bytes(text.replace(old, new, 1).encode())

    return act


def image_of(raw: Path, number: int) -> Path:
    return next((raw / "Manually_Annotated_Images").rglob(f"{number:032x}.*"))


SKIPS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no image": (lambda raw: image_of(raw, 0).unlink(), NO_IMAGE),
    "bad image": (lambda raw: image_of(raw, 0).write_bytes(b"\xff\xd8"), BAD_IMAGE),
    "no box": (edit("training", ",10,10,40,40", ",NULL,NULL,NULL,NULL"), NO_FACE),
    "box beside the image": (edit("training", ",10,10,40,40", ",100,10,40,40"), OUTSIDE),
}


@pytest.mark.parametrize("defect", SKIPS)
def test_what_is_missing_is_counted(raw: Path, defect: str) -> None:
    change, reason = SKIPS[defect]
    change(raw)
    prepared = build("affectnet", raw, raw.parent / "data", max_skipped=0.5)
    assert read_metadata(prepared)["skipped"] == {OTHER_CLASS: 3, reason: 1}
    assert ("train", 0) not in read(prepared)


def test_annotations_that_count_otherwise_are_refused(raw_new: Path) -> None:
    images = raw_new / "train_set" / "images"
    for path in sorted(images.iterdir(), key=lambda path: -int(path.stem)):
        path.rename(images / f"{int(path.stem) + 1}{path.suffix}")
    with pytest.raises(InputError, match=r"numbered from 1 to 6, annotations from 0 to 5; .* \+1"):
        build("affectnet", raw_new, raw_new.parent / "data")


def test_what_is_missing_in_2021_is_counted(raw_new: Path) -> None:
    (raw_new / "train_set/images/0.jpg").unlink()
    (raw_new / "train_set/annotations/1_exp.npy").unlink()
    (raw_new / "val_set/annotations/2_val.npy").unlink()
    prepared = build("affectnet", raw_new, raw_new.parent / "data", max_skipped=0.5)
    assert read_metadata(prepared)["skipped"] == {OTHER_CLASS: 3, NO_IMAGE: 1, NO_LABEL: 2}


DEFECTS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "empty": (lambda raw: (raw / LISTS / "training.csv").write_text(""), "training.csv: empty; ex"),
    "header": (
        lambda raw: (raw / LISTS / "validation.csv").write_text(HEADER + "\n"),
        "validation.csv: nothing but a header in it; expected rows subDirectory_filePath",
    ),
    "climbs": (edit("training", "600/", "../"), "training.csv: line 2: image '../0000"),
    "absolute": (edit("training", "600/", "/etc/"), "line 2: image '/etc/0"),
    "code": (
        edit("validation", ",4,-0.25", ",11,-0.25"),
        "line 2: expression 11, expected a whole",
    ),
    "text": (edit("validation", ",4,-0.25", ",fear,-0.25"), "line 2: expression 'fear', expected"),
    "valence": (
        edit("validation", ",4,-0.25", ",4,-1.25"),
        "line 2: valence -1.25, expected -1 to",
    ),
    "box": (edit("training", ",10,10,40", ",10,1e,40"), "line 2: face box '1e', expected a number"),
    "width": (edit("training", ",10,10,40", ",10,40"), "line 2 has 8 columns, expected 9"),
    "column": (edit("training", "arousal", "calm"), "training.csv: no column 'arousal'"),
    "not utf-8": (
        lambda raw: (raw / LISTS / "training.csv").write_bytes(b"a\xff"),
        "training.csv: not UTF-8 at byte ",
    ),
    "no list": (
        lambda raw: (raw / LISTS / "validation.csv").unlink(),
        "no AffectNet in it; expected training.csv, validation.csv and",
    ),
    "two layouts": (write_2021, "holds both layouts, of 2017 and 2021; name one's folder"),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_defect_is_one_line_and_nothing_is_left(raw: Path, defect: str) -> None:
    change, message = DEFECTS[defect]
    change(raw)
    with pytest.raises(InputError) as caught:
        build("affectnet", raw, raw.parent / "data")
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert not list(raw.parent.glob("data/affectnet/seven/*"))


def npy(array: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


class Trap:
    """An object that would create a file when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize(
    "content",
    [b"", b"\x93NUMPY", npy(1.0)[:-1], npy([1, 2]), npy(1j), npy("x" * 2000), b"PK\x03\x04" * 9],
)
def test_arrays_that_are_no_number(raw_new: Path, content: bytes) -> None:
    path = raw_new / "train_set/annotations/1_exp.npy"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"1_exp\.npy: not an \.npy file of one number"):
        build("affectnet", raw_new, raw_new.parent / "data")


def test_nothing_is_unpickled(raw_new: Path, tmp_path: Path) -> None:
    array = np.array(Trap(tmp_path / "touched"), dtype=object)
    path = raw_new / "train_set/annotations/1_exp.npy"
    path.write_bytes(npy(array, allow_pickle=True))
    with pytest.raises(InputError, match=r"1_exp\.npy: not an \.npy file of one number"):
        labels.read_scalar(path)
    assert not (tmp_path / "touched").exists()
    np.load(path, allow_pickle=True)
    assert (tmp_path / "touched").exists()  # the trap works


@pytest.mark.parametrize(
    ("array", "value"),
    [
        (np.array("3"), 3),
        (np.array(b"3"), 3),
        (np.array([" -0.5 "]), -0.5),
        (np.float64(0.25), 0.25),
        (np.array([[7]], np.uint8), 7),
        (np.array(-2, ">i4"), -2),
    ],
)
def test_arrays_of_one_number(tmp_path: Path, array: np.ndarray, value: float) -> None:
    (tmp_path / "a.npy").write_bytes(npy(array))
    assert labels.read_scalar(tmp_path / "a.npy") == value


@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_damaged_arrays_give_a_number_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray(npy(np.array(data.draw(st.sampled_from(["3", 4, 0.5])))))
    for _ in range(data.draw(st.integers(0, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "affectnet.npy"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        assert np.isfinite(labels.read_scalar(path))
    except InputError as error:
        assert str(path) in str(error) and "\n" not in str(error)


CELLS = ["1", "NULL", "-2", "0.5", "x", "600/a.jpg", "../a", '"', "é", "\n", "\r\n", "\x00", "1;2"]


@settings(max_examples=250, deadline=None)
@given(
    cells=st.lists(st.sampled_from(CELLS), max_size=20),
    tail=st.binary(max_size=10),
    header=st.booleans(),
)
@example(cells=["600/a.jpg", "1", "1", "1", "1", "1;2", "1", "0.5", "-2"], tail=b"", header=False)
def test_any_bytes_give_rows_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, cells: list[str], tail: bytes, header: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "affectnet.csv"
    text = (HEADER + "\r\n" if header else "") + ",".join(cells)
    path.write_bytes(text.encode() + tail)
    try:
        for row in labels.read_list(path):
            assert row.expression in range(-1, 7) and ".." not in Path(row.path).parts
    except InputError as error:
        assert str(path) in str(error) and "\n" not in str(error)
