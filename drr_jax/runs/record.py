"""The run record: what a workdir holds, so that nobody resumes one run as another by mistake."""

import contextlib
import fnmatch
import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import drr_jax
from drr_jax import files
from drr_jax.config import BEFORE, Config, flatten
from drr_jax.errors import InputError, check_local, shown
from drr_jax.runs import together

# What the run is, what the report says of it, and its configuration.
RECORD_FILE, RUN_FILE, CONFIG_FILE = "record.json", "run.json", "config.json"
RESULTS_FILE, BEST_FILE = "results.json", "results-best.json"
LOCK = ".lock"
RUN = "run"  # in record.json names of the run, in all other files the one they are of
# These change where a run reads and how often it writes, never what it computes.
FREE = (
    *("data.data_dir", "data.manual_dir", "data.worker_count", "data.read_threads"),
    *("data.prefetch", "fsdp", "encoder.remat", "packages", "run"),
)
# In the record of a run that leaves people held out for validation out of its counts of labels.
COUNTED = "counted"
PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain", "numpy", "drr-jax")

_NUMBER = (int, float)
# What a report, a table or an export reads of run.json.
_RUN_TYPES: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("dataset", "version", "task", "model", "title", "commit", "device"), str),
    **dict.fromkeys(("fold", "parameters", "steps", "stopped"), int),
    **dict.fromkeys(("au_names", "test_parts", "test_inputs"), list),
    **dict.fromkeys(("weights", "normalisation", "crop", "time", "start"), dict),
    "rendered": bool,
    "seconds": _NUMBER,
    "step_seconds": (*_NUMBER, type(None)),
    "class_prior": (list, type(None)),
}

# What to do about a file that is damaged.
_MEND = {
    **dict.fromkeys((RESULTS_FILE, BEST_FILE), "drr evaluate --workdir={} writes it again"),
    RUN_FILE: "remove it, and drr train --workdir={} writes it again",
}

Record = dict[str, Any]


class Damaged(InputError):
    """A file of a run's folder that is no JSON object, or not the one that was written there."""

    def __init__(self, path: Path, why: str, what: str = "damaged") -> None:
        advice = _MEND.get(path.name, "put back a copy").format(path.parent)
        super().__init__(f"{path}: {what} ({why}); {advice}")
        self.name, self.why, self.what = path.name, why, what


def is_free(key: str, record: Record) -> bool:
    """Whether a key of a run's record may change between two parts of the run.

    How often it is evaluated decides which checkpoints a validation part can choose from.
    """
    if key == "log.eval_every_epochs" and record.get("selection") == "validation":
        return False
    return key in FREE or key.startswith(("log.", "mesh."))


def versions() -> dict[str, str]:
    """Returns the versions of Python and of the packages that decide what a run computes."""
    return {"python": platform.python_version()} | {name: version(name) for name in PACKAGES}


def commit() -> str:
    """The git commit of this code, or its version where there is no git or no checkout of it."""
    home = Path(drr_jax.__file__).resolve().parents[1]
    git = ["git", "-C", str(home), "rev-parse", "--show-toplevel", "--short", "HEAD"]
    try:
        done = subprocess.run(git, capture_output=True, text=True, check=False)
    except OSError:
        return drr_jax.__version__
    top, _, short = done.stdout.strip().partition("\n")
    # An environment inside another project's checkout is not a checkout of ours.
    return short if short and Path(top).resolve() == home else drr_jax.__version__


def read_file(workdir: str | Path, name: str) -> Record:
    """A JSON file of a run's folder, {} if it is not there.

    Raises Damaged if it is no object, one of another run, or a run.json whose values are of other
    types.
    """
    path = Path(workdir) / name
    try:
        found = files.unsealed(files.read_json(path))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except ValueError as error:
        raise Damaged(path, str(error)) from None
    for key, expected in _RUN_TYPES.items() if name == RUN_FILE else ():
        if key in found and not isinstance(found[key], expected):
            raise Damaged(path, f"{key} is {ascii(found[key])[:40]}")
    if name == RECORD_FILE:
        return found
    run = found.pop(RUN, None)
    check_run(path, run, run_names(workdir))
    return found


