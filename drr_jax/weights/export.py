"""A trained run as a folder to keep or to hand on: weights, config, model card; and back.

model.safetensors has params/... and batch_stats/..., named as in the model; config.json what the
run was, and all that a prediction needs: class names, crop, normalisation, thresholds;
tokenizer.json its word pieces, if captions were read; README.md the model card. The folder is what
`drr_jax.load` and `model.encoders.DOMAIN.weights` take.
"""

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
from flax.traverse_util import flatten_dict, unflatten_dict

from drr_jax import data, facs, files, runs
from drr_jax.config import Config, flatten, letters
from drr_jax.errors import InputError
from drr_jax.runs import BEST, CONFIG_FILE, LATEST, Checkpoints, digested_leaves
from drr_jax.weights import tensor_file
from drr_jax.weights.described import VERSION, check_described
from drr_jax.weights.model_card import card
from drr_jax.weights.sources import EXPORT, TOKENIZER_DIGEST, check_tokenizer, open_weights

SELECTIONS = ("last", "best", "validation")
CARD = "README.md"
EVEN = 0.5  # the threshold of a class that no validation part chose one for
# The run's and the machine's, not the model's.
_BESIDE = ("fold", "data.data_dir", "data.manual_dir")


@dataclasses.dataclass(frozen=True)
class Exported:
    """An exported folder, or a run as it would be exported."""

    variables: dict[str, Any]  # {"params", "batch_stats"}, nested dicts of NumPy arrays
    described: dict[str, Any]  # config.json
    tokenizer: Any  # None if the run read no captions


def export_run(workdir: Path, out: Path, selection: str | None = None) -> str:
    """Writes the model of a run to the new folder `out`, whole or not at all; returns a summary.

    `selection` is last, best (by the test part's own score) or validation (best on the validation
    part); None is the one whose results the run reports. Raises InputError if `workdir` is no run
    or has no such checkpoint, and if `out` exists.
    """
    out = files.new_folder(out)
    found = read_run(workdir, selection)
    described = found.described
    try:
        with files.whole_folder(out) as folder:
            arrays = flatten_dict(found.variables, sep="/")
            tensor_file.write_file(folder / tensor_file.FILE, arrays, {"format": EXPORT})
            if described["tokenizer"]:
                shutil.copyfile(workdir / data.TOKENIZER_FILE, folder / data.TOKENIZER_FILE)
            files.write_json(folder / CONFIG_FILE, files.sealed(described))
            files.write_whole(folder / CARD, card(described))
    except OSError as error:
        raise InputError(
            f"{out} cannot be written: {error.strerror}; make room or make its folder writable"
        ) from error
    step, selection = described["step"], described["selection"]
    return f"{out}: {described['parameters']:,} parameters, step {step} ({selection})"


def read_run(workdir: Path, selection: str | None = None) -> Exported:
    """A run's model as `export_run` would write it, read from its checkpoint. Raises InputError."""
    if not (workdir / runs.RECORD_FILE).exists() and (folds := runs.fold_folders(workdir)):
        raise InputError(
            f"--workdir={workdir} holds {len(folds)} runs: name one, as in --workdir={folds[0]}"
        )
    run = runs.read_record(workdir)
    selection = selection or str(run.get("selection", "last"))
    _check_selection(workdir, run, selection)
    kind = LATEST if selection == "last" else BEST
    with Checkpoints(workdir, read_only=True) as checkpoints:
        found = checkpoints.read_model(kind)
    if found is None:
        raise InputError(f"{workdir / kind}: no checkpoint to export; train first")
    variables, step = found
    described = _describe(workdir, run, selection, step, variables)
    kept = workdir / data.TOKENIZER_FILE
    pieces = data.load_tokenizer(kept) if described["tokenizer"] else None
    return Exported({"params": {}, "batch_stats": {}, **variables}, described, pieces)


