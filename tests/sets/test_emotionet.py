"""EmotioNet from tiny releases: workbook, CSV and lists by value, downloads, folds, defects."""

import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest
from prepared_faces import build, pixels, read
from raw_emotionet import (
    CODED,
    GONE,
    IMAGES,
    header,
    url,
    values,
    write_csv,
    write_images,
    write_lists,
    write_workbook,
)

from drr_jax.data.label_counts import class_weights, part_counts
from drr_jax.data.prepared import open_dataset
from drr_jax.errors import InputError
from tfds_reactionet.building.face_records import BAD_IMAGE
from tfds_reactionet.building.summary import read_metadata, summarise
from tfds_reactionet.building.verification import verify
from tfds_reactionet.emotionet.reader import NO_IMAGE, SEVERAL_IMAGES, TWICE, part_by_digest

WORKBOOK = "EmotioNet_FACS_aws_2020_24600.xlsx"
TABLE = "EmotioNet_FACS.csv"
LIST = "emotioNet_challenge_files_server_challenge_1.2_aws/dataFile_0002.txt"
MANUAL = values(11, len(CODED))


def check_records(prepared: Path, colours: Any, wanted: np.ndarray, aus: Any, source: int) -> None:
    """Compares all records with labels [images, aus]."""
    records = {int(frame): record for (_, frame), record in read(prepared).items()}
    assert sorted(records) == [n for n in range(len(IMAGES)) if n != GONE]
    for number, record in records.items():
        assert record["name"] == IMAGES[number][1] and record["label_source"] == source
        assert record["part"] == record["sequence"]
        expected = np.full(60, -1)
        expected[[au - 1 for au in aus]] = np.where(wanted[number] == 999, -1, wanted[number])
        assert record["au"]["occurrence"].tolist() == expected.tolist()
        assert np.isnan(record["au"]["intensity"]).all() and record["expression"] == -1
        mean = pixels(record["reaction"]["image"])[8:24].mean(axis=(0, 1))
        assert np.abs(mean - colours[number]).max() < 4
    metadata = read_metadata(prepared)
    assert metadata["skipped"] == {NO_IMAGE: 1} and len(metadata["au_names"]) == 60
    assert "verified: 7 records" in verify(prepared, jobs=1, progress=False)


@pytest.mark.parametrize("write", [write_workbook, write_csv])
@pytest.mark.parametrize("flat", [False, True])
def test_every_value_of_the_manual_labels(
    tmp_path: Path, write: Callable[[Path, np.ndarray], None], flat: bool
) -> None:
    colours = write_images(tmp_path / "raw", flat)
    write(tmp_path / "raw/labels" / (WORKBOOK if write is write_workbook else TABLE), MANUAL)
    prepared = build("emotionet", tmp_path / "raw", tmp_path / "data")
    check_records(prepared, colours, MANUAL, CODED, source=1)


def test_every_value_of_the_automatic_labels(tmp_path: Path) -> None:
    colours, wanted = write_images(tmp_path / "raw"), values(12, 60)
    write_lists(tmp_path / "raw", wanted)
    prepared = build("emotionet/automatic", tmp_path / "raw", tmp_path / "data")
    check_records(prepared, colours, wanted, range(1, 61), source=0)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    write_images(tmp_path / "raw")
    write_csv(tmp_path / "raw" / TABLE, MANUAL)
    return tmp_path / "raw"


@pytest.mark.parametrize(
    ("choice", "aus"),
    [
        ("11", (1, 2, 4, 5, 6, 9, 12, 17, 20, 25, 26)),
        ("12", (1, 2, 4, 5, 6, 9, 12, 17, 20, 25, 26, 43)),
        ("17", (1, 2, 4, 5, 6, 9, 10, 12, 15, 17, 18, 20, 24, 25, 26, 28, 43)),
        ("23", CODED),
    ],
)
def test_evaluated_aus_are_an_option(raw: Path, choice: str, aus: tuple[int, ...]) -> None:
    prepared = build("emotionet", raw, raw.parent / "data", aus=choice, folds=2)
    metadata = read_metadata(prepared)
    assert metadata["evaluated_aus"] == [f"AU{au:02d}" for au in aus]
    opened = open_dataset(prepared)
    assert list(opened.classes("au")) == metadata["evaluated_aus"]
    counts = part_counts(opened, opened.folds[1][0], "au")
    assert class_weights(counts, opened.classes("au")).shape == (len(aus),)
    assert metadata["protocol"]["test"] == [["part1"], ["part2"]]


