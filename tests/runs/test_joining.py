"""How processes come to join, wait, stop and lose each other: on real processes."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from drr_jax.config import Mesh
from drr_jax.errors import InputError
from drr_jax.runs import devices, joining
from drr_jax.runs.rendezvous import Who

GOOD = {
    "JAX_COORDINATOR_ADDRESS": "10.0.0.1:1234",
    "JAX_NUM_PROCESSES": "4",
    "JAX_PROCESS_ID": "3",
}

ROOT = Path(__file__).parents[2]
HELPERS = str(ROOT / "tests" / "helpers")


def environment(**changes):
    plain = {name: value for name, value in os.environ.items() if name not in GOOD}
    return plain | {"PYTHONPATH": f"{HELPERS}{os.pathsep}{ROOT}"} | changes


def test_the_three_variables():
    assert joining.read_variables({}) is None
    assert joining.read_variables(dict.fromkeys(GOOD, "")) is None
    assert joining.read_variables({"JAX_NUM_PROCESSES": "1"}).count == 1
    assert joining.read_variables(GOOD) == Who("10.0.0.1:1234", 4, 3)
    six = joining.read_variables(GOOD | {"JAX_COORDINATOR_ADDRESS": "[::1]:80"})
    assert six.end == ("::1", 80)


@pytest.mark.parametrize("missing", GOOD)
def test_incomplete_variables(missing):
    given = {name: value for name, value in GOOD.items() if name != missing}
    with pytest.raises(InputError, match=f"{missing} is not set beside .*: set all of JAX_COORD"):
        joining.read_variables(given)


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("JAX_NUM_PROCESSES", "two", "JAX_NUM_PROCESSES='two': expected a number"),
        ("JAX_PROCESS_ID", "-1", "JAX_PROCESS_ID='-1': expected a number"),
        ("JAX_PROCESS_ID", "4", "JAX_PROCESS_ID=4: expected 0 to 3, since JAX_NUM_PROCESSES=4"),
        ("JAX_COORDINATOR_ADDRESS", "node1", "'node1': expected HOST:PORT"),
        ("JAX_COORDINATOR_ADDRESS", "node1:http", "'node1:http': expected HOST:PORT"),
        ("JAX_COORDINATOR_ADDRESS", "node1:70000", "'node1:70000': expected HOST:PORT"),
        ("JAX_NUM_PROCESSES", "0", "JAX_NUM_PROCESSES=0: expected at least 1"),
    ],
)
def test_wrong_variables(name, value, message):
    with pytest.raises(InputError) as error:
        joining.read_variables(GOOD | {name: value})
    assert message in str(error.value)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_two_processes_act_as_one(tmp_path):
    variables = {
        "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{free_port()}",
        "JAX_NUM_PROCESSES": "2",
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
    }
    script = f"{HELPERS}/two_processes.py"
    running = [
        subprocess.Popen(
            [sys.executable, script, str(tmp_path)],
            env=environment(**variables, JAX_PROCESS_ID=str(index)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(2)
    ]
    outputs = [process.communicate(timeout=120) for process in running]
    found = []
    for process, (out, err) in zip(running, outputs, strict=True):
        assert process.returncode == 0, err
        assert "Traceback" not in err
        found.append(json.loads(out.splitlines()[-1]))
    rows = np.arange(16.0).reshape(8, 2)
    for index, process in enumerate(found):
        assert process.pop("processes") == [index, 2]
        message = process.pop("refused")
        assert f"--workdir={tmp_path} holds a different run: seed was 0, is 9;" in message
        assert process == {
            "devices": [2, 4],
            "total": (rows * np.arange(1, 9)[:, None]).sum(0).tolist(),
            "everywhere": [True, False],
            "whole": [3, True],
            "fell_back": [2, True],
            "again": [3, True],
            "best": [2, True],
        }


WAITING = """
from drr_jax import supervisor
supervisor.split()
import time
import jax
from drr_jax import errors, stops
from drr_jax.config import Mesh
from drr_jax.runs import joining, together
from jax.experimental import multihost_utils

def main():
    mesh = Mesh(start_seconds=30, heartbeat_seconds=3)
    assert joining.join(mesh) == joining.join()  # a second call does nothing
    with stops.held():
        print(jax.process_count(), jax.distributed.is_initialized(), flush=True)
        while True:
            multihost_utils.sync_global_devices("step")
            time.sleep(0.002)  # a step waits for its devices; Python 3.11 may need it to hear
            together.look()

