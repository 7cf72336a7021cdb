"""The ReactioNet builder on a tiny raw release: values, folds, options, Beam, kills, damage."""

import csv
import functools
import json
import re
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import simplejpeg
import tensorflow_datasets as tfds
from raw_reactionet import write_raw

from drr_jax.config import Config, Data
from drr_jax.data import find
from drr_jax.errors import InputError
from drr_jax.facs.labels import EXPRESSIONS, SCENES
from tfds_reactionet.build import prepare
from tfds_reactionet.building import face_builder, sharded
from tfds_reactionet.building.summary import read_metadata, summarise
from tfds_reactionet.building.verification import verify
from tfds_reactionet.demo import write as demo
from tfds_reactionet.reactionet import DATA_SET, reader

KEY = "film/first/task2/seq1"
PARTS = ("part1", "part2", "part3")


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A raw release of 12 sequences of 4 frames that tests only read, and what is in it."""
    root = tmp_path_factory.mktemp("raw")
    return root, write_raw(root)


@pytest.fixture(scope="module")
def prepared(release: tuple[Path, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release as a prepared set of 32-pixel images that tests only read."""
    return build(release[0], tmp_path_factory.mktemp("data"))


def build(raw: Path, data: Path, name: str = "reactionet/full", **options: Any) -> Path:
    options = {"size": 32, "jobs": 1, "progress": False, **options}
    return prepare(name, data, raw, **options)