def test_parts_do_not_depend_on_downloads_order_or_other_rows() -> None:
    many = [part_by_digest("3", f"x/{number}.jpg") for number in range(3000)]
    sizes = [many.count(f"part{part}") for part in (1, 2, 3)]
    assert sum(sizes) == 3000 and max(sizes) - min(sizes) < 150
    assert many[:12] != ["part1", "part2", "part3"] * 4
    assert many[:3] == ["part1", "part2", "part2"]  # of this rule for ever


def test_a_second_row_of_an_image_and_another_format(raw: Path) -> None:
    table = raw / TABLE
    table.write_bytes(table.read_bytes() + table.read_bytes().splitlines(keepends=True)[1])
    image = raw / "images/N_0000000008/N_0000000008_00001.jpg"
    image.rename(image.with_suffix(".png"))
    (raw / "images/a/same.jpg").unlink()  # b/same.jpg must not stand in for it
    prepared = build("emotionet", raw, raw.parent / "data")
    assert read_metadata(prepared)["skipped"] == {NO_IMAGE: 2, TWICE: 1}
    names = {(r["name"], int(frame)) for (_, frame), r in read(prepared).items()}
    assert ("N_0000000008_00001.jpg", 7) in names and ("same.jpg", 3) not in names


def test_one_of_several_images_of_a_name_is_not_guessed(raw: Path) -> None:
    image = raw / "images/N_0000000008/N_0000000008_00001.jpg"
    for folder in ("mine", "other"):
        (raw / "images" / folder).mkdir()
        shutil.copy(image, raw / "images" / folder)
    assert len(read(build("emotionet", raw, raw.parent / "data"))) == 7  # in the URL's folder
    image.unlink()
    with pytest.raises(InputError, match=rf"{SEVERAL_IMAGES} \(1\)"):
        build("emotionet", raw, raw.parent / "again")


def test_damaged_images_count(raw: Path) -> None:
    (raw / "images/a/same.jpg").write_bytes(b"<html>404</html>")
    prepared = build("emotionet", raw, raw.parent / "data", max_skipped=0.2)
    assert read_metadata(prepared)["skipped"] == {NO_IMAGE: 1, BAD_IMAGE: 1}


def test_csv_wins_over_the_workbook_it_was_made_of(raw: Path) -> None:
    (raw / WORKBOOK).write_bytes(b"not read")
    assert len(read(build("emotionet", raw, raw.parent / "data"))) == len(IMAGES) - 1


def edit(old: str, new: str) -> Callable[[Path], Any]:
    def act(raw: Path) -> None:
        text = (raw / TABLE).read_bytes().decode()
        assert old in text
        (raw / TABLE).write_bytes(text.replace(old, new, 1).encode())

    return act


def workbook(content: bytes) -> Callable[[Path], Any]:
    """A workbook of these bytes in place of the CSV."""

    def act(raw: Path) -> None:
        (raw / TABLE).unlink()
        (raw / WORKBOOK).write_bytes(content)

    return act


def sheet(*rows: list[Any]) -> Callable[[Path], Any]:
    """A workbook of these rows in place of the CSV."""

    def act(raw: Path) -> None:
        (raw / TABLE).unlink()
        book = openpyxl.Workbook()
        first: Any = book.active
        for row in rows:
            first.append(row)
        book.save(raw / WORKBOOK)

    return act


def entities(raw: Path) -> None:
    sheet(header())(raw)
    with zipfile.ZipFile(raw / WORKBOOK, "a") as archive:
        archive.writestr("xl/x.xml", '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>')


def images_away(raw: Path) -> None:
    (raw / "images").rename(raw.parent / "elsewhere")


