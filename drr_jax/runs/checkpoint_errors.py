"""What can be wrong with a checkpoint that is no damage: the disk is full, the model is another."""

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from drr_jax import files
from drr_jax.errors import InputError
from drr_jax.runs.digest import Manifest

DISK_ERRORS = (*files.DISK_ERRORS, errno.EIO, errno.ENOTDIR, errno.ENOENT)


@contextlib.contextmanager
def written(folder: Path, steps: Callable[[], list[int]]) -> Iterator[None]:
    """Turns a failed write into one line, with the last of `steps` that is left; others pass."""
    try:
        yield
    except Exception as error:
        reason = _disk_reason(error)
        if reason is None:
            raise
        found = steps()
        left = f"the last good checkpoint is {found[-1]}" if found else "no checkpoint yet"
        raise InputError(
            f"{folder}: the checkpoint could not be written ({reason}), {left}; "
            "make room or make the folder writable, then start the same command again"
        ) from error


def _disk_reason(error: BaseException) -> str | None:
    if isinstance(error, OSError) and error.errno in DISK_ERRORS:
        return os.strerror(error.errno)
    # TensorStore has the errno only in its text
    reasons = (os.strerror(number) for number in DISK_ERRORS)
    return next((reason for reason in reasons if reason in str(error)), None)


def check_same_model(path: Path, wanted: dict[str, Any], stored: Manifest) -> None:
    """Raises InputError if a checkpoint's leaves are not the `wanted` ones, by name and shape."""
    leaves = stored["leaves"]
    for name in dict.fromkeys([*wanted, *leaves]):
        here, there = wanted.get(name), leaves.get(name)
        if here is None or there is None:
            where, other = ("checkpoint", "config") if here is None else ("config", "checkpoint")
            raise InputError(
                f"checkpoint {path}: {name} is in the {where}'s model but not in the {other}'s; "
                "give the config it was trained with, or another --workdir"
            )
        if any(here[key] != there[key] for key in ("shape", "dtype")):
            raise InputError(
                f"checkpoint {path}: {name} is {there['dtype']}{there['shape']}, but the config's "
                f"model has {here['dtype']}{here['shape']}; give the config it was trained with, "
                "or another --workdir"
            )
