"""Prediction: the command, the call, and what they write; the same numbers wherever they are."""

import dataclasses
import io
import json
import math
import shutil
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import drr_jax
from drr_jax import facs, files, main
from drr_jax.errors import InputError
from drr_jax.predict import finders, inputs, model, prepared, rows
from tfds_reactionet import reading

AUS = facs.REACTIONET_AUS_12


def command(*arguments: str) -> int:
    return main.run(main.parse(["main", "--mode=predict", *arguments]))


def table(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / rows.TABLE)


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory) -> Path:
    return drr_jax.export(trained, tmp_path_factory.mktemp("export") / "model")


def test_a_model_says_what_it_is(asked, exported, trained):
    assert asked.names == AUS and asked.task == "au" and asked.inputs == ("reaction",)
    assert asked.crop.known and asked.crop.kind == "face" and asked.crop.size == 32
    # Places of a face's eyes and mouth: above one another, inside of the image.
    eyes, mouth = asked.crop.template[:2], asked.crop.template[2]
    assert 0 < eyes[0, 0] < mouth[0] < eyes[1, 0] < 1 and eyes[:, 1].max() < mouth[1] < 1
    again = drr_jax.load(exported)
    assert again.described == asked.described and again.card == asked.card
    assert "drawn" in asked.card or "Rendered" in asked.card or "rendered" in asked.card
    chosen = json.loads((trained / "results.json").read_text())["validation_thresholds"]
    assert asked.threshold == chosen and set(chosen) == set(AUS)


def test_a_model_shows_itself_in_a_line(asked):
    said = repr(asked)
    assert len(said) < 400 and "\n" not in said
    for part in (asked.name, "task au", *AUS, "inputs reaction", asked.config.domains):
        assert part in said
    assert drr_jax.Model is model.Model


def test_a_run_and_its_export_say_the_same(asked, exported):
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    one, other = (m.probabilities({"reaction": images}) for m in (asked, drr_jax.load(exported)))
    np.testing.assert_array_equal(one, other)
    alone = np.concatenate([asked.probabilities({"reaction": image[None]}) for image in images])
    np.testing.assert_allclose(one, alone, atol=1e-6)


def test_predictions_for_a_prepared_part_are_those_of_the_evaluation(
    trained, rendered, tmp_path, capsys
):
    part = json.loads((trained / "run.json").read_text())["test_parts"][0]
    arguments = [f"--model={trained}", f"--input=reactionet/demo:{part}", f"--data_dir={rendered}"]
    assert command(*arguments, f"--out={tmp_path / 'out'}") == 0
    ours, evaluated = table(tmp_path / "out"), pd.read_csv(trained / "predictions.csv")
    assert ours["input"].tolist() == evaluated["sequence"].tolist()
    assert ours["frame"].tolist() == evaluated["frame"].tolist()
    for name in AUS:
        np.testing.assert_allclose(ours[f"{name}_p"], evaluated[f"{name}_p"], atol=1e-6)
    assert capsys.readouterr().out.endswith(f"{part}: {tmp_path / 'out' / rows.TABLE}\n")
    with pytest.raises(InputError, match="trained on people of this part"):
        command(
            f"--model={trained}",
            "--input=reactionet/demo:" + ("part1" if part != "part1" else "part2"),
            f"--data_dir={rendered}",
            f"--out={tmp_path / 'other'}",
        )
    assert not (tmp_path / "other").exists()


def test_predictions_hold_the_labels_and_scores_of_results(trained):
    results = json.loads((trained / "results.json").read_text())
    found = pd.read_csv(trained / "predictions.csv")
    for name in AUS:
        known = found[f"{name}_label"].notna()
        truth, said = found.loc[known, f"{name}_label"] == 1, found.loc[known, f"{name}_p"] >= 0.5
        hits = (truth & said).sum()
        f1 = 2 * hits / max(truth.sum() + said.sum(), 1)
        assert f1 == pytest.approx(results["au"][name]["f1"])
        assert truth.sum() == results["au"][name]["positives"]


