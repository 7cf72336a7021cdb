"""Where a model is: an exported folder, a run's folder, or a repository of the hub."""

from pathlib import Path

from drr_jax import files
from drr_jax.errors import InputError, check_local
from drr_jax.runs import CONFIG_FILE, RECORD_FILE, fold_folders
from drr_jax.weights.sources import HUB, WHOLE, commit_of, download


def find_model(source: str) -> Path:
    """The folder that `source` names; hf:ORG/NAME@REVISION is downloaded or found in the cache.

    Raises InputError for what is no folder of a model.
    """
    if source.startswith(HUB):
        return download(source.removeprefix(HUB), f"model {source}", WHOLE)
    check_local(f"model {source}", source)
    folder = files.named(source)
    expected = "expected a folder that `drr_jax.weights export` wrote, or that of a run"
    if not folder.exists():
        raise InputError(f"model {source}: no such folder; {expected}, or hf:ORG/NAME@REVISION")
    if not folder.is_dir():
        raise InputError(f"model {source}: this is a file; {expected}")
    known = (CONFIG_FILE, RECORD_FILE)
    if not any((folder / name).exists() for name in known) and not fold_folders(folder):
        raise InputError(f"model {source}: it has no {' and no '.join(known)}; {expected}")
    return folder


def pinned(source: str, folder: Path) -> str:
    """A model's name that stays true: of the hub's with the commit that was found, in `folder`."""
    commit = commit_of(source, folder)
    return f"{source.partition('@')[0]}@{commit}" if commit else source
