"""Builds that are whole or absent: lock, leftovers of killed builds, full and read-only disks."""

import contextlib
import errno
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from drr_jax import files
from drr_jax.errors import InputError

_FILES = ("dataset_info.json", "features.json", "metadata.json")


def is_complete(prepared: Path) -> bool:
    """Whether a folder <data_dir>/NAME/CONFIG/VERSION holds a finished data set."""
    return all((prepared / file).is_file() for file in _FILES)


def user_error(error: BaseException | None) -> Exception | None:
    """The InputError or OSError at the root of an exception that a library wrapped.

    ArrayRecord reports a full disk as a RuntimeError whose text holds the system's words.
    """
    while error is not None:
        for number in files.DISK_FULL:
            if isinstance(error, RuntimeError) and os.strerror(number) in str(error):
                return OSError(number, os.strerror(number))
        if isinstance(error, (InputError, OSError)):
            return error
        error = error.__cause__
    return None


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turns a full or read-only disk into one line."""
    try:
        yield
    except OSError as error:
        if error.errno in (*files.DISK_ERRORS, errno.ENOTDIR, errno.EEXIST):
            where = error.filename or path.parents[2]
            raise InputError(
                f"{where}: {error.strerror}; nothing was left half written; expected a data_dir "
                "that can be written to and has room"
            ) from error
        raise


@contextlib.contextmanager
def locked(path: Path, progress: bool) -> Iterator[None]:
    """Holds the lock of one data set's config (`files.locked`), after other builds of it."""

    def wait() -> None:
        if progress:
            print(f"waiting for another build of {path.parent}", file=sys.stderr)

    path.parent.mkdir(parents=True, exist_ok=True)
    with files.locked(path.parents[1] / f".lock-{path.parent.name}", wait):
        yield


def check_space(folder: Path, needed: int) -> None:
    """Raises InputError if the disk certainly cannot hold `needed` more bytes in `folder`."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InputError(
            f"{folder}: {free / 1e6:,.0f} MB free, the set needs about {needed / 1e6:,.0f} MB; "
            "free some space or pass another --data_dir"
        )


def _replaced(path: Path) -> Path:
    return path.with_name(f"replaced_{path.name}")


def clean(path: Path) -> None:
    """Removes what a killed build left behind, and brings back a set that it was to replace."""
    for leftover in path.parent.glob("incomplete.*"):
        shutil.rmtree(leftover, ignore_errors=True)
    shutil.rmtree(path.parents[1] / f".tallies-{path.parent.name}", ignore_errors=True)
    for leftover in path.parents[1].glob(f".skipped-{path.parent.name}.csv.*"):
        leftover.unlink(missing_ok=True)
    if _replaced(path).exists():
        if path.exists():
            shutil.rmtree(_replaced(path))
        else:
            os.replace(_replaced(path), path)
    if path.exists() and not is_complete(path):
        shutil.rmtree(path)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[None]:
    """Puts an old set aside during a build; it comes back if the build fails."""
    if path.exists():
        os.replace(path, _replaced(path))
    try:
        yield
    finally:
        clean(path)
