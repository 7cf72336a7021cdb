"""The parent of a process that joins others: what it passes on, and what it says of an end."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from drr_jax import supervisor

ROOT = Path(__file__).parent.parent
HEAD = """
import os, signal, sys, time
from drr_jax import supervisor
supervisor.split()
"""
# What JAX 0.10.2 says in a process of three that lost process 1, shortened.
FATAL = """E1130 06:35:23.643263   17 coordination_service_agent.cc:289] Polled an error from it
F1130 06:35:23.64 18 client.h:80] Terminating process because the JAX distributed service detected \
fatal errors. absl::Status: UNAVAILABLE: The following tasks are unhealthy (stopped \
sending heartbeats):
1
The tasks have crashed. Check the task logs for an earlier error.
*** Check failure stack trace: ***
    @     0x7f262ea40634  absl::lts_20260107::log_internal::LogMessage::SendToLog()
"""
SAYS = f"sys.stderr.write({FATAL!r}); sys.stderr.flush()\n"


def start(code, **variables):
    return subprocess.Popen(
        [sys.executable, "-c", HEAD + code],
        env=os.environ | {"PYTHONPATH": str(ROOT), "JAX_NUM_PROCESSES": "3"} | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(code, **variables):
    """Exit code and stderr of a process that goes on after the split."""
    process = start(code, **variables)
    said = process.communicate(timeout=60)[1]
    return process.returncode, said


@pytest.mark.parametrize(
    "code, expected",
    [
        ("print('a\\tb', end='', file=sys.stderr); sys.exit(3)", (3, "a\tb")),
        ("print('E1 of nobody', file=sys.stderr)", (0, "E1 of nobody\n")),
        ("os.kill(os.getpid(), signal.SIGTERM)", (-signal.SIGTERM, "")),
        (SAYS + "sys.exit(4)", (4, FATAL)),  # it did not end the process
        ("os.abort()", (-signal.SIGABRT, "")),  # nobody was lost
        ("supervisor.tell(2)\n" + SAYS + "os.abort()", (2, "")),  # its own line is said
    ],
)
def test_ends_are_passed_on(code, expected):
    assert ended(code) == expected


def test_a_lost_peer_is_one_line():
    bar = "sys.stderr.write('step 3'); sys.stderr.flush()\n"
    code, said = ended(bar + "supervisor.joined(3, 30)\n" + SAYS + "os.abort()")
    assert code == 75
    bar, line = said.splitlines()
    assert bar == "step 3" and line.startswith("lost process 1 of 3: killed, or cut off")


def test_what_ends_nothing_is_said_after_a_while(capfd):
    harmless, _, fatal = FATAL.partition("\nF1130")
    parent = supervisor._Parent(0, 0, 0)
    for said, seen in ((harmless, harmless), (f"F1130{fatal}", "")):
        parent._pass_on(said.encode())
        assert capfd.readouterr().err == ""
        parent.held_since -= 60
        parent._let_go()
        assert capfd.readouterr().err == seen


def test_who_is_lost():
    assert supervisor.lost(FATAL.encode(), "3").startswith("lost process 1 of 3:")
    two = FATAL.replace("\n1\n", "\n2\n11\n").encode()
    assert supervisor.lost(two, "12").startswith("lost processes 2, 11 of 12:")
    # how a process is told that process 0 is gone, whose service it is
    gone = b"F1130 x client.h:80] ... UNAVAILABLE: Socket closed\n:UNKNOWN:Error {grpc_status:14}"
    assert supervisor.lost(gone, "").startswith("lost process 0: ")
    slow = b"# of tasks that reached the barrier: 1/2.\nSome timed out task names:\n3\n\nRPC"
    assert supervisor.lost(slow, "").startswith("lost process 3: ")


def test_a_process_that_is_killed_is_said():
    code, said = ended("os.kill(os.getpid(), signal.SIGKILL)")
    assert code == -signal.SIGKILL
    assert said == "killed (SIGKILL): by hand, or by the system because memory was short\n"


LISTENING = """
for number in (signal.SIGUSR1, signal.SIGTERM):
    signal.signal(number, lambda number, frame: sys.exit(number))
print(os.getpid(), flush=True)
while True:
    signal.pause()
"""


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM])
def test_signals_reach_the_process(number):
    with start(LISTENING) as process:
        process.stdout.readline()
        process.send_signal(number)
        assert process.wait(timeout=60) == number


def test_the_process_ends_with_its_parent():
    with start(LISTENING) as process:
        process.stdout.readline()
        process.kill()
        assert process.stdout.read() == ""  # which would not end as long as the child has it open


def test_a_process_alone_has_no_parent():
    ours = "print(os.getppid(), supervisor._Child.report)"
    with start(ours, JAX_NUM_PROCESSES="1") as process:
        assert process.stdout.read().split() == [str(os.getpid()), "None"]