def test_thresholds_are_best_on_what_chose_them():
    from drr_jax import metrics

    rng = np.random.default_rng(1)
    label = rng.integers(-1, 2, (200, 3)).astype(np.int8)
    label[:, 2] = np.minimum(label[:, 2], 0)
    p = np.clip(0.3 * label + rng.normal(0.4, 0.2, label.shape), 0, 1).round(2)

    def f1(k: int, limit: float) -> float:
        known = label[:, k] >= 0
        said, truth = p[known, k] >= limit, label[known, k] == 1
        return 2 * (said & truth).sum() / max(said.sum() + truth.sum(), 1)

    found = metrics.best_thresholds(p, label)
    for k in (0, 1):
        assert f1(k, found[k]) == max(f1(k, limit) for limit in np.linspace(-0.005, 1.005, 102))
    assert found[2] == 0.5


def test_images_give_a_row_a_face_with_named_columns(asked, people, tmp_path, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    for number, path in enumerate(people[:3]):
        shutil.copy(path, folder / f"face{10 - number}.jpg")
    cv2.imwrite(str(folder / "nobody.png"), np.full((64, 64, 3), 128, np.uint8))
    out = tmp_path / "out"
    assert command(f"--model={asked.name}", f"--input={folder}", f"--out={out}", "--annotate") == 0
    found = table(out)
    assert found["input"].tolist() == ["face8.jpg", "face9.jpg", "face10.jpg", "nobody.png"]
    assert found.columns[:5].tolist() == ["frame", "face_id", "timestamp", "confidence", "success"]
    assert found.columns[11:].tolist() == [f"{n}_{kind}" for n in AUS for kind in "pc"]
    assert found["success"].tolist() == [1, 1, 1, 0] and found.loc[3, "AU01_p":].isna().all()
    for name in AUS:
        counts = found.loc[:2, f"{name}_p"] >= asked.threshold[name]
        assert counts.astype(int).tolist() == found.loc[:2, f"{name}_c"].tolist()
    said = capsys.readouterr().out
    assert said.startswith("4 images, 3 faces, 1 image without a face, ")
    assert {p.name for p in (out / "annotated").iterdir()} >= {"face8.jpg", "nobody.jpg"}
    called = asked.predict(folder)
    pd.testing.assert_frame_equal(called, found, check_dtype=False, atol=1e-6)


def test_whole_images_are_seen_as_training_saw_them(asked, rendered, people):
    """A frame of the release, taken as a face, is the model's input but for a second JPEG."""
    image = cv2.cvtColor(cv2.imread(str(people[0])), cv2.COLOR_BGR2RGB)
    crop = asked.crop.cut(image, finders.Whole().find(inputs.Picture("", 1, 0, image))[0])
    stored, _ = reading.to_stored(people[0].read_bytes(), asked.crop.stored)
    from drr_jax.data import resize

    np.testing.assert_allclose(
        crop.astype(int), resize(reading.decode(stored), 32).astype(int), atol=3
    )


def test_points_give_the_crop_of_training(people):
    image = np.random.default_rng(2).integers(0, 256, (90, 120, 3), np.uint8)
    points = reading.anchors(np.random.default_rng(3).uniform(20, 80, (68, 2)))
    five = np.array([points[0], points[1], [0, 0], points[2] - [5, 0], points[2] + [5, 0]])
    facts = {"kind": "face", "version": 1, "margin": 0.1, "fit": "letterbox", "size": 48}
    from drr_jax.predict.cut import Crop
    from drr_jax.predict.faces import Found

    crop = Crop.of({**facts, "template": reading.face_template(0.1).tolist()}, 48, "here")
    expected = reading.warp(image, reading.face_transform(five, 48, 0.1), 48)
    np.testing.assert_array_equal(crop.cut(image, Found(points=five)), expected)
    with pytest.raises(InputError, match="version 9 of the crop"):
        Crop.of({**facts, "version": 9}, 48, "here")


def test_a_video_gives_ids_times_events_and_goes_on_where_it_was(trained, video, tmp_path):
    arguments = [f"--model={trained}", f"--input={video}"]
    assert command(*arguments, f"--out={tmp_path / 'whole'}") == 0
    whole = (tmp_path / "whole" / rows.TABLE).read_bytes()
    found = table(tmp_path / "whole")
    assert found["frame"].tolist() == list(range(1, 21))
    assert found["success"].tolist() == [int(k not in (7, 8)) for k in range(20)]
    assert set(found["face_id"]) == {0}
    np.testing.assert_allclose(found["timestamp"], np.arange(20) / 25, atol=1e-6)
    written = pd.read_csv(tmp_path / "whole" / "events.csv")
    asked = drr_jax.load(trained)
    called = asked.events(asked.predict(video))
    pd.testing.assert_frame_equal(called, written, check_dtype=False, rtol=0, atol=1.1e-3)
    for kept in (1, 9, 300, len(whole) // 2, len(whole) - 3):
        copy = tmp_path / "again"
        shutil.copytree(tmp_path / "whole", copy)
        job = files.unsealed(files.read_json(copy / rows.JOB))
        files.write_json(copy / rows.JOB, files.sealed({**job, "done": False}))
        if kept > whole.index(b"\n"):  # the header is written whole
            (copy / rows.TABLE).write_bytes(whole[:kept])
        else:
            (copy / rows.TABLE).unlink()
        assert command(*arguments, f"--out={copy}") == 0
        assert (copy / rows.TABLE).read_bytes() == whole
        same = [(at / "events.csv").read_text() for at in (copy, tmp_path / "whole")]
        assert same[0] == same[1]
        shutil.rmtree(copy)
    with pytest.raises(InputError, match="holds another prediction: its largest was false"):
        command(*arguments, f"--out={tmp_path / 'whole'}", "--largest")


def test_openface_csvs_say_whose_faces(asked, people, tmp_path):
    image = cv2.imread(str(people[0]))
    truth = np.stack([np.linspace(10, 38, 68), np.linspace(8, 40, 68)], axis=1)
    head = ["frame", "face_id", "timestamp", "confidence", "success"]
    head += [f"{axis}_{k}" for axis in "xy" for k in range(68)]
    lines = [", ".join(head)]
    for frame, face, sure in ((1, 0, 0.97), (1, 4, 0.9), (2, 0, 0.3)):
        points = truth + face
        cells = [frame, face, 0, sure, 1, *points[:, 0], *points[:, 1]]
        lines.append(", ".join(map(str, cells)))
    (tmp_path / "faces.csv").write_text("\n".join(lines) + "\n")
    for name in "ab":
        cv2.imwrite(str(tmp_path / f"{name}.png"), image)
    found = asked.predict(str(tmp_path / "*.png"), faces=str(tmp_path / "faces.csv"))
    assert found["face_id"].tolist() == [0, 4, 0] and found["success"].tolist() == [1, 1, 0]
    assert found["FaceRectX"].tolist()[:2] == [10.0, 14.0]
    one = asked.predict(str(tmp_path / "*.png"), faces=str(tmp_path / "faces.csv"), largest=True)
    assert len(one) == 2
    holed = [line.split(", ") for line in lines]
    holed[1][5] = holed[2][5] = "nan"  # x_0, which no crop needs
    (tmp_path / "holed.csv").write_text("\n".join(map(", ".join, holed)) + "\n")
    ask = (f"--model={asked.name}", f"--input={tmp_path / '*.png'}", "--annotate")
    assert command(*ask, f"--faces={tmp_path / 'holed.csv'}", f"--out={tmp_path / 'out'}") == 0
    assert table(tmp_path / "out")["FaceRectX"].tolist()[:2] == [10.42, 14.42]
    lines[1] = lines[1].replace("1, 0", "0, 0", 1)
    (tmp_path / "zero.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match="as OpenFace counts: from 1"):
        asked.predict(str(tmp_path / "*.png"), faces=str(tmp_path / "zero.csv"))


def odd_images(folder: Path, face: Path) -> None:
    """The kinds of image that people have."""
    picture = Image.open(face).resize((64, 64))
    grey16 = np.asarray(picture.convert("L")).astype(np.uint16) * 257
    cv2.imwrite(str(folder / "a16.png"), grey16)
    picture.convert("CMYK").save(folder / "b_cmyk.jpg")
    picture.convert("L").save(folder / "c_grey.png")
    picture.convert("RGBA").save(folder / "d_alpha.png")
    picture.save(folder / "e_animated.gif", save_all=True, append_images=[picture.rotate(90)])
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.rotate(90, expand=True).save(folder / "f_turned.jpg", exif=exif, quality=95)
    Image.new("RGB", (1, 1)).save(folder / "g_pixel.png")
    picture.save(folder / "h.webp")


def test_odd_images_are_read_as_people_see_them(asked, people, tmp_path):
    odd_images(tmp_path, people[0])
    with pytest.warns(UserWarning, match=r"first picture alone was read: e_animated\.gif"):
        found = asked.predict(tmp_path, faces="none")
    assert found["success"].tolist() == [1] * 8
    plain = asked.predict(np.asarray(Image.open(people[0]).resize((64, 64))), faces="none")
    for name in ("f_turned.jpg", "d_alpha.png"):
        row = found[found["input"] == name].iloc[0]
        np.testing.assert_allclose(
            row["AU01_p":].astype(float)[::2],
            plain.iloc[0]["AU01_p":].astype(float)[::2],
            atol=0.02,
        )


def test_what_cannot_be_read_is_one_line(asked, people, video, tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("no image")
    (tmp_path / "empty").mkdir()
    half = tmp_path / "half.jpg"
    half.write_bytes(people[0].read_bytes()[:300])
    huge = tmp_path / "huge.png"
    bomb = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(bomb, "PNG")
    huge.write_bytes(bomb.getvalue())
    cut = tmp_path / "cut.avi"
    cut.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    out = f"--out={tmp_path / 'out'}"
    for given, said in (
        (tmp_path / "nothing", "no such file or folder"),
        (text, "not an image"),
        (tmp_path / "empty", "no image in this folder"),
        (half, "half.jpg"),
        (huge, "10000 x 10000 pixels, 100 megapixels, where the limit is 67; scale it down$"),
        (tmp_path / "*.txt", "none is an image"),
    ):
        with pytest.raises(InputError, match=said):
            command(f"--model={asked.name}", f"--input={given}", out)
        assert not (tmp_path / "out").exists()
    for wrong, said in (
        ("--faces=nobody", "no such detector"),
        ("--faces=", "--faces is empty: expected auto, "),
        ("--fps=-1", "--fps=-1.0: expected frames a second"),
        ("--format=xls", "expected csv or parquet"),
        ("--model=/nowhere", "no such folder"),
        ("--selection=other", "expected last, best, validation"),
        ("--on=bp4d", "not for --mode=predict"),
        ("--config=launch/reactionet.py:demo", "its folder has its config"),
    ):
        with pytest.raises(InputError, match=said):
            arguments = {"--model": f"--model={asked.name}", "--input": f"--input={people[0]}"}
            arguments[wrong.split("=")[0]] = wrong
            command(*arguments.values(), out)
        assert not (tmp_path / "out").exists()
    for fps in (-5, math.nan, "25", 0):
        with pytest.raises(InputError, match="expected frames a second, as in fps=25"):
            asked.predict(people[0], fps=fps)
    with pytest.raises(InputError, match="the input is empty: expected an image"):
        asked.predict("")
    with pytest.raises(InputError, match=r"ends at frame .* has the rows up to there"):
        command(f"--model={asked.name}", f"--input={cut}", out, "--faces=none")
    found = table(tmp_path / "out")
    assert 0 < len(found) < 20
    page = (tmp_path / "out" / "predictions.html").read_text()
    assert "ends at frame" in page and (tmp_path / "out" / "events.csv").exists()


def test_an_image_among_many_that_cannot_be_read_is_named_and_the_rest_is_done(
    asked, people, tmp_path
):
    shutil.copy(people[0], tmp_path / "a.jpg")
    (tmp_path / "b.jpg").write_bytes(people[0].read_bytes()[:200])
    shutil.copy(people[1], tmp_path / "c.jpg")
    with pytest.raises(InputError, match=r"1 of 3 images could not be read, the first b\.jpg"):
        command(f"--model={asked.name}", f"--input={tmp_path}", f"--out={tmp_path / 'out'}")
    assert table(tmp_path / "out")["success"].tolist() == [1, 0, 1]
    with pytest.raises(InputError, match=r"1 of 3 images could not be read.*done before"):
        command(f"--model={asked.name}", f"--input={tmp_path}", f"--out={tmp_path / 'out'}")


def test_parquet_has_the_same_table(asked, people, tmp_path):
    pytest.importorskip("pyarrow")
    for kind in ("csv", "parquet"):
        out = f"--out={tmp_path / kind}"
        assert (
            command(f"--model={asked.name}", f"--input={people[0]}", out, f"--format={kind}") == 0
        )
    found = pd.read_parquet(tmp_path / "parquet" / "predictions.parquet")
    pd.testing.assert_frame_equal(found, table(tmp_path / "csv"), check_dtype=False)
    assert not (tmp_path / "parquet" / rows.TABLE).exists()


def test_another_data_set_is_scored_and_the_run_is_left_alone(trained, rendered, tmp_path):
    before = (trained / "results.json").read_bytes()
    results = drr_jax.evaluate(trained, "reactionet/demo", out=tmp_path / "out", data_dir=rendered)
    assert (trained / "results.json").read_bytes() == before
    own = json.loads(before)
    assert results["au"] == own["au"] and results["people"] == own["people"]
    found, expected = (pd.read_csv(at / "predictions.csv") for at in (tmp_path / "out", trained))
    pd.testing.assert_frame_equal(found, expected, atol=1e-6)
    with pytest.raises(InputError, match="exists: expected the name of a new folder"):
        drr_jax.evaluate(trained, "reactionet/demo", out=tmp_path / "out", data_dir=rendered)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"--out=.*cannot be made: .*file is no folder"):
        drr_jax.evaluate(trained, "reactionet/demo", out=tmp_path / "file/x", data_dir=rendered)
    with pytest.raises(InputError, match="no prepared data set disfa"):
        drr_jax.evaluate(trained, "disfa", out=tmp_path / "new", data_dir=rendered)


def test_a_run_needs_no_config_to_be_evaluated_and_reported(trained, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(trained, copy)
    before = (copy / "results.json").read_bytes()
    (copy / "results.json").unlink()
    assert main.run(main.parse(["main", "--mode=evaluate", f"--workdir={copy}"])) == 0
    assert (copy / "results.json").read_bytes() == before
    (copy / "report.html").unlink()
    assert main.run(main.parse(["main", "--mode=report", f"--workdir={copy}"])) == 0
    assert (copy / "report.html").exists()


def test_a_model_that_reads_no_face_is_asked_about_whole_images(asked, people):
    other = dataclasses.replace(asked, described={**asked.described, "inputs": ["stimulus"]})
    with pytest.raises(InputError, match="--faces=none asks it about whole images"):
        other.predict(people[0])
    several = {**asked.described, "inputs": ["reaction", "caption"]}
    with pytest.raises(InputError, match="it reads caption beside the face"):
        dataclasses.replace(asked, described=several).predict(people[0])


def test_another_set_is_scored_on_what_it_labels(capsys):
    """An AU that no record has a label of would count as 0."""
    split = SimpleNamespace(
        names=("AU01", "AU02", "AU04"), parts=("part1",), prepared=SimpleNamespace(name="set")
    )
    label = np.array([[1, -1, 0, -1], [0, -1, 0, -1]], np.int8)
    names = ["AU01", "AU02", "AU04", "AU06"]
    assert prepared._labelled(split, label, names) == ("AU01", "AU04")
    said = capsys.readouterr().err
    assert "set (part1) labels no record for AU02: not scored" in said
    assert "has no positive of AU04: F1 is 0" in said
    with pytest.raises(InputError, match="nothing to score"):
        prepared._labelled(split, np.full((2, 4), -1, np.int8), names)
