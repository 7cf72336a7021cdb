"""The folder of a prediction: whose it is, what a kill leaves in it, and where none can be."""

import errno
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest

from drr_jax import files, main
from drr_jax.errors import InputError
from drr_jax.predict import inputs, rows


def command(*arguments: object) -> int:
    return main.run(main.parse(["main", "--mode=predict", *map(str, arguments)]))


def test_what_a_kill_left_of_the_first_file_is_no_prediction(asked, photos, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    for left in (f".predict.json.0123abcd{files.PART}", rows.LOCK):
        (out / left).touch()
    assert command(f"--model={asked.name}", f"--input={photos}", f"--out={out}") == 0
    assert not list(out.glob(".*")) and [path.name for path in tmp_path.glob("*out*")] == ["out"]


def test_one_process_predicts_into_a_folder(asked, photos, tmp_path):
    out = tmp_path / "new" / "out"
    ask = (f"--model={asked.name}", f"--input={photos}", f"--out={out}")
    with rows.alone(out), pytest.raises(InputError, match="another process is predicting there"):
        command(*ask)
    assert not out.exists()  # nothing was put into it
    (tmp_path / "thesis.tex").write_text("dear to me")
    refused = pytest.raises(InputError, match=r"holds new but no predict\.json")
    with refused, rows.alone(tmp_path):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "photos", "thesis.tex"]


def test_predictions_within_the_input_are_no_input(asked, photos, capsys):
    ask = (f"--model={asked.name}", f"--input={photos}", "--annotate")
    assert command(*ask, f"--out={photos / 'out'}") == 0
    capsys.readouterr()
    assert command(*ask, f"--out={photos / 'out'}") == 0
    assert "done before" in capsys.readouterr().out
    assert command(*ask, f"--out={photos / 'out2'}") == 0
    assert len(pd.read_csv(photos / "out2" / rows.TABLE)) == 2


def test_another_image_in_the_folder_or_another_format_is_another_job(asked, photos, tmp_path):
    ask = (f"--model={asked.name}", f"--input={photos}", f"--out={tmp_path / 'out'}")
    shutil.copy(photos / "a.jpg", photos / "c.jpg")
    assert command(*ask) == 0
    with pytest.raises(InputError, match="its format was csv, is parquet"):
        command(*ask, "--format=parquet")
    (photos / "b.jpg").rename(photos / "bb.jpg")
    with pytest.raises(InputError, match="its input had "):
        command(*ask)


@pytest.mark.parametrize("damage", ["page", "table"])
def test_what_is_done_must_be_there_as_it_was_written(asked, photos, tmp_path, damage):
    out = tmp_path / "out"
    ask = (f"--model={asked.name}", f"--input={photos}", f"--out={out}")
    assert command(*ask) == 0
    if damage == "page":
        (out / "predictions.html").unlink()
    else:
        (out / rows.TABLE).write_bytes((out / rows.TABLE).read_bytes()[:-9])
    said = "html was written with .* bytes and is gone" if damage == "page" else "csv was written"
    with pytest.raises(InputError, match=rf"predictions\.{said}"):
        command(*ask)


@pytest.mark.parametrize("out", ["/", "photos/a.jpg", "photos/a.jpg/x", "/proc/x", "x" * 256])
def test_what_can_be_no_folder_is_one_line(asked, photos, monkeypatch, out):
    monkeypatch.chdir(photos.parent)
    with pytest.raises(InputError, match=f"--out={out}"):
        command(f"--model={asked.name}", f"--input={photos}", f"--out={out}")


def test_folders_that_may_not_be_read_or_written_are_named(asked, photos, tmp_path, monkeypatch):
    locked, real = photos / "locked", os.scandir
    locked.mkdir()

    def forbid(place, *_, **__):
        if Path(place).is_relative_to(locked):
            raise PermissionError(errno.EACCES, "Permission denied", str(place))
        return real(place)

    monkeypatch.setattr(os, "scandir", forbid)
    with pytest.raises(InputError, match=r"--input=.*photos/locked: Permission denied; make it re"):
        inputs.open_input(str(photos))
    monkeypatch.setattr(Path, "touch", forbid)
    for folder, said in ((locked, "written"), (locked / "new", "made")):
        refused = pytest.raises(InputError, match=f"cannot be {said}: Permission denied")
        with refused, rows.alone(folder):
            pass
    assert locked.exists() and not (locked / "new").exists()


def test_the_folder_that_one_stands_in_is_taken(asked, photos, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert command(f"--model={asked.name}", f"--input={photos}", "--out=.") == 0
    assert (tmp_path / "here" / rows.TABLE).exists()
