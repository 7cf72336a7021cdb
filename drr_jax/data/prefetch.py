"""Items made and handed to the device ahead of who reads them, on a thread of its own."""

import queue
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from drr_jax import stops

Local = TypeVar("Local")
Placed = TypeVar("Placed")


class Prefetch(Iterator[Placed], Generic[Placed]):
    """Iterator over `put(item)` that a thread keeps `depth` items ahead of its reader.

    An error in the iterator or in `put` is raised from `next`, after the items before it. Stops at
    `close()`, when it is garbage, and at interpreter exit; closes the iterator it reads.
    """

    def __init__(
        self,
        items: Iterable[Local],
        put: Callable[[Local], Placed],
        depth: int,
        look: Callable[[], None],
    ):
        self._ready: queue.Queue = queue.Queue(maxsize=depth)
        self._look = look
        self._ended = False
        stop = threading.Event()
        # the thread must not hold `self`, or it would keep a forgotten iterator alive;
        # a daemon, because only then do finalizers run at exit while it still waits
        thread = threading.Thread(
            target=_produce, args=(items, put, self._ready, stop), name="prefetch", daemon=True
        )
        thread.start()
        self.close = weakref.finalize(self, _stop, thread, self._ready, stop)

    def __next__(self) -> Placed:
        if self._ended or not self.close.alive:
            raise StopIteration
        while True:
            try:
                value, error = self._ready.get(timeout=1)
                break
            except queue.Empty:
                self._look()
        if error is not None:
            self._ended = True
            raise error
        return value


def prefetch_to_device(
    items: Iterable[Local],
    put: Callable[[Local], Placed],
    depth: int = 2,
    look: Callable[[], None] = stops.look,
) -> Prefetch[Placed]:
    """Runs `put` (host batch -> device arrays) `depth` items ahead, on a thread of its own.

    Who waits for an item calls `look` once a second.
    """
    return Prefetch(items, put, depth, look)


def _produce(
    items: Iterable[Local],
    put: Callable[[Local], Placed],
    ready: queue.Queue,
    stop: threading.Event,
) -> None:
    iterator = iter(items)
    try:
        while not stop.is_set():
            ready.put((put(next(iterator)), None))
    except BaseException as error:  # StopIteration, too, reaches the reader this way
        ready.put((None, error))
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            close()


def _stop(thread: threading.Thread, ready: queue.Queue, stop: threading.Event) -> None:
    stop.set()
    while thread.is_alive():
        try:  # make room for an item, or an error, that the thread is waiting to hand over
            ready.get(timeout=0.05)
        except queue.Empty:
            thread.join(timeout=0.05)
