"""Wrong raw input: each defect is one line that names the file and what was expected."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_reactionet import write_raw

from drr_jax.errors import InputError
from tfds_reactionet.build import prepare
from tfds_reactionet.building.face_records import BAD_IMAGE
from tfds_reactionet.building.summary import read_metadata, summarise
from tfds_reactionet.reactionet import reader
from tfds_reactionet.reactionet.labels import read_people
from tfds_reactionet.reading.folds import PARTS, FoldUnit, balanced_parts

KEY = "film/first/task2/seq1"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    write_raw(tmp_path / "raw")
    return tmp_path / "raw"


def build(raw: Path, name: str = "reactionet/full", **options: Any) -> Path:
    options = {"size": 32, "jobs": 1, "progress": False, **options}
    return prepare(name, raw.parent / "data", raw, **options)


def replace(path: Path, old: str, new: str, count: int = 1) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, count))


def rename_column(file: str, old: str, new: str) -> Callable[[Path], None]:
    return lambda raw: replace(raw / file, old, new)


def append(file: str, text: str) -> Callable[[Path], None]:
    def change(raw: Path) -> None:
        (raw / file).parent.mkdir(exist_ok=True)
        with (raw / file).open("a") as out:
            out.write(text)

    return change


def folds(one: str, two: str, three: str) -> Callable[[Path], None]:
    def change(raw: Path) -> None:
        for number, text in enumerate((one, two, three), 1):
            append(f"splits/fold{number}.txt", text)(raw)

    return change


def latin1(raw: Path) -> None:
    (raw / KEY / "captions.csv").write_bytes("frame,caption\n1,caf\xe9\n".encode("latin-1"))


OPENFACE, CAPTIONS = f"{KEY}/openface.csv", f"{KEY}/captions.csv"
KEYFRAMES, PEOPLE = "labels/keyframes.csv", "labels/demographics.csv"
ROW = "film,first,task2,seq1,{},happy," + ",".join(["0"] * 17) + "\n"
DEFECTS = {
    "empty release": (lambda raw: [shutil.rmtree(p) for p in raw.iterdir()], "no scene folder"),
    "misspelt scene": (lambda raw: (raw / "film").rename(raw / "flim"), "did you mean film?"),
    "no reactions": (
        lambda raw: [shutil.rmtree(p) for p in (raw / "film").rglob("reaction")],
        "reaction: missing, and so is a side of 4 of 12 sequences",
    ),
    "another scene": (
        lambda raw: shutil.copytree(raw / "film", raw / "theatre"),
        "theatre: no scene of this name; known: ",
    ),
    "openface column": (rename_column(OPENFACE, "confidence", "conf"), "no column 'confidence'"),
    "one AU column": (rename_column(OPENFACE, "AU12_c", "AU12_d"), "column 'AU12_d', expected"),
    "out of range": (
        lambda raw: replace(raw / OPENFACE, ",0.98,1,", ",98,1,"),
        "line 2: confidence is '98', expected 0 to 1",
    ),
    "openface twice": (
        lambda raw: replace(raw / OPENFACE, "\n3,0,", "\n2,0,"),
        "line 4: frame 2 (face_id 0) occurs twice",
    ),
    "caption column": (rename_column(CAPTIONS, "caption", "text"), "no column 'caption'"),
    "caption encoding": (latin1, "not UTF-8 at byte 19; convert it first, e.g. iconv"),
    "caption twice": (append(CAPTIONS, "2-3,again\n"), "frame 2 has a caption already"),
    "caption comma": (append(CAPTIONS, "5,a man, a plan\n"), "line 6 has 3 columns, expected 2"),
    "caption frame": (append(CAPTIONS, "five,a man\n"), "line 6: frame 'five'"),
    "both captions": (append(f"{KEY}/captions.json", "{}"), "captions.csv is there too"),
    "key column": (rename_column(KEYFRAMES, "AU12", "au12"), "no column 'AU12'"),
    "key value": (append(KEYFRAMES, ROW.format(3).replace("0\n", "2\n")), "AU45 is '2', expected"),
    "key twice": (append(KEYFRAMES, ROW.format(2)), f"{KEY} frame 2 is labelled twice"),
    "key scene": (append(KEYFRAMES, ROW.format(3).replace("film", "flim")), "did you mean film?"),
    "key expression": (
        append(KEYFRAMES, ROW.format(3).replace("happy", "hapy")),
        "unknown expression 'hapy'; did you mean happy?",
    ),
    "key path": (append(KEYFRAMES, ROW.format(3).replace("task2", "../..")), "leads out of"),
    "people column": (rename_column(PEOPLE, "subject", "person"), "no column 'subject'"),
    "people path": (append(PEOPLE, "../../etc/passwd,S1,1,x\n"), "leads out of"),
    "people absolute": (append(PEOPLE, "/film/first/task2,S1,1,x\n"), "leads out of"),
    "people depth": (append(PEOPLE, "film/task2,S1,1,x\n"), "is not a path of 4 parts"),
    "people twice": (append(PEOPLE, f"{KEY},S002,1,x\n"), "names 'S002' twice"),
    "one fold": (append("splits/fold2.txt", KEY), "fold1.txt: missing, although fold2.txt"),
    "folds overlap": (folds(KEY, KEY, ""), "is also in fold1.txt"),
    "folds do not cover": (folds(KEY, "", ""), "no fold file holds the sequence film/first"),
    "frame twice": (
        lambda raw: shutil.copy(raw / KEY / "reaction/000002.jpg", raw / KEY / "reaction/2.jpg"),
        "frame 2 is there twice",
    ),
    "image name": (
        lambda raw: (raw / KEY / "stimulus" / "000002.jpg").rename(raw / KEY / "stimulus/two.jpg"),
        "expected a name that ends in a frame number",
    ),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_defect_is_one_line_and_nothing_is_left(raw: Path, defect: str) -> None:
    change, message = DEFECTS[defect]
    change(raw)
    with pytest.raises(InputError) as caught:
        build(raw)
    text = str(caught.value)
    assert message in text and str(raw) in text and "\n" not in text
    assert not list(raw.parent.glob("data/reactionet/full/*"))


def unlink(name: str) -> Callable[[Path], None]:
    return lambda raw: (raw / KEY / name).unlink()


def cut(name: str) -> Callable[[Path], None]:
    def change(raw: Path) -> None:
        path = raw / KEY / name
        path.write_bytes(path.read_bytes()[:-20])

    return change


def drop_line(name: str, line: int) -> Callable[[Path], None]:
    def change(raw: Path) -> None:
        lines = (raw / name).read_text().splitlines(keepends=True)
        (raw / name).write_text("".join(lines[:line] + lines[line + 1 :]))

    return change


SKIPS = {
    "cut off": (cut("reaction/000003.jpg"), f"reaction {BAD_IMAGE}", "3", "reaction/000003.jpg"),
    "cut off stimulus": (cut("stimulus/000003.jpg"), f"stimulus {BAD_IMAGE}", "3", "000003.jpg"),
    "no image": (unlink("reaction/000003.jpg"), reader.NO_REACTION, "3", "reaction"),
    "no stimulus": (unlink("stimulus/000003.jpg"), reader.NO_STIMULUS, "3", "stimulus"),
    "no label": (drop_line(OPENFACE, 3), reader.NO_LABEL, "3", "openface.csv"),
    "no caption": (drop_line(CAPTIONS, 3), reader.NO_CAPTION, "3", "captions.csv"),
    "key without a frame": (append(KEYFRAMES, ROW.format(9)), reader.NO_REACTION, "9", "reaction"),
    "key without a sequence": (
        append(KEYFRAMES, ROW.format(1).replace("seq1", "seq7")),
        reader.NO_REACTION,
        "seq7/1",
        "keyframes.csv",
    ),
}


@pytest.mark.parametrize("defect", SKIPS)
def test_unusable_frames_are_listed_and_stop_the_build_if_many(raw: Path, defect: str) -> None:
    change, reason, frame, file = SKIPS[defect]
    change(raw)
    with pytest.raises(InputError) as caught:
        build(raw)
    listed = raw.parent / "data" / "reactionet" / "skipped-full.csv"
    assert f"most often: {reason} (1); listed in {listed}" in str(caught.value)
    assert "max_skipped=0.01" in str(caught.value)
    assert not list(raw.parent.glob("data/reactionet/full/*"))

    metadata = read_metadata(build(raw, max_skipped=0.1))
    assert metadata["skipped"] == {reason: 1}
    total = sum(part["records"] for part in metadata["parts"].values())
    assert total == (47 if frame == "3" else 48)
    header, row = listed.read_text().splitlines()
    assert header == "key,reason,file"
    assert row.split(",")[0].endswith(f"/{frame}") and row.endswith(file)


def test_a_whole_part_that_does_not_decode(raw: Path) -> None:
    metadata = read_metadata(build(raw))
    for key, *_ in metadata["parts"]["part2"]["sequences"]:
        for path in (raw / key / "stimulus").iterdir():
            path.write_bytes(b"no image")
    with pytest.raises(InputError, match=r"no frame of part2 became a record; .*lists why"):
        build(raw, max_skipped=1, overwrite=True)
    assert read_metadata(build(raw, max_skipped=1)) == metadata  # the old set came back


def test_no_release_names_the_folder_and_the_demo(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        prepare("reactionet", tmp_path)
    assert str(tmp_path / "downloads" / "manual" / "ReactioNet") in str(caught.value)
    assert "python -m tfds_reactionet.build reactionet/demo" in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_keyframes_config_needs_key_frames(raw: Path) -> None:
    (raw / KEYFRAMES).unlink()
    with pytest.raises(InputError, match=r"keyframes\.csv: missing or empty"):
        build(raw, "reactionet/keyframes")


def test_one_group_of_people_cannot_be_split(raw: Path) -> None:
    text = (raw / PEOPLE).read_text()
    for number in range(6):
        text = text.replace(f"S00{number}", "S000")
    (raw / PEOPLE).write_text(text)
    with pytest.raises(InputError, match=r"1 group.* fewer than 3 parts"):
        build(raw)
    (raw / PEOPLE).unlink()  # without subjects the task is the unit
    parts = read_metadata(build(raw))["parts"]
    assert sum(len(part["tasks"]) for part in parts.values()) == 6


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("reactionet/ful", {}, "did you mean full?"),
        ("reactonet", {}, "did you mean reactionet"),
        ("imagenet", {}, "known: "),
        ("reactionet", {"max_skipped": 2}, "max_skipped=2, expected"),
        ("reactionet", {"size": 4}, "size=4, expected"),
        ("reactionet", {"jobs": 0}, "jobs=0, expected"),
        ("reactionet", {"stimulus_delay_frames": -1}, "stimulus_delay_frames=-1, expected"),
    ],
)
def test_wrong_names_and_options(raw: Path, name: str, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message.replace("?", r"\?")):
        build(raw, name, **options)


def test_data_dir_that_is_a_file(raw: Path) -> None:
    (raw.parent / "data").write_text("")
    with pytest.raises(InputError, match="nothing was left half written"):
        build(raw)


def test_automatic_folds_that_are_no_thirds_stop_and_a_file_gives_others(raw: Path) -> None:
    """Subjects spread at random hang nearly everything together: a fold would test 5 %."""
    keys = sorted(str(path.parent.relative_to(raw)) for path in raw.glob("*/*/*/*/reaction"))
    people = "".join(f"{key},S000\n" for key in keys[:-4])
    path = raw / "labels/demographics.csv"
    lone = "".join(f"{key},S{n}\n" for n, key in enumerate(keys[-4:-2], 1))
    path.write_text("sequence,subject\n" + people + lone)
    with pytest.raises(InputError, match=r"holds 66.7% of the records, more than 45.0%.*--folds="):
        build(raw)
    listed = raw.parent / "folds.txt"
    tasks = sorted({key.rsplit("/", 1)[0] for key in keys})
    listed.write_text(
        "".join(f"{key} {tasks.index(key.rsplit('/', 1)[0]) % 2 + 1}\n" for key in keys)
    )
    prepared = build(raw, folds=listed)
    metadata = read_metadata(prepared)
    assert metadata["fold_source"] == "file" and metadata["protocol"]["test"][1] == ["part2"]
    found = {}
    for part, entry in metadata["parts"].items():
        found |= {key: part for key, *_ in entry["sequences"]}
    assert found == {key: f"part{tasks.index(key.rsplit('/', 1)[0]) % 2 + 1}" for key in keys}
    text = summarise(prepared)
    assert f"folds of {listed}" in text and "parts hold 50.0 to 50.0 % of the records" in text
    assert "1 subject(s) are in more than one part" in text
    assert metadata["sequences_without_subject"] == 2
    assert "WARNING: 2 of 12 sequences have no subject in labels/demographics.csv" in text
    listed.write_text(f"{keys[0]} 1\n{keys[1]} 2\n")
    with pytest.raises(InputError, match="no line for sequence"):
        build(raw, folds=listed, overwrite=True)


def test_people_have_their_age_group_and_ethnicity(raw: Path) -> None:
    path = raw / "labels/demographics.csv"
    rows = [
        "film/a/t/1,S0,29,Asian",
        "film/a/t/2,S0,33,asian",
        "film/a/t/3,S0,31,white",
        "film/a/t/3,S1,,unknown",
        "film/a/t/4,S2,45.5,",
    ]
    path.write_text("\n".join(["sequence,subject,age,dominant_race", *rows]) + "\n")
    assert read_people(path) == {"S0": {"age": "30-39", "race": "asian"}, "S2": {"age": "40-49"}}
    path.write_text("sequence,subject,age\nfilm/a/t/1,S0,old\n")
    with pytest.raises(InputError, match=r"demographics.csv: line 2: age 'old', expected 0 to 120"):
        read_people(path)


UNITS = st.lists(
    st.tuples(st.integers(0, 11), st.integers(0, 7), st.integers(1, 500)), min_size=12, max_size=60
)


@settings(max_examples=60, deadline=None)
@given(rows=UNITS)
def test_balanced_parts_never_split_a_person_or_a_task(rows: list[tuple[int, int, int]]) -> None:
    units = [
        FoldUnit(f"film/a/task{task}/s{number}", (f"S{subject}",), frames, (frames // 3,) * 12)
        for number, (task, subject, frames) in enumerate(rows)
    ]
    try:
        parts = balanced_parts(units)
    except InputError as error:
        assert "fewer than 3 parts" in str(error)
        return
    assert parts == balanced_parts(units[::-1])
    assert set(parts.values()) == set(range(len(PARTS)))
    for one in units:
        for two in units:
            same_task = one.key.rsplit("/", 1)[0] == two.key.rsplit("/", 1)[0]
            if same_task or one.subjects == two.subjects:
                assert parts[one.key] == parts[two.key]


def test_balanced_parts_are_balanced() -> None:
    units = [
        FoldUnit(f"film/a/t{n}/s", (f"S{n}",), 100 + n, tuple((n * k) % 37 for k in range(12)))
        for n in range(120)
    ]
    parts = balanced_parts(units)
    total = sum(unit.frames for unit in units)
    for part in range(3):
        share = sum(unit.frames for unit in units if parts[unit.key] == part) / total
        assert abs(share - 1 / 3) < 0.01
        for au in range(1, 12):
            positives = sum(u.positives[au] for u in units if parts[u.key] == part)
            assert abs(positives / sum(u.positives[au] for u in units) - 1 / 3) < 0.06
