"""Where the time of a run goes; and its loop does not compile twice nor move arrays unasked."""

import collections
import gzip
import json
import logging

import jax
import numpy as np
import pytest
import small_run

from drr_jax import main, runs, training
from drr_jax.errors import InputError
from drr_jax.runs import appointment
from drr_jax.training import clock, held_out, loop, scoring

CHANGES = {"domains": "R", "graph.enabled": "off", "contrast.enabled": "off"}
STEPS = 4


def command(rendered, workdir, **changes):
    config = small_run.config(rendered, **CHANGES | {"optim.max_steps": STEPS} | changes)
    return main.parse(["main", f"--config={config}", f"--workdir={workdir}", "--mode=train"])


@pytest.fixture(scope="module")
def parts(rendered):
    return small_run.experiment(command(rendered, "x").config)


@pytest.fixture(scope="module")
def compiled(rendered, tmp_path_factory):
    """A run that is trained and evaluated, and what was compiled in it, a line for each program."""
    workdir, said = tmp_path_factory.mktemp("clock") / "run", []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    log = {"log.every_steps": 1, "log.profile_steps": "1:3", "log.checkpoint_seconds": 1e-9}
    asked = command(rendered, workdir, **log, **{"log.keep_checkpoints": 9})
    logging.getLogger("jax").addHandler(handler)
    try:
        with jax.log_compiles():
            started = training.Clock(imported=1.5)
            training.run_stages(asked.config, workdir, clock=started)
    finally:
        logging.getLogger("jax").removeHandler(handler)
    return workdir, [line for line in said if line.startswith("Compiling ")]


def test_nothing_is_compiled_twice(compiled):
    counted = collections.Counter(compiled[1])
    assert [line for line, number in counted.items() if number > 1] == []
    for name in ("step", "_score", "initial_state"):
        assert len([line for line in counted if f"jit({name})" in line]) == 1, name


def test_every_second_of_a_run_has_its_phase(compiled):
    about = runs.read_file(compiled[0], runs.RUN_FILE)
    assert set(about["time"]) == {*training.START, *training.LOOP}
    assert about["time"]["import"] == about["start"]["import"] == 1.5
    for phase in ("data", "init", "compile", "step", "evaluation", "checkpoint"):
        assert about["time"][phase] > 0, phase
    loop_seconds = sum(about["time"][phase] for phase in ("compile", *training.LOOP))
    assert about["seconds"] == pytest.approx(loop_seconds, abs=0.01)
    before_steps = sum(about["start"][phase] for phase in training.START)
    assert about["start"]["until_first_step"] > before_steps - 0.01
    rows = [row for row in runs.read_metrics(compiled[0]) if "loss" in row]
    # The first row's step was compiled, the last one's evaluated, which is not in its rate.
    of_steps = sum(about["time"][phase] for phase in clock.STEPS)
    assert sum(1 / row["steps_per_second"] for row in rows) <= of_steps + 0.01


def test_checkpoints_by_the_clock(compiled):
    folder = compiled[0] / "checkpoints"
    assert sorted(int(path.name) for path in folder.iterdir()) == list(range(1, STEPS + 1))


def test_a_profile_has_the_steps(compiled):
    [trace] = (compiled[0] / "trace").rglob("*.trace.json.gz")
    events = json.loads(gzip.decompress(trace.read_bytes()))["traceEvents"]
    names = collections.Counter(event.get("name") for event in events)
    assert names["train"] == 2 and names["input"] >= 2 and names["checkpoint"] >= 1


@pytest.mark.parametrize("text", ["100", "5:5", "-1:2", "a:b"])
def test_a_wrong_span_of_steps_is_refused(rendered, text):
    with pytest.raises(InputError, match=r"log\.profile_steps=.*as in 100:105"):
        command(rendered, "x", **{"log.profile_steps": text})


def test_a_step_moves_nothing_that_it_is_not_asked_to(parts):
    batches = parts.train_batches(0)
    batch = next(batches)
    batches.close()
    assert all(batch[name].dtype == np.uint8 for name in parts.model.train_inputs)
    step = loop.make_step(parts)
    state, _ = step(parts.init(), batch)
    on_the_host = {name: np.asarray(value) for name, value in batch.items()}
    with pytest.raises(Exception, match="Disallowed host-to-device transfer"):
        step(state, on_the_host)


