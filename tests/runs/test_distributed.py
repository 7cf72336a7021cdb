"""Start, mesh and shardings, on eight virtual devices and on two real processes."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from drr_jax.errors import InputError
from drr_jax.runs import distributed

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
    assert distributed.read_variables({}) is None
    assert distributed.read_variables(dict.fromkeys(GOOD, "")) is None
    assert distributed.read_variables(GOOD) == ("10.0.0.1:1234", 4, 3)
    assert (
        distributed.read_variables(GOOD | {"JAX_COORDINATOR_ADDRESS": "[::1]:80"})[0] == "[::1]:80"
    )


@pytest.mark.parametrize("missing", GOOD)
def test_incomplete_variables(missing):
    given = {name: value for name, value in GOOD.items() if name != missing}
    with pytest.raises(InputError, match=f"{missing} is not set beside .*: set all of JAX_COORD"):
        distributed.read_variables(given)


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
        distributed.read_variables(GOOD | {name: value})
    assert message in str(error.value)


def test_meshes():
    for fsdp in (1, 2, 8):
        mesh = distributed.make_mesh(fsdp)
        assert dict(mesh.shape) == {"data": 8 // fsdp, "fsdp": fsdp}
    for fsdp in (3, 16, 0):
        with pytest.raises(InputError, match=rf"fsdp={fsdp}: expected a divisor .* devices, 8"):
            distributed.make_mesh(fsdp)


@pytest.mark.parametrize("size, near", [(12, "8 or 16"), (3, "8"), (0, "8")])
def test_a_batch_the_devices_do_not_divide(size, near):
    mesh = distributed.make_mesh(2)
    distributed.check_batch(64, mesh)
    with pytest.raises(InputError) as error:
        distributed.check_batch(size, mesh)
    assert f"data.batch_size={size}: expected a multiple" in str(error.value)
    assert f"devices, 8 (for example {near})" in str(error.value)


def test_state_shardings():
    state = {
        "kernel": jax.ShapeDtypeStruct((3, 3, 64, 128), jnp.float32),
        "tall": jax.ShapeDtypeStruct((4096, 8), jnp.float32),
        "odd": jax.ShapeDtypeStruct((4097, 3), jnp.float32),
        "small": jax.ShapeDtypeStruct((64, 32), jnp.float32),
        "step": jax.ShapeDtypeStruct((), jnp.int32),
    }
    alone = distributed.state_shardings(state, distributed.make_mesh(1))
    assert {sharding.spec for sharding in alone.values()} == {PartitionSpec()}
    split = distributed.state_shardings(state, distributed.make_mesh(4))
    assert {name: sharding.spec for name, sharding in split.items()} == {
        "kernel": PartitionSpec(None, None, None, "fsdp"),
        "tall": PartitionSpec("fsdp"),
        "odd": PartitionSpec(),
        "small": PartitionSpec(),
        "step": PartitionSpec(),
    }


@pytest.mark.parametrize("fsdp", [1, 4])
def test_a_batch_goes_to_every_device_once(fsdp):
    """And a batch-sharded z @ z.T compiles, which Explicit mesh axes refuse."""
    mesh = distributed.make_mesh(fsdp)
    batch = {"z": np.arange(64.0, dtype=np.float32).reshape(16, 4), "index": np.arange(16)}
    placed = distributed.to_global(batch, mesh)
    for name, value in batch.items():
        np.testing.assert_array_equal(placed[name], value)
        assert placed[name].sharding == distributed.batch_sharding(mesh)
        rows = [shard.data.shape[0] for shard in placed[name].addressable_shards]
        assert rows == [2] * 8
    product = jax.jit(lambda z: z @ z.T)(placed["z"])
    np.testing.assert_allclose(product, batch["z"] @ batch["z"].T)


def test_from_main_passes_answers_and_errors_on():
    assert distributed.from_main(lambda: [1, "zwölf"]) == [1, "zwölf"]

    def fails():
        raise InputError("no such folder")

    with pytest.raises(InputError, match="no such folder"):
        distributed.from_main(fails)

    with pytest.raises(InputError, match="/nowhere: No such file or directory"):
        distributed.from_main(lambda: os.rmdir("/nowhere"))


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
import time
import jax
from drr_jax import errors, stops
from drr_jax.runs import distributed
from jax.experimental import multihost_utils

def main():
    distributed.start()
    distributed.start()  # a second call does nothing
    with stops.held():
        print(jax.process_count(), jax.distributed.is_initialized(), flush=True)
        while True:
            multihost_utils.sync_global_devices("step")
            time.sleep(0.002)  # a step waits for its devices; Python 3.11 may need it to hear
            distributed.look()

errors.run(main)
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
    variables = {
        "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{free_port()}",
        "JAX_NUM_PROCESSES": "2",
    }
    first, second = (waiting(**variables, JAX_PROCESS_ID=index) for index in "01")
    with first as one, second as two:
        for process in (one, two):
            assert process.stdout.readline() == "2 True\n"
        two.send_signal(number)
        said = [ended(process) for process in (one, two)]
    assert (one.returncode, two.returncode) == (75, code), said
    assert "Traceback" not in said[0] + said[1]


def test_a_coordinator_that_is_not_there():
    code = (
        "from drr_jax import errors\n"
        "from drr_jax.runs import distributed\n"
        "distributed.CONNECT_SECONDS = 0\n"
        "errors.run(distributed.start)"
    )
    variables = GOOD | {"JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{free_port()}"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2, done.stderr
    [line] = done.stderr.splitlines()
    assert "process 3 of 4 found nobody there (Connection refused); start process 0" in line
