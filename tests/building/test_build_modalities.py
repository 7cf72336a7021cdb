"""ReactioNet with depth and thermal images: values, parts, skips, damage, training's view of it."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import simplejpeg
import tensorflow_datasets as tfds
from raw_reactionet import write_raw

from drr_jax import config
from drr_jax.data import find, source
from drr_jax.data.prepared import INPUTS, open_dataset
from drr_jax.errors import InputError
from tfds_reactionet.build import prepare
from tfds_reactionet.building.summary import read_metadata
from tfds_reactionet.building.verification import verify
from tfds_reactionet.demo import write as demo

KEY = "film/first/task2/seq1"
MULTIMODAL = "reactionet/demo_multimodal"
IMAGES = ("reaction", "stimulus", "depth", "thermal")


def write_modalities(root: Path, size: int = 32) -> None:
    """Depth and thermal images beside every reaction image of a raw tree."""
    rng = np.random.default_rng(0)
    for path in sorted(root.rglob("reaction/*.jpg")):
        for side, suffix in (("depth", ".png"), ("thermal", ".jpg")):
            coarse = rng.integers(0, 256, (4, 4), dtype=np.uint8)
            image = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
            folder = path.parents[1] / side
            folder.mkdir(exist_ok=True)
            if side == "thermal":
                image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
            cv2.imwrite(str(folder / f"{path.stem}{suffix}"), image)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raw release that tests only read."""
    root = tmp_path_factory.mktemp("raw")
    write_raw(root)
    write_modalities(root)
    return root


