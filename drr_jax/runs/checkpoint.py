"""Checkpoints: asynchronous, the latest few and the best one, and none trusted unchecked.

Orbax writes them. What it does not do is here: a digest of every shard, falling back to an older
checkpoint when the newest is damaged, and one line for a full disk.
"""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from absl import logging
from flax.traverse_util import unflatten_dict
from orbax.checkpoint import checkpoint_managers

from drr_jax import files
from drr_jax.errors import InputError
from drr_jax.runs import record, together
from drr_jax.runs.checkpoint_errors import check_same_model, written
from drr_jax.runs.digest import (
    METADATA,
    SHARDS,
    Copy,
    Manifest,
    damage,
    describe_leaves,
    read_manifest,
)
from drr_jax.runs.orbax_quirks import (
    Manager,
    SaveManifest,
    one_line,
    read_arrays,
    read_some_arrays,
    silence,
)

LATEST, BEST, DAMAGED = "checkpoints", "best", "damaged"
STATE, MANIFEST = "state", "manifest"  # the two items of a checkpoint


class Checkpoints:
    """The checkpoints of one workdir: <workdir>/checkpoints/STEP and <workdir>/best/STEP.

    A state is a pytree of arrays (a flax.struct dataclass too). On many processes each calls every
    method, at the same steps.
    """

    def __init__(self, workdir: str | Path, keep: int = 3, read_only: bool = False) -> None:
        """Touches no file: folders are made at the first save.

        `keep` is the number of latest checkpoints to keep; with `read_only` (evaluation,
        prediction) damaged checkpoints are passed over but stay where they are.
        """
        self.workdir = Path(workdir).absolute()
        self.keep = keep
        self.read_only = read_only
        self._managers: dict[str, Manager] = {}
        self._told: set[Path] = set()
        silence()

    def steps(self, kind: str = LATEST) -> list[int]:
        """Returns the steps of all finished checkpoints, damaged or not, oldest first."""
        folder = self.workdir / kind
        if not folder.is_dir():
            return []
        return sorted(int(path.name) for path in folder.iterdir() if path.name.isdecimal())

    def best_score(self) -> float | None:
        """The score of the best checkpoint, None if there is none.

        F1, accuracy or ICC, by the task; its manifest calls all of them f1. Raises InputError on
        all processes if its manifest is damaged: a worse one must not take its place.
        """

        def read() -> float | None:
            for step in self.steps(BEST)[-1:]:
                stored, problem = self._whole_manifest(BEST, step)
                if problem:
                    raise self._damaged_best(step, problem)
                return float(stored["facts"]["f1"])
            return None

        return together.from_main(read)

    def seal(self, kind: str, step: int) -> str:
        """The digest of a checkpoint's manifest, "" if it cannot be read."""
        return self._whole_manifest(kind, step)[0].get("crc32", "")

    def save(self, step: int, state: Any) -> None:
        """Starts saving `state`; returns once it is copied, so that it may be donated.

        A step that is already saved is left alone. Raises InputError if this or the previous save
        fails (full disk, read-only folder); the older checkpoints then stay as they are.
        """
        self.wait()
        if together.everywhere(step not in self.steps()):
            self._save(LATEST, step, state, {"step": step})

    def save_best(self, step: int, state: Any, score: float) -> bool:
        """Saves `state` as the best one if `score` is above the best so far, and says whether.

        Raises InputError as `save` does.
        """
        self.wait()
        best = self.best_score()
        if best is not None and not together.from_main(lambda: score > best):
            return False
        if together.from_main(partial(self._remove_later, step)) and BEST in self._managers:
            self._managers[BEST].reload()
        self._save(BEST, step, state, {"step": step, "f1": float(score)})
        return True

    def restore(self, abstract_state: Any) -> tuple[Any, int] | None:
        """Returns (state, step) of the newest checkpoint that is whole, None if there is none.

        `abstract_state` holds jax.ShapeDtypeStructs with shardings, which need not be those it was
        saved under. A damaged checkpoint costs a warning line and is moved to <workdir>/damaged.
        Raises InputError if all checkpoints are damaged, or one holds another model.
        """
        self.wait(LATEST)
        self._name_half_written()
        steps = together.from_main(self.steps)
        read = partial(self._read, LATEST, abstract_state=abstract_state)
        found = self._newest(LATEST, steps, read, ", or start again with another --workdir")
        later = [step for step in reversed(steps) if found is not None and step > found[1]]
        if later and not self.read_only:  # damaged, and in the way of the steps to come
            for step in later:
                together.from_main(partial(self._move_damaged, step))
            if LATEST in self._managers:
                self._managers[LATEST].reload()
        return found

    def restore_best(self, abstract_state: Any) -> tuple[Any, int] | None:
        """Returns (state, step) of the best checkpoint, None if there is none.

        Raises InputError if it is damaged or holds another model.
        """
        self.wait(BEST)
        for step in together.from_main(partial(self.steps, BEST))[-1:]:
            state, problem = self._read(BEST, step, abstract_state)
            if problem:
                raise self._damaged_best(step, problem)
            return state, step
        return None

    def read_model(self, kind: str) -> tuple[dict[str, Any], int] | None:
        """Returns ({"params", "batch_stats"}, step) of the newest whole checkpoint of `kind`.

        NumPy arrays in the tree they were saved in; the model need not be known. None if there is
        no checkpoint. Raises InputError if all are damaged.
        """

        def read(step: int) -> tuple[Any, str]:
            stored, problem = self._whole_manifest(kind, step)
            if problem:
                return None, problem
            shapes = {
                name: jax.ShapeDtypeStruct(tuple(leaf["shape"]), leaf["dtype"])
                for name, leaf in stored["leaves"].items()
                if name.startswith(("params/", "batch_stats/"))
            }
            wanted = unflatten_dict(shapes, sep="/")
            variables, problem = read_some_arrays(self._path(kind, step) / STATE, wanted)
            problem = problem or damage(variables, stored)
            return None if problem else {"batch_stats": {}, **variables}, problem

        return self._newest(kind, self.steps(kind), read, "")

    def wait(self, kind: str | None = None) -> None:
        """Waits until all saves are on disk. Raises InputError if one failed.

        Before a save, too: two managers that save at once meet at Orbax's barriers, whose names do
        not tell them apart, and on many processes "barrier is already ongoing" ends the run.
        """
        for name, manager in self._managers.items():
            if kind in (None, name):
                with written(self.workdir / name, self.steps):
                    manager.wait_until_finished()

    def idle(self, kind: str) -> bool:
        """Whether nothing of `kind` is being written. Raises InputError if that failed."""
        manager = self._managers.get(kind)
        if manager is None:
            return True
        busy = manager.is_saving_in_progress()
        with written(self.workdir / kind, self.steps):
            manager.check_for_errors()
        return not busy

    def close(self) -> None:
        """Waits as `wait` does and stops Orbax's threads."""
        while self._managers:
            name, manager = self._managers.popitem()
            with written(self.workdir / name, self.steps):
                manager.close()

    def _newest(
        self, kind: str, steps: list[int], read: Callable[[int], tuple[Any, str]], advice: str
    ) -> tuple[Any, int] | None:
        """(content, step) of the newest of `steps` of which `read` gives (content, "").

        None if there is no checkpoint. Raises InputError if all are damaged.
        """
        problems = []
        for step in reversed(steps):
            content, problem = read(step)
            if not problem:
                return content, step
            problems.append(f"{step}: {problem}")
            logging.warning("checkpoint %s is damaged: %s", self._path(kind, step), problem)
        if problems:
            raise InputError(
                f"{self.workdir / kind}: none of its checkpoints can be used "
                f"({'; '.join(problems)}); put back a copy of one{advice}"
            )
        return None

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _path(self, kind: str, step: int) -> Path:
        return self.workdir / kind / str(step)

    def _whole_manifest(self, kind: str, step: int) -> tuple[Manifest, str]:
        """Returns (manifest, "") or ({}, what is wrong): damage, another step's, another run's."""
        path = self._path(kind, step)
        try:
            stored = read_manifest(path / MANIFEST)
        except PermissionError:
            raise
        except (OSError, ValueError) as error:
            return {}, one_line(error, path)
        facts, names = stored["facts"], record.run_names(self.workdir)
        if facts.get("step") != step:
            return {}, f"it is that of step {facts.get('step')}"
        if "run" in facts:
            if names and facts["run"] not in names:
                return {}, "it is of another run (config, fold or data set)"
        elif names and path not in self._told:
            self._told.add(path)
            logging.warning(
                "checkpoint %s is of an earlier version: of which run, is unknown", path
            )
        return stored, ""

    def _manager(self, kind: str) -> Manager:
        if kind not in self._managers:
            policy = checkpoint_managers.preservation_policy
            options = ocp.CheckpointManagerOptions(
                preservation_policy=policy.LatestN(self.keep if kind == LATEST else 1),
                cleanup_tmp_directories=True,
                lightweight_initialize=True,  # a damaged old checkpoint must not stop us here
            )
            self._managers[kind] = Manager(self.workdir / kind, options=options)
        return self._managers[kind]

    def _save(self, kind: str, step: int, state: Any, facts: dict[str, Any]) -> None:
        if self.read_only:
            raise ValueError(f"{self.workdir} was opened read-only")
        for name in record.run_names(self.workdir)[:1]:
            facts["run"] = name
        copy, index = Copy(state), jax.process_index()

        def make() -> tuple[str, str] | None:
            if index == 0:
                return METADATA, json.dumps(copy.manifest(facts))
            added = copy.others()
            return (f"{SHARDS}{index}", json.dumps(added)) if added["leaves"] else None

        about = SaveManifest(make)
        args = ocp.args.Composite(**{STATE: ocp.args.StandardSave(state), MANIFEST: about})
        with written(self.workdir / kind, self.steps):
            # What to save, and when, is the training loop's decision.
            self._manager(kind).save(step, args=args, force=True)

    def _read(self, kind: str, step: int, abstract_state: Any) -> tuple[Any, str]:
        """Returns (state, "") or (None, what is wrong), the same on all processes."""
        path, state = self._path(kind, step), None
        stored, problem = self._whole_manifest(kind, step)
        if not problem:
            check_same_model(path, describe_leaves(abstract_state), stored)
            state, problem = read_arrays(path / STATE, abstract_state)
        if not together.everywhere(not problem):
            return None, problem or "another process could not read it"
        problem = damage(state, stored)
        if not problem and (trained := int(getattr(state, "step", step))) != step:
            problem = f"its state is that of step {trained}"
        if not together.everywhere(not problem):
            return None, problem or "another process read other bytes"
        return state, ""

    def _name_half_written(self) -> None:
        """Warns of saves that were interrupted; Orbax removes them at the first save."""
        for kind in (LATEST, BEST):
            for part in sorted((self.workdir / kind).glob("*.orbax-checkpoint-tmp*")):
                path = part.with_name(part.name.partition(".")[0])
                logging.warning("checkpoint %s was left half written and is not used", path)

    def _damaged_best(self, step: int, problem: str) -> InputError:
        return InputError(
            f"checkpoint {self._path(BEST, step)} is damaged: {problem}; put back a copy, or "
            "remove that folder to go on without a best checkpoint"
        )

    def _remove_later(self, first: int) -> bool:
        """Removes best ones from step `first` on, and says whether there was any.

        One that is not the highest would be the first that Orbax removes.
        """
        later = [self._path(BEST, step) for step in self.steps(BEST) if step >= first]
        for path in later:
            part = path.with_name(f"{path.name}{files.PART}")  # no step's name, should we die now
            shutil.rmtree(part, ignore_errors=True)
            shutil.rmtree(path.rename(part))
        return bool(later)

    def _move_damaged(self, step: int) -> None:
        folder = self.workdir / DAMAGED
        folder.mkdir(exist_ok=True)
        number = len(list(folder.glob(f"{step}-*")))
        self._path(LATEST, step).rename(folder / f"{step}-{number}")


def abstract(state: Any, shardings: Any) -> Any:
    """Returns what `restore` needs: shapes and types of `state` under `shardings`."""
    return jax.tree.map(
        lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
        state,
        shardings,
    )
