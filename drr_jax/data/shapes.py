"""What a training batch will look like, with no data at hand."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from drr_jax.config import Data
from drr_jax.data.augment import DRAW_SIZE
from drr_jax.data.landmarks import POINTS
from drr_jax.facs import IMAGES


class Shape(NamedTuple):
    """Shape and type of an array."""

    shape: tuple[int, ...]
    dtype: np.dtype


def batch_shapes(
    data: Data, inputs: Sequence[str], classes: int, max_tokens: int, augment_on: str
) -> dict[str, Shape]:
    """Of every array of the global batch that `train_dataset` makes of a source of `inputs`."""
    rows, side = data.batch_size, data.image_size
    found = {
        "labels": Shape((rows, classes), np.dtype(np.int8)),
        "index": Shape((rows,), np.dtype(np.int32)),
        "weight": Shape((rows,), np.dtype(np.float32)),
    }
    if "caption" in inputs:
        found["tokens"] = Shape((rows, max_tokens), np.dtype(np.int32))
    if "landmarks" in inputs:
        found["landmarks"] = Shape((rows, POINTS, 2), np.dtype(np.float32))
    for domain in IMAGES:
        if domain in inputs:
            found[domain] = Shape((rows, side, side, 3), np.dtype(np.uint8))
            if augment_on == "device":
                found[f"{domain}_draw"] = Shape((rows, DRAW_SIZE), np.dtype(np.float32))
    return found