errors.run(main, together=True)
"""
SLURM = {  # of a job of one task
    "SLURM_JOB_ID": "4711",
    "SLURM_NTASKS": "1",
    "SLURM_PROCID": "0",
    "SLURM_LOCALID": "0",
    "SLURM_STEP_NODELIST": "127.0.0.1",
}


def waiting(**variables):
    return subprocess.Popen(
        [sys.executable, "-c", WAITING],
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process):
    """stderr of a process that comes to its end, and does not outlive the test."""
    try:
        return process.communicate(timeout=120)[1]
    finally:
        process.kill()


@pytest.mark.parametrize("variables", [{}, SLURM], ids=["plain", "slurm"])
@pytest.mark.parametrize(
    "number, code, said",
    [(signal.SIGTERM, 75, "pre-empted\n"), (signal.SIGINT, 130, "interrupted\n")],
)
def test_one_process_hears_both_signals_and_has_no_service(number, code, said, variables):
    """A service would abort it when it was suspended, with the stack of its heartbeat."""
    if variables:  # JAX makes a port of it, and tests run side by side
        variables = variables | {"SLURM_JOB_ID": str(free_port())}
    with waiting(**variables) as process:
        assert process.stdout.readline() == "1 False\n"
        process.send_signal(number)
        assert ended(process) == said
    assert process.returncode == code


@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_two_processes_stop_together(number, code):
    """One of them hears the signal; the other would wait for it in the next step."""
    one, two = pair()
    with one, two:
        two.send_signal(number)
        said = [ended(process) for process in (one, two)]
    assert (one.returncode, two.returncode) == (75, code), said
    assert "Traceback" not in said[0] + said[1]


def pair(**variables):
    """Two processes that have joined and are at work."""
    variables |= {"JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{free_port()}", "JAX_NUM_PROCESSES": "2"}
    both = [waiting(**variables, JAX_PROCESS_ID=index) for index in "01"]
    for process in both:
        assert process.stdout.readline() == "2 True\n", process.stderr.read()
    return both


def test_a_process_that_is_killed_ends_the_other_in_one_line():
    """Process 0, at once; tests/test_resume.py kills the other, which is missed later."""
    main, other = pair()
    main.kill()
    with main, other:
        said = [ended(process) for process in (main, other)]
    assert (main.returncode, other.returncode) == (-signal.SIGKILL, 75), said
    [line] = said[1].splitlines()
    assert line.startswith("lost process 0 of 2: killed, or cut off")
    assert "start the same command again on all hosts" in line


JOINING = """
from drr_jax import errors, supervisor
supervisor.split()
from drr_jax.config import Mesh
from drr_jax.runs import joining
errors.run(lambda: joining.join(Mesh(start_seconds=1)), together=True)
"""


def test_one_that_never_comes_is_named():
    """Both sides of it, each at an address of its own."""
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    running = [
        subprocess.Popen(
            [sys.executable, "-c", JOINING],
            env=environment(
                JAX_COORDINATOR_ADDRESS=address, JAX_NUM_PROCESSES="2", JAX_PROCESS_ID=str(index)
            ),
            stderr=subprocess.PIPE,
            text=True,
        )
        for index, address in enumerate(addresses)
    ]
    main, other = (ended(process).splitlines() for process in running)
    assert [process.returncode for process in running] == [2, 2]
    assert main[0] == f"waiting for 1 of 2 at {addresses[0]}: process 1"
    assert main[1].startswith(f"error: process 1 of 2 never came to {addresses[0]} in 1 s; start")
    where = f"at {addresses[1]} in 1 s (Connection refused); start process 0"
    assert other[0].startswith("process 1 of 2: waiting for process 0 at ")
    assert other[1].startswith(f"error: process 1 of 2 found no process 0 {where}")
    assert len(main) == len(other) == 2


@pytest.mark.parametrize(
    "variables, said",
    [
        (
            {"SLURM_NTASKS": "2", "SLURM_PROCID": "0"},
            "SLURM_NTASKS=2, .* put srun in front",
        ),
        (
            {"SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "1"},
            "STEP_NUM_TASKS=2, .*pass all on",
        ),
        ({"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "1"}, "OMPI_COMM_WORLD_SIZE=2, but"),
        ({"PMI_SIZE": "4"}, "PMI_SIZE=4, .* set JAX_COORDINATOR_ADDRESS"),
        ({"TPU_WORKER_HOSTNAMES": "a,b", "TPU_WORKER_ID": "0"}, "=a,b, .* package libtpu"),
        (
            {"JOB_COMPLETION_INDEX": "0", "KUBERNETES_SERVICE_HOST": "10.0.0.1"},
            "JOB_COMPLETION_INDEX=0, .* the package kubernetes, pip install 'jax\\[k8s\\]'",
        ),
    ],
)
def test_half_a_cluster_does_not_run_alone(variables, said, monkeypatch):
    for name in list(os.environ):
        if name.startswith(("SLURM", "OMPI", "PMI", "JAX_NUM", "TPU_W", "JOB_", "KUBERNETES")):
            monkeypatch.delenv(name)
    assert joining._ask_cluster(1) is None
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=said) as error:
        joining._ask_cluster(1)
    assert "JAX_NUM_PROCESSES=1 if it is meant to be alone" in str(error.value)


def test_a_step_of_slurm_is_found(monkeypatch):
    step = SLURM | {"SLURM_STEP_NUM_TASKS": "2", "SLURM_NTASKS": "2", "SLURM_PROCID": "1"}
    for name, value in step.items():
        monkeypatch.setenv(name, value)
    assert joining._ask_cluster(1) == Who(f"127.0.0.1:{65535 - 4095 + 4711 % 4096}", 2, 1)
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "1")  # a shell of salloc that is a step itself
    monkeypatch.setenv("SLURM_NTASKS", "4")
    assert joining._ask_cluster(1) is None


def test_a_cluster_that_cannot_be_asked_is_one_line(monkeypatch):
    def asked(*arguments):
        raise RuntimeError("Kubernetes API Error: 403\nForbidden")

    monkeypatch.setattr(joining.clusters.ClusterEnv, "auto_detect_unset_distributed_params", asked)
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "1")
    with pytest.raises(InputError, match=r"COMPLETION_INDEX=1: JAX cannot .*403 Forbidden"):
        joining._ask_cluster(1)


def test_hosts_and_devices_are_asserted():
    joining.join(Mesh(hosts=1))
    devices.meet(Mesh(hosts=1, devices=8), "")
    with pytest.raises(InputError, match=r"mesh.hosts=2: found 1 host, processes: 1; start the"):
        joining.join(Mesh(hosts=2))
    with pytest.raises(InputError, match=r"mesh.devices=16: found 1 host x 8 cpu; see that every"):
        devices.meet(Mesh(devices=16), "")
