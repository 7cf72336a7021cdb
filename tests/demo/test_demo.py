"""The demo release: layout, determinism, statistics, captions, wrong input."""

import csv
import errno
import inspect
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from drr_jax.errors import InputError, run
from drr_jax.facs.labels import EXPRESSIONS, REACTIONET_AUS, REACTIONET_AUS_12, SCENES
from tfds_reactionet.demo import affect as demo_affect
from tfds_reactionet.demo import sequence as demo_sequence
from tfds_reactionet.demo import sheets as demo_sheets
from tfds_reactionet.demo import write as demo
from tfds_reactionet.demo.captions import write_caption
from tfds_reactionet.demo.content import SUB_SCENES
from tfds_reactionet.demo.sequence import OPENFACE_COLUMNS, Release, place
from tfds_reactionet.demo.stimulus.frame import DRAWINGS

TUPLES, SIZE = 80, 48


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return demo.write_release(
        tmp_path_factory.mktemp("demo") / "out", TUPLES, SIZE, jobs=1, progress=False
    )


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def contents(root: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()
    }


def test_raw_layout(release: Path) -> None:
    folders = sorted(p.parent for p in release.glob("*/*/*/*/openface.csv"))
    assert {f.relative_to(release).parts[0] for f in folders} <= set(SCENES)
    total = 0
    for folder in folders:
        frames = read(folder / "openface.csv")
        names = [f"{int(row['frame']):06d}.jpg" for row in frames]
        for side in ("reaction", "stimulus"):
            assert sorted(p.name for p in (folder / side).iterdir()) == names
            image = cv2.imread(str(folder / side / names[0]))
            assert image is not None and image.shape == (SIZE, SIZE, 3)
        assert [row["frame"] for row in read(folder / "captions.csv")] == [
            row["frame"] for row in frames
        ]
        total += sum(row["success"] == "1" for row in frames)
    assert total == TUPLES
    assert "No person is shown" in (release / "README.txt").read_text()
    assert json.loads((release / demo.MARKER).read_text())["rendered"] is True
    assert not (release / "splits").exists()
    assert {p.name for p in release.parent.iterdir()} == {"out"}


def test_openface_columns_and_decimals(release: Path) -> None:
    path = sorted(release.rglob("openface.csv"))[0]
    assert path.read_text().splitlines()[0] == ",".join(OPENFACE_COLUMNS)
    assert len(OPENFACE_COLUMNS) == 5 + 8 + 6 + 136 + 17 + 18 == len(set(OPENFACE_COLUMNS))
    row = read(path)[0]
    decimals = {
        "frame": 0,
        "timestamp": 3,
        "confidence": 2,
        "success": 0,
        "gaze_0_x": 6,
        "gaze_angle_x": 3,
    }
    decimals |= {"pose_Tz": 1, "pose_Rx": 3, "x_0": 1, "y_67": 1, "AU01_r": 2, "AU28_c": 2}
    for name, digits in decimals.items():
        assert re.fullmatch(r"-?\d+" + (rf"\.\d{{{digits}}}" if digits else ""), row[name]), name
    gaze = np.array([[float(row[f"gaze_{eye}_{axis}"]) for axis in "xyz"] for eye in (0, 1)])
    np.testing.assert_allclose(np.linalg.norm(gaze, axis=1), 1, atol=1e-5)
    assert gaze[:, 2].max() < 0  # towards the camera, as OpenFace has it


def test_labels(release: Path) -> None:
    keys = read(release / "labels" / "keyframes.csv")
    columns = [f"AU{int(name[2:])}" for name in REACTIONET_AUS]
    assert list(keys[0]) == [
        "scene",
        "sub_scene",
        "task",
        "sequence",
        "frame",
        "expression",
        *columns,
    ]
    assert 0.1 < len(keys) / TUPLES < 0.25
    script = {
        place(i).path: demo_sequence.write_script(Release(TUPLES, SIZE, 0), i) for i in range(20)
    }
    for row in keys:
        path = "/".join(row[name] for name in ("scene", "sub_scene", "task", "sequence"))
        frame, course = int(row["frame"]) - 1, script[path].course
        truth = (course.intensity[frame] >= 1).astype(int)
        codes = np.array([int(row[name]) for name in columns])
        np.testing.assert_array_equal(codes[codes != 9], truth[codes != 9])
        assert row["expression"] == EXPRESSIONS[course.expression[frame]]
    people = read(release / "labels" / "demographics.csv")
    assert list(people[0]) == ["sequence", "subject", "age", "dominant_race"]
    assert all((release / row["sequence"] / "openface.csv").is_file() for row in people)


