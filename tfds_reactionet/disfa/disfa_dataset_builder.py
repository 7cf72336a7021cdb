"""TFDS builder for DISFA (Mavadati et al., 2013)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from drr_jax.facs import DISFA_AUS
from tfds_reactionet.building import FaceBuilder, Spec, builder_configs, defaults
from tfds_reactionet.disfa import DATA_SET
from tfds_reactionet.disfa.labels import CODED_AUS
from tfds_reactionet.disfa.reader import Reader
from tfds_reactionet.reading import Protocol


class Builder(FaceBuilder):
    """The 130,814 labelled frames of DISFA's left camera in the three published parts."""

    VERSION = tfds.core.Version(DATA_SET.version)
    BUILDER_CONFIGS = builder_configs(DATA_SET, left="Frames of the left camera.")
    OPTIONS = defaults(DATA_SET)
    HOMEPAGE = "http://mohammadmahoor.com/disfa/"
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "ask the University of Denver for DISFA and unpack it there, so that it holds "
        "ActionUnit_Labels/ and Videos_LeftCamera/; see tfds_reactionet/disfa/README.md"
    )

    @staticmethod
    def spec(config: str, options: Mapping[str, Any]) -> Spec:
        return Spec(
            task="au",
            protocol=Protocol.folds(3),
            au_names=CODED_AUS,
            evaluated_aus=DISFA_AUS,
            landmarks=66,
        )

    @staticmethod
    def open(manual_dir: Path, config: str, options: Mapping[str, Any]) -> Reader:
        return Reader.find(manual_dir, options["threshold"], options["frame_offset"])
