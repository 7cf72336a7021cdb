"""Files that are whole or absent, JSON, digests, and locks with and without flock."""

import contextlib
import errno
import fcntl
import hashlib
import multiprocessing
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError

from drr_jax import files
from drr_jax.errors import InputError
from drr_jax.weights import tensor_file

LEASE = 1.0  # seconds
# On a machine named argv[1] it locks argv[2] until its standard input ends.
HOLDER = f"""
import fcntl, socket, sys
from pathlib import Path
from drr_jax import files

def flock(*_):
    raise OSError({errno.ENOLCK}, "No locks available")

def refuse():
    raise SystemExit("taken")

if sys.argv[1]:
    fcntl.flock, files.LEASE_SECONDS = flock, {LEASE}
    socket.gethostname = lambda: sys.argv[1]
with files.locked(Path(sys.argv[2]), refuse):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def holder(path: Path, host: str = "") -> Iterator[subprocess.Popen]:
    """Another process that holds the lock; on a machine `host` without flock, if one is named."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, host, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout and process.stdout.readline() == "held\n"
        yield process
        process.kill()


def taken() -> None:
    raise InputError("taken")


def on_a_machine_without_flock(monkeypatch, host: str, number: int = errno.ENOLCK) -> None:
    def flock(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    monkeypatch.setattr(files, "LEASE_SECONDS", LEASE)


@pytest.mark.parametrize("mask", [0o002, 0o077])
def test_what_is_written_has_the_mode_that_the_umask_gives(tmp_path, mask):
    before = os.umask(mask)
    try:
        files.write_whole(tmp_path / "a.txt", "a")
        tensor_file.write_file(tmp_path / "a.safetensors", {"a": np.zeros(2)}, {})
        with files.whole_folder(tmp_path / "out") as folder:
            files.write_json(folder / "a.json", {})
    finally:
        os.umask(before)
    for path in tmp_path.rglob("*"):
        full = 0o777 if path.is_dir() else 0o666
        assert stat.S_IMODE(path.stat().st_mode) == full & ~mask, path


def test_weights_on_a_full_disk_name_their_file_and_leave_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise SafetensorError("No space left on device (os error 28)")

    monkeypatch.setattr(tensor_file, "save_file", full)
    with pytest.raises(InputError, match=r"a\.safetensors cannot be written: .*No space left"):
        tensor_file.write_file(tmp_path / "a.safetensors", {"a": np.zeros(2)}, {})
    assert not list(tmp_path.iterdir())


def test_a_file_is_replaced_whole_or_stays_as_it_was(tmp_path):
    path = tmp_path / "page.html"
    files.write_whole(path, "zwölf")
    assert path.read_bytes() == "zwölf".encode()
    with pytest.raises(KeyboardInterrupt), files.whole(path) as file:
        file.write(b"half")
        file.flush()
        raise KeyboardInterrupt
    assert path.read_bytes() == "zwölf".encode()
    files.write_whole(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff" and list(tmp_path.iterdir()) == [path]
    before = os.umask(0o027)
    try:
        files.write_whole(path, "")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("path", ["/proc/none/results.json", "/dev/null/results.json"])
def test_a_file_that_cannot_be_written_is_named(path):
    with pytest.raises(InputError, match=f"{path} cannot be written: .*; make room or make"):
        files.write_json(Path(path), {})


def _write_often(path: Path, letter: str) -> None:
    for _ in range(50):
        files.write_whole(path, letter * 100_000)


def test_two_writers_leave_one_of_their_files(tmp_path):
    path = tmp_path / "shard.json"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_often, args=(path, letter)) for letter in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert path.read_text() in ("a" * 100_000, "b" * 100_000)
    assert list(tmp_path.iterdir()) == [path]


def test_json_comes_back_or_is_named(tmp_path):
    path = tmp_path / "run.json"
    files.write_json(path, {"seed": 0, "weights": [0.1, None]})
    assert files.read_json(path) == {"seed": 0, "weights": [0.1, None]}
    for text, reason in {
        "[1]": "holds a list",
        "[" * 100_000: "nested",
        "\xff": "no UTF-8",
    }.items():
        path.write_text(text, encoding="latin-1")
        with pytest.raises(ValueError, match=reason):
            files.read_json(path)
    with pytest.raises(FileNotFoundError):
        files.read_json(tmp_path / "none")


def test_a_digest_is_that_of_the_bytes(tmp_path):
    (tmp_path / "file").write_bytes(b"\n\r\0" * 100_000)
    assert files.digest(tmp_path / "file") == hashlib.sha256(b"\n\r\0" * 100_000).hexdigest()


def test_a_folder_is_there_whole_or_not_at_all(tmp_path):
    out = tmp_path / "new" / "out"
    with pytest.raises(RuntimeError), files.whole_folder(out) as folder:
        (folder / "half").write_text("")
        raise RuntimeError
    assert not list(out.parent.iterdir())
    with files.whole_folder(out) as folder:
        (folder / "file").write_text("")
        refused = pytest.raises(InputError, match="another process is writing it")
        with refused, files.whole_folder(out):
            pass
        assert not out.exists()
    assert list(out.parent.iterdir()) == [out] and [p.name for p in out.iterdir()] == ["file"]
    with pytest.raises(OSError), files.whole_folder(out):
        pass
    assert list(out.parent.iterdir()) == [out] and (out / "file").exists()


def test_a_lock_is_one_with_that_of_earlier_versions(tmp_path):
    path = tmp_path / ".lock"
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with pytest.raises(InputError, match="taken"), files.locked(path, taken):
            pass
    with files.locked(path, taken), open(path, "w") as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.parametrize("how", ["killed", "ended"])
def test_who_waits_gets_the_lock_of_a_process_that_ends(tmp_path, how):
    path, asked = tmp_path / ".lock", []
    with holder(path) as process:

        def end() -> None:
            asked.append(how)
            process.kill() if how == "killed" else process.stdin.close()

        with files.locked(path, end):
            assert asked == [how]


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_lease_of_a_killed_job_runs_out_for_another_machine(tmp_path, monkeypatch, number):
    path = tmp_path / ".lock"
    on_a_machine_without_flock(monkeypatch, "second", number)
    path.touch()  # as an earlier version left it
    with holder(path, "first") as process:
        with pytest.raises(InputError, match="taken"), files.locked(path, taken):
            pass
        process.kill()
        process.wait()
        refused = pytest.raises(InputError, match="taken")
        with files.locked(path, taken), refused, files.locked(path, taken):
            pass
    assert not (tmp_path / ".lock.lease").exists()


def test_who_lost_its_lease_ends(tmp_path):
    path = tmp_path / ".lock"
    with holder(path, "first") as process:
        (tmp_path / ".lock.lease").unlink()
        assert process.wait() == 1
        assert process.stderr.read() == f"error: {path}.lease: the lock was lost (marker-missing)\n"


def test_another_error_of_the_lock_file_is_not_hidden(tmp_path, monkeypatch):
    on_a_machine_without_flock(monkeypatch, "second", errno.EIO)
    with pytest.raises(OSError, match="Input/output error"), files.locked(tmp_path / "x", taken):
        pass


def test_what_the_builders_import_loads_no_jax():
    code = (  # with all that the two wings offer
        "import sys; from drr_jax import errors, facs, files, pages; "
        "[getattr(wing, name) for wing in (facs, pages) for name in wing.__all__]; "
        "print({'jax', 'tensorflow', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr


def test_what_a_file_may_be_called():
    assert all(map(files.is_name, ("a", "a b.jpg", "a\\b", "…", "x" * 255)))
    wrong = ("", ".", "..", "a/b", "/", "a\0", "x" * 256, "é" * 128, "\ud800")
    assert not any(map(files.is_name, wrong))
