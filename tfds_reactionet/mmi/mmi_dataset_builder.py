"""TFDS builder for the MMI facial expression database (Pantic et al., 2005)."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from drr_jax.facs import EXPRESSIONS
from tfds_reactionet.building import FaceBuilder, Spec
from tfds_reactionet.mmi import DATA_SET
from tfds_reactionet.mmi.reader import EMOTIONS, FOLDS, Reader
from tfds_reactionet.reading import Protocol


class Builder(FaceBuilder, data_set=DATA_SET, reader=Reader):
    """Peak frames of six expressions in ten subject folds."""

    @staticmethod
    def spec(config: str, options: Mapping[str, Any]) -> Spec:
        return Spec(
            task="expression",
            protocol=Protocol.folds(FOLDS),
            expression_names=EXPRESSIONS[:EMOTIONS],
            extra={"view": ((), np.int64), "rotation": ((), np.int64)},
        )
