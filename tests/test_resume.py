"""The training command killed, terminated, damaged and split over processes, from outside."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from drr_jax.runs.logs import read_metrics

ROOT = Path(__file__).parent.parent
STEPS, EVERY = 30, 5  # checkpoints at 5, 10, ..., 30
SETTINGS = {
    "domains": "RT",  # one ResNet less to compile; a second process cannot use JAX's cache
    "data.image_size": 48,
    "data.batch_size": 8,
    "encoder.width": 4,
    "text.width": 16,
    "text.layers": 1,
    "text.vocabulary": 256,
    "head.embedding": 16,
    "head.projection": 16,
    "graph.width": 16,
    "optim.max_steps": STEPS,
    "optim.warmup_steps": 5,
    "log.every_steps": 1,
    "log.checkpoint_every_steps": EVERY,
    "log.keep_checkpoints": 4,
    "log.eval_every_epochs": 2,  # of 61 tuples: every 15 steps
}
ONE_DEVICE = "--xla_backend_optimization_level=1"  # and not eight; compiled as conftest.py has it
DEADLINE = 480  # seconds for what takes a minute; a hang must not take the whole test run with it


@pytest.fixture(scope="module")
def data_dir(rendered):
    return rendered


def start(data_dir, workdir, environment=None, index="", **changes):
    """Starts the command on one CPU device; stderr goes to a file beside the workdir."""
    settings = SETTINGS | {"data.data_dir": data_dir} | changes
    pairs = ",".join(f"{key}={value}" for key, value in settings.items())
    with open(f"{workdir}{index and '.'}{index}.stderr", "w") as stderr:
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "drr_jax.main", "--mode=train"),
                f"--config={ROOT}/launch/reactionet.py:demo,{pairs}",
                f"--workdir={workdir}",
            ],
            env=os.environ | {"XLA_FLAGS": ONE_DEVICE} | (environment or {}),
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )


def finish(process, workdir, code=0):
    try:
        found = process.wait(timeout=DEADLINE)
    finally:
        process.kill()
    said = Path(f"{workdir}.stderr").read_text()
    assert found == code, said
    assert "Traceback" not in said
    return said


def wait_until(condition, process):
    limit = time.monotonic() + DEADLINE
    while not condition():
        assert process.poll() is None, "it ended before the moment to stop it"
        assert time.monotonic() < limit
        time.sleep(0.005)


def rows(workdir):
    """All that was logged, but for the speed."""
    found = read_metrics(workdir)
    for row in found:
        row.pop("steps_per_second", None)
    return found


def steps(workdir):
    return sorted(int(path.name) for path in (workdir / "checkpoints").iterdir())


@pytest.fixture(scope="module")
def undisturbed(data_dir, tmp_path_factory):
    """The workdir of a run that nobody stopped."""
    workdir = tmp_path_factory.mktemp("undisturbed") / "run"
    finish(start(data_dir, workdir), workdir)
    assert [row["step"] for row in rows(workdir) if "loss" in row] == list(range(1, STEPS + 1))
    return workdir


def test_kill_and_terminate_leave_the_run_bit_for_bit(data_dir, undisturbed, tmp_path):
    workdir = tmp_path / "run"
    events = workdir / "tensorboard"
    at = random.randint(1, 18)
    print(f"SIGKILL after step {at}")

    process = start(data_dir, workdir)
    metrics = workdir / "metrics.jsonl"
    wait_until(lambda: metrics.exists() and metrics.read_bytes().count(b"\n") >= at, process)
    process.kill()
    assert process.wait() == -signal.SIGKILL

    process = start(data_dir, workdir)
    wait_until(lambda: len(list(events.iterdir())) == 2, process)  # it is about to take a step
    process.send_signal(signal.SIGTERM)
    said = finish(process, workdir, code=75)
    stopped = steps(workdir)[-1]
    assert f"pre-empted: step {stopped} saved" in said
    assert 0 < stopped < STEPS
    so_far = json.loads((workdir / "run.json").read_text())["seconds"]

    process = start(data_dir, workdir)
    assert f"going on after step {stopped} of {STEPS}" in finish(process, workdir)
    assert len(list(events.iterdir())) == 3
    assert rows(workdir) == rows(undisturbed)
    assert steps(workdir)[-1] == STEPS
    assert json.loads((workdir / "run.json").read_text())["seconds"] > so_far > 0


def test_a_flipped_bit_costs_the_steps_since_the_checkpoint_before(data_dir, undisturbed):
    """Goes on in the finished run: the last one is damaged, so its last steps are done again."""
    before, (previous, newest) = rows(undisturbed), steps(undisturbed)[-2:]
    assert (previous, newest) == (STEPS - EVERY, STEPS)
    files = (undisturbed / "checkpoints" / str(newest) / "state").rglob("d/*")
    largest = max(files, key=lambda path: path.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.write_bytes(content)

    said = finish(start(data_dir, undisturbed), undisturbed)
    [line] = [line for line in said.splitlines() if "damaged" in line]
    assert f"checkpoint {undisturbed / 'checkpoints' / str(newest)} is damaged: " in line
    assert (undisturbed / "damaged" / f"{newest}-0").is_dir()
    assert rows(undisturbed) == before
    assert steps(undisturbed)[-2:] == [previous, newest]


@pytest.mark.parametrize(
    "key, value, said", [("seed", 1, "seed was 0, is 1"), ("data.batch_size", 4, "was 8, is 4")]
)
def test_another_run_in_the_same_workdir_is_refused(data_dir, undisturbed, key, value, said):
    before = (undisturbed / "record.json").read_bytes(), rows(undisturbed), steps(undisturbed)
    process = start(data_dir, undisturbed, **{key: value})
    line = finish(process, undisturbed, code=2).strip()
    assert line.startswith(f"error: --workdir={undisturbed} holds a different run: {key} ")
    assert said in line and "--allow_config_change" in line and "\n" not in line
    after = (undisturbed / "record.json").read_bytes(), rows(undisturbed), steps(undisturbed)
    assert after == before


def start_two(data_dir, workdir, **changes):
    """Two processes, each with one device and half of every batch."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    variables = {"JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}", "JAX_NUM_PROCESSES": "2"}
    return [
        start(data_dir, workdir, variables | {"JAX_PROCESS_ID": index}, index=index, **changes)
        for index in "01"
    ]


