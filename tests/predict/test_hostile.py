"""What people give to --mode=predict without thinking of it, and what disks and signals do."""

import dataclasses
import json
import os
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

import drr_jax
from drr_jax import cells, files, main
from drr_jax.errors import InputError
from drr_jax.predict import annotate, events, inputs, prepared, rows, stream
from drr_jax.predict.cut import Crop
from drr_jax.predict.faces import Found
from drr_jax.predict.finders import Finder, Whole
from tfds_reactionet import reading
from tfds_reactionet.reading import Box


def command(*arguments: object) -> int:
    return main.run(main.parse(["main", "--mode=predict", *map(str, arguments)]))


def test_names_that_are_no_utf8_are_escaped(asked, people, tmp_path):
    (tmp_path / "in").mkdir()
    name = os.fsencode(tmp_path / "in") + b"/caf\xe9.jpg"
    Path(os.fsdecode(name)).write_bytes(people[0].read_bytes())
    out = tmp_path / "out"
    ask = (f"--model={asked.name}", f"--input={tmp_path / 'in'}", f"--out={out}", "--annotate")
    assert command(*ask) == 0
    assert pd.read_csv(out / rows.TABLE)["input"].tolist() == ["caf\\xe9.jpg"]
    assert len(list((out / "annotated").iterdir())) == 1


def test_names_that_meet_in_annotated_stay_apart(asked, photos, people, tmp_path):
    reading_png = cv2.imread(str(people[0]))
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(photos / name), reading_png)
    shutil.copy(people[0], photos / "a.jpg.jpg")
    shutil.copy(people[0], photos / f"{'n' * 251}.jpg")  # no room for an unfinished file's name
    ask = (f"--model={asked.name}", f"--input={photos}", f"--out={tmp_path / 'out'}")
    assert command(*ask, "--annotate") == 0
    assert len(list((tmp_path / "out" / "annotated").iterdir())) == 6


def test_a_pattern_finds_no_predictions_of_before(asked, photos):
    ask = (f"--model={asked.name}", f"--input={photos}/**/*.jpg", f"--out={photos}/out")
    for _ in range(2):  # what is done is found again
        assert command(*ask, "--annotate") == 0
    found = inputs.open_input(f"{photos}/**/*.jpg")
    assert found.names == ["a.jpg", "b.jpg"]
    inside = inputs.open_input(f"{photos}/out/annotated/*.jpg")  # if they are asked for
    assert len(inside.names) == 2


@pytest.mark.parametrize(
    "wrong", [{"size": 10**7}, {"size": 0.5}, {"kind": "bogus"}, {"fit": "bogus"}]
)
def test_a_crop_that_cannot_be_made_is_refused(wrong):
    facts = {"kind": "face", "version": 1, "margin": 0.1, "fit": "letterbox", "size": 64}
    with pytest.raises(InputError, match="expected a size of 1 to 4096, kind face or full"):
        Crop.of(facts | wrong, 48, "model x")


def test_images_of_one_name_and_strips_are_all_annotated(asked, photos, people, tmp_path):
    image = reading.decode(people[0].read_bytes())
    cv2.imwrite(str(photos / "a.png"), image)
    cv2.imwrite(str(photos / "strip.png"), np.zeros((1, 9000, 3), np.uint8))
    cv2.imwrite(str(photos / "pole.png"), np.zeros((9000, 1, 3), np.uint8))
    out = tmp_path / "out"
    assert command(f"--model={asked.name}", f"--input={photos}", f"--out={out}", "--annotate") == 0
    made = sorted(path.name for path in (out / "annotated").iterdir())
    assert made == ["a.jpg.jpg", "a.png.jpg", "b.jpg", "pole.jpg", "strip.jpg"]
    for path in (out / "annotated").iterdir():
        shown = reading.decode(path.read_bytes())
        assert max(shown.shape) <= annotate.LARGEST + annotate.PANEL
        assert shown.shape[0] >= len(asked.names) * annotate.ROW


def test_photos_of_telephones_are_named_and_files_of_macos_passed_over(asked, photos, tmp_path):
    (photos / "c.HEIC").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    (photos / "._a.jpg").write_bytes(b"\0\x05\x16\x07")
    assert inputs.open_input(f"{photos}/*").names == ["a.jpg", "b.jpg", "c.HEIC"]
    said = (
        r"1 of 3 images could not be read, the first c\.HEIC: a HEIC photo, which is not read; save"
    )
    with pytest.raises(InputError, match=said):
        command(f"--model={asked.name}", f"--input={photos}", f"--out={tmp_path / 'out'}")


