"""Training: the loop around the step, which is in step.py."""

import dataclasses
import math
import sys
from collections.abc import Mapping
from pathlib import Path

import jax
from jaxtyping import Array

from drr_jax import data, runs
from drr_jax.errors import InputError
from drr_jax.runs import Checkpoints, Metrics, abstract, progress
from drr_jax.stops import Stopped
from drr_jax.training.clock import Clock, Rate
from drr_jax.training.described import describe_run, note_time
from drr_jax.training.done import was_evaluated
from drr_jax.training.experiment import Experiment
from drr_jax.training.held_out import make_scores
from drr_jax.training.patience import evaluated_every, is_over
from drr_jax.training.profile import Profile
from drr_jax.training.rows import Rows
from drr_jax.training.step import Terms, make_gradients, make_step
from drr_jax.weights import RANDOM, assumptions, describe_origins


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


def train(
    experiment: Experiment, workdir: Path, allow_change: bool = False, clock: Clock | None = None
) -> None:
    """Trains to the last step, or till `optim.patience` is out, going on from the newest whole
    checkpoint in `workdir`.

    Evaluates the test part, or with selection=validation that part, every `log.eval_every_epochs`
    and at the end, keeps the latest checkpoints and the best. The caller holds the folder's lock
    (`runs.only_one`). `clock` has the times of what went before; run.json gets all of them. Raises
    Stopped after SIGTERM or Ctrl-C, when all is saved, and InputError if the workdir holds another
    run or a loss term is not finite.
    """
    config, log, clock = experiment.config, experiment.config.log, clock or Clock()
    clock.enter("init")
    origins = _claim(experiment, workdir, allow_change)
    eval_every = evaluated_every(experiment)
    with Checkpoints(workdir, log.keep_checkpoints) as checkpoints:
        checkpoints.best_score()  # if it cannot be read, that is found before any step
        restored = checkpoints.restore(abstract(experiment.abstract_state, experiment.shardings))
        state, first = restored if restored else (experiment.init(), 0)
        if restored and runs.is_main_process():
            print(f"going on after step {first} of {experiment.steps}", file=sys.stderr)
        best = runs.from_main(lambda: max(checkpoints.steps(runs.BEST), default=first))
        describe_run(experiment, workdir, origins)
        before = runs.read_file(workdir, runs.RUN_FILE)
        # With selection=validation the test part stays unseen until the run is done.
        held_out = "validation" if config.selection == "validation" else "test"
        score = make_scores(experiment, held_out, clock)
        step, batches = make_step(experiment, clock), experiment.train_batches(first)
        gradients_of = make_gradients(experiment, clock) if log.gradients_every else None
        bar = progress(experiment.steps, first, f"fold {experiment.fold.number}")
        metrics = Metrics(workdir, first, runs.open_tracker(config, workdir))
        rows = Rows(metrics, lambda: checkpoints.idle(runs.BEST))
        by_clock, profile = runs.Appointment(log.checkpoint_seconds), Profile(workdir, log, clock)
        done = first  # the step that `state` is of
        running: Terms | None = None  # terms of that step, not yet looked at
        gradients: Terms | None = None  # of the loss of that step, if they are asked for
        rate = Rate(clock, first)

        def settle() -> None:
            nonlocal running, gradients
            if running is None:
                return
            terms, running, shown, gradients = running, None, gradients, None
            with clock.within("step"), jax.transfer_guard("disallow"):
                values = check_finite(done, terms, checkpoints)
            clock.step_done()
            bar.set_postfix(loss=f"{values['loss']:.3f}", refresh=False)
            if done % log.every_steps == 0 or done == experiment.steps:
                epoch = done / experiment.steps_per_epoch
                rows.write(done, {"epoch": epoch, **values, "steps_per_second": rate(done)})
            if shown is not None:
                found = {name: float(value) for name, value in jax.device_get(shown).items()}
                rows.write(done, {name: x for name, x in found.items() if math.isfinite(x)})

        def assess() -> None:
            """Scores the state, at some steps; its row says that the best one is saved, too."""
            nonlocal best
            if not done or not (done == experiment.steps or done % eval_every == 0):
                return
            settle()
            with clock.within("evaluation"):
                result = score(state)
            with clock.within("checkpoint"):
                if checkpoints.save_best(done, state, result.score):
                    best = done
            rows.write(done, result.logged())

        def save() -> None:
            settle()
            with clock.within("checkpoint"):
                checkpoints.wait()
                rows.flush()  # before a checkpoint of later steps is there
                checkpoints.save(done, state)
                note_time(workdir, clock.told(before))
            by_clock.kept()

        clock.enter("host")
        try:
            if not was_evaluated(workdir, first):
                assess()
            while not is_over(experiment, done, best):
                profile.before(done)
                with clock.within("input"):
                    batch = next(batches)
                with clock.within("step"), jax.profiler.StepTraceAnnotation("train", step_num=done):
                    found = None
                    if gradients_of and (done + 1) % log.gradients_every == 0:
                        found = gradients_of(state, batch)  # before the step takes the state
                    after, terms = step(state, batch)
                settle()  # looks at the step before while this one runs
                state, done, running, gradients = after, done + 1, terms, found
                profile.after(done, state)
                bar.update()
                runs.look()
                assess()
                due = by_clock.is_due(done) or is_over(experiment, done, best)
                if due or done % log.checkpoint_every_steps == 0:
                    save()
            with clock.within("checkpoint"):
                checkpoints.wait()
                rows.flush()  # of a start that had an evaluation alone to make
        except Stopped:
            if not done:
                raise
            save()
            with clock.within("checkpoint"):
                checkpoints.wait()
            raise Stopped(f"step {done} saved") from None
        finally:
            profile.close()
            batches.close()
            bar.close()
            try:
                rows.write_ready()
            finally:
                metrics.close()
    early = {"stopped": done} if done < experiment.steps else {}
    note_time(workdir, {**clock.told(before), **early})


def _claim(experiment: Experiment, workdir: Path, allow_change: bool) -> dict[str, str]:
    """Makes the folder that of this run, or finds that it is; what its encoders start from."""
    origins: dict[str, str] = {}
    if not Checkpoints(workdir).steps():  # wrong weights are found before anything is written
        origins = describe_origins(experiment.starting_weights, experiment.model.encoder_domains)
    runs.check_record(workdir, experiment.identity, allow_change)
    runs.say_devices()
    if not runs.is_main_process():
        return origins
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
        if experiment.config.data.balance and experiment.config.loss.class_weights:
            print(
                "warning: data.balance draws rare classes more often and loss.class_weights weighs "
                "them more: together they correct twice; one of them is enough",
                file=sys.stderr,
            )
        for assumed in assumptions(experiment.config):
            print(f"warning: {assumed}", file=sys.stderr)
    return origins
