"""Builds that are killed or run out of disk, prepared sets that are damaged, the command line."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from raw_reactionet import write_raw

from drr_jax.errors import InputError
from tfds_reactionet.build import find_prepared, prepare
from tfds_reactionet.building.summary import read_metadata
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
