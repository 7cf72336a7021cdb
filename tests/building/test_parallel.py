"""Work over processes one of which is lost."""

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tfds_reactionet.building import WorkerLostError, ordered_map

ROOT = Path(__file__).parents[2]


def work(item):
    return os.getpid(), item[0]


@pytest.mark.parametrize("which", [0, 1])
def test_a_lost_worker_does_not_leave_its_caller_waiting(which):
    """Of two that wait for work one holds the queue's lock: the other gets none any more."""
    here = Path(__file__)
    done = subprocess.run(
        [sys.executable, "-c", f"import {here.stem}; {here.stem}.lose({which})"],
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{here.parent}"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, "lost\n"), done.stderr


def lose(which):
    """Both workers have answered and wait; one is killed, and large items wait for them."""

    def items():
        for number in range(4):
            yield str(number)
        workers = sorted(multiprocessing.active_children(), key=lambda worker: worker.pid)
        workers[which].kill()
        workers[which].join()
        for _ in range(8):
            yield "x" * 1_000_000

    try:
        for _ in ordered_map(work, items(), 2):
            pass
    except WorkerLostError:
        print("lost")
