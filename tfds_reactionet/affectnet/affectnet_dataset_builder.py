"""TFDS builder for the manually annotated part of AffectNet (Mollahosseini et al., 2017)."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfds_reactionet.affectnet import DATA_SET
from tfds_reactionet.affectnet.reader import Reader
from tfds_reactionet.building import FaceBuilder, Spec
from tfds_reactionet.reading import Protocol


class Builder(FaceBuilder, data_set=DATA_SET, reader=Reader):
    """283,901 training faces and the 3,500 of the validation list, which papers test on."""

    @staticmethod
    def spec(config: str, options: Mapping[str, Any]) -> Spec:
        return Spec(
            task="expression",
            protocol=Protocol.official("train", "test"),
            extra={
                "valence": ((), np.float32),
                "arousal": ((), np.float32),
                "name": ((), str),
            },
        )
