"""Batches of stimulus-reaction-caption tuples: a pure function of (data set, seed, step).

A batch is a dict of host-local arrays, b = batch size / hosts, S = image size, N = classes. Of the
first four only what the source reads:
  reaction, stimulus   uint8[b,S,S,3]   RGB
  depth, thermal       uint8[b,S,S,3]   grey ones have three equal channels
  tokens               int32[b,T]       word pieces of the caption, 0 is padding
  audio                uint8[b,96,64]   levels of the sound until the frame, 0 where there is none
  landmarks            float32[b,68,2]  x, y in the augmented reaction image, NaN where unknown
  labels               int8[b,N]        1, 0 or -1 (unknown): AU occurrence, or one expression;
                                        of intensities float32, 0 to 5 or -1
  index                int32[b]         record number over the parts read, -1 in padding
  frame                int32[b]         in evaluations its number in its sequence, -1 in padding
  weight               float32[b]       1, or 0 in the padding of an evaluation's last batch
  stimulus_at          int32[b,W]       with model.delay=window: see below
  reaction_draw, stimulus_draw, depth_draw, thermal_draw   float32[b,8]
                                        of each image, if the device augments (augment.DRAW_SIZE)

With a window of W frames rows come in clips of K neighbours (K = 1: shuffled), c = b / K of them:
stimulus is uint8[c,K+W-1,S,S,3], the frames before and in each clip, stimulus_draw float32[c,8],
and stimulus_at[i,l] the place in row i's clip of the frame that was seen l frames before it.

Hosts: each takes its block of consecutive examples from every global batch. Put together from
host-local batches in host order, a global batch has the same rows in the same order on any number
of hosts; dropout masks and groups of rows, which go by row, are then the same too.

Nothing here uses JAX, so reading threads and worker processes never touch a device (Grain imports
the package, but starts no backend).
"""

import functools
import os
import sys
from typing import Any

import grain
import numpy as np
from absl import flags
from jaxtyping import Int
from tokenizers import Tokenizer

from drr_jax import machine, stops
from drr_jax.config import Augment, Config, Data
from drr_jax.data import augment
from drr_jax.data.assemble import Assemble, Batch
from drr_jax.data.balance import BalancedOrder
from drr_jax.data.clips import ClipOrder
from drr_jax.data.shapes import Draws, training_draws
from drr_jax.data.source import Source
from drr_jax.data.windows import Window, window_of
from drr_jax.errors import InputError

IN_THE_MAKING = 2  # batches: while the last rows of one are read, threads begin the next


