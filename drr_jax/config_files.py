"""Configs from text: launch files, and what runs keep of theirs, config.json, nested or flat."""

import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drr_jax import launches, runs
from drr_jax.config import BEFORE, Config, parse_arg, set_key
from drr_jax.errors import InputError


def load(what: str) -> Config:
    """The config of a text: reactionet:demo, FILE.py:ARGUMENT or RUN/config.json:KEY=VALUE.

    Its rules are not checked here. Raises InputError for what is none.
    """
    name, _, behind = launches.find(what).partition(":")
    if name.endswith(".json"):
        return parse_arg(read(Path(name), what), behind, {})
    if not Path(name).is_file():
        raise InputError(
            f"{what}: {Path(name).absolute()} is no such file; expected one as launch/reactionet.py"
        )
    get_config = runpy.run_path(name).get("get_config")
    if get_config is None:
        raise InputError(f"{what}: {name} has no get_config; see launch/reactionet.py")
    return get_config(behind)


def of_dict(said: Mapping[str, Any]) -> Config:
    """The config that a config.json holds. Raises InputError for a key or a value."""
    config, flat = Config(), dict(said)
    while nested := [key for key, value in flat.items() if isinstance(value, dict)]:
        for key in nested:
            flat |= {f"{key}.{inner}": value for inner, value in flat.pop(key).items()}
    written = {str(key): str(value) for key, value in flat.items()}
    if "head.embedding" in written:  # all keys of its time are there
        written = {key: str(value) for key, value in BEFORE.items()} | written
    for key, value in written.items():
        set_key(config, key, value)
    return config


def read(path: Path, what: str) -> Config:
    """The config in a run's config.json. Raises InputError, which begins with `what`."""
    try:
        if not path.is_file():
            raise InputError(f"{what}: {path.absolute()} is no such file")
        said = runs.read_file(path.parent, path.name)
        if {"format", "arrays"} <= said.keys():
            raise InputError(
                f"{what}: of an exported model, and a run's folder was expected; drr evaluate "
                f"--model={path.parent} --on=SET --out=DIR scores a model on a data set"
            )
        return of_dict(said)
    except OSError as error:
        raise InputError(f"{what}: {path.absolute()}: {error.strerror}") from None
    except runs.Damaged as damaged:
        if damaged.name != path.name:
            raise InputError(f"{what}: {damaged}") from None
        raise InputError(
            f"{what}: damaged, or not a run's config.json ({damaged.why}); put back a copy, or "
            "give the launch file"
        ) from None
    except (InputError, ValueError) as error:
        if str(error).startswith(what):
            raise
        raise InputError(f"{what}: not a run's config.json ({error})") from None


def of_run(workdir: Path) -> Config | None:
    """The config of the run, or of the folds, in a work folder; None if there is none."""
    for place in (workdir, *runs.fold_folders(workdir)):
        if (path := place / runs.CONFIG_FILE).is_file():
            return read(path, str(path))
    return None
