"""TFDS builder for FER+ (Barsoum et al., 2016)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from drr_jax.facs import FER_PLUS_EXPRESSIONS
from tfds_reactionet.building import FaceBuilder, Spec, builder_configs, defaults
from tfds_reactionet.fer_plus import DATA_SET
from tfds_reactionet.fer_plus.reader import NO_LABEL, Reader
from tfds_reactionet.fer_plus.votes import COLUMNS
from tfds_reactionet.reading import Protocol


class Builder(FaceBuilder):
    """FER2013's images with the label, or the share of labels, that a rule makes of the votes."""

    VERSION = tfds.core.Version(DATA_SET.version)
    BUILDER_CONFIGS = builder_configs(
        DATA_SET,
        majority="Faces on whose expression most voters agree, after single votes are dropped.",
        argmax8="Faces whose most frequent vote is one of the eight expressions.",
        votes="Every row with its votes; the label is the majority's, or unknown.",
        probability="Up to three expressions with at least 75 % of the votes, as shares.",
        multi_target="Every expression with at least 30 % of the votes.",
    )
    OPTIONS = defaults(DATA_SET)
    HOMEPAGE = "https://github.com/microsoft/FERPlus"
    EXPECTED_REASONS = (*FaceBuilder.EXPECTED_REASONS, NO_LABEL)
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "copy FER2013's fer2013.csv and FER+'s fer2013new.csv there; see "
        "tfds_reactionet/fer_plus/README.md"
    )

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

    @staticmethod
    def open(manual_dir: Path, config: str, options: Mapping[str, Any]) -> Reader:
        return Reader.find(manual_dir, config)
