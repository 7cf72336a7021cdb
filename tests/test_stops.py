"""Signals: remembered or raised, by every command, and by the workers of none."""

import importlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from drr_jax import errors, stops
from drr_jax.config import Data
from drr_jax.data import pipeline, prefetch
from drr_jax.errors import InputError
from tfds_reactionet.building import parallel

ROOT = Path(__file__).parent.parent
BOTH = pytest.mark.parametrize("number, code", [(signal.SIGTERM, 75), (signal.SIGINT, 130)])


def ended(main, capsys):
    with pytest.raises(SystemExit) as end:
        errors.run(main)
    return end.value.code, capsys.readouterr().err


@BOTH
def test_a_command_ends_at_once_or_where_it_looks(number, code, capsys):
    reached = []

    def holding():
        with stops.held():
            signal.raise_signal(number)
            signal.raise_signal(number)
            reached.append(number)
            with pytest.raises(stops.Stopped):
                stops.look()
        reached.append("after the block")

    def swallowing():
        try:
            signal.raise_signal(number)
        except Exception:  # what a library would catch
            reached.append("swallowed")

    before = signal.getsignal(number)
    for main in (holding, swallowing):
        assert ended(main, capsys) == (code, f"{stops.Stopped().line}\n")
    assert reached == [number]
    assert signal.getsignal(number) == before


@BOTH
def test_what_is_saved_is_said(number, code, capsys):
    def main():
        try:
            signal.raise_signal(number)
        except stops.Stopped:
            raise stops.Stopped("step 5 saved") from None

    found, said = ended(main, capsys)
    assert found == code and ": step 5 saved; the same command goes on from there\n" in said


@BOTH
def test_what_fails_after_a_signal_fails_because_of_it(number, code, capsys):
    def main():
        with stops.held():
            signal.raise_signal(number)
            raise InputError("a worker process was ended from outside")

    assert ended(main, capsys)[0] == code


def test_a_signal_in_a_callback_that_lets_nothing_out_says_nothing_and_is_remembered(capfd):
    """As JAX's at garbage collections."""

    class Collected:
        def __del__(self):
            signal.raise_signal(signal.SIGTERM)

    def work():
        Collected()
        stops.look()

    with pytest.raises(SystemExit) as end:
        errors.run(work)
    assert end.value.code == stops.TERMINATED
    assert capfd.readouterr().err == "pre-empted\n"


@BOTH
def test_an_import_is_not_broken_off(number, code, capsys, tmp_path, monkeypatch):
    """What is imported late may take the exception for a broken install, as NumPy does."""
    (tmp_path / "late_import.py").write_text(f"import signal\nsignal.raise_signal({number:d})\n")
    monkeypatch.syspath_prepend(tmp_path)

    def main():
        importlib.import_module("late_import")
        stops.look()

    assert ended(main, capsys) == (code, f"{stops.Stopped().line}\n")
    assert "late_import" in sys.modules
    del sys.modules["late_import"]


@BOTH
def test_what_is_heard_in_an_import_ends_the_command_behind_it(
    number, code, capsys, tmp_path, monkeypatch
):
    """Also where nothing looks, once, and however often the signal was sent meanwhile."""
    twice = f"import signal\nsignal.raise_signal({number:d})\nsignal.raise_signal({number:d})\n"
    (tmp_path / "later_import.py").write_text(twice)
    monkeypatch.syspath_prepend(tmp_path)
    ended_in = []

    def main():
        try:
            importlib.import_module("later_import")
            for _ in range(1000):
                time.sleep(0.01)
        except stops.Stopped:
            ended_in.append("work")
            time.sleep(1)  # tidying up
            raise

    assert ended(main, capsys) == (code, f"{stops.Stopped().line}\n")
    assert ended_in == ["work"] and sys.modules.pop("later_import")


def test_an_ignored_signal_stays_ignored(capsys):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert ended(lambda: signal.raise_signal(signal.SIGINT), capsys) == (0, "")
    finally:
        signal.signal(signal.SIGINT, before)


