"""The run record: what a workdir holds, so that nobody resumes one run as another by mistake."""

import json
import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from drr_jax.config import Config, flatten
from drr_jax.errors import InputError
from drr_jax.runs import distributed

RECORD_FILE = "record.json"
# These change where a run reads and how often it writes, never what it computes.
FREE = frozenset(
    {
        "data.data_dir",
        "data.manual_dir",
        "data.worker_count",
        "data.read_threads",
        "data.prefetch",
        "fsdp",
        "packages",
    }
)
PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain", "numpy", "drr-jax")

Record = dict[str, Any]


def is_free(key: str, record: Record) -> bool:
    """Whether a key of a run's record may change between two parts of the run.

    How often it is evaluated decides which checkpoints a validation part can choose from.
    """
    if key == "log.eval_every_epochs" and record.get("selection") == "validation":
        return False
    return key in FREE or key.startswith("log.")


def versions() -> dict[str, str]:
    """Returns the versions of Python and of the packages that decide what a run computes."""
    return {"python": platform.python_version()} | {name: version(name) for name in PACKAGES}


def check_record(workdir: str | Path, record: Mapping[str, Any], allow_change: bool) -> None:
    """Makes `workdir` the folder of this run, or finds that it is.

    `record` has the flat config and whatever else makes it another run: fold, data set, version,
    fingerprint, AU names. Raises InputError on every process, with nothing written, if the folder
    holds a different run (unless `allow_change`) or files of something else.
    """
    distributed.on_main(lambda: _claim(Path(workdir), dict(record), allow_change))


def require_record(workdir: str | Path, record: Mapping[str, Any], allow_change: bool) -> None:
    """Raises InputError unless `workdir` holds this run (or `allow_change`); writes nothing."""
    _compare(Path(workdir), read_record(workdir), dict(record), allow_change)


def read_record(workdir: str | Path) -> Record:
    """Reads a workdir's record. Raises InputError if there is none or it is not one."""
    path = Path(workdir) / RECORD_FILE
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{path} is missing: expected a workdir that a training run has written"
        ) from None
    except ValueError as error:
        raise InputError(_not_a_record(path, str(error))) from None
    if not isinstance(record, dict):
        raise InputError(_not_a_record(path, f"it holds a {type(record).__name__}"))
    return record


def _not_a_record(path: Path, why: str) -> str:
    return f"{path} is not a run record ({why}): put back a copy, or give another --workdir"


def difference(old: Record, new: Record) -> str:
    """Returns "KEY was A, is B" for the first difference of two runs, "" for the same run.

    A key that one of them does not have, of another version of the program, has its default there.
    """
    default = flatten(Config())
    for key in dict.fromkeys([*new, *old]):
        was, now = old.get(key, default.get(key)), new.get(key, default.get(key))
        if was != now and not is_free(key, new):
            return f"{key} was {_short(was)}, is {_short(now)}"
    return ""


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 100 else text[:97] + "..."


def _compare(workdir: Path, old: Record, new: Record, allow_change: bool) -> None:
    new = json.loads(json.dumps(new))  # tuples become lists, as they are when read back
    changed = difference(old, new)
    if changed and not allow_change:
        raise InputError(
            f"--workdir={workdir} holds a different run: {changed}; give another --workdir, or "
            "--allow_config_change to go on with the new value"
        )


def _claim(workdir: Path, record: Record, allow_change: bool) -> None:
    path = workdir / RECORD_FILE
    if workdir.exists() and not workdir.is_dir():
        raise InputError(f"--workdir={workdir} is a file: expected a folder")
    if path.exists():
        _compare(workdir, read_record(workdir), record, allow_change)
    elif workdir.is_dir():
        files = sorted(file.name for file in workdir.iterdir() if file.name != _part(path).name)
        if files:
            raise InputError(
                f"--workdir={workdir} holds {files[0]} but no {RECORD_FILE}: expected a new folder "
                "or that of an earlier run; give another --workdir"
            )
    try:
        workdir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--workdir={workdir} cannot be made: {error.strerror}") from None
    write_json(path, record | {"packages": versions()})


def write_json(path: Path, value: Any) -> None:
    """Writes JSON as `write_atomically` does."""
    write_atomically(path, json.dumps(value, indent=1) + "\n")


def write_atomically(path: Path, text: str) -> None:
    """Writes a file that is there whole or, should the program die meanwhile, as it was before.

    Raises InputError for a full disk or a folder that cannot be written.
    """
    part = _part(path)
    try:
        try:
            with open(part, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {error.strerror}; make room or make the folder writable"
        ) from error


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")