def train_dataset(
    source: Source,
    config: Config,
    tokenizer: Tokenizer,
    *,
    seed: int,
    augment_on: str,
    start_step: int = 0,
    class_of: Int[np.ndarray, " records"] | None = None,
    process_index: int = 0,
    process_count: int = 1,
) -> grain.DatasetIterator[Batch]:
    """Endless training batches from `start_step` on, which costs the same at any step.

    Order and augmentation depend on (source, batch size, seed, step) alone: not on the hosts, nor
    on worker_count and read_threads. Every epoch has an order of its own; a batch may hold the end
    of one epoch and the start of the next. R and S are augmented by independent draws of one
    policy, caption and sound are not (supplement 3.2). Depth and thermal image and the landmarks
    are of the face in R, and take its rotation and flip (reconstruction). With `data.balance` the
    draws are balanced over `class_of`, the class of each record of `source`, -1 for none. With
    `data.clips` neighbouring tuples are drawn together (clips.py).

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
    if config.data.balance:
        if class_of is None:
            raise ValueError("data.balance needs the class of each record")
        order = BalancedOrder(class_of, config.data.balance, seed)
        records = grain.MapDataset.source(_Ordered(source, order)).seed(seed)
    elif config.data.clips:
        order = ClipOrder(source.sequence_of, config.data.clips, seed)
        records = grain.MapDataset.source(_Ordered(source, order)).seed(seed)
    else:
        records = grain.MapDataset.source(_Records(source, len(source)))
        records = records.seed(seed).shuffle().repeat()
    # the draws come before the hosts' slices, or they would depend on the number of hosts
    examples = records.random_map(draw)
    draws = training_draws(augment_on)
    window = window_of(config)
    assemble = _assembler(examples, source, config, tokenizer, draws, process_count, window)
    batches = sys.maxsize // config.data.batch_size * process_count
    host = slice(process_index, None, process_count)
    return _iterate(assemble, batches, config.data, host, start_step)


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
    batches = -(-len(source) // config.data.batch_size)
    records = _Records(source, batches * config.data.batch_size)
    assemble = _assembler(records, source, config, tokenizer, "none", process_count)
    host = slice(process_index, None, process_count)
    return _iterate(assemble, batches * process_count, config.data, host)


def read_threads(data: Data) -> int:
    """Threads that read in each process: as asked, or all of the machine's cores shared out."""
    return data.read_threads or max(1, machine.cores() // max(1, data.worker_count))


def _assembler(
    examples: Any,
    source: Source,
    config: Config,
    tokenizer: Tokenizer,
    draws: Draws,
    hosts: int,
    window: Window | None = None,
) -> Assemble:
    if config.data.batch_size % hosts:
        raise InputError(
            f"config key data.batch_size={config.data.batch_size}: expected a multiple of the "
            f"{hosts} hosts"
        )
    return Assemble(
        examples,
        source,
        tokenizer,
        rows=config.data.batch_size // hosts,
        max_tokens=config.text.max_tokens,
        draws=draws,
        threads=read_threads(config.data),
        window=window,
    )


def _iterate(
    assemble: Assemble, batches: int, data: Data, host: slice, start_step: int = 0
) -> grain.DatasetIterator[Batch]:
    """The batches of one host, which are the slice `host` of all hosts' `batches`."""
    made = grain.MapDataset.range(batches)[host][start_step:].map(assemble)
    # Their number, and with it the memory, does not depend on that of the threads.
    options = grain.ReadOptions(num_threads=IN_THE_MAKING, prefetch_buffer_size=IN_THE_MAKING)
    stream = made.to_iter_dataset(options)
    if data.worker_count:
        check_shared_memory(data, assemble.bytes)
        if not flags.FLAGS.is_parsed():  # Grain's workers read absl flags; notebooks have none
            flags.FLAGS.mark_as_parsed()
        workers = grain.MultiprocessingOptions(num_workers=data.worker_count)
        stream = stream.mp_prefetch(workers, worker_init_fn=_begin_worker)
    return iter(stream)


def check_shared_memory(data: Data, batch_bytes: int, folder: str = "/dev/shm") -> None:
    """Raises InputError if worker processes cannot hand batches over in `folder`: it is too small.

    The system would end them for the first write beyond it. Each has a batch that waits to be taken
    and one in the making, and one more is being read.
    """
    try:
        disk = os.statvfs(folder)
    except OSError:  # not a Linux
        return
    if not os.access(folder, os.W_OK):  # nor can root, where it is mounted so
        raise InputError(
            f"{folder} cannot be written to, and data.worker_count={data.worker_count} needs it; "
            "make it writable, or set data.worker_count=0, which needs none"
        )
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


class _Ordered:
    """The encoded records of a source in an endless order."""

    def __init__(self, source: Source, order: BalancedOrder | ClipOrder):
        self._source, self._order = source, order

    def __len__(self) -> int:
        return sys.maxsize

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self._source.read(self._order[index])


def _with_draws(
    record: dict[str, Any], rng: np.random.Generator, policy: Augment
) -> dict[str, Any]:
    # both in any case: what else is read must not change the draws
    reaction, stimulus = augment.draw(rng, policy), augment.draw(rng, policy)
    face = augment.geometry(reaction)
    draws = {"reaction": reaction, "stimulus": stimulus, "depth": face, "thermal": face}
    return {**record, **{f"{domain}_draw": draw for domain, draw in draws.items()}}
