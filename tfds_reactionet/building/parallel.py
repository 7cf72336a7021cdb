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


def ordered_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    jobs: int,
    advice: str = "try again with fewer --jobs",
) -> Generator[Result, None, None]:
    """Yields function(item) in the order of `items`, computed by `jobs` processes.

    At most jobs + 2 results exist at a time. With one job nothing is started. Processes are
    spawned, not forked: the caller may have threads (JAX), and `function` must be importable.
    Raises what `function` raises, InputError if a process is killed, and Stopped after SIGTERM or
    Ctrl-C; what the processes are doing is then given up.
    """
    if jobs <= 1:
        for item in items:
            stops.look()
            yield function(item)
        return
    context = multiprocessing.get_context("spawn")
    theirs, ours = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(
        jobs, mp_context=context, initializer=stops.end_with_parent, initargs=(theirs,)
    )
    pending: deque[Future[Result]] = deque()
    try:
        for item in items:
            stops.look()
            pending.append(pool.submit(function, item))
            if len(pending) >= jobs + 2:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    except BrokenProcessPool as error:
        stops.look()
        raise InputError(f"a worker process was ended from outside (memory?); {advice}") from error
    except BaseException:  # the caller's, too, who wants no more
        ours.close()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
