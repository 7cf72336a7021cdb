"""A trained run as a folder to keep or to hand on: weights, config, model card; and back.

model.safetensors has params/... and batch_stats/..., named as in the model; config.json what the
run was; tokenizer.json its word pieces, if captions were read; README.md the model card. The folder
is also what `model.encoders.DOMAIN.weights` takes.
"""

import dataclasses
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
from flax.traverse_util import flatten_dict, unflatten_dict

from drr_jax import data, files, runs
from drr_jax.config import letters
from drr_jax.errors import InputError
from drr_jax.runs import BEST, CONFIG_FILE, LATEST, Checkpoints, digested_leaves
from drr_jax.weights import tensor_file
from drr_jax.weights.model_card import card
from drr_jax.weights.sources import EXPORT, TOKENIZER_DIGEST, check_tokenizer, open_weights

SELECTIONS = ("last", "best", "validation")
CARD = "README.md"
_BESIDE = (  # no part of the config; the last two are the machine's, not the model's
    *("fold", "dataset", "version", "fingerprint", "classes", "packages", "run"),
    *("data.data_dir", "data.manual_dir"),
)


@dataclasses.dataclass(frozen=True)
class Exported:
    """An exported folder, read back."""

    variables: dict[str, Any]  # {"params", "batch_stats"}, nested dicts of NumPy arrays
    described: dict[str, Any]  # config.json
    tokenizer: Any  # None if the run read no captions


def export(workdir: Path, out: Path, selection: str | None = None) -> str:
    """Writes the model of a run to the new folder `out`, whole or not at all; returns a summary.

    `selection` is last, best (by the test part's own score) or validation (best on the validation
    part); None is the one whose results the run reports. Raises InputError if `workdir` is no run
    or has no such checkpoint, and if `out` exists.
    """
    if not (workdir / runs.RECORD_FILE).exists() and (folds := sorted(workdir.glob("fold?"))):
        raise InputError(
            f"--workdir={workdir} holds {len(folds)} runs: name one, as in --workdir={folds[0]}"
        )
    run = runs.read_record(workdir)
    selection = selection or str(run.get("selection", "last"))
    _check_selection(workdir, run, selection)
    if out.exists():
        raise InputError(f"--out={out} exists: expected the name of a new folder")
    kind = LATEST if selection == "last" else BEST
    with Checkpoints(workdir, read_only=True) as checkpoints:
        found = checkpoints.read_model(kind)
    if found is None:
        raise InputError(f"{workdir / kind}: no checkpoint to export; train first")
    variables, step = found
    described = _describe(workdir, run, selection, step, variables)
    try:
        with files.whole_folder(out) as folder:
            arrays = flatten_dict(variables, sep="/")
            tensor_file.write_file(folder / tensor_file.FILE, arrays, {"format": EXPORT})
            if described["tokenizer"]:
                shutil.copyfile(workdir / data.TOKENIZER_FILE, folder / data.TOKENIZER_FILE)
            files.write_json(folder / CONFIG_FILE, files.sealed(described))
            files.write_whole(folder / CARD, card(described))
    except OSError as error:
        raise InputError(
            f"{out} cannot be written: {error.strerror}; make room or make its folder writable"
        ) from error
    return f"{out}: {described['parameters']:,} parameters, step {step} ({selection})"


def load(folder: str | Path) -> Exported:
    """Reads an exported folder: every array as it was saved, bit for bit.

    Raises InputError if the folder or a file in it is missing or damaged.
    """
    folder = Path(folder)
    path = folder / CONFIG_FILE
    try:
        described = files.unsealed(files.read_json(path))
        uses_tokens = described["tokenizer"]
        exported = described["format"] == EXPORT
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}, expected an exported folder") from None
    except (ValueError, KeyError) as error:
        raise InputError(f"{path}: not that of an exported folder ({error!r})") from None
    if not exported:
        raise InputError(f"{path}: its format is not {EXPORT!r}")
    arrays = {name: tensor.read() for name, tensor in open_weights(folder).items()}
    variables = {"params": {}, "batch_stats": {}, **unflatten_dict(arrays, sep="/")}
    check_tokenizer(folder, described)
    pieces = data.load_tokenizer(folder / data.TOKENIZER_FILE) if uses_tokens else None
    return Exported(variables, described, pieces)


def _check_selection(workdir: Path, run: Mapping[str, Any], selection: str) -> None:
    if selection not in SELECTIONS:
        raise InputError(f"--selection={selection}: expected {', '.join(SELECTIONS)}")
    chosen, other = "the test part", "best"
    if run.get("selection") == "validation":
        chosen, other = "a validation part", "validation"
    if selection not in ("last", other):
        raise InputError(
            f"--selection={selection}: the best checkpoint of {workdir} was chosen on {chosen}; "
            f"give --selection={other} or last"
        )


def _describe(
    workdir: Path, run: runs.Record, selection: str, step: int, variables: Mapping[str, Any]
) -> dict[str, Any]:
    """What config.json says: the run, the checkpoint, its results, and every array's shape."""
    about = runs.read_file(workdir, runs.RUN_FILE)
    captions = (workdir / data.TOKENIZER_FILE).is_file()
    if "T" in letters(str(run.get("domains", ""))) and not captions:
        raise InputError(f"{workdir / data.TOKENIZER_FILE} is missing: this run reads captions")
    check_tokenizer(workdir, about)
    return {
        "format": EXPORT,
        "config": unflatten_dict({k: run[k] for k in run if k not in _BESIDE}, sep="."),
        "dataset": run["dataset"],
        "dataset_version": run["version"],
        "fingerprint": run["fingerprint"],
        "rendered": bool(about.get("rendered", False)),
        "fold": run["fold"],
        "test_parts": about.get("test_parts", []),
        "classes": run["classes"],
        "class_prior": about.get("class_prior"),
        "selection": selection,
        "step": step,
        "results": _results(workdir, selection, step),
        "weights": about.get("weights", {}),
        "normalisation": about.get("normalisation", {}),
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(variables["params"])),
        "commit": about.get("commit", ""),
        "packages": run.get("packages", {}),
        "tokenizer": data.TOKENIZER_FILE if captions else None,
        TOKENIZER_DIGEST: files.digest(workdir / data.TOKENIZER_FILE) if captions else None,
        "arrays": digested_leaves(dict(variables)),
    }


def _results(workdir: Path, selection: str, step: int) -> dict[str, Any] | None:
    """The scores of just this checkpoint, None if it was not evaluated."""
    kept = (runs.read_file(workdir, name) for name in ("results.json", "results-best.json"))
    mine = (some for some in kept if (some.get("selection"), some.get("step")) == (selection, step))
    return next(mine, None)