def check_run(path: Path, run: Any, names: Sequence[str]) -> None:
    """Raises Damaged if a file in a run's folder is of the run called `run`, and that is none of
    `names`; those of before, and what has no record beside it, are of nobody.
    """
    if run is not None and names and run not in names:
        raise Damaged(path, "its run has another config, fold or data set", "of another run")


def check_path(workdir: Path) -> None:
    """Raises InputError for a folder that no checkpoint can be written to and found in again.

    Orbax takes the whole path for a pattern of names, and others do not write what is not UTF-8.
    """
    check_local(f"--workdir={workdir}", str(workdir))
    path = str(workdir.absolute())
    if workdir.is_symlink() and not workdir.exists():
        raise InputError(
            f"--workdir={workdir}: a link to {os.readlink(workdir)}, which is not there; make that "
            "folder, or remove the link"
        )
    if found := next((letter for letter in path if letter in "[]*?\\"), ""):
        raise InputError(
            f"--workdir={workdir}: {path} has a {found} in it, which checkpoints cannot have in "
            "their path; choose another folder"
        )
    if not path.isprintable():
        raise InputError(
            f"--workdir={path!a}: expected UTF-8 without control characters; choose another folder"
        )


def write_file(workdir: str | Path, name: str, value: Mapping[str, Any]) -> None:
    """Writes a JSON file of a run's folder, whole or not at all, which `read_file` can check."""
    of = {} if name == RECORD_FILE else of_run(workdir)
    files.write_json(Path(workdir) / name, files.sealed({**value, **of}))


def of_run(workdir: str | Path) -> dict[str, str]:
    """What a file in a run's folder has for `check_run`: {} if there is no record."""
    names = run_names(workdir)
    return {RUN: names[0]} if names else {}


def run_names(workdir: str | Path) -> list[str]:
    """Digests of the run in `workdir` and of those it was before changes that were allowed.

    The run's own is the first. Empty if there is no record, or one of an earlier version.
    """
    about = read_file(workdir, RECORD_FILE).get(RUN)
    return [about["name"], *about["before"]] if about else []


def check_record(workdir: str | Path, record: Mapping[str, Any], allow_change: bool) -> None:
    """Makes `workdir` the folder of this run, or finds that it is.

    `record` has the flat config and whatever else makes it another run: fold, data set, version,
    fingerprint, AU names. Raises InputError on every process, with nothing written, if the folder
    holds a different run (unless `allow_change`) or files of something else.
    """
    together.from_main(lambda: _claim(Path(workdir), dict(record), allow_change))


def require_record(workdir: str | Path, record: Mapping[str, Any], allow_change: bool) -> None:
    """Raises InputError unless `workdir` holds this run (or `allow_change`); writes nothing."""
    _compare(Path(workdir), read_record(workdir), dict(record), allow_change)


def read_record(workdir: str | Path) -> Record:
    """Reads a workdir's record. Raises InputError if there is none or it is not one."""
    path = Path(workdir) / RECORD_FILE
    if not path.exists():
        raise InputError(f"{path} is missing: expected a workdir that a training run has written")
    try:
        return read_file(workdir, RECORD_FILE)
    except Damaged as damaged:
        raise InputError(
            f"{path}: damaged ({damaged.why}); put back a copy, or give another --workdir"
        ) from None


def counts_validation(workdir: str | Path) -> bool:
    """Whether `workdir` holds a run that was begun when people held out for validation counted.

    They were in class weights, soft priors and vocabulary; such a run goes on as it began.
    """
    path = Path(workdir) / RECORD_FILE
    record = read_record(workdir) if path.exists() else {}
    return record.get("selection") == "validation" and COUNTED not in record


def fold_folders(workdir: str | Path) -> list[Path]:
    """fold0/, fold1/, ... of a run on all folds, in order.

    Raises InputError for one that holds another fold's run: a copy would count twice.
    """
    found = sorted(path for path in Path(workdir).glob("fold[0-9]") if path.is_dir())
    for path in found:
        fold = read_file(path, RECORD_FILE).get("fold")
        if fold is not None and str(fold) != path.name.removeprefix("fold"):
            raise InputError(
                f"{path}: it holds a run on fold {fold}, a copy that would count twice; move it "
                "away"
            )
    return found


