"""What DISFA and DISFA+ label: intensities of the same twelve AUs, a file for each."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from drr_jax.facs import DISFA_PLUS_AUS
from tfds_reactionet.reading.numbering import check_alike

DISFA_CODED = tuple(int(name.removeprefix("AU")) for name in DISFA_PLUS_AUS)


def intensities_by_frame(
    columns: Mapping[int, tuple[Path, Mapping[int, float]]],
) -> tuple[list[int], Float32[np.ndarray, "frames 12"]]:
    """The frames of some files, rising, and their intensities; NaN where a file or row is missing.

    columns: by AU its file and what that says by frame. Raises InputError for files that count
    frames differently.
    """
    check_alike(columns.values())
    frames = sorted(set().union(*(column for _, column in columns.values())))
    values = np.full((len(frames), len(DISFA_CODED)), np.nan, np.float32)
    for au, (_, column) in columns.items():
        values[:, DISFA_CODED.index(au)] = [column.get(frame, np.nan) for frame in frames]
    return frames, values
