"""TFDS builder for BU-3DFE (Yin et al., 2006)."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from drr_jax.facs import EXPRESSIONS
from tfds_reactionet.bu3dfe import DATA_SET
from tfds_reactionet.bu3dfe.reader import FOLDS, Reader
from tfds_reactionet.building import FaceBuilder, Spec
from tfds_reactionet.reading import Protocol


class Builder(FaceBuilder, data_set=DATA_SET, reader=Reader):
    """The scans of BU-3DFE in ten subject folds."""

    @staticmethod
    def spec(config: str, options: Mapping[str, Any]) -> Spec:
        return Spec(
            task="expression",
            protocol=Protocol.folds(FOLDS),
            expression_names=EXPRESSIONS[: options["classes"]],
            images=("reaction", "depth") if config == "rgb_depth" else ("reaction",),
            extra={"level": ((), np.int64), "race": ((), str)},
        )
