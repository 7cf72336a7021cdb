"""config.json of an exported folder, looked through before anything is built from it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from drr_jax.errors import InputError
from drr_jax.weights.model_card import card

VERSION = 2  # of config.json; 1 has no crop and no thresholds
_TEXT, _NUMBER = (str,), (int, float)
_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("dataset", "dataset_version", "fingerprint", "selection", "commit"), _TEXT),
    **dict.fromkeys(("config", "arrays", "weights"), (dict,)),
    **dict.fromkeys(("step", "parameters"), (int,)),
    **dict.fromkeys(("classes", "test_parts"), (list,)),
    "rendered": (bool,),
    "fold": (int, str),
    "results": (dict, type(None)),
    "tokenizer": (str, type(None)),
}
# Of version 2 alone.
_LATER: dict[str, tuple[type, ...]] = {
    "inputs": (list,),
    "crop": (dict, type(None)),
    "thresholds": (dict, type(None)),
    "thresholds_from": _TEXT,
    "licence": _TEXT,
    "class_prior": (list, type(None)),
    "normalisation": (dict,),
}


def check_described(path: Path, described: Mapping[str, Any]) -> None:
    """Raises InputError for a newer version, and for what no export says; `path` is named."""
    version = described.get("format_version", 1)
    if not _is(version, (int,)):
        raise InputError(f"{path}: its format_version is {version!r}, expected a number")
    if version > VERSION:
        raise InputError(
            f"{path}: of format {version}, and this drr-jax reads formats up to {VERSION}; install "
            "a newer one: pip install --upgrade drr-jax"
        )
    for name, types in (_TYPES | (_LATER if version > 1 else {})).items():
        if name not in described:
            raise InputError(f"{path}: {name} is missing; {_AGAIN}")
        if not _is(described[name], types):
            expected = " or ".join("nothing" if t is type(None) else t.__name__ for t in types)
            raise InputError(
                f"{path}: {name} is {_short(described[name])}, expected {expected}; {_AGAIN}"
            )
    _check_values(path, described)


def check_said(where: str, described: Mapping[str, Any]) -> None:
    """Raises InputError for an export of known types in which something is missing further down."""
    try:
        card(described)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise InputError(
            f"{where}: config.json does not say all that an export says ({error!r}); {_AGAIN}"
        ) from None


_AGAIN = "the file is damaged, copy it or export the run again"


def _check_values(path: Path, described: Mapping[str, Any]) -> None:
    names, limits, crop = described["classes"], described.get("thresholds"), described.get("crop")
    if not names or not all(_is(n, _TEXT) and n for n in names) or len({*names}) < len(names):
        raise InputError(f"{path}: classes is {_short(names)}, expected different names; {_AGAIN}")
    if limits is not None and (
        limits.keys() != {*names}
        or not all(_is(limit, _NUMBER) and 0 <= limit <= 1 for limit in limits.values())
    ):
        raise InputError(
            f"{path}: thresholds is {_short(limits)}, expected a probability for each class; "
            f"{_AGAIN}"
        )
    if crop is not None:
        _check_crop(path, crop)


def _check_crop(path: Path, crop: Mapping[str, Any]) -> None:
    good = (
        _is(crop.get("kind"), _TEXT)
        and _is(crop.get("version"), (int,))
        and all(_is(crop.get(key), (*_NUMBER, type(None))) for key in ("margin", "size"))
        and _is_template(crop.get("template"))
    )
    if not good:
        raise InputError(f"{path}: crop is {_short(dict(crop))}, which is no crop; {_AGAIN}")


def _is_template(value: Any) -> bool:
    """Whether it is three points, or none."""
    try:
        points = np.asarray([] if value is None else value, np.float64)
    except (TypeError, ValueError):
        return False
    return value is None or (points.shape == (3, 2) and bool(np.isfinite(points).all()))


def _is(value: Any, types: tuple[type, ...]) -> bool:
    """Whether it is of a type; true and false are no numbers."""
    return isinstance(value, types) and (not isinstance(value, bool) or bool in types)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
