"""One batch from the records of its rows; the threads of a process share the making of each."""

import functools
import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8
from tokenizers import Tokenizer

from drr_jax.data import augment
from drr_jax.data.shapes import Draws, batch_shapes
from drr_jax.data.source import Source
from drr_jax.data.tokenizer import encode_texts
from drr_jax.data.windows import Window
from drr_jax.facs import SPECTROGRAM

Batch = dict[str, np.ndarray]
PADDING = {"labels": -1, "index": -1, "frame": -1, "landmarks": np.nan}  # all else is 0
PIECES = 4  # of a batch for each thread: few enough to cost nothing, many enough to end together


class Assemble:
    """Number of a batch -> batch: reads, decodes and augments straight into the batch's memory.

    `examples[i]` is row i of all batches, one after the other: a record as `Source.read` has it,
    with its draws, or {} for padding, which stands at the end. The draws are `applied` to images
    here, or `passed on` with the batch. With a `window` rows come in clips, and the stimuli before
    and in a clip have the stimulus's draw of its first row.
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
        window: Window | None = None,
    ):
        self._examples, self._source, self._tokenizer = examples, source, tokenizer
        self._rows, self._max_tokens = rows, max_tokens
        self._draws: Draws = draws
        self._threads, self._window = threads, window
        self._domains = tuple(
            name for name in source.domains if window is None or name != "stimulus"
        )

    def __getstate__(self) -> dict[str, Any]:
        """For worker processes, each of which has threads of its own."""
        return {name: value for name, value in vars(self).items() if name != "_pool"}

    @functools.cached_property
    def _pool(self) -> ThreadPoolExecutor:
        """Threads that end when this object is forgotten."""
        return ThreadPoolExecutor(self._threads, thread_name_prefix="read")

    @property
    def bytes(self) -> int:
        """Bytes of a batch's images and sounds, next to which the rest is small."""
        images = self._rows * len(self._domains)
        if self._window is not None:
            images += self._rows // self._window.clip * self._window.span
        sounds = self._rows * self._source.has_sound
        return images * 3 * self._source.image_size**2 + sounds * math.prod(SPECTROGRAM)

    def __call__(self, number: int) -> Batch:
        batch, draws = self._empty(), [None] * self._rows
        fill = functools.partial(self._fill, batch, draws, number * self._rows)
        captions = self._shared(fill, range(self._rows))
        if self._window is not None:
            self._fill_clips(batch, draws, self._window)
        if self._source.has_captions:
            pieces_of = encode_texts(self._tokenizer, captions, self._max_tokens)
            batch["tokens"][: len(captions)] = pieces_of
        return batch

    def _shared(self, do: Callable[[Sequence], list], jobs: Sequence) -> list:
        """What `do` returns for all jobs, of which each thread takes some pieces."""
        step = -(-len(jobs) // (self._threads * PIECES)) if self._threads > 1 else len(jobs)
        pieces = [jobs[at : at + step] for at in range(0, len(jobs), step)]
        done = self._pool.map(do, pieces) if self._threads > 1 else map(do, pieces)
        return [one for piece in done for one in piece]

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
            self._window,
        )
        return {
            name: np.empty(shape, dtype)
            if name in source.domains
            else np.full(shape, PADDING.get(name, 0), dtype)
            for name, (shape, dtype) in shapes.items()
        }

    def _fill(self, batch: Batch, draws: list, first: int, rows: Sequence[int]) -> list[str]:
        """Reads some rows of the batch that begins with example `first`; returns their captions.

        Puts the draws of their stimuli into `draws`.
        """
        captions = []
        for row in rows:
            record = self._examples[first + row]
            draws[row] = record.get("stimulus_draw")
            if not record:
                for domain in self._domains:
                    batch[domain][row] = 0
                continue
            batch["weight"][row] = 1.0
            for name in ("labels", "index", "frame", "audio"):
                if name in batch:
                    batch[name][row] = record[name]
            if self._source.has_landmarks:
                points = record["landmarks"]
                if self._draws != "none":
                    size = self._source.image_size
                    points = augment.move_landmarks(points, record["reaction_draw"], size)
                batch["landmarks"][row] = points
            for domain in self._domains:
                self._image(record, domain, batch[domain][row])
                if self._draws == "passed on":
                    batch[f"{domain}_draw"][row] = record[f"{domain}_draw"]
            captions.append(record.get("caption", ""))
        return captions

    def _fill_clips(self, batch: Batch, draws: list, window: Window) -> None:
        """Reads the stimuli of the clips in a batch, whose rows have been read."""
        sequences, images = self._source.sequences, batch["stimulus"]
        tuples = batch["index"].reshape(-1, window.clip)
        shown = np.array([sequences.shown(int(t[0]), int(t[-1]), window) for t in tuples])
        frames, draws = np.zeros_like(shown), draws[:: window.clip]

        def read(jobs: Sequence[np.ndarray]) -> list:
            for clip, place in jobs:
                record = self._source.read_stimulus(int(shown[clip, place]))
                frames[clip, place] = record["frame"]
                record["stimulus_draw"] = draws[clip]
                self._image(record, "stimulus", images[clip, place])
            return []

        again = np.diff(shown, axis=1, prepend=-1) == 0  # stand-ins, behind what they stand for
        self._shared(read, list(np.argwhere(~again)))
        for clip, place in np.argwhere(again):
            frames[clip, place] = frames[clip, place - 1]
            images[clip, place] = images[clip, place - 1]
        each = zip(shown, frames, tuples, strict=True)
        batch["stimulus_at"][:] = np.concatenate([sequences.seen(*one, window) for one in each])
        if self._draws == "passed on":
            batch["stimulus_draw"][:] = draws

    def _image(
        self, record: dict[str, Any], domain: str, out: UInt8[np.ndarray, "size size 3"]
    ) -> None:
        cv2.setNumThreads(1)  # our own threads are the parallelism; set per process
        if self._draws != "applied":
            self._source.decode_into(record, domain, out)
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
