"""MMI from a tiny tree in the official formats: middle frames, views, turns, folds, defects."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prepared_faces import build, pixels, read
from raw_mmi import KEPT, write_mmi

from drr_jax.errors import InputError
from drr_jax.facs.labels import EXPRESSIONS
from tfds_reactionet.building.summary import read_metadata
from tfds_reactionet.building.verification import verify
from tfds_reactionet.mmi.reader import (
    NO_CLIP,
    NO_EMOTION,
    NO_FILES,
    NO_LABEL,
    NO_MEDIA,
    NO_SESSION,
    NO_SIDE,
    NO_VIEW,
    OTHER_CLIP,
    OTHER_SUBJECT,
    OTHER_VIEW,
    SEVERAL,
    TWICE,
    TWO_LABELS,
    UNCLEAR,
)
from tfds_reactionet.reading.fold_choice import part_by_number

MIDDLE = {7: [2, 3, 4], 6: [2, 3, 4], 5: [1, 2, 3], 4: [1, 2, 3], 3: [0, 1, 2], 2: [0, 1]}
RECORDS = sum(len(MIDDLE[session.frames]) for session in KEPT)
FILTERED = {NO_EMOTION: 2, SEVERAL: 1, OTHER_VIEW: 1}
QUARTERS = [(7, 7), (7, 24), (24, 7), (24, 24)]  # of a stored image: row, column
UPPER, RIGHT, LEFT = (1, 1, 0, 0), (0, 1, 0, 1), (1, 0, 1, 0)  # quarters that are not black


def build_mmi(raw: Path, data: Path, **options: Any) -> Path:
    """In seven folds, each of which has somebody of the tree's ten subjects."""
    return build("mmi", raw, data, **{"folds": 7, **options})


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, np.ndarray]]:
    """A raw tree that tests only read, and what is in it."""
    root = tmp_path_factory.mktemp("raw")
    return root, write_mmi(root / "MMI")


