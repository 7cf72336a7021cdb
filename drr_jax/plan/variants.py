"""The same run with one thing changed, to be compiled beside it."""

import copy
import math
from collections.abc import Mapping
from typing import Any

from drr_jax.config import Config, flatten, set_key
from drr_jax.errors import InputError, nearest

NAMES = ("precision", "remat", "fsdp", "accumulate", "augment")
_OTHER = {"bfloat16": "float32", "float32": "bfloat16", "host": "device", "device": "host"}
ACCUMULATED = 4  # pieces of a batch


def chosen(text: str) -> tuple[str, ...]:
    """The names behind --variants=, with commas; all, or none. Raises InputError for others."""
    if not text:
        return ()
    names = NAMES if text == "all" else tuple(text.split(","))
    for name in names:
        if name not in NAMES:
            raise InputError(f"--variants={text}: {name!r}: {nearest(name, ('all', *NAMES))}")
    return tuple(dict.fromkeys(names))


def changed(name: str, config: Config, facts: Mapping[str, Any]) -> tuple[str, Config] | None:
    """What changes, as in fsdp=8, and the config with it; None if there is nothing to change.

    The precision, and where images are augmented, become the other one; the parameters are shared
    by the devices of a host; a batch is taken in `ACCUMULATED` pieces.
    """
    known: Mapping[str, Any] = flatten(config)
    per_host = facts["devices"] // facts["hosts"]
    settings = {
        "precision": ("precision", _OTHER[facts["precision"]]),
        "augment": ("data.augment_on", _OTHER[facts["augment_on"]]),
        "remat": ("encoder.remat", "true"),
        "fsdp": ("fsdp", str(per_host)),
        "accumulate": ("optim.accumulate", str(ACCUMULATED)),
    }
    key, value = settings[name]
    if key not in known or str(known[key]).lower() == value:
        return None
    pieces = facts["devices"] * ACCUMULATED
    if name == "accumulate" and config.data.batch_size % pieces:
        return None
    other = copy.deepcopy(config)
    set_key(other, key, value)
    return f"{key}={value}", other


def with_batch(config: Config, size: int) -> Config:
    """The config at another batch size."""
    other = copy.deepcopy(config)
    other.data.batch_size = size
    return other


def batch_unit(config: Config, devices: int) -> int:
    """What a batch size has to be a multiple of: devices, and groups of tuples where it has any."""
    groups = (config.contrast.group_size, config.encoder.bn_group)
    return math.lcm(devices, *(group for group in groups if group))