def read(prepared: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """Every record by (sequence, frame); images stay encoded."""
    builder: Any = tfds.builder_from_directory(str(prepared))
    encoded = {"image": tfds.decode.SkipDecoding()}
    found = {}
    for part in PARTS:
        source = builder.as_data_source(part, decoders={"reaction": encoded, "stimulus": encoded})
        for number in range(len(source)):
            record = source[number]
            key = (record["sequence"].decode(), record["frame"])
            assert key not in found
            found[key] = {**record, "part": part}
    return found


def test_every_value_of_every_record(prepared: Path, release: tuple[Path, Any]) -> None:
    root, written = release
    found = read(prepared)
    assert len(found) == 48
    for (key, frame), record in found.items():
        truth, at = written[key], frame - 1
        for side in ("reaction", "stimulus"):  # a JPEG of the right size keeps its bytes
            assert record[side]["image"] == (root / key / side / f"{frame:06d}.jpg").read_bytes()
        assert record["caption"].decode() == truth["captions"][at]
        for name in ("gaze", "head_pose", "landmarks"):
            np.testing.assert_array_equal(record[name], np.float32(truth[name][at]))
        np.testing.assert_array_equal(record["au"]["intensity"], np.float32(truth["intensity"][at]))
        scene, sub_scene, task, _ = key.split("/")
        assert SCENES[record["scene"]] == scene
        assert (record["sub_scene"].decode(), record["task"].decode()) == (sub_scene, task)
        assert record["subject"].decode() == truth["subject"]
        if frame == 2:  # the key frame: manual labels, where 9 is unknown
            assert record["au"]["occurrence"].tolist() == [1] * 16 + [-1]
            assert EXPRESSIONS[record["expression"]] == truth["expression"]
            assert record["label_source"] == 1
        else:
            np.testing.assert_array_equal(record["au"]["occurrence"], truth["occurrence"][at])
            assert (record["expression"], record["label_source"]) == (-1, 0)


def test_metadata_counts_what_the_records_hold(prepared: Path) -> None:
    metadata, found = read_metadata(prepared), read(prepared)
    for part in PARTS:
        entry = metadata["parts"][part]
        mine = [record for record in found.values() if record["part"] == part]
        labels = np.array([record["au"]["occurrence"] for record in mine]).astype(int)
        positive, known = labels == 1, labels >= 0
        assert entry["records"] == len(mine)
        np.testing.assert_array_equal(entry["au_known"], known.sum(0))
        np.testing.assert_array_equal(entry["au_pairs"], positive.T.astype(int) @ positive)
        np.testing.assert_array_equal(entry["au_given"], positive.T.astype(int) @ known)
        assert sum(entry["expression_counts"]) == sum(r["expression"] >= 0 for r in mine)
        assert sum(entry["scene_counts"]) == len(mine) == entry["caption_words"]["person"]
        assert entry["subjects"] == sorted({r["subject"].decode() for r in mine})
        order = [key for key, record in found.items() if record["part"] == part]
        for sequence, _, first, count in entry["sequences"]:
            assert order[first : first + count] == [(sequence, n) for n in range(1, count + 1)]
    assert metadata["sub_scene_names"] == ["film/first", "game/first", "sport/first"]
    assert not metadata["rendered"] and metadata["skipped"] == {}
    assert "48 records" in summarise(prepared)


def test_parts_share_no_subject_and_no_task(prepared: Path) -> None:
    parts = read_metadata(prepared)["parts"]
    assert read_metadata(prepared)["fold_source"] == "components"
    for name in ("subjects", "tasks"):
        groups = [set(parts[part][name]) for part in PARTS]
        assert all(groups) and sum(map(len, groups)) == len(set.union(*groups)) == 6


def test_images_are_resized_and_landmarks_follow(release: tuple[Path, Any], tmp_path: Path) -> None:
    root, written = release
    record = read(build(root, tmp_path, size=16))[KEY, 3]
    image = simplejpeg.decode_jpeg(record["reaction"]["image"])
    original = cv2.imread(str(root / KEY / "reaction" / "000003.jpg"))[..., ::-1]
    expected = cv2.resize(original, (16, 16), interpolation=cv2.INTER_AREA)
    assert np.abs(image.astype(int) - expected).max() < 12
    landmarks = (written[KEY]["landmarks"][2] + 0.5) / 2 - 0.5
    np.testing.assert_allclose(record["landmarks"], landmarks, atol=1e-4)


def test_png_images_and_other_number_widths(tmp_path: Path) -> None:
    write_raw(tmp_path / "raw")
    folder = tmp_path / "raw" / KEY / "reaction"
    image = cv2.imread(str(folder / "000004.jpg"))
    (folder / "000004.jpg").unlink()
    cv2.imwrite(str(folder / "frame_4.PNG"), image)
    (folder / "Thumbs.db").write_bytes(b"no image")
    record = read(build(tmp_path / "raw", tmp_path / "data"))[KEY, 4]
    stored = simplejpeg.decode_jpeg(record["reaction"]["image"])
    assert np.abs(stored.astype(int) - image[..., ::-1]).max() < 12


def test_keyframes_config_holds_manual_labels_only(
    release: tuple[Path, Any], prepared: Path, tmp_path: Path
) -> None:
    found = read(build(release[0], tmp_path, "reactionet/keyframes"))
    everything = read(prepared)
    assert {frame for _, frame in found} == {2} and len(found) == 12
    for key, record in found.items():  # and the parts are those of config full
        assert record["label_source"] == 1 and record["part"] == everything[key]["part"]


def test_manual_label_stands_in_for_a_missed_face(tmp_path: Path) -> None:
    write_raw(tmp_path / "raw")
    edit(tmp_path / "raw" / KEY / "openface.csv", {2: {4: " 0"}, 3: {4: " 0"}, 4: {3: " 0.5"}})
    prepared = build(tmp_path / "raw", tmp_path / "data")
    found = read(prepared)
    assert [frame for key, frame in found if key == KEY] == [1, 2]
    assert found[KEY, 2]["label_source"] == 1 and np.isnan(found[KEY, 2]["landmarks"]).all()
    # the protocol's own filter: listed, and free of max_skipped
    assert read_metadata(prepared)["skipped"] == {reader.NO_FACE: 2}
    rows = list(csv.DictReader(open_list(tmp_path / "data")))
    assert [row["key"] for row in rows] == [f"{KEY}/3", f"{KEY}/4"]


def edit(path: Path, cells: dict[int, dict[int, str]]) -> None:
    """Replaces cells of a comma-separated file: line (0 is the header) -> column -> text."""
    lines = path.read_text().split("\n")
    for line, changes in cells.items():
        row = lines[line].split(",")
        for column, text in changes.items():
            row[column] = text
        lines[line] = ",".join(row)
    path.write_text("\n".join(lines))


def open_list(data: Path) -> list[str]:
    return (data / "reactionet" / "skipped-full.csv").read_text().splitlines()


def test_videos_stand_in_for_folders(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    written = write_raw(raw, size=64)
    for side in ("reaction", "stimulus"):
        shutil.rmtree(raw / KEY / side)
        video = cv2.VideoWriter(
            str(raw / KEY / f"{side}.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 25, (64, 64)
        )
        for colour in written[KEY]["colours"][int(side == "stimulus")]:
            video.write(np.full((64, 64, 3), colour[::-1], np.uint8))
        video.release()
    found = read(build(raw, tmp_path / "data"))
    for frame in range(1, 5):
        for side in ("reaction", "stimulus"):
            mean = simplejpeg.decode_jpeg(found[KEY, frame][side]["image"]).mean((0, 1))
            colour = written[KEY]["colours"][int(side == "stimulus")][frame - 1]
            assert np.abs(mean - colour).max() < 12


def test_stimulus_delay_pairs_earlier_stimuli(release: tuple[Path, Any], tmp_path: Path) -> None:
    root, written = release
    prepared = build(root, tmp_path, stimulus_delay_frames=1)
    found = read(prepared)
    assert [frame for key, frame in found if key == KEY] == [2, 3, 4]
    image = (root / KEY / "stimulus" / "000002.jpg").read_bytes()
    assert found[KEY, 3]["stimulus"]["image"] == image
    assert found[KEY, 3]["caption"].decode() == written[KEY]["captions"][1]
    assert read_metadata(prepared)["skipped"] == {reader.OUTSIDE_DELAY: 12}
    with pytest.raises(InputError, match="built with stimulus_delay_frames=1, not 0"):
        build(root, tmp_path, stimulus_delay_frames=0)


def test_captions_may_cover_ranges_and_be_json(tmp_path: Path) -> None:
    write_raw(tmp_path / "raw")
    (tmp_path / "raw" / KEY / "captions.csv").unlink()
    captions = {"000001": "Ein Öl-Bild", "2-4": "two  blanks"}
    (tmp_path / "raw" / KEY / "captions.json").write_text(json.dumps(captions))
    found = read(build(tmp_path / "raw", tmp_path / "data"))
    texts = [found[KEY, frame]["caption"].decode() for frame in (1, 2, 4)]
    assert texts == ["Ein Öl-Bild", "two blanks", "two blanks"]


def test_fold_files_of_the_release_are_followed(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    folds = write_folds(raw, write_raw(raw))
    metadata = read_metadata(build(raw, tmp_path / "data"))
    assert metadata["fold_source"] == "release"
    for part, keys in zip(PARTS, folds, strict=True):
        assert [entry[0] for entry in metadata["parts"][part]["sequences"]] == keys


def write_folds(raw: Path, keys: Any) -> list[list[str]]:
    folds = [sorted(keys)[part::3] for part in range(3)]
    (raw / "splits").mkdir()
    for number, fold in enumerate(folds, 1):
        (raw / "splits" / f"fold{number}.txt").write_text("# held out\n" + "\n".join(fold) + "\n")
    return folds


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face_builder, "CHUNK_FRAMES", 3)
    monkeypatch.setattr(sharded, "SHARD_RECORDS", 7)


PORTABLE = {  # Beam's own job server and workers, as Flink's and Spark's are spoken to
    "beam_runner": "PortableRunner",
    "beam_options": "--job_endpoint=embed --environment_type=LOOPBACK --sdk_worker_parallelism=2",
}


@pytest.mark.parametrize("options", [{"jobs": 2}, {"beam_runner": "DirectRunner"}, PORTABLE, {}])
def test_same_set_from_two_processes_beam_and_many_shards(
    release: tuple[Path, Any],
    prepared: Path,
    tmp_path: Path,
    small_shards: None,
    options: dict[str, Any],
) -> None:
    other = build(release[0], tmp_path, **options)
    ours, theirs = read(prepared), read(other)
    assert list(ours) == list(theirs)
    for key, record in ours.items():
        for side in ("reaction", "stimulus"):
            assert record[side] == theirs[key][side]
    one, two = read_metadata(prepared), read_metadata(other)
    assert one["fingerprint"] == two["fingerprint"] and one["parts"] == two["parts"]
    assert len(list(other.glob("*part1.array_record*"))) == 3  # of 3+1+3, 1+3+1, 3+1 frames
    assert not list(other.glob("*.json.*")) and not list(other.glob("*shard_infos*"))
    assert "verified: 48" in verify(other, jobs=1, progress=False)


def test_options_that_beam_does_not_know_are_named(release, tmp_path: Path) -> None:
    for options, said in (("--paralelism=2", "--paralelism"), ("'--x", "No closing quotation")):
        with pytest.raises(InputError, match=said):
            build(release[0], tmp_path, beam_runner="DirectRunner", beam_options=options)
    nobody = {"beam_runner": "PortableRunner", "beam_options": "--job_endpoint=127.0.0.1:9"}
    for keys, said in (
        ({"beam_options": "--parallelism=2"}, "--beam_options without --beam_runner"),
        ({"beam_runner": "NoRunner"}, "--beam_runner=NoRunner: Unexpected pipeline runner"),
        (nobody, "no job server answers at --job_endpoint=127.0.0.1:9 .*refused"),
    ):
        with pytest.raises(InputError, match=said):
            build(release[0], tmp_path, **keys)
    assert not list(tmp_path.rglob("metadata.json"))


def test_finished_set_is_left_alone_unless_the_input_differs(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    write_raw(raw)
    first = build(raw, tmp_path / "data")
    before = (first / "metadata.json").stat().st_mtime_ns
    assert build(raw, tmp_path / "data") == first
    assert prepare("reactionet", tmp_path / "data") == first  # the release may be gone by then
    assert (first / "metadata.json").stat().st_mtime_ns == before
    with pytest.raises(InputError, match="built with size=32, not 64"):
        build(raw, tmp_path / "data", size=64)
    with (raw / KEY / "captions.csv").open("a") as file:
        file.write("5-9,one more\n")
    with pytest.raises(InputError, match="holds something else now; pass --overwrite"):
        build(raw, tmp_path / "data")
    build(raw, tmp_path / "data", overwrite=True)
    assert (first / "metadata.json").stat().st_mtime_ns != before


def test_a_set_of_another_version_is_named_and_left(
    release: tuple[Path, Any], prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = Path(shutil.copytree(prepared, tmp_path / "reactionet" / "full" / "1.0.0"))
    said = rf"of version {DATA_SET.version} \(only 1\.0\.0, made by another release\)"
    settings = Config(data=Data(name="reactionet/full", data_dir=str(tmp_path)))
    with pytest.raises(InputError, match=f"no prepared data set reactionet/full {said} in "):
        find.find_data(settings)
    settings.data.manual_dir = str(release[0])
    assert find.find_data(settings).name == DATA_SET.version and old.is_dir()
    assert re.search(
        f"^no prepared reactionet/full {said}: building it$", capsys.readouterr().err, re.M
    )


def test_demo_is_rendered_when_absent_and_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = functools.partial(demo.write_release, tuples=144, size=32)
    monkeypatch.setattr(demo, "write_release", small)
    prepared = prepare("reactionet/demo", tmp_path, size=32, jobs=1, progress=False)
    metadata = read_metadata(prepared)
    assert metadata["rendered"] and "RENDERED" in summarise(prepared)
    assert len(metadata["sub_scene_names"]) >= 24 and len(read(prepared)) > 130
    assert (tmp_path / "downloads" / "manual" / "reactionet_demo").is_dir()
    monkeypatch.setattr(demo, "write_release", None)  # neither rendered nor built again
    assert prepare("reactionet/demo", tmp_path) == prepared