@pytest.fixture(scope="module")
def prepared(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(release, tmp_path_factory.mktemp("data"))


@pytest.fixture
def raw(release: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(release, tmp_path / "raw"))


def build(raw: Path, data: Path, name: str = MULTIMODAL, **options: Any) -> Path:
    options = {"size": 32, "jobs": 1, "progress": False, **options}
    return prepare(name, data, raw, **options)


def read(prepared: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """Every record by (sequence, frame); images stay encoded."""
    builder: Any = tfds.builder_from_directory(str(prepared))
    decoders = {
        name: {"image": tfds.decode.SkipDecoding()}
        for name in IMAGES
        if name in builder.info.features
    }
    found = {}
    for part in ("part1", "part2", "part3"):
        for record in builder.as_data_source(part, decoders=decoders):
            found[record["sequence"].decode(), record["frame"]] = {**record, "part": part}
    return found


def test_every_image_keeps_its_bytes(prepared: Path, release: Path) -> None:
    found = read(prepared)
    assert len(found) == 48 and read_metadata(prepared)["rendered"]
    for (key, frame), record in found.items():
        for side in IMAGES:
            suffix = "png" if side == "depth" else "jpg"
            file = release / key / side / f"{frame:06d}.{suffix}"
            assert record[side]["image"] == file.read_bytes()


def test_all_else_is_as_without_modalities(prepared: Path, release: Path, tmp_path: Path) -> None:
    plain = read(build(release, tmp_path, "reactionet/demo", crop="full"))
    found = read(prepared)
    assert list(found) == list(plain)
    for key, record in found.items():
        assert record.keys() - plain[key].keys() == {"depth", "thermal"}
        for name, value in plain[key].items():
            np.testing.assert_equal(record[name], value)


def test_images_of_another_size_and_kind(raw: Path, tmp_path: Path) -> None:
    folder = raw / KEY / "depth"
    ramp = np.arange(64, dtype=np.uint8)[None].repeat(64, 0) * 4
    cv2.imwrite(str(folder / "000001.png"), cv2.cvtColor(ramp, cv2.COLOR_GRAY2BGR))
    cv2.imwrite(str(folder / "000002.png"), ramp[:32, :32].astype(np.uint16) * 256)
    found = read(build(raw, tmp_path / "data"))
    for frame, expected in (
        (1, cv2.resize(ramp, (32, 32), interpolation=cv2.INTER_AREA)),
        (2, ramp[:32, :32]),
    ):
        data = np.frombuffer(found[KEY, frame]["depth"]["image"], np.uint8)
        stored = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
        assert stored is not None and stored.dtype == np.uint8 and stored.shape == (32, 32)
        assert np.abs(stored.astype(int) - expected).max() <= 1


def unlink(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize("side", ["depth", "thermal"])
@pytest.mark.parametrize(
    ("change", "reason"),
    [(unlink, "reaction image without a {} image"), (cut, "{} image does not decode")],
)
def test_unusable_frames_are_listed_and_counted(
    raw: Path, tmp_path: Path, side: str, change: Any, reason: str
) -> None:
    (path,) = (raw / KEY / side).glob("000003.*")
    change(path)
    with pytest.raises(InputError, match=reason.format(side)):
        build(raw, tmp_path / "data")
    prepared = build(raw, tmp_path / "data", max_skipped=0.1)
    assert read_metadata(prepared)["skipped"] == {reason.format(side): 1}
    assert len(read(prepared)) == 47 and (KEY, 3) not in read(prepared)
    listed = tmp_path / "data" / "reactionet" / "skipped-demo_multimodal.csv"
    with listed.open() as file:
        (row,) = csv.DictReader(file)
    assert row["key"] == f"{KEY}/3" and f"{KEY}/{side}" in row["file"]


def test_a_sequence_without_the_folder_is_one_line(raw: Path, tmp_path: Path) -> None:
    shutil.rmtree(raw / KEY / "thermal")
    with pytest.raises(InputError, match=f"{KEY}/thermal: missing; expected a folder of images"):
        build(raw, tmp_path / "data")
    build(raw, tmp_path / "data", "reactionet/demo")  # which does not need it


@pytest.mark.parametrize("side", ["depth", "thermal"])
def test_fingerprint_and_verify_cover_the_images(
    raw: Path, prepared: Path, tmp_path: Path, side: str
) -> None:
    assert "verified: 48 records" in verify(prepared, jobs=1, progress=False)
    (path,) = (raw / KEY / side).glob("000002.*")
    cv2.imwrite(str(path), 255 - np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)))
    other = build(raw, tmp_path / "data")
    assert read_metadata(other)["fingerprint"] != read_metadata(prepared)["fingerprint"]
    copy = Path(shutil.copytree(prepared, tmp_path / "copy"))
    part = read(other)[KEY, 2]["part"]
    for shard in copy.glob(f"*{part}*"):
        shutil.copy(other / shard.name, shard)
    with pytest.raises(InputError, match="is not what was written"):
        verify(copy, jobs=1, progress=False)


def test_training_reads_all_of_it(prepared: Path) -> None:
    opened = open_dataset(prepared)
    assert opened.inputs == tuple(name for name in INPUTS if name != "audio")
    records = source.Source(opened, ("part1", "part2"), 32, inputs=INPUTS)
    record, stored = records[3], read(prepared)[records.identity(3)]
    np.testing.assert_array_equal(record["landmarks"], stored["landmarks"])
    depth = cv2.imdecode(np.frombuffer(stored["depth"]["image"], np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(record["depth"], np.asarray(depth)[..., None].repeat(3, 2))
    thermal = simplejpeg.decode_jpeg(stored["thermal"]["image"])
    np.testing.assert_array_equal(record["thermal"], thermal)


def test_it_is_rendered_when_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = demo.write_release

    def small(out: Path, **arguments: Any) -> Path:
        return write(out, **{**arguments, "tuples": 36, "size": 32, "jobs": 1})

    monkeypatch.setattr(demo, "write_release", small)
    settings = config.Config(data=config.Data(name=MULTIMODAL, data_dir=str(tmp_path)))
    prepared = find.find_data(settings)  # as the training command does
    assert read_metadata(prepared)["rendered"] and len(read(prepared)) > 30
    raw = tmp_path / "downloads" / "manual" / "reactionet_demo_multimodal"
    assert json.loads((raw / demo.MARKER).read_text())["modalities"] == demo.MODALITIES
    monkeypatch.setattr(demo, "write_release", None)  # neither rendered nor built again
    assert find.find_data(settings) == prepared
