"""What launchers say of other processes, and commands that are the work of one."""

import pytest

from drr_jax import cluster, errors, main
from drr_jax.runs.local_devices import local_devices

STEP = {
    "SLURM_STEP_NUM_TASKS": "8",
    "SLURM_PROCID": "3",
    "SLURM_LOCALID": "3",
    "SLURM_NODEID": "0",
    "SLURM_STEP_TASKS_PER_NODE": "4(x2)",
}
EIGHT = {"CUDA_VISIBLE_DEVICES": "0,1,2,3,4,5,6,7"}


@pytest.fixture
def environ(monkeypatch):
    """An environment without launchers, to be filled."""
    for sign in ("SLURM", "OMPI", "PMI", "JAX_NUM", "JAX_PROC", "TPU_", "JOB_COMP", "CUDA"):
        for name in [name for name in cluster.os.environ if name.startswith(sign)]:
            monkeypatch.delenv(name)
    return lambda variables: [monkeypatch.setenv(*item) for item in variables.items()]


@pytest.mark.parametrize(
    "variables, index",
    [
        ({}, None),
        (STEP, 3),
        (STEP | {"JAX_NUM_PROCESSES": "1"}, None),
        ({"SLURM_NTASKS": "8"}, None),  # a shell that salloc opened
        ({"SLURM_NTASKS": "8", "SLURM_PROCID": "0"}, None),  # sbatch's script: one process so far
        ({"SLURM_STEP_NUM_TASKS": "1", "SLURM_NTASKS": "8", "SLURM_PROCID": "0"}, None),
        ({"JAX_NUM_PROCESSES": "2", "JAX_PROCESS_ID": "0"}, 0),
        ({"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "1"}, 1),
        ({"JOB_COMPLETION_INDEX": "0"}, None),  # perhaps the only one
        ({"JOB_COMPLETION_INDEX": "1"}, 1),
        ({"TPU_WORKER_HOSTNAMES": "a,b", "TPU_WORKER_ID": "1"}, 1),
        ({"TPU_WORKER_HOSTNAMES": "localhost", "TPU_WORKER_ID": "0"}, None),
    ],
)
def test_who_has_others_beside_it(variables, index):
    sign = cluster.several(variables)
    assert (sign and sign.index) == index


@pytest.mark.parametrize(
    "variables, devices",
    [
        (EIGHT, None),
        (STEP | {"SLURM_STEP_TASKS_PER_NODE": "1(x8)"} | EIGHT, None),  # one task a host: all
        (STEP | EIGHT, [6, 7]),
        (STEP | {"SLURM_STEP_TASKS_PER_NODE": "8"} | EIGHT, [3]),
        (STEP | {"SLURM_NODEID": "1", "SLURM_STEP_TASKS_PER_NODE": "7,1"} | EIGHT, None),
        (STEP | {"CUDA_VISIBLE_DEVICES": "0"}, None),  # its own: number 3 would not be there
        (STEP | {"CUDA_VISIBLE_DEVICES": "0,1", "SLURM_GPUS_PER_TASK": "2"}, None),
        (STEP | {"CUDA_VISIBLE_DEVICES": "0,1", "SLURM_TRES_PER_TASK": "cpu:4,gres/gpu:2"}, None),
        (STEP | EIGHT | {"SLURM_TRES_PER_TASK": "cpu:4", "SLURM_GPU_BIND": "none"}, [6, 7]),
        (STEP | {"CUDA_VISIBLE_DEVICES": ""}, None),
        (STEP | EIGHT | {"JAX_LOCAL_DEVICE_IDS": "5"}, None),  # JAX reads it
        (
            EIGHT | {"OMPI_COMM_WORLD_LOCAL_SIZE": "2", "OMPI_COMM_WORLD_LOCAL_RANK": "1"},
            [4, 5, 6, 7],
        ),
    ],
)
def test_a_host_s_gpus_are_shared_equally(variables, devices):
    assert local_devices(variables) == devices


def test_gpus_that_cannot_be_shared():
    with pytest.raises(errors.InputError, match="4 processes on this host see 2 GPUs: start one"):
        local_devices(STEP | {"CUDA_VISIBLE_DEVICES": "0,1"})


def test_a_command_for_one_process_refuses_to_be_one_of_several(environ, tmp_path, capsys):
    environ(STEP)
    with pytest.raises(SystemExit) as end:
        errors.run(lambda: (tmp_path / "written").touch())
    assert end.value.code == 2
    assert "SLURM_STEP_NUM_TASKS=8: this command is the work of one" in capsys.readouterr().err
    asked = main.parse(["drr", "predict", "--model=a", "--input=b", f"--out={tmp_path}/out"])
    with pytest.raises(errors.InputError, match="predict is the work of one process"):
        main.run(asked)
    assert not list(tmp_path.iterdir())
    environ({"JAX_NUM_PROCESSES": "1"})
    with pytest.raises(SystemExit) as end:
        errors.run(lambda: (tmp_path / "written").touch())
    assert end.value.code == 0 and (tmp_path / "written").exists()


def test_of_several_only_process_0_writes_report_and_tables(environ, tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(main.report, "write_report", lambda *a, **k: written.append(a))
    monkeypatch.setattr(main.tables, "write_tables", lambda *a: written.append(a))
    commands = [
        main.parse(["drr", "report", f"--workdir={tmp_path}"]),
        main.parse(["drr", "report", f"--runs={tmp_path}", f"--workdir={tmp_path}"]),
    ]
    environ(STEP)
    assert [main.run(command) for command in commands] == [0, 0]
    assert not written
    environ(STEP | {"SLURM_PROCID": "0"})
    assert [main.run(command) for command in commands] == [0, 0]
    assert len(written) == 2
