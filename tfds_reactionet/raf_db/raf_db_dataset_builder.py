"""TFDS builder for the basic set of RAF-DB (Li et al., 2017)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tfds_reactionet.building import FaceBuilder, Spec, builder_configs, defaults
from tfds_reactionet.raf_db import DATA_SET
from tfds_reactionet.raf_db.labels import PERSON
from tfds_reactionet.raf_db.reader import Reader
from tfds_reactionet.reading import Protocol


class Builder(FaceBuilder):
    """The 12,271 training and 3,068 test faces of RAF-DB basic."""

    VERSION = tfds.core.Version(DATA_SET.version)
    BUILDER_CONFIGS = builder_configs(
        DATA_SET,
        aligned="The release's aligned faces of 100 x 100 pixels.",
        original="The original images, cut out by five landmarks.",
    )
    OPTIONS = defaults(DATA_SET)
    HOMEPAGE = "http://www.whdeld.cn/RAF/model1.html"
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "ask for RAF-DB and copy its folder basic there, so that it holds EmoLabel/ and Image/; "
        "see tfds_reactionet/raf_db/README.md"
    )

    @staticmethod
    def spec(config: str, options: Mapping[str, Any]) -> Spec:
        return Spec(
            task="expression",
            protocol=Protocol.official("train", "test"),
            landmarks=5 if config == "original" else 0,
            extra={**dict.fromkeys(PERSON, ((), np.int64)), "name": ((), str)},
        )

    @staticmethod
    def open(manual_dir: Path, config: str, options: Mapping[str, Any]) -> Reader:
        return Reader.find(manual_dir, config)
