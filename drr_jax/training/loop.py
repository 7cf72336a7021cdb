"""Training: the loop around the step, which is in step.py."""

import dataclasses
import math
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from drr_jax import data, files, models, runs
from drr_jax.errors import InputError
from drr_jax.runs import Checkpoints, Metrics, abstract, progress
from drr_jax.stops import Stopped
from drr_jax.training import evaluation as evaluate
from drr_jax.training.done import was_evaluated
from drr_jax.training.experiment import Experiment
from drr_jax.training.step import Terms, make_step
from drr_jax.weights import RANDOM, TOKENIZER_DIGEST, assumptions, describe_origins, normalisations

WARM_UP = 5  # steps not timed: the first one compiles, and the next find nothing prefetched


def check_finite(step: int, terms: Mapping[str, Array], checkpoints: Checkpoints) -> dict:
    """Returns the terms as Python floats. Raises InputError naming the first that is not finite."""
    values = {name: float(value) for name, value in jax.device_get(dict(terms)).items()}
    # The terms before their sum, so that the message names the one that broke.
    for name in sorted(values, key=lambda name: name == "loss"):
        if not math.isfinite(values[name]):
            checkpoints.wait()
            saved = checkpoints.steps()
            kept = f"checkpoint {saved[-1]} is the last good one" if saved else "none was saved yet"
            raise InputError(
                f"step {step}: {name} is {values[name]}, training stopped; {kept} in "
                f"{checkpoints.workdir}; "
                "try a lower optim.lr or a longer optim.warmup_steps with another --workdir"
            )
    return values


def train(experiment: Experiment, workdir: Path, allow_change: bool = False) -> None:
    """Trains to the last step, going on from the newest whole checkpoint in `workdir`.

    Evaluates the test part, or with selection=validation that part, every `log.eval_every_epochs`
    and at the end, keeps the latest checkpoints and the best. The caller holds the folder's lock
    (`runs.only_one`). Raises Stopped after SIGTERM or Ctrl-C, when all is saved, and InputError if
    the workdir holds another run or a loss term is not finite.
    """
    log = experiment.config.log
    origins: dict[str, str] = {}
    if not Checkpoints(workdir).steps():  # wrong weights are found before anything is written
        origins = describe_origins(experiment.starting_weights, experiment.model.encoder_domains)
    runs.check_record(workdir, experiment.identity, allow_change)
    if runs.is_main_process():
        runs.write_file(workdir, runs.CONFIG_FILE, dataclasses.asdict(experiment.config))
        if "T" in experiment.model.encoder_domains:
            data.save_tokenizer(experiment.tokenizer, workdir / data.TOKENIZER_FILE)
        if origins:
            said = "; ".join(f"{domain}: {what}" for domain, what in origins.items())
            print(f"encoders start from {said}", file=sys.stderr)
            images = {what for domain, what in origins.items() if domain != "T"}
            if RANDOM in images and experiment.config.optim.name == "sgd":
                print(
                    "warning: from random numbers SGD may stay at F1 0 for thousands of steps "
                    "(docs/results.md); model.encoders.R.weights=... starts from weights",
                    file=sys.stderr,
                )
            for assumed in assumptions(experiment.config):
                print(f"warning: {assumed}", file=sys.stderr)
    eval_every = max(1, round(log.eval_every_epochs * experiment.steps_per_epoch))
    with Checkpoints(workdir, log.keep_checkpoints) as checkpoints:
        checkpoints.best_score()  # if it cannot be read, that is found before any step
        restored = checkpoints.restore(abstract(experiment.abstract_state, experiment.shardings))
        state, first = restored if restored else (experiment.init(), 0)
        describe_run(experiment, workdir, origins)
        earlier = runs.read_file(workdir, runs.RUN_FILE).get("seconds", 0.0)
        # With selection=validation the test part stays unseen until the run is done.
        held_out = "validation" if experiment.config.selection == "validation" else "test"
        test = evaluate.make_evaluation(experiment, held_out)
        step_function = make_step(experiment)
        started, batches = time.monotonic(), experiment.train_batches(first)
        bar = progress(experiment.steps, first, f"fold {experiment.fold.number}")
        metrics = Metrics(workdir, first, runs.open_tracker(experiment.config, workdir))
        done = first  # the step that `state` is of
        running: Terms | None = None  # terms of that step, not yet looked at
        ends: list[float] = []  # when steps were done

        def settle() -> None:
            nonlocal running
            if running is None:
                return
            terms, running = running, None
            values = check_finite(done, terms, checkpoints)
            bar.set_postfix(loss=f"{values['loss']:.3f}", refresh=False)
            if done % log.every_steps == 0 or done == experiment.steps:
                epoch = done / experiment.steps_per_epoch
                rate = (done - first) / (time.monotonic() - started)
                metrics.write(done, {"epoch": epoch, **values, "steps_per_second": rate})

        def assess() -> None:
            """Evaluates the state, at some steps; its row says that the best one is saved, too."""
            if not done or not (done == experiment.steps or done % eval_every == 0):
                return
            settle()
            result = test(state)
            checkpoints.save_best(done, state, result.score)
            checkpoints.wait()
            metrics.write(done, result.logged())

        def save() -> None:
            settle()
            checkpoints.save(done, state)
            note_time(workdir, earlier + time.monotonic() - started, median_gap(ends))

        try:
            if not was_evaluated(workdir, first):
                assess()
            while done < experiment.steps:
                batch = next(batches)
                after, terms = step_function(state, batch)
                settle()  # looks at the step before while this one runs
                ends.append(time.monotonic())
                state, done, running = after, done + 1, terms
                bar.update()
                runs.look()
                assess()
                if done == experiment.steps or done % log.checkpoint_every_steps == 0:
                    save()
        except Stopped:
            if not done:
                raise
            save()
            checkpoints.wait()
            raise Stopped(f"step {done} saved") from None
        finally:
            batches.close()
            bar.close()
            metrics.close()


