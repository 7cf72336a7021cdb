"""RAF-DB from tiny releases: every value, folders, zips and the mirror, compound set, defects."""

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from prepared_faces import build, pixels, read
from raw_raf_db import IMAGES, write_mirror, write_raf_db

from drr_jax.errors import InputError
from drr_jax.facs.labels import EXPRESSIONS
from tfds_reactionet.building import NO_LANDMARKS, UNLABELLED
from tfds_reactionet.building.face_records import BAD_IMAGE
from tfds_reactionet.building.summary import read_metadata, summarise
from tfds_reactionet.building.verification import verify
from tfds_reactionet.raf_db import labels
from tfds_reactionet.raf_db.reader import NO_IMAGE
from tfds_reactionet.reading.crop import face_transform, move

NAMES = ("surprise", "fear", "disgust", "happy", "sad", "anger", "neutral")  # labels 1 to 7
LIST = "EmoLabel/list_patition_label.txt"
ATTRIBUTES = "Annotation/manual/train_00002_manu_attri.txt"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    root = tmp_path_factory.mktemp("raw")
    return root, write_raf_db(root / "basic")


@pytest.fixture
def raw(release: tuple[Path, Any], tmp_path: Path) -> Path:
    return Path(shutil.copytree(release[0] / "basic", tmp_path / "raw"))


def check_records(found: dict[Any, Any], colours: dict[str, Any], person: bool = True) -> None:
    assert len(found) == len(IMAGES)
    for name, values in IMAGES.items():
        split, number = name.split("_")
        record = found[split, int(number)]
        assert record["part"] == split and record["name"] == name
        assert EXPRESSIONS[record["expression"]] == NAMES[values[0] - 1]
        stored = [record[key] for key in ("gender", "race", "age")]
        assert stored == (list(values[1:]) if person else [-1, -1, -1])
        middle = pixels(record["reaction"]["image"])[14:18, 14:18]
        assert np.abs(middle.astype(int) - colours[name]).max() <= 4


@pytest.mark.parametrize("zips", [False, True])
@pytest.mark.parametrize("config", ["aligned", "original"])
def test_every_value_of_every_record(tmp_path: Path, config: str, zips: bool) -> None:
    written = write_raf_db(tmp_path / "raw/basic", zips=zips)
    prepared = build(f"raf_db/{config}", tmp_path / "raw", tmp_path / "data")
    found = read(prepared)
    check_records(found, {name: truth[config] for name, truth in written.items()})
    assert [key for key in found if key[0] == "train"] == [
        ("train", number) for number in (1, 2, 10, 12271)
    ]
    metadata = read_metadata(prepared)
    assert metadata["options"]["crop"] == ("full" if config == "aligned" else "face")
    assert metadata["protocol"]["train"] == [["train"]] and metadata["skipped"] == {}
    assert metadata["parts"]["test"]["expression_counts"] == [1, 0, 1, 1, 0, 0, 0]
    if config == "original":
        for name, truth in written.items():
            split, number = name.split("_")
            transform = face_transform(truth["landmarks"].astype(np.float32), 32, 0.1)
            expected = move(truth["landmarks"], transform)
            stored = found[split, int(number)]["landmarks"]
            np.testing.assert_allclose(stored, expected, atol=1e-3)
    assert "verified: 7 records" in verify(prepared, jobs=1, progress=False)


def test_compound_set_beside_the_basic_set(tmp_path: Path) -> None:
    written = write_raf_db(tmp_path / "raw/basic")
    write_raf_db(tmp_path / "raw/compound")
    (tmp_path / "raw/compound" / LIST).write_text("train_0001.jpg 11\n")
    shutil.rmtree(tmp_path / "raw/compound/Annotation")
    prepared = build("raf_db", tmp_path / "raw", tmp_path / "data")
    check_records(read(prepared), {name: truth["aligned"] for name, truth in written.items()})
    shutil.rmtree(tmp_path / "raw/basic/Image")  # images of another set must not stand in
    with pytest.raises(InputError, match=r"raw/basic: no Image/aligned in it, and no aligned"):
        build("raf_db", tmp_path / "raw", tmp_path / "other")


def test_same_set_from_two_processes(tmp_path: Path) -> None:
    write_raf_db(tmp_path / "raw", zips=True)
    one, two = (build("raf_db", tmp_path / "raw", tmp_path / str(n), jobs=n) for n in (1, 2))
    assert read_metadata(one)["fingerprint"] == read_metadata(two)["fingerprint"]


@pytest.mark.parametrize("tables", [True, False])
def test_mirror(tmp_path: Path, tables: bool) -> None:
    colours = write_mirror(tmp_path / "raw", tables)
    prepared = build("raf_db", tmp_path / "raw", tmp_path / "data")
    check_records(read(prepared), colours, person=False)
    with pytest.raises(InputError, match="holds aligned faces only; expected config aligned"):
        build("raf_db/original", tmp_path / "raw", tmp_path / "data")


