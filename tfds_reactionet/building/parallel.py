"""Ordered work over processes with a bounded number of results in flight."""

import multiprocessing
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from drr_jax import stops
from drr_jax.errors import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")


class WorkerLostError(InputError):
    """A process was ended from outside, or could not begin."""


def can_share() -> bool:
    """Whether processes can work together here: it takes shared memory, /dev/shm on Linux."""
    try:
        multiprocessing.get_context("spawn").Semaphore()
    except OSError:
        return False
    return True


def ordered_map(
    function: Callable[[Item], Result], items: Iterable[Item], jobs: int
) -> Generator[Result, None, None]:
    """Yields function(item) in the order of `items`, computed by `jobs` processes.

    At most jobs + 2 results exist at a time. With one job nothing is started. Processes are
    spawned, not forked: the caller may have threads (JAX), and `function` must be importable.
    Raises what `function` raises, WorkerLostError if a process is killed, InputError where there
    can be none, and Stopped after SIGTERM or Ctrl-C; the processes are then ended.
    """
    if jobs <= 1:
        for item in items:
            stops.look()
            yield function(item)
        return
    if not can_share():
        raise InputError(
            "processes cannot share memory here (is /dev/shm missing, full or read-only?); make it "
            "writable, or give --jobs=1"
        )
    context, before = multiprocessing.get_context("spawn"), {*multiprocessing.active_children()}
    theirs, ours = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(
        jobs, mp_context=context, initializer=stops.end_with_parent, initargs=(theirs,)
    )
    pending: deque[Future[Result]] = deque()

    def end() -> None:
        """Of processes that may still be importing, or wait for what a lost one had taken."""
        ours.close()
        for process in {*multiprocessing.active_children()} - before:
            process.kill()

    try:
        for item in items:
            stops.look()
            pending.append(pool.submit(function, item))
            if len(pending) >= jobs + 2:
                yield _result(pending.popleft())
        while pending:
            yield _result(pending.popleft())
    except BrokenProcessPool as error:
        end()
        stops.look()
        raise WorkerLostError(
            "a worker process was ended from outside (memory?); try again with fewer --jobs"
        ) from error
    except BaseException:  # the caller's, too, who wants no more
        end()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _result(future: Future[Result]) -> Result:
    """What a process returns. Raises Stopped after a signal."""
    while True:
        try:
            return future.result(timeout=1)
        except TimeoutError:
            if future.done():
                raise  # the function's own
            stops.look()