@pytest.fixture(scope="module")
def prepared(release: tuple[Path, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_mmi(release[0], tmp_path_factory.mktemp("data"), image_format="png")


@pytest.fixture
def raw(release: tuple[Path, Any], tmp_path: Path) -> Path:
    """A copy of the tree that a test may change."""
    return Path(shutil.copytree(release[0] / "MMI", tmp_path / "raw"))


def check_image(record: Any, colour: np.ndarray, bright: tuple[int, ...]) -> None:
    """The quarters of a stored image that `bright` names have a colour, the others are black."""
    image = pixels(record["reaction"]["image"]).astype(int)
    for (row, column), expected in zip(QUARTERS, bright, strict=True):
        assert np.abs(image[row, column] - colour * expected).max() < 14


def test_every_value_of_every_record(
    prepared: Path, release: tuple[Path, dict[str, np.ndarray]]
) -> None:
    found = read(prepared)
    assert len(found) == RECORDS
    parts = {session.name[:4]: part_by_number("7", session.name[:4]) for session in KEPT}
    for session in KEPT:
        key = f"{session.number}/{session.name}"
        numbers = [frame for name, frame in found if name == key]
        assert numbers == MIDDLE[session.frames]
        for number in numbers:
            record = found[key, number]
            assert record["expression"] == int(session.emotion[0]) - 1
            assert (record["subject"], record["task"]) == (session.name[:4], "")
            assert record["part"] == parts[session.name[:4]]
            assert (record["view"], record["rotation"]) == (int(session.view), 0)
            right = session.name.startswith("S001")  # whose frontal face is on the right
            check_image(record, release[1][key][number, int(right)], UPPER)
    for part in set(parts.values()):  # sessions by number
        order = [int(key[0].split("/")[0]) for key, r in found.items() if r["part"] == part]
        assert order == sorted(order)


def test_metadata(prepared: Path) -> None:
    metadata = read_metadata(prepared)
    assert metadata["expression_names"] == list(EXPRESSIONS[:6])
    assert metadata["task"] == "expression" and metadata["au_names"] == []
    assert len(metadata["protocol"]["test"]) == 7
    assert metadata["skipped"] == FILTERED  # none of them counts against max_skipped
    assert metadata["options"]["crop"] == "full"
    counts = np.sum([part["expression_counts"] for part in metadata["parts"].values()], axis=0)
    assert counts.tolist() == [5, 6, 6, 6, 3, 2]
    assert f"verified: {RECORDS} records" in verify(prepared, jobs=1, progress=False)


def test_usual_turns(release: tuple[Path, dict[str, np.ndarray]], tmp_path: Path) -> None:
    options = {"rotation": "usual", "image_format": "png"}
    found = read(build_mmi(release[0], tmp_path, **options))
    assert len(found) == RECORDS
    # view 2, AU codes, S053 and S054, and images stay; S021 turns the other way
    upright = ("S001", "S003", "S004", "S031", "S053", "S054")
    for (key, number), record in found.items():
        colour = release[1][key][number, int(record["subject"] == "S001")]
        turned = {"S021": (270, LEFT)}.get(record["subject"], (90, RIGHT))
        degrees, bright = (0, UPPER) if record["subject"] in upright else turned
        assert record["rotation"] == degrees
        check_image(record, colour, bright)


def test_turns_of_a_file(raw: Path, release: tuple[Path, dict[str, np.ndarray]]) -> None:
    listed = raw.parent / "turns.txt"
    listed.write_text("# mine\nS031 90\ns032,270\r\nS006-104 180\nS006 90\n")
    options = {"rotation": str(listed), "image_format": "png", "views": "0,1,2"}
    found = read(build_mmi(raw, raw.parent / "data", **options))
    degrees = {(record["subject"], record["view"]): record["rotation"] for record in found.values()}
    assert degrees["S031", 0] == 90 and degrees["S032", 0] == 270 and degrees["S053", 0] == 0
    assert degrees["S006", 0] == 180 and degrees["S006", 1] == 90  # the clip wins
    check_image(found["7/S031-107", 1], release[1]["7/S031-107"][1, 0], RIGHT)
    check_image(found["4/S006-104", 2], release[1]["4/S006-104"][2, 0], (0, 0, 1, 1))
    listed.write_text("S031 0\n")
    with pytest.raises(InputError, match="holds something else now"):
        build_mmi(raw, raw.parent / "data", **options)


def test_views(raw: Path) -> None:
    prepared = build_mmi(raw, raw.parent / "all", views="0,1,2")
    found = read(prepared)
    assert len(found) == RECORDS + 3
    assert {record["view"] for (name, _), record in found.items() if "S006" in name} == {0, 1}
    with pytest.raises(InputError, match=r"no usable frame for part5 .*other folds: --folds"):
        build_mmi(raw, raw.parent / "frontal", folds=10)
    with pytest.raises(InputError, match="views=3, expected 0 or 0,2 or 0,1,2"):
        build_mmi(raw, raw.parent / "none", views="3")


def test_side_of_the_frontal_face(raw: Path, release: tuple[Path, dict[str, np.ndarray]]) -> None:
    options = {"image_format": "png", "frontal_left": "S001", "frontal_right": "s003"}
    found = read(build_mmi(raw, raw.parent / "data", **options))
    check_image(found["1/S001-101", 3], release[1]["1/S001-101"][3, 0], UPPER)
    check_image(found["2/S003-102", 3], release[1]["2/S003-102"][3, 1], UPPER)
    with pytest.raises(InputError, match="S001 is in frontal_left and in frontal_right"):
        build_mmi(raw, raw.parent / "both", frontal_left="S001 S002")


def change(name: str, old: str, new: str) -> Callable[[Path], None]:
    def apply(raw: Path) -> None:
        path = raw / "Sessions" / name
        content = path.read_bytes()
        assert old.encode() in content
        path.write_bytes(content.replace(old.encode(), new.encode(), 1))

    return apply


def keep_eleven(raw: Path) -> None:
    """The session of a further subject, so that ten remain when another is skipped."""
    shutil.copytree(raw / "Sessions/8", raw / "Sessions/200")
    for name in ("avi", "xml"):
        (raw / f"Sessions/200/S032-108.{name}").rename(raw / f"Sessions/200/S099-200.{name}")
    change("200/session.xml", "S032-108.avi", "S099-200.AVI")(raw)
    change("200/session.xml", 'subject id="32"', 'subject id="99"')(raw)


def unlink(name: str) -> Callable[[Path], None]:
    return lambda raw: (raw / "Sessions" / name).unlink()


def nest(raw: Path) -> None:
    (raw / "Sessions/8").rename(raw / "x")
    (raw / "Sessions/8").mkdir()
    (raw / "x").rename(raw / "Sessions/8/8")


LABEL = "8/S032-108.xml"
SKIPS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no clip": (unlink("8/S032-108.avi"), NO_MEDIA),
    "no session": (unlink("8/session.xml"), NO_SESSION),
    "no view": (change("8/session.xml", 'view="0"', 'sight="0"'), NO_VIEW),
    "two views": (
        change("8/session.xml", "S032-108.avi", 'a.avi" view="1"/><track filename="b.avi'),
        NO_VIEW,
    ),
    "no label": (unlink("8/S032-108.xml"), NO_LABEL),
    "other clip": (change("8/session.xml", "S032-108.avi", "S032-999.avi"), OTHER_CLIP),
    "other subject": (change("8/session.xml", 'subject id="32"', 'subject id="33"'), OTHER_SUBJECT),
    "no side": (change("8/session.xml", 'view="0"', 'view="2"'), NO_SIDE),
    "nested": (nest, NO_FILES),
    "empty": (lambda raw: (raw / "Sessions/300").mkdir(), NO_FILES),
    "tag without a name": (change(LABEL, 'Name="Emotion"', 'Name=" "'), UNCLEAR),
    "no tag's name": (change(LABEL, 'Name="Emotion"', 'Title="Emotion"'), UNCLEAR),
    "misspelt tag": (change(LABEL, 'Name="Emotion"', 'Name="Emtion"'), UNCLEAR),
    "longer tag": (change(LABEL, 'Name="Emotion"', 'Name="Emotion code"'), UNCLEAR),
    "other tag": (change(LABEL, 'Metatag Name="Emotion"', 'Metatags Name="Emotion"'), UNCLEAR),
    "tag without a value": (change(LABEL, 'Value="2"', 'Valeu="2"'), UNCLEAR),
    "damaged": (lambda raw: (raw / "Sessions/8/S032-108.avi").write_bytes(b"RIFF"), NO_CLIP),
}


@pytest.mark.parametrize("defect", SKIPS)
def test_unusable_sessions_are_counted_and_listed(raw: Path, defect: str) -> None:
    damage, reason = SKIPS[defect]
    keep_eleven(raw)
    damage(raw)
    with pytest.raises(InputError, match=r"listed in .*skipped-middle|no usable frame for part8"):
        build_mmi(raw, raw.parent / "data")
    if reason == NO_CLIP:  # a subject whose only clip does not open leaves its part empty
        shutil.copytree(raw / "Sessions/9", raw / "Sessions/201")
        for name in ("avi", "xml"):
            path = raw / f"Sessions/201/S053-109.{name}"
            path.rename(path.with_stem("S032-201"))
        change("201/session.xml", "S053-109.avi", "S032-201.avi")(raw)
        change("201/session.xml", 'subject id="53"', 'subject id="32"')(raw)
    prepared = build_mmi(raw, raw.parent / "data", max_skipped=0.2)
    assert read_metadata(prepared)["skipped"] == {**FILTERED, reason: 1}


@pytest.mark.parametrize("name", ["00008", "8 copy"])
def test_a_session_that_is_there_twice_is_read_once(raw: Path, name: str) -> None:
    shutil.copytree(raw / "Sessions/8", raw / "Sessions" / name)
    prepared = build_mmi(raw, raw.parent / "data")
    assert read_metadata(prepared)["skipped"] == {**FILTERED, TWICE: 1}
    assert [key for key in read(prepared) if "S032" in key[0]] == [
        ("8/S032-108", number) for number in MIDDLE[5]
    ]
    change(f"{name}/S032-108.xml", 'Value="2"', 'Value="3"')(raw)
    with pytest.raises(InputError, match=rf"{TWO_LABELS} \(2\)"):
        build_mmi(raw, raw.parent / "again")


def test_session_without_labels_is_left_out(raw: Path) -> None:
    """One that has never had any: of a session with AU codes alone."""
    (raw / "Sessions/103/S006-114.xml").unlink()
    change("103/session.xml", "S006-114.xml", "S006-114-oao_aucs.xml")(raw)
    (raw / "Sessions/notes").mkdir()
    prepared = build_mmi(raw, raw.parent / "data")
    assert read_metadata(prepared)["skipped"] == FILTERED


def test_subjects_that_sessions_number_otherwise_than_clips(raw: Path) -> None:
    """Then the id says nothing of a clip's name; in the tree of these tests it is the same."""
    for path in (raw / "Sessions").glob("*/session.xml"):
        path.write_bytes(path.read_bytes().replace(b'subject id="', b'subject id="70'))
    prepared = build_mmi(raw, raw.parent / "data")
    assert read_metadata(prepared)["skipped"] == FILTERED


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>'
FILE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x y="1">&a;</x>'
DEFECTS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "view": (change("8/session.xml", 'view="0"', 'view="4"'), "session.xml: line 4: view '4'"),
    "emotion": (change("8/S032-108.xml", 'Value="2"', 'Value="joy"'), "line 4: Emotion 'joy'"),
    "tag": (change("8/S032-108.xml", "</AnnotationSet>", "</A>"), "line 5: mismatched tag"),
    "empty": (lambda raw: (raw / "Sessions/8/S032-108.xml").write_text(""), "no element found"),
    "entities": (
        lambda raw: (raw / "Sessions/8/S032-108.xml").write_text(BOMB),
        "S032-108.xml: line 1: a document type",
    ),
    "outer file": (
        lambda raw: (raw / "Sessions/8/session.xml").write_text("\n" + FILE),
        "session.xml: line 2: a document type",
    ),
    "encoding": (change("8/session.xml", "ISO-8859-1", "no-such-code"), "session.xml: line 1"),
    "multi-byte": (change("8/session.xml", "ISO-8859-1", "shift_jis"), "session.xml: line 1"),
    "no sessions": (lambda raw: shutil.rmtree(raw / "Sessions"), "no sessions; expected Sessions/"),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_defect_is_one_line_and_nothing_is_left(raw: Path, defect: str) -> None:
    damage, message = DEFECTS[defect]
    damage(raw)
    with pytest.raises(InputError) as caught:
        build_mmi(raw, raw.parent / "data", max_skipped=1)
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert not list(raw.parent.glob("data/mmi/middle/*"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("S001 45", "line 1: 'S001 45', expected a subject or clip and 0, 90, 180, 270"),
        ("\n117 90", "line 2: '117 90'"),
        ("S001 90\nS001 0", "line 2: S001 is there twice"),
    ],
)
def test_wrong_file_of_turns(raw: Path, text: str, message: str) -> None:
    listed = raw.parent / "turns.txt"
    listed.write_text(text)
    with pytest.raises(InputError, match=message):
        build_mmi(raw, raw.parent / "data", rotation=str(listed))
    with pytest.raises(InputError, match=r"rotation=ususal: no such file; did you mean usual\?"):
        build_mmi(raw, raw.parent / "data", rotation="ususal")