def test_a_pipe_among_images_is_named_and_not_waited_for(asked, photos, tmp_path):
    os.mkfifo(photos / "c.jpg")
    said = r"1 of 3 images could not be read, the first c\.jpg: no file, but a folder, a pipe or a"
    with pytest.raises(InputError, match=said):
        command(f"--model={asked.name}", f"--input={photos}", f"--out={tmp_path / 'out'}")


def test_a_disk_that_is_taken_away_ends_nothing_for_good(asked, photos, tmp_path, monkeypatch):
    out, decode = tmp_path / "out", reading.decode
    ask = (f"--model={asked.name}", f"--input={photos}", f"--out={out}", "--faces=none")

    def unplug(data: bytes) -> np.ndarray:
        if photos.exists():
            photos.rename(tmp_path / "away")
        return decode(data)

    monkeypatch.setattr(reading, "decode", unplug)
    with pytest.raises(InputError, match=r"photos: this folder of images is gone; once it is back"):
        command(*ask)
    assert pd.read_csv(out / rows.TABLE)["input"].tolist() == ["a.jpg"]
    monkeypatch.undo()
    (tmp_path / "away").rename(photos)
    assert command(*ask) == 0
    assert pd.read_csv(out / rows.TABLE)["success"].tolist() == [1, 1]


def test_patterns_take_files_and_each_once(asked, photos):
    (photos / "folder.jpg").mkdir()
    (photos / "ring").symlink_to("..", target_is_directory=True)
    assert inputs.open_input(f"{photos}/**/*.jpg").length == 2


def test_what_could_not_be_read_before_a_stop_is_still_said_after_it(asked, photos, tmp_path):
    (photos / "a.jpg").write_bytes(b"no image")
    shutil.copy(photos / "b.jpg", photos / "c.jpg")
    out = tmp_path / "out"
    ask = (f"--model={asked.name}", f"--input={photos}", f"--out={out}", "--faces=none")
    with pytest.raises(InputError, match=r"1 of 3 images could not be read, the first a\.jpg"):
        command(*ask)
    job = files.unsealed(files.read_json(out / rows.JOB))
    files.write_json(out / rows.JOB, files.sealed({**job, "done": False}))
    with pytest.raises(InputError, match=r"1 of 3 images could not be read, the first a\.jpg"):
        command(*ask)
    assert json.loads((out / rows.JOB).read_text())["summary"]["problems"]
    assert "from image 3 on" in " ".join((out / "predictions.html").read_text().split())


def test_a_full_disk_is_one_line_and_the_same_command_goes_on(asked, photos, tmp_path):
    table = rows.Table(tmp_path, asked)
    table._file.close()
    table._file = open("/dev/full", "w", encoding="utf-8")  # noqa: SIM115
    table._write = cells.row_writer(table._file)
    over = inputs.Images([photos / "a.jpg"], photos, "photos")
    said = rows.Said(over.picture(1), [], np.zeros((0, 12)), np.zeros((0, 8, 8, 3), np.uint8))
    with pytest.raises(InputError, match="make room and give the same command again"), table:
        table.write([said])


def test_an_annotated_video_that_lacks_frames_is_not_passed_off(
    asked, video, tmp_path, monkeypatch
):
    class Lossy:
        fourcc = cv2.VideoWriter.fourcc

        def __init__(self, *how):
            self._writer, self._written = Writer(*how), 0
            self.isOpened, self.release = self._writer.isOpened, self._writer.release

        def write(self, image):
            self._written += 1
            if self._written <= 5:
                self._writer.write(image)

    Writer = cv2.VideoWriter
    monkeypatch.setattr(annotate.cv2, "VideoWriter", Lossy)
    out = tmp_path / "out"
    ask = (f"--model={asked.name}", f"--input={video}", f"--out={out}", "--faces=none")
    with pytest.raises(InputError, match="5 of 20 frames; make room"):
        command(*ask, "--annotate")
    assert not list(out.glob("*.mp4"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "NoneType, expected an array"),
        (3, "int, expected an array"),
        ({}, "dict, expected an array"),
        (b"bytes", "bytes, expected an array"),
        (np.zeros((8, 9), np.uint8), r"of shape \[8, 9\], expected RGB"),
        (np.zeros((8, 9, 3)), "float64"),
        (["nowhere.jpg"], "nowhere.jpg: no such file"),
        ([Path(__file__).parent], "no such file"),
    ],
)
def test_no_pictures_at_all(asked, given, said):
    with pytest.raises(InputError, match=said):
        asked.predict(given)


def test_pictures_in_all_their_forms(asked, photos, video):
    from PIL import Image

    paths = [str(photos / "a.jpg"), photos / "b.jpg"]
    assert len(asked.predict(np.array(list(map(str, paths))), faces="none")) == 2
    assert len(asked.predict(Image.open(paths[0]), faces="none")) == 1
    assert len(asked.predict([], faces="none")) == 0
    with pytest.raises(InputError, match="a video among images"):
        asked.predict([video])
    (photos / "a.jpg").write_bytes(b"no image")
    with pytest.warns(UserWarning, match="its row has success 0"):
        assert asked.predict(paths, faces="none")["success"].tolist() == [0, 1]