def load_folder(folder: str | Path) -> Exported:
    """Reads an exported folder: every array as it was saved, bit for bit.

    Raises InputError if the folder or a file in it is missing or damaged.
    """
    folder = Path(folder)
    path = folder / CONFIG_FILE
    if (folder / runs.RECORD_FILE).exists():
        raise InputError(
            f"{folder}: a run's folder, and an exported one was expected; export it first: python "
            f"-m drr_jax.weights export --workdir={folder} --out=NEW FOLDER"
        )
    try:
        described = files.unsealed(files.read_json(path))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}, expected an exported folder") from None
    except ValueError as error:
        raise InputError(
            f"{path}: damaged, or not that of an exported folder ({error}); copy the folder or "
            "export it again"
        ) from None
    if described.get("format") != EXPORT:
        raise InputError(f"{path}: its format is not {EXPORT!r}")
    check_described(path, described)
    arrays = {name: tensor.read() for name, tensor in open_weights(folder).items()}
    variables = {"params": {}, "batch_stats": {}, **unflatten_dict(arrays, sep="/")}
    check_tokenizer(folder, described)
    pieces = data.load_tokenizer(folder / data.TOKENIZER_FILE) if described["tokenizer"] else None
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
    results = _results(workdir, selection, step)
    kept = [key for key in flatten(Config()) if key in run and key not in _BESIDE]
    captions = (workdir / data.TOKENIZER_FILE).is_file()
    if "T" in letters(str(run.get("domains", ""))) and not captions:
        raise InputError(f"{workdir / data.TOKENIZER_FILE} is missing: this run reads captions")
    check_tokenizer(workdir, about)
    return {
        "format": EXPORT,
        "format_version": VERSION,
        "config": unflatten_dict({key: run[key] for key in kept}, sep="."),
        "model_title": about.get("title", ""),
        "dataset": run["dataset"],
        "dataset_version": run["version"],
        "fingerprint": run["fingerprint"],
        "rendered": bool(about.get("rendered", False)),
        "licence": _licence(bool(about.get("rendered", False))),
        "fold": run["fold"],
        "test_parts": about.get("test_parts", []),
        "classes": run["classes"],
        "class_prior": about.get("class_prior"),
        "inputs": about.get("test_inputs", []),
        "crop": about.get("crop"),
        **_thresholds(run["classes"], str(run.get("task", "au")), results),
        "selection": selection,
        "step": step,
        "results": results,
        "weights": about.get("weights", {}),
        "normalisation": about.get("normalisation", {}),
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(variables["params"])),
        "commit": about.get("commit", ""),
        "packages": run.get("packages", {}),
        "tokenizer": data.TOKENIZER_FILE if captions else None,
        TOKENIZER_DIGEST: files.digest(workdir / data.TOKENIZER_FILE) if captions else None,
        "arrays": digested_leaves(dict(variables)),
    }


def _thresholds(
    names: Sequence[str], task: str, results: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The probability from which each class counts as present, and where it comes from."""
    if task in facs.SOFTMAX_TASKS:
        return {"thresholds": None, "thresholds_from": "the most probable class counts"}
    if task == "intensity":
        level = f"an intensity of {facs.OCCURS_FROM:g} and above counts in events and drawings"
        return {"thresholds": None, "thresholds_from": level}
    chosen = (results or {}).get("validation_thresholds")
    if chosen:
        return {"thresholds": dict(chosen), "thresholds_from": "best F1 on the validation part"}
    return {"thresholds": dict.fromkeys(names, EVEN), "thresholds_from": str(EVEN)}


def _licence(rendered: bool) -> str:
    return "apache-2.0" if rendered else "the data set's owners decide; see the model card"


def _results(workdir: Path, selection: str, step: int) -> dict[str, Any] | None:
    """The scores of just this checkpoint, None if it was not evaluated; of no single person."""
    kept = (runs.read_file(workdir, name) for name in (runs.RESULTS_FILE, runs.BEST_FILE))
    mine = (some for some in kept if (some.get("selection"), some.get("step")) == (selection, step))
    return _without_persons(next(mine, None))


def _without_persons(results: dict[str, Any] | None) -> dict[str, Any] | None:
    """Results whose people are all of them, and groups of more than one; who they are stays home.

    What is handed on would tell the ids, groups and scores of every person of the test part.
    """
    if not results or not results.get("people"):
        return results
    people = {key: value for key, value in results["people"].items() if key != "subjects"}
    people["groups"] = {
        kind: {name: one for name, one in groups.items() if one["subjects"] > 1}
        for kind, groups in people.get("groups", {}).items()
    }
    return {**results, "people": people}
