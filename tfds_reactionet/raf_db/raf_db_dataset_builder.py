"""TFDS builder for the basic set of RAF-DB (Li et al., 2017)."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfds_reactionet.building import FaceBuilder, Spec
from tfds_reactionet.raf_db import DATA_SET
from tfds_reactionet.raf_db.labels import PERSON
from tfds_reactionet.raf_db.reader import Reader
from tfds_reactionet.reading import Protocol


class Builder(FaceBuilder, data_set=DATA_SET, reader=Reader):
    """The 12,271 training and 3,068 test faces of RAF-DB basic."""

    @staticmethod
    def spec(config: str, options: Mapping[str, Any]) -> Spec:
        return Spec(
            task="expression",
            protocol=Protocol.official("train", "test"),
            landmarks=5 if config == "original" else 0,
            extra={**dict.fromkeys(PERSON, ((), np.int64)), "name": ((), str)},
        )
