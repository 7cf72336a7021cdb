"""Kills, flipped bits, full disks, suspended processes: a few of each; `make faults` does more."""

import random
import shutil
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import faults
import pytest

from tfds_reactionet import building


@pytest.fixture(scope="module")
def whole(rendered: Path, shared: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """The workdir of a run that nobody disturbed; to be read."""
    command = partial(faults.run_command, rendered)
    return shared("whole", lambda folder: faults.finish(command(folder / "run"))) / "run"


@pytest.fixture
def draw() -> random.Random:
    """Other faults every time; pytest shows the seed of one that is not survived."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    return random.Random(seed)


def rows(workdir: Path) -> int:
    path = workdir / "metrics.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])  # SIGTERM: test_resume
def test_a_run_that_was_stopped_ends_like_one_that_was_not(
    rendered: Path, whole: Path, tmp_path: Path, draw: random.Random, number: signal.Signals
) -> None:
    """Stopped when its log has some number of rows: in a step, an evaluation or a save."""
    command = faults.run_command(rendered, tmp_path / "run")
    at = draw.randint(1, rows(whole) - 1)
    print(f"after row {at}")
    process = faults.start(command)
    faults.wait_until(lambda: rows(tmp_path / "run") >= at, process)
    process.send_signal(number)
    said = process.communicate()[1]
    assert process.returncode == faults.CODES[number], said
    assert "Traceback" not in said
    if number != signal.SIGKILL:
        step = max(int(path.name) for path in (tmp_path / "run" / "checkpoints").iterdir())
        line = said.splitlines()[-1]
        assert f": step {step} saved; the same command goes on from there" in line
    faults.finish(command)
    assert faults.outcome(tmp_path / "run") == faults.outcome(whole)


def test_a_suspended_run_goes_on(rendered: Path, whole: Path, tmp_path: Path) -> None:
    process = faults.start(faults.run_command(rendered, tmp_path / "run"))
    faults.wait_until(lambda: rows(tmp_path / "run"), process)
    process.send_signal(signal.SIGSTOP)
    state = Path(f"/proc/{process.pid}/stat")
    faults.wait_until(lambda: state.read_text().split(") ")[-1][0] == "T", process)
    process.send_signal(signal.SIGCONT)
    said = process.communicate()[1]
    assert process.returncode == 0, said
    assert faults.outcome(tmp_path / "run") == faults.outcome(whole)


def test_a_flipped_bit_is_harmless_or_named(
    rendered: Path, whole: Path, tmp_path: Path, draw: random.Random
) -> None:
    flips = faults.Flips(rendered, shutil.copytree(whole, tmp_path / "run"))
    for kind in flips.readers:
        for _ in range(1 if kind == "prepared" else 8):
            end = flips.flip(kind, draw)
            assert end in ("same", "named"), end


def test_a_full_disk_costs_a_line_and_nothing_else(
    rendered: Path, whole: Path, tmp_path: Path, draw: random.Random
) -> None:
    disk = tmp_path / "disk"
    command = faults.run_command(rendered, disk / "run")
    size = draw.randint(8, 400)
    print(f"{size} kB")
    try:
        with faults.small_disk(disk, f"{size}k"):
            process = faults.start(command)
            said = process.communicate()[1]
            assert process.returncode == 2, said
            assert "Traceback" not in said
            assert said.splitlines()[-1].startswith("error: ") and str(disk) in said
            assert not list(disk.rglob("*.part"))
            faults.grow(disk, "64m")
            faults.finish(command)
            assert faults.outcome(disk / "run") == faults.outcome(whole)
    except OSError as error:
        pytest.skip(f"no tmpfs can be mounted here: {error}")


def test_a_build_that_was_terminated_can_be_repeated(rendered: Path, tmp_path: Path) -> None:
    command = faults.build_command(rendered, tmp_path)
    process = faults.start(command)
    faults.wait_until(lambda: list(tmp_path.rglob("incomplete.*")), process)
    process.send_signal(signal.SIGTERM)
    said = process.communicate()[1]
    assert process.returncode == 75 and "Traceback" not in said, said
    assert said.splitlines()[-1] == "pre-empted"
    assert not list(tmp_path.rglob("incomplete.*"))
    faults.finish(command)
    found, expected = (
        building.read_metadata(next(folder.glob("reactionet/demo/*")))["fingerprint"]
        for folder in (tmp_path, rendered)
    )
    assert found == expected