@BOTH
@pytest.mark.parametrize(
    "module",
    [
        *("drr_jax.main", "drr_jax.costs", "drr_jax.relations", "drr_jax.weights"),
        *("tfds_reactionet.annotation", "tfds_reactionet.statistics", "tfds_reactionet.demo"),
        *("tfds_reactionet.openface", "tfds_reactionet.reactionet.demo"),
    ],
)
def test_a_signal_while_python_imports_is_heard(module, number, code, tmp_path):
    """It arrives when NumPy is imported, by a library that takes every exception for its own."""
    (tmp_path / "numpy.py").write_text(
        f"import os, signal\ntry:\n    signal.raise_signal({int(number)})\nexcept BaseException:\n"
        "    pass\nprint('imported', flush=True)\nos._exit(1)\n"
    )
    command = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    command += f"import runpy; runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
    done = subprocess.run(
        [sys.executable, "-c", command],
        env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert done.stderr in ("pre-empted\n", "interrupted\n")


GROUP = """
import os, signal
from drr_jax import errors
from tfds_reactionet.building import parallel

def wait(item):
    import time
    print(item, flush=True)
    time.sleep(600)

def main():
    for _ in parallel.ordered_map(wait, range(2), 2):
        pass

if __name__ == "__main__":
    os.setpgid(0, 0)
    errors.run(main)
"""


@BOTH
def test_workers_leave_a_signal_to_their_parent_and_end_with_it(number, code, tmp_path):
    """A scheduler sends it to all of them; what they are doing is not waited for."""
    script = tmp_path / "script.py"
    script.write_text(GROUP)
    with subprocess.Popen(
        [sys.executable, str(script)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout and {process.stdout.readline() for _ in range(2)} == {"0\n", "1\n"}
        os.killpg(process.pid, number)
        _, said = process.communicate(timeout=120)  # closed once the workers have ended, too
    assert process.returncode == code, said
    assert "Traceback" not in said


def test_with_one_job_a_map_looks_between_its_items():
    def hear(item):
        signal.raise_signal(signal.SIGTERM)
        return item

    with stops.listening(), pytest.raises(stops.Stopped), stops.held():
        list(parallel.ordered_map(hear, range(2), 1))


def test_who_waits_for_a_batch_looks():
    """A disk that does not answer: the batch comes only once the waiting is over."""
    over = threading.Event()

    def batches():
        over.wait()
        yield 1

    def look():
        over.set()
        raise stops.Stopped

    waiting = prefetch.prefetch_to_device(batches(), lambda batch: batch, look=look)
    with pytest.raises(stops.Stopped):
        next(waiting)
    waiting.close()


def test_shared_memory_that_is_too_small_is_named(tmp_path, monkeypatch):
    pipeline.check_shared_memory(Data(worker_count=2), 1000, str(tmp_path))
    pipeline.check_shared_memory(Data(worker_count=2), 1 << 60, "/nowhere")
    with pytest.raises(InputError) as error:
        pipeline.check_shared_memory(Data(worker_count=2), 1 << 50, str(tmp_path))
    assert f"{tmp_path} has " in str(error.value) and "data.worker_count=0" in str(error.value)
    monkeypatch.setattr(pipeline.os, "access", lambda *how: False)  # mounted read-only
    with pytest.raises(InputError, match=r"cannot be written to, and data\.worker_count=2 needs"):
        pipeline.check_shared_memory(Data(worker_count=2), 1000, str(tmp_path))


def test_names_of_another_encoding_are_one_line(capsys):
    """A file named in Latin-1 on a system of UTF-8, and an arrow in a terminal of Latin-1."""
    name = os.fsdecode(b"zw\xf6lf.jpg")
    code, said = ended(lambda: name.encode() and None, capsys)
    assert code == 2 and r"the name 'zw\udcf6lf.jpg' cannot be written in utf-8; rename it" in said
    script = "from drr_jax import errors; errors.run(lambda: print('a \\u2192 b'))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, b"a \\u2192 b\n"), done.stderr


def test_a_hook_that_was_put_around_ours_stays_to_the_end(monkeypatch):
    """Orbax's late reads and writes end after the command's last line."""
    before = sys.unraisablehook
    monkeypatch.setattr(sys, "unraisablehook", before)  # and back, whatever happens here
    with stops.listening():
        assert sys.unraisablehook is not before
    assert sys.unraisablehook is before
    with stops.listening():
        sys.unraisablehook = put = lambda what: None
    assert sys.unraisablehook is put
