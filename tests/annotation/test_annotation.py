"""The annotation's checks: equation (1), the review list, and the merge of corrections."""

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raw_reactionet import write_csv, write_raw

from drr_jax.errors import InputError, run
from drr_jax.facs.labels import EXPRESSIONS, OPENFACE_OCCURRENCE_AUS, REACTIONET_AUS
from tfds_reactionet.annotation import command as annotation
from tfds_reactionet.annotation.review import AUTOMATIC_COLUMNS, REVIEW_COLUMNS, merge
from tfds_reactionet.annotation.suspicious import check, find_files
from tfds_reactionet.annotation.suspicious_sheet import Strongest, episodes
from tfds_reactionet.build import prepare
from tfds_reactionet.reactionet.labels import read_keyframes

FUZZ = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
HEADER = [
    *("frame", "face_id", "timestamp", "confidence", "success"),
    *(f"{name}_r" for name in REACTIONET_AUS),
    *(f"{name}_c" for name in OPENFACE_OCCURRENCE_AUS),
]


def row(
    frame: int, intensity: dict[int, float], occurring: int = 0, face: int = 0, success: int = 1
) -> list:
    """An OpenFace row: intensities by AU position, the first `occurring` AUs occur, AU28 always."""
    values = [f"{intensity.get(au, 0.0):.2f}" for au in range(17)]
    occurs = [int(au < occurring) for au in range(17)]
    return [frame, face, 0.0, 0.98, success, *values, *occurs[:-1], 1, occurs[-1]]


def write_faces(path: Path, rows: list[list]) -> Path:
    write_csv(path, HEADER, rows)
    return path