def test_points_in_one_place_without_a_box_are_no_face(asked):
    class Nowhere(Finder):
        def find(self, picture):
            points = np.full((68, 2), 9.0)
            flat, good = Box(9, 9, 0, 0), Box(2, 2, 9, 9)
            return [Found(flat, points), Found(flat), Found(good, points, face=7)]

    over = inputs.Arrays([np.zeros((32, 32, 3), np.uint8)])
    (said,) = stream.read(asked, over, Nowhere())
    assert [face.face for face in said.found] == [7] and len(said.probability) == 1


def test_names_with_commas_are_one_column(asked, video, tmp_path):
    odd = ("a, b", *asked.names[1:])
    limits = dict.fromkeys(odd, 0.0)
    described = {**asked.described, "classes": odd, "thresholds": limits}
    other = dataclasses.replace(asked, described=described)
    table, over = rows.Table(tmp_path, other), inputs.open_input(str(video))
    with table:
        table.write(stream.read(other, over, Whole()))
    with rows.Table(tmp_path, other) as again:
        assert again.start == 20
        again.write(said for said in stream.read(other, over, Whole(), 20))
    assert list(pd.read_csv(table.path)) == rows.columns(other)
    assert events.write_events(tmp_path, other, 20).events == len(odd)
    assert pd.read_csv(tmp_path / events.EVENTS)["class"].tolist()[0] == "a, b"


def boxed(path: Path, frames: int) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, (32, 32))
    for k in range(frames):
        writer.write(np.full((32, 32, 3), k, np.uint8))
    writer.release()


def test_frames_that_a_file_hides_are_not_missing(tmp_path, monkeypatch):
    """An edit list, as a cut without encoding anew leaves it: fewer are shown than counted."""
    boxed(tmp_path / "whole.mp4", 20)
    video = inputs.Video(tmp_path / "whole.mp4")
    video._claimed = 30
    assert len(list(video.pictures())) == 20
    with open(tmp_path / "whole.mp4", "ab") as file:
        file.write((1 << 20).to_bytes(4, "big") + b"mdat")
    with pytest.raises(InputError, match="ends at frame 20"):
        list(video.pictures())


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg")
def test_a_rate_that_varies_is_not_the_end_of_a_stream(tmp_path):
    boxed(tmp_path / "even.mp4", 100)
    for name, more in (("vary.mkv", ()), ("later.mkv", ("-output_ts_offset", "20"))):
        rate = ("-vf", "select=lt(n\\,30)+not(mod(n\\,7))", "-fps_mode", "vfr")
        source = ("-i", str(tmp_path / "even.mp4"), *rate, "-c:v", "mpeg4", "-q:v", "2", *more)
        path = tmp_path / name
        subprocess.run(["ffmpeg", "-v", "error", *source, str(path)], check=True)
        video = inputs.Video(path)
        times = [picture.timestamp for picture in video.pictures()]
        assert len(times) == 40 < (video.length or 0)
        np.testing.assert_allclose(
            [times[0], times[29], times[-1]], [0, 29 / 25, 98 / 25], atol=2e-3
        )
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(InputError, match="cut off or damaged"):
            list(inputs.Video(path).pictures())


@pytest.mark.parametrize(
    "facts",
    [
        {"template": [[1, 2]]},
        {"margin": "x"},
        {"margin": float("nan")},
        {"version": "a"},
        {"size": -3},
    ],
)
def test_a_crop_that_is_none_is_one_line(facts):
    with pytest.raises(InputError, match="here: its crop"):
        Crop.of(facts, 32, "here")


@pytest.mark.parametrize("limit", [None, float("nan"), 2, "0.5"])
def test_thresholds_are_probabilities(trained, tmp_path, limit):
    folder = drr_jax.export(trained, tmp_path / "model")
    described = files.unsealed(files.read_json(folder / "config.json"))
    described["thresholds"]["AU01"] = limit
    files.write_json(folder / "config.json", files.sealed(described))
    with pytest.raises(InputError, match="expected a probability for each class"):
        drr_jax.load(folder)


def test_parts_are_read_once_and_only_those_known_to_be_unseen(asked, rendered):
    (tested,) = asked.described["test_parts"]
    split = prepared.open_split(asked, f"reactionet/demo:{tested}+{tested}", str(rendered))
    assert split.parts == (tested,)
    other = dataclasses.replace(asked, described={**asked.described, "test_parts": []})
    with pytest.raises(InputError, match="does not say which parts"):
        prepared.open_split(other, "reactionet/demo", str(rendered))