def test_bytes_depend_on_seed_and_not_on_jobs(release: Path, tmp_path: Path) -> None:
    other = demo.write_release(tmp_path / "b", TUPLES, SIZE, jobs=2, progress=False)
    assert contents(other) == contents(release)
    seeded = contents(demo.write_release(tmp_path / "c", 8, SIZE, seed=1, jobs=1, progress=False))
    first = contents(demo.write_release(tmp_path / "d", 8, SIZE, seed=0, jobs=1, progress=False))
    pictures = [name for name in first if name.endswith(".jpg")]
    assert seeded.keys() == first.keys() and all(seeded[name] != first[name] for name in pictures)


@pytest.mark.parametrize("tuples", [1, 7, 100, 600, 3600, 3601, 10_000])
def test_lengths_add_up(tuples: int) -> None:
    release = Release(tuples, 256, 0)
    lengths = [release.length(i) for i in range(release.sequences)]
    assert sum(lengths) == tuples and min(lengths) >= 1
    if tuples == 3600:
        assert min(lengths) >= 7 and max(lengths) <= 12 and len(lengths) == 400


def test_subject_video_graph_breaks_into_small_components() -> None:
    places = [place(i) for i in range(Release(1620, 256, 0).sequences)]  # one block
    parent: dict[object, object] = {}

    def find(node: object) -> object:
        while parent.setdefault(node, node) != node:
            node = parent[node]
        return node

    for p in places:
        parent[find(("video", p.video))] = find(p.subject)
    members = Counter(find(subject) for subject in {p.subject for p in places})
    assert len(members) == 24 and set(members.values()) == {2, 3} and sum(members.values()) == 60
    for scene, sub_scene in SUB_SCENES:
        homes = {find(p.subject) for p in places if (p.scene, p.sub_scene) == (scene, sub_scene)}
        assert len(homes) == 3
    videos = Counter(subject for subject, _ in {(p.subject, p.video) for p in places})
    assert min(videos.values()) >= 2
    assert len({p.path for p in places}) == len(places)
    assert place(180).subject >= 60  # a larger release has further people


def courses(count: int) -> list[demo_affect.Course]:
    rng = np.random.default_rng(5)
    return [
        demo_affect.draw_course(rng, scene, sub_scene, demo_affect.sample_subject(rng), 16)
        for _ in range(count)
        for scene, sub_scene in SUB_SCENES
    ]


def test_base_rates_and_label_noise() -> None:
    truth = np.concatenate([course.intensity for course in courses(25)])
    assert truth.min() >= 0 and truth.max() <= 5
    rates = dict(zip(REACTIONET_AUS, (truth >= 1).mean(0), strict=True))
    assert all(0.14 <= rates[name] <= 0.5 for name in REACTIONET_AUS_12), rates
    assert min(rates.values()) > 0.05
    reported, occurrence = demo_affect.observe(np.random.default_rng(0), truth)
    assert reported.min() >= 0 and reported.max() <= 5
    flips = (occurrence[:, [*range(16), 17]] != (truth >= 1)).mean(0)
    assert flips.min() > 0.005 and flips.max() < 0.06


def test_reaction_depends_on_the_event_but_is_not_fixed_by_it() -> None:
    happy: dict[bool, list[bool]] = {True: [], False: []}
    smile = REACTIONET_AUS.index("AU12")
    for course in courses(25):
        happy[course.event in ("joke", "kitten", "hug", "hilarious")].append(
            bool(course.intensity[-1, smile] >= 1)
        )
    assert 0.5 < np.mean(happy[True]) < 0.98 and 0.05 < np.mean(happy[False]) < 0.4


