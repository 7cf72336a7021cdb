"""A parent for a process that joins others: it says in one line how JAX ended it.

JAX ends a process whose peer is lost by itself, from a thread of its own, with SIGABRT and a stack
of C++ on stderr; nothing within the process can hear it.
"""

import os
import re
import select
import signal
import sys
import time
from types import FrameType

from drr_jax import cluster, stops

_FORWARDED = ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGCONT", "SIGTSTP")
_HELD_SECONDS = 5  # what JAX says before it ends a process comes within milliseconds of the end
_FATAL = b"Terminating process because the JAX distributed service"
# Lines of JAX's coordination service, in the form of absl's log: E1130 06:35:33.247460 ...
_LOG = re.compile(
    rb"[WEF]\d{4} \d\d:\d\d:\d\d[^\n]*?(?:coordination_service|preemption_\w+|client\.h)"
)
_BEGUN = re.compile(rb"[WEF]\d{1,4}(?: \d[^\n]*)?\Z")
_LOST = re.compile(
    rb"(?:stopped sending heartbeats\):|timed out task names:)\s*((?:[^\n]*\d+[,\s]*\n)+)"
)
# What a broken connection to a peer is called by what JAX raises: gloo's, NCCL's, gRPC's words.
_BROKEN = re.compile(
    "Gloo|NCCL|RCCL|UNAVAILABLE|DEADLINE_EXCEEDED|ABORTED|INTERNAL|UNKNOWN|CANCELLED|[Bb]arrier"
)


class _Child:
    """What a process that has a parent knows of it."""

    report: int | None = None  # a pipe to the parent
    patience = 0.0  # seconds in which JAX finds that a peer is lost
    code: int | None = None  # with which it ends


def split() -> None:
    """Makes this process the parent of one that goes on in its place, if others may be joined.

    The first line of a command: later there are threads, which are not copied.
    """
    if not cluster.may_join(os.environ):
        return
    said, report, life = os.pipe(), os.pipe(), os.pipe()
    child = os.fork()
    if child:
        for _, theirs in (said, report):
            os.close(theirs)
        os._exit(_Parent(child, said[0], report[0]).watch())
    for ours in (said[0], report[0], life[1]):
        os.close(ours)
    os.dup2(said[1], 2)
    os.close(said[1])
    _Child.report = report[1]
    stops.end_with_pipe(life[0])  # with its parent, even if that is killed


def joined(count: int, heartbeat_seconds: float) -> None:
    """Tells the parent how many processes there are, and how soon a lost one is missed."""
    _Child.patience = heartbeat_seconds + 15
    _report(f"of {count}")


def tell(code: object) -> None:
    """Tells the parent the exit code: from now on no lost peer changes it."""
    _Child.code = code if isinstance(code, int) else int(code is not None)
    _report(f"code {_Child.code}")


def told() -> int:
    """The exit code that was told, 0 until then."""
    return _Child.code or 0


def _report(text: str) -> None:
    if _Child.report is not None:
        os.write(_Child.report, f"{text}\n".encode())


def wait_for_verdict(error: BaseException | None) -> None:
    """After an error that a lost peer may have caused, lets JAX find out, and end the process.

    Returns if it does not: then all peers are alive.
    """
    while error is not None and not _BROKEN.search(str(error)):
        error = error.__cause__ or error.__context__
    if error is not None and _Child.report is not None:
        time.sleep(_Child.patience)


class _Parent:
    """Passes stderr and signals on, and turns an end that JAX gave into a line."""

    def __init__(self, child: int, said: int, report: int) -> None:
        self.child, self.said, self.report = child, said, report
        self.text, self.held_since = b"", 0.0
        self.last = b"\n"  # what was written last: a progress bar stays on its line

    def watch(self) -> int:
        """The exit code; a child that was killed is mirrored where that can be."""
        status = self._wait()
        told = dict(line.split(" ", 1) for line in self._reports())
        code = os.waitstatus_to_exitcode(status)
        if code != -signal.SIGABRT or _FATAL not in self.text:
            self._write(self.text)
        elif "code" not in told:
            self._say(lost(self.text, told.get("of", "")))
            return stops.TERMINATED
        if "code" in told:
            return int(told["code"])
        if code == -signal.SIGKILL:
            self._say("killed (SIGKILL): by hand, or by the system because memory was short")
        if code < 0:
            if code != -signal.SIGKILL:
                signal.signal(-code, signal.SIG_DFL)
            os.kill(os.getpid(), -code)  # has no effect on the first process of a container
        return code if code >= 0 else 128 - code

    def _wait(self) -> int:
        """Passes everything on until the child ends; returns its status."""
        wake, woken = os.pipe()
        for end in (wake, woken):
            os.set_blocking(end, False)
        for name in _FORWARDED:
            number = getattr(signal, name)
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._forward)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        done = status = 0
        open_ends = [self.said, wake]
        while True:
            if not done:
                done, status = os.waitpid(self.child, os.WNOHANG)
            ready, _, _ = select.select(open_ends, [], [], 0 if done else self._patience())
            if wake in ready:
                os.read(wake, 4096)
            if self.said in ready:
                chunk = os.read(self.said, 1 << 16)
                self._pass_on(chunk)
                if not chunk:
                    open_ends.remove(self.said)
            elif done:
                return status
            self._let_go()

    def _patience(self) -> float | None:
        """Seconds until what is held back is said; None: nothing is, or an end is certain.

        An end may take minutes, where the system writes the memory of what aborts to the disk.
        """
        if not self.held_since or _FATAL in self.text:
            return None
        return max(0.0, self.held_since + _HELD_SECONDS - time.monotonic())

    def _pass_on(self, chunk: bytes) -> None:
        """Writes what the child said, up to where the lines of JAX's end may begin."""
        self.text += chunk
        if self.held_since:
            return
        found = _LOG.search(self.text)
        if found:
            self.held_since = time.monotonic()
        begun = found or _BEGUN.search(self.text)
        at = begun.start() if begun else len(self.text)
        self._write(self.text[:at])
        self.text = self.text[at:]

    def _let_go(self) -> None:
        """What was held back and ended nothing is said after all."""
        if self._patience() == 0:
            self._write(self.text)
            self.text, self.held_since = b"", 0.0

    def _say(self, line: str) -> None:
        begin = "" if self.last == b"\n" else "\n"
        self._write(f"{begin}{line}\n".encode())

    def _write(self, text: bytes) -> None:
        self.last = text[-1:] or self.last
        while text:
            try:
                text = text[os.write(sys.stderr.fileno(), text) :]
            except OSError:  # whoever read it is gone
                return

    def _reports(self) -> list[str]:
        os.set_blocking(self.report, False)
        try:
            return os.read(self.report, 4096).decode().splitlines()
        except BlockingIOError:  # a worker process has the other end
            return []

    def _forward(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGTSTP:
            os.kill(self.child, signal.SIGSTOP)
            os.kill(os.getpid(), signal.SIGSTOP)
        else:
            os.kill(self.child, number)


def lost(said: bytes, count: str) -> str:
    """The line of what JAX said when it ended a process: who is lost, and what to do."""
    named = _LOST.search(said)
    names = re.findall(rb"\d+", named[1]) if named else [b"0"]
    numbers = sorted({int(name) for name in names})
    who = f"process{'es' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
    whole = f" of {count}" if count else ""
    return (
        f"lost {who}{whole}: killed, or cut off from the network (its own output says more); start "
        "the same command again on all hosts, it goes on from the last checkpoint"
    )