def test_mirror_that_contradicts_itself(tmp_path: Path) -> None:
    write_mirror(tmp_path / "raw")
    table = tmp_path / "raw/train_labels.csv"
    text = table.read_text()
    table.write_text(text.replace("train_00002_aligned.jpg,1", "train_00002_aligned.jpg,2"))
    with pytest.raises(InputError, match=r"train_labels.csv: train_00002 lies in .*, of another"):
        build("raf_db", tmp_path / "raw", tmp_path / "data")
    table.write_text(text.replace("train_00002", "test_0002"))
    with pytest.raises(InputError, match=r"train_labels.csv: test_0002 is of the other split"):
        build("raf_db", tmp_path / "raw", tmp_path / "data")
    table.write_text(text)
    folder = tmp_path / "raw/DATASET/train/5"
    shutil.copy(folder / "train_00001_aligned.jpg", folder / "test_0009_aligned.jpg")
    with pytest.raises(InputError, match=r"train/5: test_0009 is of the other split"):
        build("raf_db", tmp_path / "raw", tmp_path / "data")


@pytest.mark.parametrize("tables", [True, False])
def test_a_mirror_whose_folders_count_from_zero_is_refused(tmp_path: Path, tables: bool) -> None:
    """Every label would be that of another expression, and surprise would be lost."""
    write_mirror(tmp_path / "raw", tables)
    for split in ("train", "test"):
        for label in range(1, 8):
            folder = tmp_path / "raw/DATASET" / split / str(label)
            folder.rename(folder.with_name(str(label - 1)))
    said = r"train/0: '0' is no label of RAF-DB; .* 1 \(surprise\), .* 7 \(neutral\)"
    with pytest.raises(InputError, match=said):
        build("raf_db", tmp_path / "raw", tmp_path / "data")


def test_a_mirror_names_the_folders_and_tables_that_it_lacks(tmp_path: Path) -> None:
    colours = write_mirror(tmp_path / "raw")
    (tmp_path / "raw/test_labels.csv").unlink()  # the other one is read all the same
    table = tmp_path / "raw/train_labels.csv"
    text = table.read_text()
    table.write_text(text.replace("train_00002_aligned.jpg,1", "train_00002_aligned.jpg,2"))
    with pytest.raises(InputError, match=r"train_labels.csv: train_00002 lies in .*, of another"):
        build("raf_db", tmp_path / "raw", tmp_path / "data")
    table.write_text(text)
    prepared = build("raf_db", tmp_path / "raw", tmp_path / "data")
    check_records(read(prepared), colours, person=False)
    note = "labels of train: train_labels.csv, test: its folders' names, there is no test_labels.c"
    assert note in summarise(prepared)
    (tmp_path / "raw/DATASET/test/5").rmdir()
    with pytest.raises(InputError, match=r"DATASET/test: no folder 5, and no test_labels.csv"):
        build("raf_db", tmp_path / "raw", tmp_path / "data", overwrite=True)


def test_an_image_of_a_mirror_that_the_table_lacks_is_counted(tmp_path: Path) -> None:
    write_mirror(tmp_path / "raw")
    table = tmp_path / "raw/train_labels.csv"
    table.write_text(table.read_text().replace("train_00002_aligned.jpg,1\n", ""))
    with pytest.raises(InputError, match=rf"most often: {UNLABELLED} \(1\)"):
        build("raf_db", tmp_path / "raw", tmp_path / "data")


def test_originals_are_cut_out_by_boxes_without_landmarks(tmp_path: Path) -> None:
    written = write_raf_db(tmp_path / "raw", landmarks=False)
    prepared = build("raf_db/original", tmp_path / "raw", tmp_path / "data")
    assert read_metadata(prepared)["options"]["crop"] == "face"
    found = read(prepared)
    check_records(found, {n: truth["original"] for n, truth in written.items()}, person=False)
    assert np.isnan(found["train", 1]["landmarks"]).all()
    box = labels.parse_box("22 10 58 55 \r\n", "file")
    assert (box.left, box.top, box.width, box.height) == (22, 10, 37, 46)


def test_faces_cut_out_otherwise_than_the_others_are_said(raw: Path) -> None:
    data = raw.parent / "data"
    assert read_metadata(build("raf_db/original", raw, data))["notes"] == []
    (raw / "Annotation/manual/train_00002_manu_attri.txt").unlink()
    prepared = build("raf_db/original", raw, data, overwrite=True)
    note = "WARNING: 1 without a file of landmarks, cut out by their boxes"
    assert read_metadata(prepared)["notes"] == [note] and note in summarise(prepared)


LINE = "train_00002.jpg 1"
SKIPS: dict[str, tuple[str, Callable[[Path], Any], str]] = {
    "no image": (
        "aligned",
        lambda raw: (raw / "Image/aligned/train_00002_aligned.jpg").unlink(),
        NO_IMAGE,
    ),
    "no line": (
        "aligned",
        lambda raw: (raw / LIST).write_text((raw / LIST).read_text().replace(f"{LINE}\n", "")),
        UNLABELLED,
    ),
    "bad image": (
        "aligned",
        lambda raw: (raw / "Image/aligned/train_00002_aligned.jpg").write_bytes(b"\xff\xd8\xff"),
        BAD_IMAGE,
    ),
    "no face": (
        "original",
        lambda raw: [path.unlink() for path in raw.glob("Annotation/*/train_00002_*")],
        NO_LANDMARKS,
    ),
}


