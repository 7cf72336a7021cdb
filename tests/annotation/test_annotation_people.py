"""Coders and subjects: kappa against hand-computed values, DeepFace results, OpenFace's binary."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raw_reactionet import colour_jpeg, write_csv

from drr_jax.errors import InputError, run
from drr_jax.facs.labels import EXPRESSIONS
from tfds_reactionet.annotation import command as annotation
from tfds_reactionet.annotation import openface_extract
from tfds_reactionet.annotation.agreement import PAPER, kappas, read_agreement
from tfds_reactionet.annotation.demographics import (
    Person,
    age_bin,
    read_deepface,
    read_people,
    table_1,
)
from tfds_reactionet.annotation.openface_extract import extract
from tfds_reactionet.reactionet.labels import AU_COLUMNS
from tfds_reactionet.reading.openface import OpenFaceFile

FUZZ = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


# Agreement of coders


def cohen(a: np.ndarray, b: np.ndarray) -> float:
    """Cohen's kappa from its definition."""
    observed = (a == b).mean()
    chance = a.mean() * b.mean() + (1 - a.mean()) * (1 - b.mean())
    return (observed - chance) / (1 - chance)


def fleiss(codes: np.ndarray) -> float:
    """Fleiss' kappa (1971) from its definition, two categories."""
    raters = codes.shape[1]
    table = np.stack([(codes == 0).sum(axis=1), (codes == 1).sum(axis=1)], axis=1)
    agreement = ((table**2).sum(axis=1) - raters) / (raters * (raters - 1))
    chance = ((table.sum(axis=0) / codes.size) ** 2).sum()
    return (agreement.mean() - chance) / (1 - chance)


def test_kappas_of_a_table_worked_by_hand() -> None:
    # A and B: 2 x 2 table 20, 5, 10, 15 -> observed 0.7, chance 0.5, kappa 0.4 (Cohen's example)
    pairs = [(1, 1)] * 20 + [(1, 0)] * 5 + [(0, 1)] * 10 + [(0, 0)] * 15
    found, _ = kappas(np.array(pairs))
    assert found == pytest.approx(0.4)
    # Fleiss of four frames, three coders: P = (1 + 1 + 1/3 + 1/3) / 4 = 2/3, chance 1/2, kappa 1/3
    _, found = kappas(np.array([[1, 1, 1], [0, 0, 0], [1, 1, 0], [0, 1, 0]]))
    assert found == pytest.approx(1 / 3)


@FUZZ
@given(seed=st.integers(0, 10_000), frames=st.integers(2, 30), coders=st.integers(2, 4))
def test_kappas_against_their_definitions(seed: int, frames: int, coders: int) -> None:
    codes = np.random.default_rng(seed).integers(0, 2, (frames, coders))
    mean, all_coders = kappas(codes)
    if len(np.unique(codes)) == 1:
        assert np.isnan(mean) and np.isnan(all_coders)
        return
    assert all_coders == pytest.approx(fleiss(codes))
    columns = [codes[:, n] for n in range(coders)]
    with np.errstate(invalid="ignore", divide="ignore"):
        pairs = [cohen(a, b) for n, a in enumerate(columns) for b in columns[n + 1 :]]
    assert mean == pytest.approx(np.mean(pairs), nan_ok=True)


def write_coder(path: Path, labels: dict[int, tuple[str, list[Any]]]) -> Path:
    """A coder's file: frame -> (expression, codes of 17 AUs)."""
    header = ["scene", "sub_scene", "task", "sequence", "frame", "expression", *AU_COLUMNS]
    rows = [["film", "a", "b", "c", n, name, *codes] for n, (name, codes) in labels.items()]
    write_csv(path, header, rows)
    return path


