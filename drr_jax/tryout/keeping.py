"""The one folder that uploads pass through: private, emptied after every request, gone at exit."""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

WORK = "work-"  # how folders begin that a request is busy in
STALE = 600  # seconds after which what no request came for is removed


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """A new folder for all that this process keeps for a while, for its own user alone.

    Gradio's uploads go there, and whatever else asks for temporary files. To be entered before
    Gradio is imported, which takes the place of its uploads from the environment.
    """
    before, uploads = tempfile.tempdir, os.environ.get("GRADIO_TEMP_DIR")
    folder = Path(tempfile.mkdtemp(prefix="drr-page-"))
    tempfile.tempdir = os.environ["GRADIO_TEMP_DIR"] = str(folder)
    try:
        yield folder
    finally:
        tempfile.tempdir = before
        if uploads is None:
            os.environ.pop("GRADIO_TEMP_DIR", None)
        else:
            os.environ["GRADIO_TEMP_DIR"] = uploads
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def work_folder(folder: Path) -> Iterator[Path]:
    """A folder in the private one, for one request."""
    with tempfile.TemporaryDirectory(prefix=WORK, dir=folder, ignore_cleanup_errors=True) as work:
        yield Path(work)


def take(folder: Path, path: str) -> bytes:
    """The bytes of an upload, which is removed. Raises OSError if it is not there."""
    try:
        return Path(path).read_bytes()
    finally:
        forget(folder, path)


def forget(folder: Path, path: str) -> None:
    """Removes an upload with the folder that it lies in, and what others left behind.

    Left behind are uploads that were broken off, and those whose page was closed at once.
    """
    file = Path(path)
    if folder in file.parents:
        file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # something else lies there, too
            file.parent.rmdir()
    for other in sorted(folder.rglob("*"), reverse=True):  # what is in a folder before it
        if other.relative_to(folder).parts[0].startswith(WORK):
            continue
        with contextlib.suppress(OSError):
            if time.time() - other.stat().st_mtime > STALE:
                other.rmdir() if other.is_dir() else other.unlink()