ZEROS = [0] * len(CODED)
DEFECTS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "value": (
        edit(",0,1,999,", ",0,2,999,"),
        f"{TABLE}: line 2: AU 2 is '2', expected 0, 1 or 999",
    ),
    "blank": (edit(",0,1,999,", ",0,,999,"), f"{TABLE}: line 2: AU 2 is '', expected 0, 1 or"),
    "width": (edit(",0,1,999,", ",0,1,"), "line 2 has 24 columns, expected 25"),
    "url": (edit("/N_0000000001_00001.jpg", "/.."), "does not end with the name of an image"),
    "header": (edit("URL,", "Link,"), "line 1: expected a header with URL, 'AU 1', 'AU 2'"),
    "AU in words": (edit("'AU 12'", "'AU twelve'"), "line 1: column 'AU twelve', expected 'AU 1'"),
    "semicolon": (edit("'AU 56'", "'AU 56';"), "line 1: ends with a semicolon; expected none"),
    "semicolons": (edit("\r\n'", ";\r\n'"), "line 1: ends with a semicolon; expected none"),
    "AU twice": (edit("'AU 2'", "AU 1"), "line 1: column AU 1 is there twice"),
    "empty": (lambda raw: (raw / TABLE).write_text("\n"), f"{TABLE}: empty; expected a header"),
    "two tables": (lambda raw: write_csv(raw / "x" / TABLE, MANUAL), "expected one table; move"),
    "no table": (lambda raw: (raw / TABLE).unlink(), "no label file; expected EmotioNet_FACS*"),
    "no image": (images_away, "none of the 8 labelled images is in it; expected downloads such"),
    "password": (workbook(b"\xd0\xcf\x11\xe0\xa1\xb1"), "protected by a password; open it with"),
    "no workbook": (workbook(b"PK"), f"{WORKBOOK}: not a complete zip file"),
    "entities": (entities, "xl/x.xml defines entities; it is not read"),
    "no labels": (sheet(["URL", "notes"]), "no sheet with a header of URL, 'AU 1', 'AU 2', ..."),
    "cell": (sheet(header(), [url(0), "", *ZEROS[1:], "yes"]), "'Sheet': line 2: AU 56 is 'yes'"),
    "short row": (sheet(header(), [url(0), "", *ZEROS[1:]]), "'Sheet': line 2: AU 56 is '', exp"),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_defect_is_one_line_and_nothing_is_left(raw: Path, defect: str) -> None:
    change, message = DEFECTS[defect]
    change(raw)
    with pytest.raises(InputError) as caught:
        build("emotionet", raw, raw.parent / "data")
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert not list(raw.parent.glob("data/emotionet/manual/*"))


def test_workbook_without_its_package(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sheet(header(), [url(0), "", *ZEROS])(raw)
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(InputError, match=r"needs the package openpyxl; pip install openpyxl, or"):
        build("emotionet", raw, raw.parent / "data")


def test_defects_of_a_list_name_its_line(tmp_path: Path) -> None:
    write_images(tmp_path / "raw")
    write_lists(tmp_path / "raw", values(12, 60))
    path = tmp_path / "raw" / LIST
    path.write_text(path.read_text() + "x.jpg\ty\t0\n")
    with pytest.raises(InputError, match=r"dataFile_0002\.txt: line 6 has 3 columns, expected 62"):
        build("emotionet/automatic", tmp_path / "raw", tmp_path / "data")


def test_lists_and_aus_that_are_not_there_are_said(tmp_path: Path) -> None:
    raw, wanted = tmp_path / "raw", values(12, 60)
    write_images(raw)
    wanted[:, 11] = 999
    write_lists(raw, wanted)
    (raw / LIST).rename(raw / LIST.replace("0002", "0005"))
    prepared = build("emotionet/automatic", raw, tmp_path / "data")
    assert read_metadata(prepared)["notes"] == [
        "3 lists of labels are not there before dataFile_0005.txt, such as dataFile_0002.txt: "
        "images of theirs count as not labelled",
        "AU12 unknown in all rows: no column of the labels, or only 999",
    ]
    assert f"  {read_metadata(prepared)['notes'][1]}" in summarise(prepared)


def test_a_column_that_is_not_there_is_said(raw: Path) -> None:
    edit("'AU 12'", "'notes'")(raw)
    prepared = build("emotionet", raw, raw.parent / "data")
    said = "AU04, AU12 unknown in all rows: no column of the labels, or only 999"
    assert read_metadata(prepared)["notes"] == [said]