@pytest.mark.parametrize("defect", SKIPS)
def test_what_is_missing_is_counted(raw: Path, defect: str) -> None:
    config, change, reason = SKIPS[defect]
    change(raw)
    with pytest.raises(InputError, match=rf"most often: {reason} \(1\)"):
        build(f"raf_db/{config}", raw, raw.parent / "data")
    prepared = build(f"raf_db/{config}", raw, raw.parent / "data", max_skipped=0.5)
    assert read_metadata(prepared)["skipped"] == {reason: 1}
    assert ("train", 2) not in read(prepared)


def add(text: str) -> Callable[[Path], Any]:
    return lambda raw: (raw / LIST).write_text((raw / LIST).read_text() + text)


def attributes(text: str) -> Callable[[Path], Any]:
    return lambda raw: (raw / ATTRIBUTES).write_text(text)


POINTS = "1\t1\n" * 5
DEFECTS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "compound label": (
        add("train_00003.jpg 11\n"),
        "line 8: train_00003.jpg 11 is of RAF-DB's com",
    ),
    "compound name": (
        add("train_0003.jpg 1\n"),
        "line 8: train_0003.jpg 1 is of RAF-DB's compound",
    ),
    "compound test": (add("test_001.jpg 1\n"), "compound set (11 classes); expected the basic set"),
    "label": (add("train_00003.jpg 0\n"), "label.txt: line 8: label '0', expected 1 to 7"),
    "name": (add("../../train_00003.jpg 1\n"), "line 8: image '../../train_00003.jpg', expected"),
    "twice": (add("train_00001.jpg 5\n"), "line 8: train_00001 is there twice"),
    "columns": (add("\n\ntrain_00003.jpg\n"), "line 10: 'train_00003.jpg', expected"),
    "no list": (lambda raw: (raw / LIST).unlink(), "no labels; expected EmoLabel/list_patition"),
    "no images": (lambda raw: shutil.rmtree(raw / "Image/aligned"), "no Image/aligned in it, and"),
    "attribute": (attributes(POINTS + "0\n3\n0\n"), "line 7: race 3, expected 0 to 2"),
    "point": (attributes("1\n" + POINTS + "0\n0\n"), "line 1: 1 numbers, expected x and y"),
    "lines": (attributes(POINTS), "train_00002_manu_attri.txt: 5 lines, expected 5 of x and y"),
    "number": (attributes(POINTS + "male\n0\n0\n"), "line 6: 'male' is no number"),
    "hostile zip": (
        lambda raw: hostile(raw, "../../train_00001_aligned.jpg"),
        "leads out of the archive; it is not read",
    ),
    "double": (
        lambda raw: hostile(raw, "a/train_00001_aligned.jpg", "b/train_00001_aligned.jpg"),
        "train_00001_aligned.jpg is there twice",
    ),
    "cut off zip": (
        lambda raw: hostile(raw) or (raw / "Image/aligned.zip").write_bytes(b"PK\3\4"),
        "not a complete zip file",
    ),
}


def hostile(raw: Path, *names: str) -> None:
    """A zip file in place of the folder of aligned images."""
    shutil.rmtree(raw / "Image/aligned")
    with zipfile.ZipFile(raw / "Image/aligned.zip", "w") as archive:
        for name in names:
            archive.writestr(name, b"x")


@pytest.mark.parametrize("defect", DEFECTS)
def test_defect_is_one_line_and_nothing_is_left(raw: Path, defect: str) -> None:
    change, message = DEFECTS[defect]
    change(raw)
    with pytest.raises(InputError) as caught:
        build("raf_db", raw, raw.parent / "data")
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert not list(raw.parent.glob("data/raf_db/aligned/*"))


TEXTS = st.one_of(
    st.binary(max_size=50),
    st.text("0123456789.-\t\r\n xé", max_size=60),
    st.lists(st.sampled_from(["train_00001.jpg", " 5", "\n", "test_0001.jpg 8", "1\t2"])).map(
        "".join
    ),
)


@settings(max_examples=250, deadline=None)
@given(data=TEXTS)
@example(data="308.347\t317.778\n1 1\n1 1\n1 1\n1 1\n0\n0\n0")
@example(data="train_00001.jpg 5\r\n\r\ntest_0001.jpg 7")
def test_any_bytes_give_labels_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: bytes | str
) -> None:
    path = tmp_path_factory.getbasetemp() / "raf_db_label.txt"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    text = data if isinstance(data, str) else data.decode("latin-1")
    for parse in (
        lambda: labels.read_list(path),
        lambda: labels.read_csv(path),
        lambda: labels.parse_attributes(text, str(path)),
        lambda: labels.parse_box(text, str(path)),
    ):
        try:
            found: Any = parse()
        except InputError as error:
            assert str(path) in str(error) and "\n" not in str(error)
            continue
        if isinstance(found, list):
            assert all(label.expression in range(7) for label in found)
        elif isinstance(found, labels.Attributes):
            assert found.landmarks.shape == (5, 2)
