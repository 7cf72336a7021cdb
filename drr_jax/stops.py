"""SIGTERM and Ctrl-C: remembered, and acted upon where nothing is lost by it."""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from types import FrameType

TERMINATED, INTERRUPTED = 75, 130  # exit codes; schedulers requeue on 75, EX_TEMPFAIL
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_RING_SECONDS = 0.2


class _Ear:
    """What was heard so far, and how many `held` blocks the program is in."""

    listening = False
    heard: int | None = None
    holds = 0
    due = False  # heard in an import, to be acted upon behind it


class Stopped(BaseException):
    """SIGTERM or Ctrl-C arrived; the text says what of the work is saved, if anything is.

    `then` is what comes of the same command. No Exception: what libraries catch and retry must not
    swallow it.
    """

    def __init__(self, saved: str = "", then: str = "goes on from there") -> None:
        super().__init__(saved)
        self._then = then

    @property
    def line(self) -> str:
        """The exit, in one line for stderr."""
        what = "pre-empted" if exit_code() == TERMINATED else "interrupted"
        saved = str(self)
        return f"{what}: {saved}; the same command {self._then}" if saved else what


def end_at_once() -> None:
    """Lets both signals end the process with their exit codes, until `listening` takes them.

    The first line of a command: what it imports takes seconds, in which nothing is there to save.
    """
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)


@contextlib.contextmanager
def listening() -> Iterator[None]:
    """Within it both signals raise Stopped in the main thread: at once, or out of `held`'s `look`.

    A signal that is ignored, as nohup and shells do for jobs in the background, stays ignored.
    """
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    unraisable = sys.unraisablehook

    def quiet(error: "sys.UnraisableHookArgs") -> None:
        # From a callback that lets nothing out, as JAX's at garbage collections: it is remembered.
        if not isinstance(error.exc_value, Stopped):
            unraisable(error)

    _Ear.listening, _Ear.heard, _Ear.due = True, None, False
    sys.unraisablehook = quiet
    hear()
    try:
        yield
    finally:
        _Ear.listening = _Ear.due = False
        if sys.unraisablehook is quiet:  # who put another around it needs that up to the end
            sys.unraisablehook = unraisable
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Within it a signal is only remembered, until the program calls `look`, or is through.

    For work that would lose what it has done, and callbacks of libraries that swallow exceptions.
    """
    _Ear.holds += 1
    try:
        yield
    finally:
        _Ear.holds -= 1
        hear()  # JAX takes SIGTERM for itself on many hosts
    look()


def unhear() -> None:
    """Lets both signals end the process, until `hear`: for calls that let no handler run."""
    for number in _SIGNALS:
        if signal.getsignal(number) is _remember:
            signal.signal(number, signal.SIG_DFL)


def hear(*numbers: signal.Signals) -> None:
    """Takes signals, or both, from whoever has them now; does nothing out of `listening`."""
    for number in numbers or _SIGNALS:
        if _Ear.listening and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _remember)


def end_with_parent(told: Connection | None = None) -> None:
    """What a worker process begins with: both signals are the parent's to hear.

    It ends with its parent, even if that is killed, and when the other end of `told` is closed.
    """
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    awaited = [told] if told is not None else []
    if parent is not None:
        threading.Thread(
            target=_end_after, args=([parent.sentinel, *awaited],), daemon=True
        ).start()


def end_with_pipe(end: int) -> None:
    """Ends this process when whoever has the other end of a pipe closes it, or is gone."""

    def read() -> None:
        os.read(end, 1)
        os._exit(1)

    threading.Thread(target=read, daemon=True).start()


def _end_after(awaited: list) -> None:
    wait(awaited)
    os._exit(1)


def look() -> None:
    """Raises Stopped if a signal arrived."""
    if asked():
        raise Stopped


def asked() -> bool:
    """Whether a signal arrived."""
    return _Ear.heard is not None


def exit_code() -> int:
    """That of the signal that arrived; SIGTERM's if it arrived on another host."""
    return INTERRUPTED if _Ear.heard == signal.SIGINT else TERMINATED


def _end(number: int, frame: FrameType | None) -> None:
    """No exception: an import that it passes through may swallow it, or print a traceback."""
    _Ear.heard = number
    print(Stopped().line, file=sys.stderr, flush=True)
    os._exit(exit_code())


def _remember(number: int, frame: FrameType | None) -> None:
    again = asked() and not _Ear.due
    _Ear.heard = _Ear.heard or number
    if not _Ear.holds and _importing(frame):
        if not _Ear.due:
            _Ear.due = True
            _ring(number)
        return
    _Ear.due = False
    if _Ear.holds:
        return
    # A scheduler's second SIGTERM must not interrupt the tidying up; a person's Ctrl-C may.
    if number == signal.SIGINT or not again:
        raise Stopped


def _ring(number: int) -> None:
    """Sends this process the signal again, until the import is through in which it arrived."""

    def send() -> None:
        while _Ear.due and signal.getsignal(number) is _remember:
            time.sleep(_RING_SECONDS)
            if _Ear.due:
                os.kill(os.getpid(), number)

    threading.Thread(target=send, daemon=True).start()


def _importing(frame: FrameType | None) -> bool:
    """Whether an import is under way; one that is broken off may print a traceback of its own."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
