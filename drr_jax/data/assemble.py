"""One batch from the records of its rows; the threads of a process share the making of each."""

import functools
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np
from tokenizers import Tokenizer

from drr_jax.data import augment
from drr_jax.data.shapes import Draws, batch_shapes
from drr_jax.data.source import Source
from drr_jax.data.tokenizer import encode_texts

Batch = dict[str, np.ndarray]
PADDING = {"labels": -1, "index": -1, "frame": -1, "landmarks": np.nan}  # all else is 0
PIECES = 4  # of a batch for each thread: few enough to cost nothing, many enough to end together


class Assemble:
    """Number of a batch -> batch: reads, decodes and augments straight into the batch's memory.

    `examples[i]` is row i of all batches, one after the other: a record as `Source.read` has it,
    with its draws, or {} for padding, which stands at the end. The draws are `applied` to images
    here, or `passed on` with the batch.
    """

    def __init__(
        self,
        examples: Any,
        source: Source,
        tokenizer: Tokenizer,
        *,
        rows: int,
        max_tokens: int,
        draws: Draws,
        threads: int,
    ):
        self._examples, self._source, self._tokenizer = examples, source, tokenizer
        self._rows, self._max_tokens = rows, max_tokens
        self._draws: Draws = draws
        self._threads = threads

    def __getstate__(self) -> dict[str, Any]:
        """For worker processes, each of which has threads of its own."""
        return {name: value for name, value in vars(self).items() if name != "_pool"}

    @functools.cached_property
    def _pool(self) -> ThreadPoolExecutor:
        """Threads that end when this object is forgotten."""
        return ThreadPoolExecutor(self._threads, thread_name_prefix="read")

    @property
    def bytes(self) -> int:
        """Bytes of a batch's images, next to which the rest is small."""
        return self._rows * len(self._source.domains) * 3 * self._source.image_size**2

    def __call__(self, number: int) -> Batch:
        batch = self._empty()
        step = -(-self._rows // (self._threads * PIECES)) if self._threads > 1 else self._rows
        pieces = [range(at, min(at + step, self._rows)) for at in range(0, self._rows, step)]
        fill = functools.partial(self._fill, batch, number * self._rows)
        filled = self._pool.map(fill, pieces) if self._threads > 1 else map(fill, pieces)
        captions = [caption for piece in filled for caption in piece]
        if self._source.has_captions:
            pieces_of = encode_texts(self._tokenizer, captions, self._max_tokens)
            batch["tokens"][: len(captions)] = pieces_of
        return batch

    def _empty(self) -> Batch:
        """A batch of padding; its images are not yet written."""
        source = self._source
        shapes = batch_shapes(
            self._rows,
            source.image_size,
            source.inputs,
            source.classes,
            self._max_tokens,
            self._draws,
            source.label_type,
        )
        return {
            name: np.empty(shape, dtype)
            if name in source.domains
            else np.full(shape, PADDING.get(name, 0), dtype)
            for name, (shape, dtype) in shapes.items()
        }

    def _fill(self, batch: Batch, first: int, rows: Sequence[int]) -> list[str]:
        """Reads some rows of the batch that begins with example `first`; returns their captions."""
        captions = []
        for row in rows:
            record = self._examples[first + row]
            if not record:
                for domain in self._source.domains:
                    batch[domain][row] = 0
                continue
            batch["weight"][row] = 1.0
            for name in ("labels", "index", "frame"):
                if name in batch:
                    batch[name][row] = record[name]
            if self._source.has_landmarks:
                points = record["landmarks"]
                if self._draws != "none":
                    size = self._source.image_size
                    points = augment.move_landmarks(points, record["reaction_draw"], size)
                batch["landmarks"][row] = points
            for domain in self._source.domains:
                self._image(batch, domain, row, record)
            captions.append(record.get("caption", ""))
        return captions

    def _image(self, batch: Batch, domain: str, row: int, record: dict[str, Any]) -> None:
        cv2.setNumThreads(1)  # our own threads are the parallelism; set per process
        out = batch[domain][row]
        if self._draws != "applied":
            self._source.decode_into(record, domain, out)
            if self._draws == "passed on":
                batch[f"{domain}_draw"][row] = record[f"{domain}_draw"]
            return
        decoded, *scratch = _scratch(self._source.image_size)
        self._source.decode_into(record, domain, decoded)
        augment.apply(decoded, record[f"{domain}_draw"], out, scratch)


class _Own(threading.local):
    """What each thread writes an image to before and while it is augmented."""

    images: np.ndarray | None = None


_own = _Own()


def _scratch(size: int) -> np.ndarray:
    """Three images of this thread, which are the same at the next call."""
    if _own.images is None or _own.images.shape[1] != size:
        _own.images = np.empty((3, size, size, 3), np.uint8)
    return _own.images