def recorded_version(workdir: str | Path) -> str:
    """Version of the data set that the run in `workdir`, or its folds, began with; "" if none."""
    for place in (Path(workdir), *fold_folders(workdir)):
        if (place / RECORD_FILE).exists():
            return str(read_record(place).get("version", ""))
    return ""


def difference(old: Record, new: Record) -> str:
    """Returns "KEY was A, is B" for the first difference of two runs, "" for the same run.

    A key that one of them does not have, of another version of the program, has its default there,
    or what it came to then.
    """
    default = flatten(Config()) | BEFORE
    for key in dict.fromkeys([*new, *old]):
        was, now = old.get(key, default.get(key)), new.get(key, default.get(key))
        if was != now and not is_free(key, new):
            return f"{key} was {shown(was)}, is {shown(now)}"
    return ""


def _compare(workdir: Path, old: Record, new: Record, allow_change: bool) -> str:
    """The first difference. Raises InputError for one, unless `allow_change`."""
    new = json.loads(json.dumps(new))  # tuples become lists, as they are when read back
    changed = difference(old, new)
    if changed and not allow_change:
        raise InputError(
            f"--workdir={workdir} holds a different run: {changed}; give another --workdir, or "
            "--allow_config_change to go on with the new value"
        )
    return changed


@contextlib.contextmanager
def only_one(workdir: Path) -> Iterator[None]:
    """Within it no other process on this file system may train in `workdir`.

    Made if it is new, and gone again if nothing was put into it. A process that dies loses the lock
    (`files.locked`). Raises InputError on every process if another has it, or if `workdir` is
    neither a new folder nor that of a run.
    """

    def refuse() -> None:
        raise InputError(
            f"--workdir={workdir}: another process is training there; wait for it, stop it, or "
            "give another --workdir"
        )

    def lock() -> None:
        _make(workdir)
        stack.enter_context(files.locked(workdir / LOCK, refuse))
        stack.callback(_leave_nothing, workdir)

    with contextlib.ExitStack() as stack:
        together.from_main(lock)
        yield


def _leave_nothing(workdir: Path) -> None:
    """Removes a folder that holds nothing but our lock."""
    with contextlib.suppress(OSError):
        if os.listdir(workdir) == [LOCK]:
            (workdir / LOCK).unlink()
            workdir.rmdir()


def _make(workdir: Path) -> None:
    """Makes a work folder. Raises InputError for a file, or files of something else in it."""
    if workdir.exists() and not workdir.is_dir():
        raise InputError(f"--workdir={workdir} is a file: expected a folder")
    if workdir.is_dir() and not (workdir / RECORD_FILE).exists():
        names = sorted(file.name for file in workdir.iterdir())
        ours = (f".{RECORD_FILE}*{files.PART}", f"{LOCK}*")  # of a start that died at once
        unfinished = [name for pattern in ours for name in fnmatch.filter(names, pattern)]
        if others := [name for name in names if name not in unfinished]:
            raise InputError(
                f"--workdir={workdir} holds {others[0]} but no {RECORD_FILE}: expected a new "
                "folder or that of an earlier run; give another --workdir"
            )
    try:
        workdir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--workdir={workdir} cannot be made: {error.strerror}") from None


def _name(record: Record) -> str:
    """A digest of what makes it this run: config, fold, data set and classes."""
    fixed = {key: value for key, value in record.items() if not is_free(key, record)}
    return hashlib.sha256(json.dumps(fixed, sort_keys=True).encode()).hexdigest()[:16]


def _claim(workdir: Path, record: Record, allow_change: bool) -> None:
    about = {"name": _name(record), "before": []}
    _make(workdir)
    if (workdir / RECORD_FILE).exists():
        old = read_record(workdir)
        changed = _compare(workdir, old, record, allow_change)
        # Kept as it is while nothing changes: a newer program may have more keys.
        was = old.get("run", {"name": _name(old), "before": []})
        before = [name for name in (was["name"], *was["before"]) if name != about["name"]]
        about = about | {"before": before} if changed else was
    write_file(workdir, RECORD_FILE, record | {"packages": versions(), "run": about})
