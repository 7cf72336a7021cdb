"""Reads MATLAB files with scipy for matlab.py, in a process of its own that it may end.

A request is a line of JSON: [path, variable, its most bytes, most characters of the answer, bytes
of memory, seconds]. The answer is a line with two lengths, a text of JSON, and numbers (float64).
The text is {"value": ...}, where an array is {"": shape, "at": the first of its numbers};
{"others": names} if there is no such variable; or {"error": text, "worn": memory ran short}.
The file is run by its path and imports nothing of the package, so that it starts fast.
"""

import array
import contextlib
import json
import math
import os
import signal
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat, whosmat

_DEPTH = 6  # of structs in cells in structs


def main() -> None:
    """Answers requests until there are no more."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the parent's to handle
    warnings.simplefilter("ignore")
    start, out = _memory(), sys.stdout.buffer
    out.write(b"ready\n")
    out.flush()
    for line in sys.stdin.buffer:
        path, name, most, most_text, memory, seconds = json.loads(line)
        _limit(start and start + memory, int(time.process_time()) + seconds)
        numbers, error, worn = array.array("d"), "", False
        try:
            text = json.dumps(_answer(path, name, most, numbers)).encode()
            if len(text) > most_text:
                error = "too many arrays"
        except MemoryError:
            error, worn = f"more than {memory} bytes of memory needed", True
        except Exception as defect:  # scipy and zlib raise half a dozen kinds
            error = str(defect) or type(defect).__name__
        if error:
            numbers, text = array.array("d"), json.dumps({"error": error, "worn": worn}).encode()
        out.write(b"%d %d\n" % (len(text), len(numbers)) + text)
        out.write(numbers)
        out.flush()


def _answer(path: str, name: str, most: int, numbers: array.array) -> dict[str, Any]:
    shapes = {variable: shape for variable, shape, _ in whosmat(path, appendmat=False)}
    if name not in shapes:
        return {"others": list(shapes)}
    if 8 * math.prod(shapes[name]) > most:
        raise ValueError("a packed variable is cut off or too large")
    found = loadmat(path, appendmat=False, variable_names=[name])
    return {"value": _plain(found[name], numbers, 0)}


def _plain(value: Any, numbers: array.array, depth: int) -> Any:
    """What scipy made of a variable as JSON; the numbers of its arrays go to `numbers`."""
    if depth > _DEPTH:
        raise ValueError("arrays in arrays without end")
    kind = value.dtype.kind if isinstance(value, np.ndarray) else type(value).__name__
    fields = value.dtype.names if kind == "V" else None
    if kind == "U":
        return "".join(value.flat)
    if kind == "O":
        return [_plain(item, numbers, depth + 1) for item in value.ravel(order="F")]
    if fields is not None and "" not in fields:
        items = value.ravel(order="F")
        return [{f: _plain(item[f], numbers, depth + 1) for f in fields} for item in items]
    if kind not in "biuf":
        raise ValueError(f"an array of {kind}, expected numbers, text, cells or structs")
    at = len(numbers)
    numbers.frombytes(value.astype(np.float64).tobytes())
    return {"": value.shape, "at": at}


def _memory() -> int:
    """Bytes of this process's address space; 0 where the system does not tell."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[0]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _limit(memory: int, seconds: int) -> None:
    """Lets the system end this process if it takes more, or calculates on when the parent ended."""
    try:
        import resource
    except ImportError:  # Windows
        return
    limits = {resource.RLIMIT_CPU: seconds, resource.RLIMIT_CORE: 0, resource.RLIMIT_AS: memory}
    for kind, soft in limits.items():
        with contextlib.suppress(ValueError, OSError):  # lower already
            if soft or kind != resource.RLIMIT_AS:
                resource.setrlimit(kind, (soft, resource.getrlimit(kind)[1]))


if __name__ == "__main__":
    main()