def test_agreement_counts_only_codes_that_all_coders_gave(tmp_path: Path) -> None:
    def codes(first: Any, second: Any) -> list[Any]:
        return [first, second, *[1] * 15]

    coders = [
        {1: ("happy", codes(1, 9)), 2: ("sad", codes(0, 1)), 3: ("", codes(1, 0))},
        {1: ("happy", codes(1, 1)), 2: ("sad", codes(0, 0)), 3: ("sad", codes(0, 0))},
        {1: ("happy", codes(1, 1)), 2: ("happy", codes(0, 0)), 4: ("sad", codes(0, 0))},
    ]
    files = [write_coder(tmp_path / f"{n}.csv", labels) for n, labels in enumerate(coders)]
    found = read_agreement(files)
    assert (found.common, found.single) == (2, 2)
    tasks = {task.name: task for task in found.tasks}
    assert tasks["AU1"].cohen == tasks["AU1"].fleiss == pytest.approx(1.0)
    assert tasks["AU2"].frames == 1  # the first coder gave 9 on frame 1
    assert np.isnan(tasks["AU4"].cohen) and np.isnan(tasks["AU4"].fleiss)  # always 1
    happy = np.array([[1, 1, 1], [0, 0, 1]])
    assert tasks["Happy"].fleiss == pytest.approx(fleiss(happy))
    assert tasks["Happy"].cohen == pytest.approx((1 + 0 + 0) / 3)
    assert [task.paper for task in found.tasks] == list(PAPER) and len(PAPER) == 24
    pair = read_agreement(files[:2])
    assert pair.common == 3
    assert {task.name: task.frames for task in pair.tasks}["Sad"] == 2  # frame 3: no expression


def test_wrong_coder_files(tmp_path: Path) -> None:
    one = write_coder(tmp_path / "1.csv", {1: ("sad", [0] * 17)})
    two = write_coder(tmp_path / "2.csv", {2: ("sad", [0] * 17)})
    with pytest.raises(InputError, match="no frame that all coders coded"):
        read_agreement([one, two])
    with pytest.raises(InputError, match="named twice"):
        read_agreement([one, one])


def test_the_kappa_command_writes_table_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, (40, 17))
    files = []
    for coder in range(3):
        flipped = np.where(rng.uniform(size=truth.shape) < 0.1, 1 - truth, truth)
        labels = {n: (EXPRESSIONS[n % 7], codes.tolist()) for n, codes in enumerate(flipped)}
        files.append(write_coder(tmp_path / f"{coder}.csv", labels))
    arguments = ["kappa", *map(str, files), f"--out={tmp_path / 'out'}"]
    monkeypatch.setattr(sys, "argv", ["annotation", *arguments])
    assert annotation.main() == 0
    lines = (tmp_path / "out" / "kappa.csv").read_text().splitlines()
    assert len(lines) == 1 + 24 and lines[1].startswith("Facial expressions,1,Anger,1.0000,1.0000")
    printed = capsys.readouterr().out
    assert "3 coders, 40 frames" in printed and "AU45" in printed


# DeepFace