def test_scores_alone_are_those_of_all_predictions_and_are_fetched_once(parts, monkeypatch):
    state = parts.init()
    whole = held_out.make_evaluation(parts)(state)
    fetched, get = [], jax.device_get
    monkeypatch.setattr(jax, "device_get", lambda tree: fetched.append(tree) or get(tree))
    monkeypatch.setattr(scoring, "Predicted", pytest.fail)
    scores = held_out.make_scores(parts, "test", clock.Clock())(state)
    assert (scores.summary, scores.loss) == (whole.summary, whole.loss)
    assert len(parts.fold.source("test")) > parts.config.data.batch_size  # several batches
    assert len(fetched) == 2  # losses; counts
    monkeypatch.undo()
    monkeypatch.setattr(scoring, "FETCHED", 1)
    again = held_out.make_evaluation(parts)(state)
    np.testing.assert_array_equal(again.probability, whole.probability)
    assert again.loss == whole.loss


def test_predictions_that_are_no_numbers_are_no_score(parts):
    """No label is above NaN: "no" would be right for most."""
    state = parts.init()
    spoilt = jax.tree.map(lambda leaf: leaf * np.nan, state.params)
    with pytest.raises(InputError, match="evaluation: the model's predictions are not numbers"):
        held_out.make_scores(parts, "test", clock.Clock())(state.replace(params=spoilt))


def test_more_predictions_than_are_kept_are_refused_before_any_device(rendered, monkeypatch):
    monkeypatch.setattr(scoring, "MOST_KEPT", 10)
    with pytest.raises(InputError, match=r"at most 10 probabilities are kept"):
        small_run.experiment(command(rendered, "x").config)


def test_a_clock_counts_every_second_once_and_adds_to_the_starts_before(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(clock.time, "monotonic", lambda: now[0])
    ours = clock.Clock(imported=2.0)

    def wait(seconds):
        now[0] += seconds

    wait(1)
    ours.enter("host")
    with ours.within("evaluation"):
        wait(5)
        with ours.within("compile"):  # taken out of the evaluation
            wait(7)
    rate = clock.Rate(ours, 10)
    for seconds in (0.5,) * (clock.WARM_UP + 3):
        with ours.within("step"):
            wait(seconds)
        ours.step_done()
    with ours.within("checkpoint"):
        wait(9)
    assert rate(10 + clock.WARM_UP + 3) == pytest.approx(2.0)
    told = ours.told({"time": {"step": 100.0, "import": 1.0}, "seconds": 50.0})
    assert told["time"]["evaluation"] == 5 and told["time"]["compile"] == 7
    assert told["time"]["step"] == 104 and told["time"]["import"] == 3
    assert told["seconds"] == 50 + 5 + 7 + 4 + 9
    assert told["step_seconds"] == 0.5
    assert told["start"]["until_first_step"] == 2 + 1 + 12 + 0.5


def test_all_processes_hear_of_a_step_before_they_come_to_it(monkeypatch):
    stored, turn = {}, [0]

    class Store:
        def key_value_set(self, key, value):
            assert key not in stored
            stored[key] = value

        def key_value_try_get(self, key):
            if key not in stored:
                raise jax.errors.JaxRuntimeError("NOT_FOUND")
            return stored[key]

    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(appointment, "is_main_process", lambda: turn[0] == 0)
    monkeypatch.setattr(appointment.global_state, "client", Store())
    kept = []
    for process in (0, 1):  # the second one runs behind, and hears the same
        turn[0] = process
        monkeypatch.setattr(appointment, "_numbers", iter(range(99)))
        ours = runs.Appointment(1e-9)
        kept.append([step for step in range(1, 12) if ours.is_due(step)])
    assert kept[0] == [3, 6, 9] and set(kept[1]) <= {3, 6, 9}
    assert not any(runs.Appointment(0).is_due(step) for step in range(9))
