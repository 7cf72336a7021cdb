"""TFDS builder for FER+ (Barsoum et al., 2016)."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from drr_jax.facs import FER_PLUS_EXPRESSIONS
from tfds_reactionet.building import FaceBuilder, Spec
from tfds_reactionet.fer_plus import DATA_SET
from tfds_reactionet.fer_plus.reader import Reader
from tfds_reactionet.fer_plus.votes import COLUMNS
from tfds_reactionet.reading import Protocol


class Builder(FaceBuilder, data_set=DATA_SET, reader=Reader):
    """FER2013's images with the label, or the share of labels, that a rule makes of the votes."""

    @staticmethod
    def spec(config: str, options: Mapping[str, Any]) -> Spec:
        return Spec(
            task="expression",
            protocol=Protocol.official("train", "test", "validation"),
            expression_names=FER_PLUS_EXPRESSIONS,
            extra={
                "votes": ((len(COLUMNS),), np.int8),
                "target": ((len(FER_PLUS_EXPRESSIONS),), np.float32),
                "fer2013": ((), np.int64),
                "name": ((), str),
            },
        )
