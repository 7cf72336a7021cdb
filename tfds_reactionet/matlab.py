"""MATLAB files of landmarks; whatever scipy says about a damaged one becomes one line."""

from pathlib import Path
from typing import Any

import numpy as np

from drr_jax.errors import InputError


def read_variable(path: Path, name: str) -> Any:
    """A variable of a MATLAB v4 to v7 file; structs are arrays with named fields.

    Raises InputError if the file cannot be read or does not hold the variable.
    """
    from scipy.io import loadmat

    try:
        content = loadmat(path, variable_names=[name])
    except Exception as error:  # scipy raises a dozen kinds for damaged files
        raise InputError(
            f"{path}: not a readable MATLAB file ({' '.join(str(error).split())[:120]}); "
            "expected version 7 or before"
        ) from error
    if name not in content:
        raise InputError(f"{path}: no variable {name!r} in it")
    return content[name]


def points(array: Any, counts: tuple[int, ...], path: Path, where: str) -> np.ndarray | None:
    """Landmarks [points, 2] in one of the numbers `counts`; None for an empty array (lost).

    Raises InputError for another shape or for text.
    """
    try:
        found = np.asarray(array, np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: {where}: landmarks are not numbers") from error
    if found.size == 0:
        return None
    if found.ndim != 2 or found.shape[1] != 2 or len(found) not in counts:
        wanted = " or ".join(str(count) for count in counts)
        raise InputError(f"{path}: {where}: shape {found.shape}, expected ({wanted}, 2)")
    return found if np.isfinite(found).all() else None
