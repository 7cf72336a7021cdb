"""Batches of stimulus-reaction-caption tuples: a pure function of (data set, seed, step).

A batch is a dict of host-local arrays, b = batch size / hosts, S = image size, N = classes. Of the
first four only what the source reads:
  reaction, stimulus   uint8[b,S,S,3]   RGB
  depth, thermal       uint8[b,S,S,3]   grey ones have three equal channels
  tokens               int32[b,T]       word pieces of the caption, 0 is padding
  landmarks            float32[b,68,2]  x, y in the augmented reaction image, NaN where unknown
  labels               int8[b,N]        1, 0 or -1 (unknown): AU occurrence, or one expression
  index                int32[b]         record number over the parts read, -1 in padding
  frame                int32[b]         in evaluations its number in its sequence, -1 in padding
  weight               float32[b]       1, or 0 in the padding of an evaluation's last batch
  reaction_draw, stimulus_draw, depth_draw, thermal_draw   float32[b,5]
                                        of each image, if the device augments (augment.DRAW_SIZE)

Hosts: each takes its block of consecutive examples from every global batch. Put together from
host-local batches in host order, a global batch has the same rows in the same order on any number
of hosts; dropout masks and groups of rows, which go by row, are then the same too.

Nothing here uses JAX, so reading threads and worker processes never touch a device (Grain imports
the package, but starts no backend).
"""

import functools
import os
import queue
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import cv2
import grain
import numpy as np
from absl import flags
from jaxtyping import UInt8
from tokenizers import Tokenizer

from drr_jax import stops
from drr_jax.config import Augment, Config, Data
from drr_jax.data import augment
from drr_jax.data.landmarks import POINTS
from drr_jax.data.source import Source
from drr_jax.data.tokenizer import encode_texts
from drr_jax.errors import InputError

Batch = dict[str, np.ndarray]
Local = TypeVar("Local")
Placed = TypeVar("Placed")


def train_dataset(
    source: Source,
    config: Config,
    tokenizer: Tokenizer,
    *,
    seed: int,
    augment_on: str,
    start_step: int = 0,
    process_index: int = 0,
    process_count: int = 1,
) -> grain.DatasetIterator[Batch]:
    """Endless training batches from `start_step` on, which costs the same at any step.

    Order and augmentation depend on (source, batch size, seed, step) alone: not on the hosts, nor
    on worker_count and read_threads. Every epoch has an order of its own; a batch may hold the end
    of one epoch and the start of the next. R and S are augmented by independent draws of one
    policy, the caption is not (supplement 3.2). Depth and thermal image and the landmarks are of
    the face in R, and take its rotation and flip (reconstruction).

    augment_on: "host" augments here; "device" ships raw images and their draws. Landmarks are
    moved here in both cases.
    Raises InputError if the source holds less than a batch or the hosts do not divide it. Close
    the iterator (`.close()`) to stop its threads.
    """
    if augment_on not in ("host", "device"):
        raise ValueError(f"augment_on={augment_on!r}: expected host or device")
    if len(source) < config.data.batch_size:
        raise InputError(
            f"config key data.batch_size={config.data.batch_size}: the training parts of "
            f"{source.name} hold only {len(source)} records"
        )
    draw = functools.partial(_with_draws, policy=config.augment)
    records = grain.MapDataset.source(_Records(source, len(source)))
    # the draws come before the hosts' slices, or they would depend on the number of hosts
    examples = records.seed(seed).shuffle().repeat().random_map(draw)
    assemble = _Assemble(source, tokenizer, config.text.max_tokens, augment_on == "host")
    host = slice(process_index, None, process_count)
    return _iterate(examples, assemble, config.data, host, start_step)


