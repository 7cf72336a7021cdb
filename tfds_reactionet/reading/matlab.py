"""MATLAB 5 to 7.2 files of landmarks: numbers, texts, cells and structs, in plain Python.

scipy.io.loadmat reads them. A damaged file can end a process that does so, or let it ask for
gigabytes, so a process of its own does (matlab_worker.py): any file gives values or one line.
"""

import atexit
import contextlib
import functools
import json
import math
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from drr_jax import limits
from drr_jax.errors import InputError
from tfds_reactionet.reading.tables import readable

_HEAD = 132  # bytes: up to the type of the first element
_MATRIX, _COMPRESSED = 14, 15  # types of elements


class _DefectError(ValueError):
    """Why a file cannot be read."""


def read_variable(path: Path, name: str) -> Any:
    """A variable: an array of numbers, a text, a list (cells), or a list of dicts (structs).

    Raises InputError if the file cannot be read or does not hold the variable.
    """
    with readable(path):
        if path.stat().st_size > limits.MATLAB_BYTES:
            raise InputError(f"{path}: larger than {limits.MATLAB_BYTES} bytes")
        with open(path, "rb") as file:
            head = file.read(_HEAD)
    try:
        _check(head)
        seconds = limits.MATLAB_SECONDS
        most = [limits.MATLAB_BYTES, limits.MATLAB_TEXT, limits.MATLAB_MEMORY, seconds]
        answer = _worker(os.getpid()).ask([str(path.resolve()), name, *most], seconds)
    except _DefectError as error:
        raise InputError(
            f"{path}: not a readable MATLAB file ({' '.join(str(error).split())[:200]}); expected "
            "version 5 to 7 (in MATLAB: save -v7)"
        ) from error
    if "others" in answer:
        others = " ".join(", ".join(answer["others"]).split())[:80]
        raise InputError(f"{path}: no variable {name!r} in it; found {others}")
    return answer["value"]


def points(array: Any, count: int, path: Path, where: str) -> np.ndarray | None:
    """Landmarks float32 [count, 2]; None for an empty array or one with NaN (tracking lost).

    Raises InputError for another shape, or for what is no array.
    """
    if not isinstance(array, np.ndarray):
        raise InputError(f"{path}: {where}: landmarks are not numbers")
    if array.size == 0:
        return None
    if array.shape != (count, 2):
        raise InputError(f"{path}: {where}: shape {array.shape}, expected ({count}, 2)")
    with np.errstate(over="ignore"):
        landmarks = array.astype(np.float32)
    return landmarks if np.isfinite(landmarks).all() else None


def _check(head: bytes) -> None:
    """Raises _DefectError unless a file begins as one of MATLAB 5 to 7.2."""
    if head[126:128] not in (b"IM", b"MI"):
        raise _DefectError("no MATLAB 5 header")
    if head[124:126] not in (b"\x00\x01", b"\x01\x00"):
        raise _DefectError("another version")
    kind = int.from_bytes(head[128:], "little" if head[126:128] == b"IM" else "big")
    if len(head) == _HEAD and kind not in (_MATRIX, _COMPRESSED):
        raise _DefectError(f"an element of type {kind} where a variable was expected")


@functools.cache
def _worker(owner: int) -> "_Worker":
    """The worker of the process `owner`: one that was forked has no use of its parent's."""
    return _Worker(owner)


class _Worker:
    """The process that reads; it starts with the first file, and again after one that ended it."""

    def __init__(self, owner: int):
        self._owner = owner
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        atexit.register(self.stop)

    def ask(self, request: list[Any], seconds: int) -> dict[str, Any]:
        """The answer of matlab_worker.py with arrays in it. Raises _DefectError."""
        with self._lock:
            process = self._started()
            assert process.stdin and process.stdout
            start = time.monotonic()
            timer = threading.Timer(seconds, process.kill)
            timer.start()
            try:
                process.stdin.write(json.dumps(request).encode() + b"\n")
                process.stdin.flush()
                size, count = map(int, process.stdout.readline().split())
                text = process.stdout.read(size)
                numbers = np.frombuffer(process.stdout.read(8 * count))
                answer = json.loads(text, object_hook=functools.partial(_arrays, numbers))
            except (OSError, ValueError):  # it ended before its answer did
                late = time.monotonic() - start >= seconds
                self.stop()
                raise _DefectError(
                    f"reading it takes longer than {seconds} seconds"
                    if late
                    else f"it ends the process that reads it, code {process.returncode}"
                ) from None
            finally:
                timer.cancel()
            if answer.get("worn"):
                self.stop()
        if "error" in answer:
            raise _DefectError(answer["error"].replace("could not read bytes", "cut off"))
        return answer

    def stop(self) -> None:
        """Ends the process, if there is one and it is this one's."""
        process, self._process = self._process, None
        if process and self._owner == os.getpid():
            with contextlib.suppress(OSError), process:
                process.kill()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.stop()
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(Path(__file__).with_name("matlab_worker.py"))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # its threads would take memory
            )
            if self._process.stdout and self._process.stdout.readline() != b"ready\n":
                self.stop()
                raise InputError(f"{sys.executable} cannot start scipy; reinstall the package")
        return self._process


def _arrays(numbers: np.ndarray, found: dict[str, Any]) -> Any:
    """An object of the answer: a struct, or an array of the `numbers` that came with it."""
    if "" not in found:
        return found
    shape, start = found[""], found["at"]
    return numbers[start : start + math.prod(shape)].reshape(shape)
