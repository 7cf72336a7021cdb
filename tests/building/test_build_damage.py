"""Builds that are killed or run out of disk, prepared sets that are damaged, the command line."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import tensorflow_datasets as tfds
from raw_reactionet import write_raw

from drr_jax.config import Config, Data
from drr_jax.data import find_data, open_dataset
from drr_jax.errors import InputError
from tfds_reactionet.build import find_prepared, prepare
from tfds_reactionet.building.summary import read_metadata, summarise
from tfds_reactionet.building.verification import verify
from tfds_reactionet.reactionet import DATA_SET


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raw release of 12 sequences of 4 frames that tests only read."""
    root = tmp_path_factory.mktemp("raw")
    write_raw(root)
    return root


@pytest.fixture(scope="module")
def prepared(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release as a prepared set of 32-pixel images that tests only read."""
    return build(release, tmp_path_factory.mktemp("data"))


def build(raw: Path, data: Path) -> Path:
    return prepare("reactionet/full", data, raw, size=32, jobs=1, progress=False)


KILLED = """
import os, signal, sys
from tfds_reactionet.build import prepare
from tfds_reactionet.building import face_builder
build, calls = face_builder.build, []
def killed(chunk):
    calls.append(chunk)
    if len(calls) == 6:
        os.kill(os.getpid(), signal.SIGKILL)
    return build(chunk)
face_builder.build = killed
prepare("reactionet/full", sys.argv[1], sys.argv[2], size=32, jobs=1, overwrite=True)
"""


def test_killed_build_leaves_nothing_and_can_be_run_again(
    release: Path, prepared: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path), str(release)]
    killed = subprocess.run(command, capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    assert find_prepared("reactionet", tmp_path) is None
    assert list((tmp_path / "reactionet" / "full").glob("incomplete.*"))
    again = build(release, tmp_path)
    assert [path.name for path in again.parent.iterdir()] == [DATA_SET.version]
    assert read_metadata(again)["fingerprint"] == read_metadata(prepared)["fingerprint"]
    # killed while it replaces a finished set: the old set is still there afterwards
    stamp = (again / "metadata.json").stat().st_mtime_ns
    assert subprocess.run(command, capture_output=True).returncode == -signal.SIGKILL
    assert (build(release, tmp_path) / "metadata.json").stat().st_mtime_ns == stamp
    assert [path.name for path in again.parent.iterdir()] == [DATA_SET.version]


def test_no_framework_is_imported(release: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from tfds_reactionet.build import prepare; "
        "prepare('reactionet', sys.argv[1], sys.argv[2], size=32, jobs=1); "
        "print({'tensorflow', 'torch', 'jax'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code, str(tmp_path), str(release)]
    assert subprocess.run(command, capture_output=True, text=True).stdout == "set()\n"


def test_full_disk_is_one_line_and_leaves_nothing(release: Path, tmp_path: Path) -> None:
    limited = (
        "import resource, sys; from drr_jax.errors import run; from tfds_reactionet import build; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000)); run(build.main)"
    )
    command = [sys.executable, "-c", limited, "reactionet", "--size=32", "--jobs=1"]
    command += [f"--manual_dir={release}", f"--data_dir={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True)
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 2 and last.startswith("error: ") and "File too large" in last
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "reactionet" / "full").iterdir())


@pytest.mark.parametrize("where", ["record", "end", "truncated"])
def test_verify_finds_damaged_files(prepared: Path, tmp_path: Path, where: str) -> None:
    copy = tmp_path / "reactionet" / "full" / DATA_SET.version
    shutil.copytree(prepared, copy)
    assert "verified: 48 records" in verify(copy, jobs=2, progress=False)
    path = next(copy.glob("*part2.array_record*"))
    data = bytearray(path.read_bytes())
    if where == "record":
        data[data.find(b"\xff\xd8\xff") + 300] ^= 4  # inside the first image
    elif where == "end":
        data[-1] ^= 4
    path.write_bytes(data[: len(data) // 4] if where == "truncated" else data)
    expected = {"record": "part2 record 0 ", "end": path.name, "truncated": "part2"}[where]
    with pytest.raises(InputError, match=expected):
        verify(copy, jobs=1, progress=False)


@pytest.mark.parametrize(
    "change",
    [
        lambda metadata: metadata["parts"]["part1"].update(records=17),
        lambda metadata: metadata["parts"]["part2"]["au_known"].reverse(),
        lambda metadata: metadata.update(fingerprint="0" * 64),
        lambda metadata: metadata.pop("files"),
        lambda metadata: metadata["parts"]["part3"]["sequence_digests"].reverse(),
    ],
)
def test_verify_finds_changed_metadata(prepared: Path, tmp_path: Path, change: Any) -> None:
    copy = tmp_path / "reactionet" / "full" / DATA_SET.version
    shutil.copytree(prepared, copy)
    metadata = read_metadata(copy)
    change(metadata)
    (copy / "metadata.json").write_text(json.dumps(metadata))
    with pytest.raises(InputError, match="overwrite"):
        verify(copy, jobs=1, progress=False)


def edit(name: str, change: Callable[[Any], Any]) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        value = json.loads((folder / name).read_text())
        change(value)
        (folder / name).write_text(json.dumps(value))

    return act


def flip_bit(folder: Path) -> None:
    """AU05 becomes AU01: 5 is 0x35 and 1 is 0x31."""
    path = folder / "metadata.json"
    data = bytearray(path.read_bytes())
    data[data.index(b'"AU05"') + 4] ^= 4
    path.write_bytes(data)


def name_twice(folder: Path) -> None:
    path = folder / "metadata.json"
    path.write_text(path.read_text().replace("{", '{"au_names": ["AU01"], ', 1))


def reverse_lines(folder: Path) -> None:
    path = folder / "scene.labels.txt"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[::-1]))


EVIDENCE: dict[str, tuple[Callable[[Path], None], str]] = {
    "flipped bit": (flip_bit, "digest is not that of what it says"),
    "names reversed": (edit("metadata.json", lambda m: m["au_names"].reverse()), "its digest"),
    "another task": (
        edit("metadata.json", lambda m: m["parts"]["part1"].update(tasks=["task0"])),
        "its digest",
    ),
    "option": (edit("metadata.json", lambda m: m["options"].update(size=64)), "its digest"),
    "name twice": (name_twice, "'au_names' is there twice"),
    "features": (
        edit("features.json", lambda f: f["featuresDict"]["features"].pop("gaze")),
        "features.json is not what was written",
    ),
    "digest renamed": (
        edit("metadata.json", lambda m: m.update(dagest=m.pop("digest"))),
        "it has no 'digest'",
    ),
    "scenes reversed": (reverse_lines, "scene.labels.txt is not what was written"),
}


@pytest.mark.parametrize("what", EVIDENCE)
def test_no_opening_takes_metadata_that_are_not_what_was_written(
    prepared: Path, tmp_path: Path, what: str
) -> None:
    change, message = EVIDENCE[what]
    copy = tmp_path / "reactionet" / "full" / DATA_SET.version
    shutil.copytree(prepared, copy)
    assert open_dataset(copy).warnings == ()
    change(copy)
    for opening in (open_dataset, read_metadata, summarise, partial(verify, progress=False)):
        with pytest.raises(InputError) as caught:
            opening(copy)
        assert message in str(caught.value) and "\n" not in str(caught.value)
        assert "build" in str(caught.value) and str(copy) in str(caught.value)


def test_shards_that_are_not_those_written_are_refused(prepared: Path, tmp_path: Path) -> None:
    copy = tmp_path / "reactionet" / "full" / DATA_SET.version
    shutil.copytree(prepared, copy)

    def change(info: Any) -> None:
        info["splits"][0]["shardLengths"] = ["8", "8"]

    edit("dataset_info.json", change)(copy)
    with pytest.raises(InputError, match=r"other shards of part1 than were written"):
        open_dataset(copy)


@pytest.mark.parametrize(
    "change",
    [
        lambda info: info.update(name="disfa"),
        lambda info: info["splits"][1].update(
            filepathTemplate="{DATASET}-part1.{FILEFORMAT}-{SHARD_X_OF_Y}"
        ),
    ],
)
def test_files_that_are_not_those_written_are_refused(
    prepared: Path, tmp_path: Path, change: Callable[[Any], None]
) -> None:
    """With part1's records as part2's, people would be tested who were trained on."""
    copy = tmp_path / "reactionet" / "full" / DATA_SET.version
    shutil.copytree(prepared, copy)
    edit("dataset_info.json", change)(copy)
    with pytest.raises(InputError, match=r"dataset_info\.json has other files of part\d than were"):
        open_dataset(copy)


def test_a_run_goes_on_with_the_version_that_it_began_with(prepared: Path, tmp_path: Path) -> None:
    """A later one may have the same people in other parts: the test people would be trained on."""
    folder = tmp_path / "reactionet" / "full"
    for version in ("0.9.0", DATA_SET.version):
        shutil.copytree(prepared, folder / version)
    config = Config(data=Data(name="reactionet/full", data_dir=str(tmp_path)))
    assert find_data(config) == folder / DATA_SET.version
    assert find_data(config, "0.9.0") == folder / "0.9.0"
    assert find_data(config, "0.8.0") == folder / DATA_SET.version  # and its record refuses it


def without_digest(prepared: Path, copy: Path) -> dict[str, Any]:
    """A copy of a set as it was made before; returns its metadata."""
    shutil.copytree(prepared, copy)
    metadata = {k: v for k, v in read_metadata(copy).items() if k not in ("digest", "described")}
    del metadata["options"]["folds"]
    (copy / "metadata.json").write_text(json.dumps(metadata))
    return metadata


def test_a_set_without_a_digest_opens_with_a_warning(prepared: Path, tmp_path: Path) -> None:
    copy = tmp_path / "reactionet" / "full" / DATA_SET.version
    without_digest(prepared, copy)
    (warning,) = open_dataset(copy).warnings
    assert "from before metadata had a digest" in warning and "--overwrite" in warning
    assert "WARNING: made before metadata had a digest" in summarise(copy)
    assert "verified: 48 records" in verify(copy, jobs=1, progress=False)
    again = prepare("reactionet/full", tmp_path, size=32, jobs=1, progress=False)
    assert again == copy  # taken as it is: the option `folds` has its default there


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.pop("rendered"),
        lambda m: m["parts"]["part2"].pop("au_given"),
        lambda m: m["parts"]["part2"].update(sequences=[["a", 0]]),
        lambda m: m["parts"]["part1"].update(label_source_counts={}),
        lambda m: m.update(parts=["part1"]),
        lambda m: m.update(protocol={}),
    ],
)
def test_what_an_old_set_lacks_is_one_line(prepared: Path, tmp_path: Path, change: Any) -> None:
    copy = tmp_path / "reactionet" / "full" / DATA_SET.version
    metadata = without_digest(prepared, copy)
    change(metadata)
    (copy / "metadata.json").write_text(json.dumps(metadata))
    refused = 0
    for opening in (open_dataset, summarise, partial(verify, jobs=1, progress=False)):
        try:
            opening(copy)
        except InputError as error:
            assert "\n" not in str(error) and "build" in str(error)
            refused += 1
    assert refused


def test_tfds_gives_no_other_records_than_it_was_asked_for(prepared: Path) -> None:
    data = prepared.parents[2]
    builder = partial(tfds.builder, "reactionet/full", data_dir=data)
    assert builder(options={"size": 32}).info.splits["part1"].num_examples == 16
    assert builder().info.splits["part1"].num_examples == 16
    for options, message in (
        ({"size": 64}, "was built with size=32, not 64"),
        ({"sise": 32}, "reactionet has no option 'sise'; did you mean size"),
        ({"size": "wide"}, "size=wide, expected a whole number"),
        ({"folds": "nowhere.txt"}, "folds=nowhere.txt: no such file, and no folds of that name"),
    ):
        with pytest.raises(InputError, match=re.escape(message)):
            builder(options=options)
        with pytest.raises(InputError, match=re.escape(message)):
            tfds.load(
                "reactionet/full", data_dir=data, builder_kwargs={"options": options}, split="part1"
            )
    with pytest.raises(InputError, match=r"size=64: an option of the records.*s=\{'size': 64\}"):
        builder(size=64)


def command_line(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tfds_reactionet.build", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ})


def test_command_line_builds_verifies_and_fails_in_one_line(release: Path, tmp_path: Path) -> None:
    where = f"--data_dir={tmp_path}"
    built = command_line(
        "reactionet", where, f"--manual_dir={release}", "--size=32", "--verify", "--jobs=1"
    )
    assert built.returncode == 0, built.stderr
    assert "48 records" in built.stdout and "verified: 48 records" in built.stdout
    again = command_line("reactionet/full", where)
    assert again.returncode == 0 and "already prepared" in again.stdout
    path = next(tmp_path.rglob("*part3.array_record*"))
    path.write_bytes(path.read_bytes()[:5000])
    bad = command_line("reactionet", where, "--verify", "--jobs=1")
    assert bad.returncode == 2 and "part3" in bad.stderr and "Traceback" not in bad.stderr
    absent = command_line("reactionet/keyframes", where)
    assert absent.returncode == 2 and absent.stdout == ""
    assert absent.stderr.count("\n") == 1 and "reactionet/demo" in absent.stderr
