"""TFDS builder for the manually annotated part of AffectNet (Mollahosseini et al., 2017)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tfds_reactionet.affectnet import DATA_SET
from tfds_reactionet.affectnet.reader import OTHER_CLASS, Reader
from tfds_reactionet.building import FaceBuilder, Spec, builder_configs, defaults
from tfds_reactionet.reading import Protocol


class Builder(FaceBuilder):
    """283,901 training faces and the 3,500 of the validation list, which papers test on."""

    VERSION = tfds.core.Version(DATA_SET.version)
    BUILDER_CONFIGS = builder_configs(DATA_SET, seven="Seven expressions, without contempt.")
    OPTIONS = defaults(DATA_SET)
    HOMEPAGE = "http://mohammadmahoor.com/affectnet/"
    EXPECTED_REASONS = (*FaceBuilder.EXPECTED_REASONS, OTHER_CLASS)
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "ask the University of Denver for AffectNet and unpack its archives there; see "
        "tfds_reactionet/affectnet/README.md"
    )

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

    @staticmethod
    def open(manual_dir: Path, config: str, options: Mapping[str, Any]) -> Reader:
        return Reader.find(manual_dir)