def test_captions() -> None:
    rng, words, sizes = np.random.default_rng(0), set(), []
    for (scene, sub_scene), declared in SUB_SCENES.items():
        for event in declared.events:
            for visible in (False, True) * 6:
                text = write_caption(rng, scene, sub_scene, event, visible).rstrip(".").split()
                sizes.append(len(text))
                words.update(text)
    assert 18 <= np.mean(sizes) <= 23 and min(sizes) >= 12 and max(sizes) <= 30 and len(words) > 400


def exit_code(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["demo", *arguments])
    with pytest.raises(SystemExit) as stop:
        run(demo.main)
    assert isinstance(stop.value.code, int)
    return stop.value.code


def test_wrong_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("precious")
    (tmp_path / "file").write_text("")
    cases = {
        "--tuples": ("--out", str(tmp_path / "x"), "--tuples=0"),
        "--size": ("--out", str(tmp_path / "x"), "--size=8"),
        "--seed": ("--out", str(tmp_path / "x"), "--seed=-1"),
        "--jobs": ("--out", str(tmp_path / "x"), "--jobs=0"),
        "--out is missing": (),
        "is not a demo release": ("--out", str(foreign)),
        "file": ("--out", str(tmp_path / "file" / "x")),
        "cannot write": ("--out", "/proc/nowhere/x"),
        ".png": ("--scenes", str(tmp_path / "none" / "sheet.png")),
    }
    for text, arguments in cases.items():
        assert exit_code(monkeypatch, *arguments) == 2
        error = capsys.readouterr().err
        assert text in error and error.startswith("error: ") and error.count("\n") == 1
    assert {p.name for p in tmp_path.iterdir()} == {"foreign", "file"}
    assert (foreign / "thesis.txt").read_text() == "precious"


def test_command_line_and_second_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    (tmp_path / ".out.partial" / "rubbish").mkdir(parents=True)  # as a killed run leaves it
    arguments = ("--out", str(out), "--tuples=3", "--size=32", "--jobs=1")
    assert exit_code(monkeypatch, *arguments) == 0
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*")}
    assert exit_code(monkeypatch, *arguments) == 0
    assert before == {p: p.stat().st_mtime_ns for p in out.rglob("*")}
    assert {p.name for p in tmp_path.iterdir()} == {"out"}
    assert "3 rendered tuples" in capsys.readouterr().out
    with pytest.raises(InputError, match="holds another demo release"):
        demo.write_release(out, 4, 32, progress=False)


@pytest.mark.parametrize("name", ["tfds_reactionet.demo", "tfds_reactionet.reactionet.demo"])
def test_both_names_of_the_command(name: str, tmp_path: Path) -> None:
    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", name, *arguments]
        return subprocess.run(command, capture_output=True, text=True)

    written = call("--out", str(tmp_path / "out"), "--tuples=1", "--size=32", "--jobs=2")
    assert written.returncode == 0 and "1 rendered tuples of 32x32 pixels" in written.stdout
    assert (tmp_path / "out" / demo.MARKER).is_file()
    wrong = call("--size=32")
    assert wrong.returncode == 2 and wrong.stderr.startswith("error: --out is missing")
    assert call("--help").returncode == 0


def test_what_is_declared_is_drawn_and_nothing_else() -> None:
    drawn = {
        (module.__name__, name)
        for module in DRAWINGS.values()
        for name, member in inspect.getmembers(module, inspect.isfunction)
        if member.__module__ == module.__name__ and not name.startswith("_")
    }
    assert drawn == {(DRAWINGS[scene].__name__, name) for scene, name in SUB_SCENES}


def test_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(demo_sequence, "csv_text", fail)
    with pytest.raises(InputError, match="No space left"):
        demo.write_release(tmp_path / "out", 3, 32, jobs=1, progress=False)
    assert not list(tmp_path.iterdir())


def test_sheets() -> None:
    assert demo_sheets.contact_sheet(32, (32,)).shape == (
        17 * demo_sheets.TILE,
        6 * demo_sheets.TILE,
        3,
    )
    assert demo_sheets.scenes(32).shape == (8 * demo_sheets.TILE, 9 * demo_sheets.TILE, 3)
    assert demo_sheets.samples(Release(8, 32, 0)).ndim == 3
