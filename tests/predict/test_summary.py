"""The page of predictions: few images whole, many by what they come to, a video's faces apart."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import small_export

import drr_jax
from drr_jax import main
from drr_jax.predict import model, rows, shares, summary


@pytest.fixture(scope="module")
def asked(tmp_path_factory) -> model.Model:
    folder = tmp_path_factory.mktemp("export") / "model"
    return drr_jax.load(small_export.write(folder, "classifier", "R"))


def page(asked, given: Path, out: Path) -> str:
    arguments = [f"--model={asked.name}", f"--input={given}", "--faces=none", f"--out={out}"]
    assert main.run(main.parse(["main", "--mode=predict", *arguments])) == 0
    return " ".join((out / summary.PAGE).read_text().split())


def copies(folder: Path, people, number: int) -> Path:
    folder.mkdir()
    for k in range(number):
        shutil.copy(people[k % 4], folder / f"{k}.jpg")
    return folder


def test_a_photo_is_shown_with_its_bars(asked, people, tmp_path):
    one = page(asked, people[0], tmp_path / "one")
    assert "What was found" in one and "How often" not in one and "most probable" not in one
    assert "<b>1</b><span>face</span>" in one and "<b>1</b><span>image</span>" in one


def test_many_images_are_counted(asked, people, tmp_path):
    few = page(asked, copies(tmp_path / "a", people, summary.FEW), tmp_path / "few")
    assert few.count("with boxes around") == summary.FEW and "How often" not in few
    many = page(asked, copies(tmp_path / "b", people, summary.FEW + 1), tmp_path / "many")
    assert "What was found" not in many and "How often" in many
    assert f"<b>{summary.FEW + 1}</b><span>faces</span>" in many


def test_shares_are_of_all_faces_or_of_each(asked, tmp_path):
    names = [f"{name}_c" for name in asked.names]
    table = pd.DataFrame(0, index=range(6), columns=["face_id", "success", *names])
    table["face_id"] = [0, 0, 1, 1, 1, 0]
    table["success"] = [1, 1, 1, 1, 1, 0]
    table.loc[[0, 2, 3, 5], names[0]] = 1
    table.to_csv(tmp_path / rows.TABLE, index=False)
    share, seen = shares.shares(tmp_path / rows.TABLE, asked, [])
    np.testing.assert_allclose(share[:, 0], [3 / 5])
    assert seen.tolist() == [5]
    share, seen = shares.shares(tmp_path / rows.TABLE, asked, [1, 0])
    np.testing.assert_allclose(share[:, 0], [2 / 3, 1 / 2])
    assert seen.tolist() == [3, 2]


def test_a_video_without_events_says_so(asked, people, tmp_path, monkeypatch):
    frames = copies(tmp_path / "frames", people, 7)
    monkeypatch.setattr(summary.events, "MIN_FRAMES", 99)
    arguments = [f"--model={asked.name}", f"--input={frames}", "--faces=none", "--fps=25"]
    arguments.append(f"--out={tmp_path / 'out'}")
    assert main.run(main.parse(["main", "--mode=predict", *arguments])) == 0
    text = " ".join((tmp_path / "out" / summary.PAGE).read_text().split())
    assert "no event: none reaches the threshold for 99 frames" in text and "Onset" not in text