def median_gap(ends: Sequence[float]) -> float | None:
    """Seconds from the end of one step to that of the next, the median without the warm-up.

    Nearly free of the few steps that were followed by an evaluation or a checkpoint. None if the
    run is too short to tell.
    """
    gaps = np.diff(ends[WARM_UP:])
    return float(np.median(gaps)) if len(gaps) else None


def note_time(workdir: Path, seconds: float, step_seconds: float | None) -> None:
    """Puts into run.json the seconds of training over all starts, and a step's in this one."""
    if runs.is_main_process():
        about = runs.read_file(workdir, runs.RUN_FILE)
        about |= {"seconds": seconds, "step_seconds": step_seconds or about.get("step_seconds")}
        runs.write_file(workdir, runs.RUN_FILE, about)


def describe_run(experiment: Experiment, workdir: Path, origins: Mapping[str, str]) -> None:
    """Writes run.json when a run starts or goes on: what the report says of it.

    `origins` is what each domain's encoder started from, empty if the run goes on. `note_time`
    keeps the times.
    """
    if not runs.is_main_process():
        return
    before, devices = runs.read_file(workdir, runs.RUN_FILE), jax.devices()
    fold, config, parameters = experiment.fold, experiment.config, experiment.abstract_state.params
    pieces = workdir / data.TOKENIZER_FILE
    chosen = {  # what auto stands for here
        "precision": jnp.dtype(experiment.model.dtype).name,
        "data.augment_on": experiment.augment_on,
    }
    for key, now in chosen.items():
        if before.get(key, now) != now:
            print(
                f"warning: the run began with {key}={before[key]} and goes on with {key}={now}, on "
                "other devices: not bit for bit",
                file=sys.stderr,
            )
    described = {
        "dataset": fold.prepared.name,
        "version": fold.prepared.version,
        "fingerprint": fold.prepared.fingerprint,
        "rendered": bool(fold.prepared.metadata["rendered"]),
        "fold": fold.number,
        "test_parts": list(fold.test_parts),
        "task": config.task,
        "model": config.model.name,
        "title": models.system_title(config),
        "test_inputs": list(experiment.model.test_inputs),
        "au_names": list(fold.names),
        "class_prior": np.asarray(fold.graph_prior).tolist(),
        "device": f"{len(devices)} x {devices[0].device_kind}",
        **chosen,
        **runs.versions(),
        "commit": runs.commit(),
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(parameters)),
        "steps": experiment.steps,
        "weights": dict(origins) or before.get("weights", {}),
        "normalisation": normalisations(config),
        "crop": before.get("crop") or data.crop_facts(fold),
        TOKENIZER_DIGEST: files.digest(pieces) if pieces.is_file() else None,
        "started": before.get("started", datetime.now(UTC).isoformat(timespec="seconds")),
        "seconds": before.get("seconds", 0.0),
        "step_seconds": before.get("step_seconds"),
    }
    runs.write_file(workdir, runs.RUN_FILE, described)
