"""Frames in a folder, OpenFace's CSVs, odd files: what is said of them beside the numbers."""

import shutil
import warnings
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import small_export
from PIL import Image

import drr_jax
from drr_jax import files, main
from drr_jax.errors import InputError
from drr_jax.predict import events, model, rows, summary


def command(*arguments: object) -> int:
    return main.run(main.parse(["main", "--mode=predict", *map(str, arguments)]))


@pytest.fixture(scope="module")
def asked(tmp_path_factory) -> model.Model:
    folder = tmp_path_factory.mktemp("export") / "model"
    return drr_jax.load(small_export.write(folder, "classifier", "R"))


@pytest.fixture
def frames(people, tmp_path) -> Path:
    """Ten frames, whose names count without zeros in front."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(1, 11):
        shutil.copy(people[number % 4], folder / f"frame{number}.jpg")
    return folder


def openface(path: Path, keys: list[tuple[int, int]], rate: float = 0.0) -> Path:
    """OpenFace's CSV of some (frame, face_id), with so many frames a second, 0: of images."""
    points = np.stack([np.linspace(10, 38, 68), np.linspace(8, 40, 68)], axis=1)
    head = ["frame", "face_id", "timestamp", "confidence", "success"]
    lines = [", ".join([*head, *(f"{axis}_{k}" for axis in "xy" for k in range(68))])]
    for frame, face in keys:
        cells = [frame, face, (frame - 1) / rate if rate else 0, 0.98, 1, *points.T.ravel()]
        lines.append(", ".join(map(str, cells)))
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_folder_of_frames_with_a_rate_is_a_video(asked, frames, tmp_path, capsys):
    out = tmp_path / "out"
    ask = (f"--model={asked.name}", f"--input={frames}", "--faces=none", "--fps=25")
    assert command(*ask, f"--out={out}", "--annotate") == 0
    assert capsys.readouterr().out.startswith("10 frames, 10 faces, ")
    found = pd.read_csv(out / rows.TABLE)
    assert found["input"].tolist() == [f"frame{number}.jpg" for number in range(1, 11)]
    np.testing.assert_allclose(found["timestamp"], np.arange(10) / 25)
    assert (out / events.EVENTS).exists() and len(list((out / "annotated").iterdir())) == 10
    called = asked.predict(frames, faces="none", fps=25)
    pd.testing.assert_frame_equal(called, found, check_dtype=False, atol=1e-6)
    with pytest.raises(InputError, match="its fps was 25"):
        command(*ask[:-1], "--fps=30", f"--out={out}")


def test_a_rate_is_one_and_of_images(asked, frames, video, tmp_path):
    out = f"--out={tmp_path / 'out'}"
    for given, fps, said in (
        (frames, "0", "expected frames a second"),
        (frames, "nan", "expected frames a second"),
        (video, "25", "a video has its own times"),
    ):
        with pytest.raises(InputError, match=said):
            command(f"--model={asked.name}", f"--input={given}", out, f"--fps={fps}")
    assert not (tmp_path / "out").exists()


def test_the_times_of_openface_are_taken(asked, frames, tmp_path):
    timed = openface(tmp_path / "timed.csv", [(k, 0) for k in range(1, 10)], rate=5)
    found = asked.predict(frames, faces=str(timed))
    np.testing.assert_allclose(found["timestamp"], [*np.arange(9) / 5, np.nan])
    assert (
        command(
            f"--model={asked.name}",
            f"--input={frames}",
            f"--faces={timed}",
            f"--out={tmp_path / 'out'}",
        )
        == 0
    )
    assert (tmp_path / "out" / events.EVENTS).exists()
    own = asked.predict(frames, faces=str(timed), fps=10)
    np.testing.assert_allclose(own["timestamp"], np.arange(10) / 10)
    untimed = openface(tmp_path / "untimed.csv", [(k, 0) for k in range(1, 11)])
    assert asked.predict(frames, faces=str(untimed))["timestamp"].isna().all()


def test_a_csv_of_another_recording_is_said(asked, frames, tmp_path, capsys):
    csv = openface(tmp_path / "other.csv", [(k, 0) for k in range(1, 5)])
    ask = (f"--model={asked.name}", f"--input={frames}", f"--faces={csv}")
    assert command(*ask, f"--out={tmp_path / 'out'}") == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("10 images, 4 faces")
    assert any(line.startswith(f"warning: {csv} has no row of 6 of 10 images") for line in said)
    assert "has no row of 6 of 10 images" in (tmp_path / "out" / summary.PAGE).read_text()
    with pytest.warns(UserWarning, match="has no row of 6 of 10 images"):
        asked.predict(frames, faces=str(csv))


def test_a_face_that_stands_twice_in_a_csv_is_one_line(asked, frames, tmp_path):
    csv = openface(tmp_path / "twice.csv", [(1, 0), (2, 0), (2, 1), (2, 0)])
    with pytest.raises(InputError, match="line 5: frame 2, face 0 occurs twice"):
        asked.predict(frames, faces=str(csv))