def eval_dataset(
    source: Source,
    config: Config,
    tokenizer: Tokenizer,
    *,
    process_index: int = 0,
    process_count: int = 1,
) -> grain.DatasetIterator[Batch]:
    """One pass over `source` in stored order, every record exactly once over all hosts.

    All hosts have the same number of batches of the same size; the last one is padded with black
    images of weight 0, index -1 and unknown labels. Raises InputError as `train_dataset`.
    """
    padded = -(-len(source) // config.data.batch_size) * config.data.batch_size
    records = grain.MapDataset.source(_Records(source, padded))
    assemble = _Assemble(source, tokenizer, config.text.max_tokens, False, numbered=True)
    return _iterate(records, assemble, config.data, slice(process_index, None, process_count))


def _iterate(
    examples: grain.MapDataset, assemble: "_Assemble", data: Data, host: slice, start_step: int = 0
) -> grain.DatasetIterator[Batch]:
    """The batches of one host, which are the slice `host` of all hosts' batches."""
    if data.batch_size % host.step:
        raise InputError(
            f"config key data.batch_size={data.batch_size}: expected a multiple of the "
            f"{host.step} hosts"
        )
    batches = examples.batch(data.batch_size // host.step, batch_fn=assemble)[host][start_step:]
    # two batches a thread keep a thread busy while its last batch waits to be taken
    options = grain.ReadOptions(
        num_threads=data.read_threads, prefetch_buffer_size=2 * data.read_threads
    )
    stream = batches.to_iter_dataset(options)
    if data.worker_count:
        check_shared_memory(data, assemble.bytes_of(data.batch_size // host.step))
        if not flags.FLAGS.is_parsed():  # Grain's workers read absl flags; notebooks have none
            flags.FLAGS.mark_as_parsed()
        workers = grain.MultiprocessingOptions(num_workers=data.worker_count)
        stream = stream.mp_prefetch(workers, worker_init_fn=_begin_worker)
    return iter(stream)


def check_shared_memory(data: Data, batch_bytes: int, folder: str = "/dev/shm") -> None:
    """Raises InputError if `folder` is too small for worker processes to hand batches over.

    The system would end them for the first write beyond it. Each has a batch that waits to be taken
    and one in the making, and one more is being read.
    """
    try:
        disk = os.statvfs(folder)
    except OSError:  # not a Linux
        return
    needed = (2 * data.worker_count + 1) * batch_bytes
    free, size = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    if needed > free:
        raise InputError(
            f"{folder} has {free / 1e6:,.1f} of {size / 1e6:,.1f} MB free, and data.worker_count="
            f"{data.worker_count} needs {needed / 1e6:,.1f} MB of it; make it larger (docker run "
            "--shm-size), or set data.worker_count=0, which needs none"
        )


def _begin_worker(number: int, count: int) -> None:
    stops.end_with_parent()


class _Records:
    """The encoded records of a source, followed by empty ones up to `length`."""

    def __init__(self, source: Source, length: int):
        self._source, self._length = source, length

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self._source.read(index) if index < len(self._source) else {}


def _with_draws(
    record: dict[str, Any], rng: np.random.Generator, policy: Augment
) -> dict[str, Any]:
    # both in any case: what else is read must not change the draws
    reaction, stimulus = augment.draw(rng, policy), augment.draw(rng, policy)
    face = augment.geometry(reaction)
    draws = {"reaction": reaction, "stimulus": stimulus, "depth": face, "thermal": face}
    return {**record, **{f"{domain}_draw": draw for domain, draw in draws.items()}}


class _Assemble:
    """Encoded records -> batch: decodes, and augments if asked, straight into the batch's memory.

    The draws of records that have any are applied, or passed on with the batch.
    """

    def __init__(
        self,
        source: Source,
        tokenizer: Tokenizer,
        max_tokens: int,
        augments: bool,
        numbered: bool = False,
    ):
        self._source, self._tokenizer = source, tokenizer
        self._max_tokens, self._augments = max_tokens, augments
        self._numbered = numbered  # whether batches tell the frame of each record

    def bytes_of(self, rows: int) -> int:
        """Bytes of a batch's images, next to which the rest is small."""
        return rows * len(self._source.domains) * 3 * self._source.image_size**2

    def __call__(self, records: Sequence[dict[str, Any]]) -> Batch:
        rows, records = len(records), [record for record in records if record]
        count = len(records)  # padding stands at the end
        batch: Batch = {
            "labels": np.full((rows, self._source.classes), -1, np.int8),
            "index": np.full(rows, -1, np.int32),
            "weight": np.zeros(rows, np.float32),
        }
        batch["weight"][:count] = 1.0
        if self._source.has_captions:
            captions = [record["caption"] for record in records]
            batch["tokens"] = np.zeros((rows, self._max_tokens), np.int32)
            batch["tokens"][:count] = encode_texts(self._tokenizer, captions, self._max_tokens)
        if self._numbered:
            batch["frame"] = np.full(rows, -1, np.int32)
        for name in ("labels", "index", "frame"):
            for row, record in enumerate(records if name in batch else ()):
                batch[name][row] = record[name]
        if self._source.has_landmarks:
            batch["landmarks"] = np.full((rows, POINTS, 2), np.nan, np.float32)
            for row, record in enumerate(records):
                points, draw = record["landmarks"], record.get("reaction_draw")
                if draw is not None:
                    points = augment.move_landmarks(points, draw, self._source.image_size)
                batch["landmarks"][row] = points
        for domain in self._source.domains:
            draws = [record[f"{domain}_draw"] for record in records if f"{domain}_draw" in record]
            batch[domain] = self._images(domain, records, draws, rows)
            if draws and not self._augments:
                batch[f"{domain}_draw"] = np.stack(draws)
        return batch

    def _images(
        self, domain: str, records: Sequence[dict[str, Any]], draws: list, rows: int
    ) -> UInt8[np.ndarray, "batch size size 3"]:
        cv2.setNumThreads(1)  # the pipeline's own threads are the parallelism; set per process
        size = self._source.image_size
        images = np.empty((rows, size, size, 3), np.uint8)
        images[len(records) :] = 0
        decoded, *scratch = np.empty((3, size, size, 3), np.uint8)
        for row, record in enumerate(records):
            self._source.decode_into(record, domain, decoded if self._augments else images[row])
            if self._augments:
                augment.apply(decoded, draws[row], images[row], scratch)
        return images


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