def fails(
    main: Callable[[], int],
    arguments: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> str:
    """The one line that a command ends with; its exit code is 2."""
    monkeypatch.setattr(sys, "argv", ["command", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        run(main)
    error = capsys.readouterr().err
    assert caught.value.code == 2 and error.startswith("error: ") and error.count("\n") == 1
    return error


def does(main: Callable[[], int], arguments: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["command", *map(str, arguments)])
    assert main() == 0


# Equation (1)


def test_thresholds_gaps_and_failed_frames_by_hand(tmp_path: Path) -> None:
    rows = [
        row(1, {0: 1.0}),
        row(2, {0: 0.5, 1: 1.5}),  # D = 0.5 + 1.5 = 2.00: suspicious
        row(3, {0: 0.51, 1: 3.48}),  # D = 0.01 + 1.98 = 1.99: not
        row(5, {3: 5.0}, 17),  # frame 4 is missing: no pair, whatever D and T
        row(6, {3: 5.0}, 12),  # T = 5: suspicious
        row(7, {3: 5.0}, 8),  # T = 4: not
        row(8, {}, 0, success=0),  # no face: no pair on either side
        row(9, {3: 5.0}, 8),
    ]
    (flagged,) = check(write_faces(tmp_path / "o.csv", rows))
    assert flagged.track.frames[flagged.pairs.first].tolist() == [1, 2, 5, 6]
    np.testing.assert_allclose(flagged.pairs.difference, [2.0, 1.99, 0, 0])
    assert flagged.pairs.change.tolist() == [0, 0, 5, 4]
    assert flagged.pairs.gaps == 3
    assert flagged.by_difference.tolist() == [True, False, False, False]
    assert flagged.by_change.tolist() == [False, False, True, False]
    assert flagged.track.frames[flagged.rows()].tolist() == [1, 2, 5, 6]
    assert [episode.rows for episode in episodes(flagged)] == [[0, 1, 3, 4]]
    (softer,) = check(tmp_path / "o.csv", intensity=1.99, count=4)
    assert softer.suspicious.tolist() == [True, True, True, True]


def test_faces_are_never_compared_with_each_other(tmp_path: Path) -> None:
    rows = [row(n, {0: 4.0 * face}, 17 * face, face) for n in (1, 2, 3) for face in (0, 1)]
    rows[-1] = row(3, {0: 1.0}, 17, 1)
    first, second = check(write_faces(tmp_path / "o.csv", rows))
    assert (first.face, first.suspicious.tolist()) == (0, [False, False])
    assert (second.face, second.suspicious.tolist()) == (1, [False, True])


@FUZZ
@given(
    frames=st.lists(st.integers(1, 12), min_size=1, max_size=8, unique=True),
    seed=st.integers(0, 1000),
)
def test_pairs_against_a_loop_over_frames(tmp_path: Path, frames: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = {n: (rng.integers(0, 30, 17) / 100, int(rng.integers(0, 18))) for n in frames}
    rows = [row(n, dict(enumerate(table[n][0])), table[n][1]) for n in frames]
    (flagged,) = check(write_faces(tmp_path / "o.csv", rows))
    expected = {}
    for n in frames:
        if n + 1 in table:
            total = sum(abs(a - b) for a, b in zip(table[n][0], table[n + 1][0], strict=True))
            expected[n] = round(total, 2) >= 2.0, abs(table[n][1] - table[n + 1][1]) >= 5
    found = flagged.track.frames[flagged.pairs.first].tolist()
    assert found == sorted(expected)
    both = zip(flagged.by_difference.tolist(), flagged.by_change.tolist(), strict=True)
    assert list(both) == [expected[n] for n in sorted(expected)]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("raw")
    write_raw(root)
    return root


def test_review_list_counts_and_sheet_of_a_release(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    does(
        annotation.main,
        ["suspicious", f"--folder={release}", f"--out={out}", "--episodes=2"],
        monkeypatch,
    )
    flagged = [face for path in find_files(release) for face in check(path)]
    counts = {(r["level"], r["folder"]): r for r in read_csv(out / "counts.csv")}
    total = counts["all", ""]
    assert int(total["frames"]) == 48 and int(total["pairs"]) == 36
    assert int(total["suspicious_pairs"]) == sum(int(f.suspicious.sum()) for f in flagged) > 0
    film = [f for f in flagged if f.key[0] == "film"]
    scene = int(counts["scene", "film"]["suspicious_frames"])
    assert scene == sum(len(f.rows()) for f in film)
    assert ("sequence", "film/first/task2/seq1") in counts
    review = read_csv(out / "review.csv")
    assert tuple(review[0]) == REVIEW_COLUMNS
    assert len(review) == int(total["suspicious_frames"])
    assert all(r["D_before"] or r["D_after"] for r in review)
    page = (out / "contact_sheet.html").read_text()
    assert page.count("<article>") == 2 and "data:image/jpeg;base64," in page
    assert "The 2 strongest of" in page and "http" not in page.replace("http-equiv", "")


def read_csv(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_the_sheet_keeps_the_strongest_episodes(release: Path) -> None:
    flagged = [face for path in find_files(release) for face in check(path)]
    kept = Strongest(3)
    for face in flagged:
        kept.add(face)
    every = sorted((e.strength for face in flagged for e in episodes(face)), reverse=True)
    assert [episode.strength for episode in kept.ordered()] == every[:3]
    assert kept.seen == len(every)


# Merge


def reviewed(path: Path, changes: list[dict[str, str]]) -> Path:
    """A review list of one sequence: automatic labels alternate 0, 1; a row a change."""
    rows = []
    for number, change in enumerate(changes, 1):
        cells = dict.fromkeys(REVIEW_COLUMNS, "")
        cells |= {"scene": "film", "sub_scene": "first", "task": "task2", "sequence": "seq1"}
        cells |= {"frame": str(number), "face_id": "0"}
        cells |= {name: str(at % 2) for at, name in enumerate(AUTOMATIC_COLUMNS)}
        rows.append(list({**cells, **change}.values()))
    write_csv(path, list(REVIEW_COLUMNS), rows)
    return path


def test_merge_keeps_automatic_and_manual_labels(release: Path, tmp_path: Path) -> None:
    done = [
        {"reviewer": "Ann", "AU1": "1", "AU2": "9", "expression": "happy"},
        {"reviewer": "Ann", "AU1": "1"},  # frame 2 is a key frame
        {},
        {"reviewer": "Bob"},  # confirms
    ]
    path = reviewed(tmp_path / "review.csv", done)
    before = path.read_bytes()
    keyframes = release / "labels" / "keyframes.csv"
    found = merge(path, keyframes)
    assert (found.reviewed, found.changed_labels, found.open, found.kept) == (2, 2, 1, 1)
    assert path.read_bytes() == before
    out = tmp_path / "merged.csv"
    out.write_text(found.text)
    old, new = read_keyframes(keyframes), read_keyframes(out)
    labels = new["film/first/task2/seq1"]
    assert labels.frames.tolist() == [1, 2, 4]
    automatic = [at % 2 for at in range(17)]
    assert labels.occurrence[0].tolist() == [1, -1, *automatic[2:]]
    assert labels.occurrence[2].tolist() == automatic
    assert labels.expression.tolist()[0] == EXPRESSIONS.index("happy")
    assert labels.expression.tolist()[2] == -1
    for key, frames in old.items():  # the hand-made labels are all there, unchanged
        at = np.isin(new[key].frames, frames.frames)
        np.testing.assert_array_equal(new[key].occurrence[at], frames.occurrence)
        np.testing.assert_array_equal(new[key].expression[at], frames.expression)
    first = next(r for r in read_csv(out) if r["reviewer"] == "Ann")
    assert [first[name] for name in AUTOMATIC_COLUMNS] == [str(a) for a in automatic]
    assert first["label_source"] == "review"


def test_the_builder_takes_merged_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "raw"
    write_raw(root)
    review = reviewed(tmp_path / "review.csv", [{"reviewer": "Ann", "AU45": "9"}])
    merged = tmp_path / "merged.csv"
    labels = root / "labels" / "keyframes.csv"
    arguments = ["merge", f"--review={review}", f"--keyframes={labels}", f"--out={merged}"]
    does(annotation.main, arguments, monkeypatch)
    labels.write_bytes(merged.read_bytes())
    prepared = prepare("reactionet", tmp_path, root, size=32, jobs=1, progress=False)
    parts = json.loads((prepared / "metadata.json").read_text())["parts"].values()
    assert sum(part["label_source_counts"]["manual"] for part in parts) == 12 + 1
    assert sum(part["au_known"][16] for part in parts) == 48 - 12 - 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"AU1": "1"}, "line 2: AU1 is filled, but reviewer is empty"),
        ({"reviewer": "A", "AU1": "2"}, "line 2: AU1 is '2', expected 0, 1 or 9"),
        ({"reviewer": "A", "expression": "hapy"}, "unknown expression 'hapy'; did you mean happy?"),
        ({"reviewer": "A", "automatic_AU4": ""}, "automatic_AU4 is '', expected 0, 1 or 9"),
        ({"reviewer": "A", "frame": "x"}, "line 2: frame 'x' is not a whole number"),
        ({"reviewer": "A", "scene": ""}, "line 2: no scene; expected a list made from files"),
        ({"reviewer": "A", "scene": "flim"}, "unknown scene 'flim'; did you mean film?"),
        ({"reviewer": "A", "task": "../x"}, "line 2: '../x' leads out of the release's folder"),
    ],
)
def test_wrong_review_cells_name_the_line(
    change: dict[str, str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = reviewed(tmp_path / "review.csv", [change])
    out = tmp_path / "merged.csv"
    arguments = ["merge", f"--review={path}", f"--out={out}"]
    assert message in fails(annotation.main, arguments, monkeypatch, capsys)
    assert not out.exists()


def test_a_frame_reviewed_twice_is_refused(tmp_path: Path) -> None:
    twice = [{"reviewer": "A"}, {"reviewer": "A", "frame": "1", "face_id": "1"}]
    with pytest.raises(InputError, match="frame 1 is reviewed on line 2 too"):
        merge(reviewed(tmp_path / "review.csv", twice))


@FUZZ
@given(at=st.floats(0, 1), what=st.binary(max_size=3) | st.sampled_from([b",", b"\n", b'"', b"9"]))
def test_a_damaged_review_list_is_merged_or_refused(tmp_path: Path, at: float, what: bytes) -> None:
    path = reviewed(tmp_path / "review.csv", [{"reviewer": "A", "AU1": "1"}, {}])
    data = path.read_bytes()
    cut = int(at * len(data))
    path.write_bytes(data[:cut] + what + data[cut + len(what) :] if what else data[:cut])
    try:
        found = merge(path)
    except InputError as error:
        assert str(path) in str(error)
        return
    out = tmp_path / "merged.csv"
    out.write_text(found.text)
    assert sum(len(labels.frames) for labels in read_keyframes(out).values()) == found.reviewed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["suspicious", "--csv=none.csv", "--out=o"], "none.csv: cannot be read"),
        (["suspicious", "--folder=none", "--out=o"], "folder none does not exist"),
        (["suspicious", "--csv=a", "--out=o", "--intensity=nan"], "expected intensity > 0"),
        (["merge", "--review=none.csv", "--out=o"], "none.csv: cannot be read"),
        (["kappa", "one.csv"], "1 coder file, expected at least 2"),
        (["kappa", "one.csv", "two.csv"], "one.csv: no such file"),
        (["demographics", "none.json"], "none.json: cannot be read"),
    ],
)
def test_missing_files_are_one_line(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in fails(annotation.main, arguments, monkeypatch, capsys)
    assert not list(tmp_path.iterdir())


def test_files_without_aus_and_a_started_review_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = tmp_path / "bare.csv"
    write_csv(bare, ["frame", "confidence", "success"], [[1, 0.9, 1]])
    arguments = ["suspicious", f"--csv={bare}", f"--out={tmp_path / 'out'}"]
    message = fails(annotation.main, arguments, monkeypatch, capsys)
    assert "no columns AU01_r, ...; run FeatureExtraction with -aus" in message
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "review.csv").write_text("hours of work")
    assert "exists already" in fails(annotation.main, arguments, monkeypatch, capsys)
    assert (tmp_path / "out" / "review.csv").read_text() == "hours of work"
