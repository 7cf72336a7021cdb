"""What the arrays of a batch are, with no data at hand."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from drr_jax.data.augment import DRAW_SIZE
from drr_jax.data.landmarks import POINTS
from drr_jax.data.windows import Window
from drr_jax.facs import IMAGES, SPECTROGRAM

# An evaluation's batch has none; of training images they are applied here, or passed on with them.
Draws = Literal["none", "applied", "passed on"]


class Shape(NamedTuple):
    """Shape and type of an array."""

    shape: tuple[int, ...]
    dtype: np.dtype


def training_draws(augment_on: str) -> Draws:
    """What becomes of the draws where images are augmented on the host, or on the device."""
    return "applied" if augment_on == "host" else "passed on"


def label_type(task: str) -> np.dtype:
    """Type of a task's labels: levels of intensities, else 1, 0 or -1."""
    return np.dtype(np.float32 if task == "intensity" else np.int8)


def batch_shapes(
    rows: int,
    side: int,
    inputs: Sequence[str],
    classes: int,
    max_tokens: int,
    draws: Draws,
    labels: np.dtype,
    window: Window | None = None,
) -> dict[str, Shape]:
    """Of every array of a batch of `rows`, made of a source of `inputs` with square images.

    `labels` is their type, as `label_type` says. With a `window` stimuli are those of clips.
    """
    found = {
        "labels": Shape((rows, classes), labels),
        "index": Shape((rows,), np.dtype(np.int32)),
        "weight": Shape((rows,), np.dtype(np.float32)),
    }
    if draws == "none":
        found["frame"] = Shape((rows,), np.dtype(np.int32))
    if "caption" in inputs:
        found["tokens"] = Shape((rows, max_tokens), np.dtype(np.int32))
    if "audio" in inputs:
        found["audio"] = Shape((rows, *SPECTROGRAM), np.dtype(np.uint8))
    if "landmarks" in inputs:
        found["landmarks"] = Shape((rows, POINTS, 2), np.dtype(np.float32))
    for domain in IMAGES:
        if domain in inputs:
            found[domain] = Shape((rows, side, side, 3), np.dtype(np.uint8))
            if draws == "passed on":
                found[f"{domain}_draw"] = Shape((rows, DRAW_SIZE), np.dtype(np.float32))
    if window is not None:
        clips = rows // window.clip
        found["stimulus"] = Shape((clips, window.span, side, side, 3), np.dtype(np.uint8))
        found["stimulus_at"] = Shape((rows, window.frames), np.dtype(np.int32))
        if draws == "passed on":
            found["stimulus_draw"] = Shape((clips, DRAW_SIZE), np.dtype(np.float32))
    return found