FACE = {"age": 31, "dominant_race": "white", "region": {"x": 3, "y": 4, "w": 50, "h": 60}}


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (FACE, [("r", 31.0, "white")]),  # one face, before 0.0.76
        ([FACE], [("r-1", 31.0, "white")]),
        ([{**FACE, "face_confidence": 0.93}], [("r-1", 31.0, "white")]),
        ([{**FACE, "face_confidence": 0}], [("r-1", None, None)]),  # enforce_detection=False
        ({"S1": [FACE], "S2": []}, [("S1", 31.0, "white"), ("S2", None, None)]),
        ({"S1": None, "S2": {"error": "no face"}}, [("S1", None, None), ("S2", None, None)]),
        ([{**FACE, "region": {"x": 0, "y": 0, "w": 9, "h": 9}}], [("r-1", None, None)]),
        (
            {"S1": [FACE, {**FACE, "age": 60, "region": {"x": 1, "y": 1, "w": 90, "h": 90}}]},
            [("S1", 60.0, "white")],
        ),
        ({"S1": {"age": 22.7, "race": {"black": 9.0, "asian": 80.0}}}, [("S1", 22.7, "asian")]),
        ({"S1": {"dominant_race": "Latino Hispanic"}}, [("S1", None, "latino hispanic")]),
        ([], []),
    ],
)
def test_deepface_results(result: Any, expected: list[tuple], tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text(json.dumps(result))
    assert [(p.subject, p.age, p.race) for p in read_deepface(path)] == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "expected JSON of DeepFace.analyze results"),
        ("3", "expected a list or an object"),
        ('{"S1": 3}', "'S1': '3'; expected a DeepFace.analyze result"),
        ('{"S1": {"name": 1}}', "'S1': no age and no dominant_race"),
        ('{"S1": {"age": "old"}}', "'S1': age is 'old', expected 0 to 120 years"),
        ('{"S1": {"age": -1}}', "age is '-1'"),
        ('{"S1": {"age": 1e999}}', "age is 'inf'"),
        ('{"S1": {"dominant_race": "whit"}}', "unknown ethnicity 'whit'; did you mean white?"),
        ('{"S1": {"age": 3, "face_confidence": "high"}}', "face_confidence is 'high'"),
    ],
)
def test_wrong_deepface_results(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_deepface(path)
    assert message in str(caught.value) and str(path) in str(caught.value)


@FUZZ
@given(at=st.floats(0, 1), what=st.binary(max_size=3) | st.sampled_from([b"[", b"null", b'"']))
def test_damaged_deepface_results(tmp_path: Path, at: float, what: bytes) -> None:
    data = json.dumps({"S1": [FACE], "S2": {**FACE, "age": 44}, "S3": []}).encode()
    cut = int(at * len(data))
    path = tmp_path / "r.json"
    path.write_bytes(data[:cut] + what + data[cut + len(what) :] if what else data[:cut])
    try:
        found = read_deepface(path)
    except InputError as error:
        assert str(path) in str(error) and "\n" not in str(error)
        return
    ethnicity, age = table_1(found)
    assert sum(ethnicity.values()) == sum(age.values()) == len(found)


def test_age_bins_at_their_edges() -> None:
    ages = [None, 19.9, 20, 24.9, 25, 44, 45, 49.9, 50, 70]
    bins = ["Unknown", "under 20", "20-24", "20-24", "25-29", "40-44", "45-49", "45-49"]
    assert [age_bin(age) for age in ages] == [*bins, "50+", "50+"]
    _, age = table_1([Person("a", 30.0)])
    assert "under 20" not in age and age["30-34"] == 1


def test_people_of_a_release_count_once(tmp_path: Path) -> None:
    rows = [
        ["film/a/b/c", "S1", 30, "white"],
        ["film/a/b/d", "S1", 40, "white"],
        ["film/a/b/e", "S1", 36, "middle eastern"],
        ["film/a/b/c", "S2", "unknown", ""],
    ]
    path = tmp_path / "d.csv"
    write_csv(path, ["sequence", "subject", "age", "dominant_race"], rows)
    assert read_people(path) == [Person("S1", 36.0, "white"), Person("S2")]
    write_csv(path, ["sequence", "subject", "age", "dominant_race"], [["film/a/b/c", "S", "x", ""]])
    with pytest.raises(InputError, match="line 2: age is 'x'"):
        read_people(path)


def test_the_demographics_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "r.json"
    path.write_text(json.dumps({"S1": FACE, "S2": [], "S3": {**FACE, "age": 77}}))
    out = tmp_path / "out"
    monkeypatch.setattr(sys, "argv", ["annotation", "demographics", str(path), f"--out={out}"])
    assert annotation.main() == 0
    assert "ethnicity,White,2,434" in (out / "table1.csv").read_text()
    assert (out / "subjects.csv").read_text().splitlines()[2] == "S2,unknown,unknown"
    assert "3 subjects" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["annotation", "demographics", str(path), str(path)])
    with pytest.raises(SystemExit) as caught:
        run(annotation.main)
    assert caught.value.code == 2 and "'S1' occurs twice" in capsys.readouterr().err


