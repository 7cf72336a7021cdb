"""ReactioNet with sound: what records hold, what is missing or damaged, training's view of it."""

import contextlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow_datasets as tfds
from raw_reactionet import write_raw
from scipy.io import wavfile

from drr_jax import config
from drr_jax.data import declared, pipeline, source
from drr_jax.data.prepared import open_dataset
from drr_jax.errors import InputError
from drr_jax.training import experiment
from tfds_reactionet import reading
from tfds_reactionet.build import prepare
from tfds_reactionet.building import summarise, verify
from tfds_reactionet.building.summary import read_metadata

NAME = "reactionet/full_audio"
LACKING, SHORT = "film/first/task2/seq1", "game/first/task4/seq0"


def write_sounds(root: Path) -> None:
    """A tone that rises, of 4 frames at 25 a second, and one of half a frame; one has none."""
    for at, folder in enumerate(sorted(root.glob("*/*/*/*/reaction"))):
        key = folder.parent.relative_to(root).as_posix()
        count = 320 if key == SHORT else 2560
        wave = np.sin(np.arange(count) ** 1.5 / (100 + at)) * 9000
        if key != LACKING:
            wavfile.write(folder.parent / "audio.wav", reading.RATE, wave.astype(np.int16))


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("raw")
    write_raw(root)
    write_sounds(root)
    return root


@pytest.fixture(scope="module")
def prepared(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(release, tmp_path_factory.mktemp("data"))


@pytest.fixture
def raw(release: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(release, tmp_path / "raw"))


def build(raw: Path, data: Path, name: str = NAME, **options: Any) -> Path:
    return prepare(name, data, raw, **{"size": 32, "jobs": 1, "progress": False, **options})


def settings(**changes: Any) -> config.Config:
    made = config.Config()
    for key, value in {"data.name": NAME, "domains": "RSTA", **changes}.items():
        config.set_key(made, key, str(value))
    return made


def read(prepared: Path) -> dict[tuple[str, int], dict[str, Any]]:
    builder: Any = tfds.builder_from_directory(str(prepared))
    skip = {"image": tfds.decode.SkipDecoding()}
    decoders = {"reaction": skip, "stimulus": skip}
    return {
        (record["sequence"].decode(), record["frame"]): record
        for part in ("part1", "part2", "part3")
        for record in builder.as_data_source(part, decoders=decoders)
    }


def test_a_record_has_the_spectrogram_until_its_frame(prepared: Path, release: Path) -> None:
    found = read(prepared)
    for (key, frame), record in found.items():
        assert record["audio"].dtype == np.uint8 and record["audio"].shape == (96, 64)
        known = record["audio"].any(1).sum()
        if key in (LACKING, SHORT):
            assert known == 0  # 20 ms are no step of 25
            continue
        _, wave = wavfile.read(release / key / "audio.wav")
        heard = wave[: frame * 640] / 2**15  # of 40 ms a frame
        levels = reading.to_levels(reading.log_mel(heard))
        assert known == len(levels) == (frame * 640 - 400) // 160 + 1
        np.testing.assert_array_equal(record["audio"][96 - known :], levels)


def test_all_else_is_as_without_sound(prepared: Path, release: Path, tmp_path: Path) -> None:
    plain, found = read(build(release, tmp_path, "reactionet/full")), read(prepared)
    assert list(found) == list(plain)
    for key, record in found.items():
        assert record.keys() - plain[key].keys() == {"audio"}
        for name, value in plain[key].items():
            np.testing.assert_equal(record[name], value)


def test_what_has_no_sound_is_counted(prepared: Path) -> None:
    assert "sound before 40 records, 8 have none" in summarise(prepared)
    metadata = read_metadata(prepared)
    assert metadata["noted"] == {"sequence without a sound (it is masked where audio is learnt)": 1}
    assert metadata["sound"]["rate"] == 16_000 and metadata["options"]["fps"] == 0
    assert "verified: 48 records" in verify(prepared, jobs=1, progress=False)


def test_training_reads_what_is_stored(prepared: Path) -> None:
    opened, every = open_dataset(prepared), read(prepared)
    assert "audio" in opened.inputs
    records = source.Source(opened, ("part1", "part2"), 32, inputs=("audio",))
    assert set(records[0]) == {"audio", "labels", "index", "frame"}
    for index in range(len(records)):
        expected = every[records.identity(index)]["audio"]
        np.testing.assert_array_equal(records[index]["audio"], expected)
    assert "audio" not in source.Source(opened, ("part1",), 32)[0]  # unless it is asked for
    pieces: Any = None  # of no captions
    made = settings(**{"data.batch_size": 20, "data.image_size": 32})
    with contextlib.closing(pipeline.eval_dataset(records, made, pieces)) as batches:
        first, last = batches
    for row, index in enumerate((*first["index"], *last["index"])):
        batch = (first, last)[row // 20]["audio"][row % 20]
        np.testing.assert_array_equal(batch, records[index]["audio"] if index >= 0 else 0)


def test_rate_and_beginning_may_be_said(prepared: Path, raw: Path, tmp_path: Path) -> None:
    plain, key = read(prepared), "film/first/task2/seq0"
    found = read(build(raw, tmp_path / "a", fps=12.5))
    np.testing.assert_array_equal(found[key, 2]["audio"], plain[key, 4]["audio"])
    found = read(build(raw, tmp_path / "b", audio_start=3))
    np.testing.assert_array_equal(found[key, 4]["audio"], plain[key, 2]["audio"])
    assert not found[key, 2]["audio"].any()
    for path in raw.rglob("audio.wav"):
        path.rename(path.with_name("sound.wav"))
    found = read(build(raw, tmp_path / "c", audio="sound"))
    np.testing.assert_array_equal(found[key, 4]["audio"], plain[key, 4]["audio"])
    with pytest.raises(InputError, match=r"no sequence has a sound; expected audio.wav or"):
        build(raw, tmp_path / "d")
    with pytest.raises(InputError, match=r"audio='../sound': expected the name of a file"):
        build(raw, tmp_path / "d", audio="../sound")


def test_a_damaged_sound_is_skipped_and_counts(raw: Path, tmp_path: Path) -> None:
    path = raw / "film/first/task2/seq0/audio.wav"
    path.write_bytes(path.read_bytes()[:999])
    with pytest.raises(InputError, match=r"max_skipped=0.01; most often: sound does not decode"):
        build(raw, tmp_path / "a")
    found = build(raw, tmp_path / "b", max_skipped=0.1)
    assert read_metadata(found)["skipped"] == {"sound does not decode": 4}
    listed = (tmp_path / "b" / "reactionet" / "skipped-full_audio.csv").read_text()
    assert listed.count(str(path)) == 4


def test_a_release_of_m4a_needs_ffmpeg(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = raw / "film/first/task2/seq0/audio.wav"
    path.rename(path.with_suffix(".m4a"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"audio.m4a: its sound is read by the program ffmpeg"):
        build(raw, tmp_path / "data")


def test_a_run_without_any_sound_is_refused_in_one_line() -> None:
    fold = declared.declared_fold(settings(), 0)
    assert "audio" in fold.prepared.inputs
    experiment._check_sound(settings(), fold)
    for part in fold.prepared.metadata["parts"].values():
        part["sound_counts"] = {"without": 9}
    with pytest.raises(InputError, match=r"domains=RSTA: no record of the training .*RST$"):
        experiment._check_sound(settings(), fold)
    experiment._check_sound(settings(domains="RST"), fold)