def test_a_model_of_whole_images_says_how_to_frame_them(asked, frames, tmp_path, capsys):
    ask = (f"--model={asked.name}", f"--input={frames / 'frame1.jpg'}")
    for name, faces, said in (("a", "auto", True), ("b", "none", False)):
        assert command(*ask, f"--faces={faces}", f"--out={tmp_path / name}") == 0
        printed = capsys.readouterr().out
        page = (tmp_path / name / summary.PAGE).read_text()
        assert ("as in training: --faces=none" in printed) is said
        assert ("as in training: --faces=none" in page) is said


def test_the_page_counts_apart_names_files_and_the_detector(asked, frames, people, tmp_path):
    (frames / "frame2.jpg").write_bytes(b"no image")
    cv2.imwrite(str(frames / "frame3.jpg"), np.full((64, 64, 3), 128, np.uint8))
    still, turned = (Image.open(people[0]).rotate(turn) for turn in (0, 90))
    still.save(frames / "moves.gif", save_all=True, append_images=[turned])
    still.save(frames / "moves.png", save_all=True, append_images=[turned])
    still.save(frames / "still.webp")
    out = tmp_path / "out"
    with pytest.raises(InputError, match="1 of 13 images could not be read"):
        command(f"--model={asked.name}", f"--input={frames}", f"--out={out}")
    counts = files.unsealed(files.read_json(out / rows.JOB))["summary"]
    assert (counts["without"], counts["unread"]) == (2, 1)
    page = " ".join((out / summary.PAGE).read_text().split())
    assert "image that could not be read" in page and "mtcnn" in page and ">auto<" not in page
    assert "frame4.jpg" in page or "frame1.jpg" in page or "moves." in page
    assert " image 4" not in page
    said = "Of 2 animated or many-paged images the first picture alone was read"
    assert f"{said}: moves.gif, moves.png" in page


def test_messages_from_python_name_no_flag_and_no_camera(asked, tmp_path):
    for what in ("nowhere", tmp_path, "7"):
        with pytest.raises(InputError) as error:
            asked.predict(what)
        assert "--input" not in str(error.value) and "camera" not in str(error.value)


def test_an_image_without_its_flag_is_named(asked):
    with pytest.raises(InputError, match=r"'photo.jpg' is not a flag; write --input=photo.jpg"):
        command(f"--model={asked.name}", "photo.jpg", "--out=out")
    with pytest.raises(InputError, match="quote the pattern"):
        command(f"--model={asked.name}", "--input=a.jpg", "b.jpg", "--out=out")


def test_an_exported_folder_is_no_run(asked):
    for call in (
        lambda: main.parse(["main", "--mode=evaluate", f"--workdir={asked.name}"]),
        lambda: drr_jax.evaluate(asked.name),
    ):
        with pytest.raises(InputError, match=f"evaluate --model={asked.name} --on=SET --out=DIR"):
            call()


# What py-feat's Fex takes, by its documentation: columns of the face, of AUs and of emotions.
FACE = ["FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight", "FaceScore"]


def test_the_documented_names_are_those_of_py_feat(asked, frames):
    page = (Path(__file__).parents[2] / "docs" / "predict.md").read_text(encoding="utf-8")
    blocks = [block.partition("```")[0] for block in page.split("```python\n")[1:]]
    (code,) = (block for block in blocks if "py-feat" in block)
    given = {"table": asked.predict(frames / "frame1.jpg", faces="none")}
    exec(code.split("\nfex = ")[0], given)
    assert {"frame", "input", *FACE, *asked.names} <= {*given["named"]}
    spoken = pd.DataFrame(
        {
            "expression": ["happy"],
            "expression_happy": [0.9],
            "expression_sad": [0.1],
            "expression_fear": [0.0],
        }
    )
    given["table"] = spoken
    exec(code.split("\nfex = ")[0], given)
    assert list(given["named"]) == ["expression", "happiness", "sadness", "fear"]


def test_images_without_a_csv_are_counted_before_the_work(asked, frames, tmp_path):
    csvs, out = tmp_path / "csvs", tmp_path / "out"
    csvs.mkdir()
    ask = (f"--model={asked.name}", f"--input={frames}", f"--faces={csvs}", f"--out={out}")
    for number in (1, 2, 4, 5, 6, 7, 8, 10):
        openface(csvs / f"frame{number}.csv", [(1, 0)])
    with pytest.raises(InputError, match="no CSV for 2 of 10 images, the first frame3"):
        command(*ask)
    assert not out.exists()
    for number in (3, 9):
        openface(csvs / f"frame{number}.csv", [(1, 0)])
    assert command(*ask) == 0
    (frames / "again").mkdir()
    shutil.copy(frames / "frame1.jpg", frames / "again")
    with pytest.raises(InputError, match=r"frame1\.csv: is it of .*Expected one for each"):
        command(*ask[:-1], f"--out={tmp_path / 'other'}")


def test_python_is_told_as_the_command_is_of_what_the_model_learnt_from(asked, people, tmp_path):
    with pytest.warns(UserWarning, match="this model learnt from whole images"):
        asked.predict(people[0])
    blank = tmp_path / "blank.png"
    cv2.imwrite(str(blank), np.full((64, 64, 3), 128, np.uint8))
    for image, faces in ((people[0], "none"), (blank, "auto")):  # nothing is put anywhere
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            asked.predict(image, faces=faces)