# FeatureExtraction

PROGRAM = """#!{python}
import os, sys
arguments = sys.argv[1:]
options = dict(zip(arguments[:6:2], arguments[1:6:2]))
source = options.get("-fdir") or options["-f"]
assert arguments[6:] == ["-2Dfp", "-pose", "-gaze", "-aus"], arguments
frames = len(os.listdir(source)) if os.path.isdir(source) else 3
with open(os.path.join(options["-out_dir"], options["-of"]), "w") as file:
    file.write("frame, face_id, timestamp, confidence, success\\n")
    for frame in range(1, frames + 1):
        file.write(f"{{frame}}, 0, 0.0, 0.9, {{int(frame != 2)}}\\n")
{ending}
"""


def program(path: Path, ending: str = "") -> Path:
    """A stand-in for FeatureExtraction that checks how it is called."""
    path.write_text(PROGRAM.format(python=sys.executable, ending=ending))
    path.chmod(0o755)
    return path


def images(folder: Path, names: list[str]) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(colour_jpeg(np.array([9, 9, 9]), 8))
    return folder


def test_extract_numbers_rows_as_the_images_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    binary = program(tmp_path / "FeatureExtraction")
    folder = images(tmp_path / "reaction", ["000003.jpg", "000004.jpg", "000011.jpg"])
    out = tmp_path / "openface.csv"
    arguments = [f"--binary={binary}", f"--input={folder}", f"--out={out}"]
    monkeypatch.setattr(sys, "argv", ["openface", *arguments])
    assert openface_extract.run_openface() == 0
    file = OpenFaceFile(out)
    assert file.frames.tolist() == [3, 4, 11] and file.found.tolist() == [True, False, True]
    assert "3 frames, a face in 2" in capsys.readouterr().out
    with pytest.raises(InputError, match="exists already"):
        extract(binary, folder, out)
    video = tmp_path / "reaction.mp4"
    video.write_bytes(b"")
    assert OpenFaceFile(extract(binary, video, tmp_path / "v.csv")).frames.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("ending", "message"),
    [
        ("sys.exit('cannot find the model')", "ended with code 1 on .*: cannot find the model"),
        ("os.remove(file.name)", "wrote no CSV"),
        (
            "open(file.name, 'w').write('frame\\n9\\n')",
            "OpenFace wrote frame '9' for a folder of 2",
        ),
        ("open(file.name, 'w').write('frame\\n1\\n')", "no column 'confidence'"),
    ],
)
def test_a_binary_that_fails_leaves_nothing(tmp_path: Path, ending: str, message: str) -> None:
    binary = program(tmp_path / "FeatureExtraction", ending)
    folder = images(tmp_path / "reaction", ["1.jpg", "2.jpg"])
    with pytest.raises(InputError, match=message):
        extract(binary, folder, tmp_path / "openface.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["FeatureExtraction", "reaction"]


def test_wrong_input_of_extract(tmp_path: Path) -> None:
    binary, out = program(tmp_path / "FeatureExtraction"), tmp_path / "o.csv"
    folder = images(tmp_path / "reaction", ["9.jpg", "10.jpg"])
    with pytest.raises(InputError, match="expected names padded with zeros"):
        extract(binary, folder, out)
    with pytest.raises(InputError, match="no image in it"):
        extract(binary, images(tmp_path / "empty", []), out)
    with pytest.raises(InputError, match="expected a folder of images or a video"):
        extract(binary, tmp_path / "none.txt", out)
    with pytest.raises(InputError, match="not a program that can be run"):
        extract(tmp_path / "none", folder, out)
    (tmp_path / "text").write_text("not a program")
    (tmp_path / "text").chmod(0o755)
    with pytest.raises(InputError, match="cannot be run"):
        extract(tmp_path / "text", images(tmp_path / "good", ["1.jpg"]), out)
