"""Where processes meet before JAX joins them, so that it is known by name who is missing.

Process 0 listens at the coordinator's own address; the others come and say who they are, each in a
line of JSON, and stay until all are there. JAX itself would wait in silence, and end in a stack.
"""

import contextlib
import errno
import json
import selectors
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from drr_jax.errors import InputError

_FIRST_SECONDS, _EVERY_SECONDS = 3, 10  # after which a wait is said, and again
_LONGEST = 1 << 16  # bytes of a line: the names of all hosts
_PAUSE_SECONDS = 0.2  # between two tries to reach process 0


@dataclass(frozen=True)
class Who:
    """A process that comes to meet the others."""

    address: str  # HOST:PORT of process 0
    count: int
    index: int

    @property
    def end(self) -> tuple[str, int]:
        """Host and port of the address."""
        host, _, port = self.address.rpartition(":")
        return host.strip("[]"), int(port)


def meet(who: Who, seconds: float) -> int:
    """Waits until all processes are there; returns on how many hosts they are.

    Says on stderr who is missing, early and then regularly. Raises InputError, on all who came, if
    one is not there after `seconds`, or if they disagree on who they are.
    """
    hosts = _await_all(who, seconds) if who.index == 0 else _go_to_main(who, seconds)
    return len(set(hosts))


class _Patience:
    """A wait that is said now and then, and ends."""

    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + seconds
        self.next = time.monotonic() + min(_FIRST_SECONDS, seconds / 2)

    def over(self, line: Callable[[], str]) -> bool:
        """Whether the time is up; says the line where it is due."""
        now = time.monotonic()
        if now >= self.next:
            self.next = now + _EVERY_SECONDS
            print(line(), file=sys.stderr, flush=True)
        return now >= self.end

    def left(self) -> float:
        """Seconds to the next thing to do."""
        return max(0.0, min(self.end, self.next) - time.monotonic())


def _await_all(who: Who, seconds: float) -> list[str]:
    """Process 0: hears all others. Returns the names of the hosts, one a process."""
    hosts = {0: socket.gethostname()}
    came: dict[socket.socket, int | None] = {}  # the index, once it is said
    patience, problem = _Patience(seconds), ""

    def missing() -> str:
        absent = [index for index in range(who.count) if index not in hosts]
        return f"process{'es' if len(absent) > 1 else ''} {_numbers(absent)}"

    def line() -> str:
        left = who.count - len(hosts)
        return f"waiting for {left} of {who.count} at {who.address}: {missing()}"

    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(_listen(who))
        selector = stack.enter_context(selectors.DefaultSelector())
        selector.register(listener, selectors.EVENT_READ)
        while len(hosts) < who.count and not problem:
            if patience.over(line):
                problem = (
                    f"{missing()} of {who.count} never came to {who.address} in {seconds:g} s; "
                    "start the command on every host, see what it says there, or wait longer with "
                    "mesh.start_seconds"
                )
                break
            for key, _ in selector.select(patience.left()):
                if key.fileobj is listener:
                    peer = stack.enter_context(listener.accept()[0])
                    peer.settimeout(5)
                    came[peer] = None
                    selector.register(peer, selectors.EVENT_READ, peer)
                    continue
                peer = key.data
                said = _hear(peer, index=int, count=int, host=str)
                if said is None or came[peer] is not None:  # gone again, or a stranger
                    selector.unregister(peer)
                    hosts.pop(came.pop(peer) or -1, None)
                    peer.close()
                    continue
                came[peer], problem = said["index"], _disagree(who, said, hosts)
                hosts[said["index"]] = said["host"]
        listener.close()  # before anybody looks for JAX's own service behind the same address
        names = [hosts.get(index, "") for index in range(who.count)]
        for peer, index in came.items():
            if index is not None:
                _say(peer, {"hosts": names, "error": problem})
    if problem:
        raise InputError(problem)
    return names


def _disagree(who: Who, said: dict[str, Any], hosts: dict[int, str]) -> str:
    """What is wrong with a process that came; empty if nothing is."""
    index, count, host = said["index"], said["count"], said["host"]
    if count != who.count or not 0 < index < count:
        return (
            f"process {index} on {host} says that there are {count} processes, and process 0 that "
            f"there are {who.count}; start all with the same number"
        )
    if index in hosts:
        return (
            f"two processes, on {hosts[index]} and {host}, say that they are process {index} of "
            f"{count}; give each its own index, and each run its own address"
        )
    return ""


def _listen(who: Who) -> socket.socket:
    """A socket at the address's port, of both kinds of addresses where there are both."""
    port = who.end[1]
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    try:
        return socket.create_server(
            ("", port), family=family, dualstack_ipv6=both, backlog=max(128, who.count)
        )
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise InputError(
            f"port {port} of {who.address} is in use on {socket.gethostname()}, by another run or "
            "one that is just ending; wait for it, or choose another with JAX_COORDINATOR_PORT "
            "(JAX_COORDINATOR_ADDRESS where that is set)"
        ) from None


def _go_to_main(who: Who, seconds: float) -> list[str]:
    """Any other process: goes to process 0 and stays there until it answers."""
    patience, why = _Patience(seconds), "no answer"
    about = {"index": who.index, "count": who.count, "host": socket.gethostname()}

    def line() -> str:
        return f"process {who.index} of {who.count}: waiting for process 0 at {who.address} ({why})"

    while not patience.over(line):
        try:
            with socket.create_connection(who.end, timeout=5) as main:
                _say(main, about)
                main.settimeout(seconds + _EVERY_SECONDS)  # process 0 may have come later
                answer = _hear(main, hosts=list, error=str)
            why = "another program answers there"
        except OSError as error:
            answer, why = None, error.strerror or str(error)
        if answer and answer["error"]:
            raise InputError(answer["error"])
        if answer:
            return answer["hosts"]
        time.sleep(_PAUSE_SECONDS)
    raise InputError(
        f"process {who.index} of {who.count} found no process 0 at {who.address} in {seconds:g} s "
        f"({why}); start process 0 on that host, name the host where it runs, or wait longer with "
        "mesh.start_seconds"
    )


def wait_for_service(who: Who, seconds: float) -> None:
    """Waits for JAX's own service, which process 0 starts where it had listened."""
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(who.end, timeout=5).close()
            return
        except OSError as error:
            if time.monotonic() > end:
                raise InputError(
                    f"process 0 at {who.address} came, and left again "
                    f"({error.strerror or error}); see what it says there"
                ) from error
        time.sleep(_PAUSE_SECONDS)


def _say(peer: socket.socket, what: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):
        peer.sendall(json.dumps(what).encode() + b"\n")


def _hear(peer: socket.socket, **kinds: type) -> dict[str, Any] | None:
    """A line of JSON with what is asked for; None for anything else, and for the end."""
    try:
        with peer.makefile("rb") as lines:
            found = json.loads(lines.readline(_LONGEST))
    except (OSError, ValueError):
        return None
    told = isinstance(found, dict) and all(isinstance(found.get(k), kinds[k]) for k in kinds)
    return found if told else None


def _numbers(indices: Sequence[int]) -> str:
    """As in 1, 2, 5; of many the first."""
    return ", ".join(map(str, indices[:16])) + (", ..." if len(indices) > 16 else "")