def test_two_processes_lose_as_one(data_dir, undisturbed, tmp_path):
    """Only the order of sums differs."""
    workdir = tmp_path / "run"
    settings = {"optim.max_steps": 5, "log.checkpoint_seconds": 0.001}
    for index, process in enumerate(start_two(data_dir, workdir, **settings)):
        finish(process, f"{workdir}.{index}")
    one, two = rows(undisturbed), rows(workdir)
    assert [row["step"] for row in two] == [1, 2, 3, 4, 5, 5]  # and the test part's scores
    for name in (name for name in one[0] if name.startswith("loss")):
        found, expected = ([row[name] for row in run[:5]] for run in (two, one))
        assert found == pytest.approx(expected, rel=1e-4)
    assert steps(workdir) == [3, 5]  # 3 by the clock: two steps after process 0 looked
    assert json.loads((workdir / "run.json").read_text())["device"].startswith("2 x ")


def test_a_lost_process_ends_the_other_and_both_go_on(data_dir, tmp_path):
    workdir = tmp_path / "run"
    settings = {"mesh.hosts": 1, "mesh.devices": 2, "mesh.heartbeat_seconds": 8}
    settings |= {"encoder.backbone": "vit_s16", "encoder.depth": 1}  # which compiles fast
    settings |= {"log.checkpoint_every_steps": 30, "log.eval_every_epochs": 1000}
    settings |= {"optim.max_steps": 90}
    main, other = start_two(data_dir, workdir, **settings)
    wait_until((workdir / "checkpoints" / "30").exists, main)
    other.kill()
    other.wait()
    said = finish(main, f"{workdir}.0", code=75).splitlines()
    assert said[-1].startswith("lost process 1 of 2: killed, or cut off")
    assert not [line for line in said if "coordination" in line]
    for index, process in enumerate(start_two(data_dir, workdir, **settings)):
        said = finish(process, f"{workdir}.{index}")
        assert ("devices: 1 host x 2 cpu, 2 processes\n" in said) == (index == 0)
    assert [row["step"] for row in rows(workdir)] == [*range(1, 91), 90]  # and the test part's
    assert steps(workdir) == [30, 60, 90]
