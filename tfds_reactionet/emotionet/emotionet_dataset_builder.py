"""TFDS builder for EmotioNet (Fabian Benitez-Quiroz et al., 2016)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from tfds_reactionet.building import FaceBuilder, Spec, builder_configs, defaults
from tfds_reactionet.emotionet import DATA_SET
from tfds_reactionet.emotionet.labels import ALL_AUS, EVALUATED
from tfds_reactionet.emotionet.reader import NO_IMAGE, TWICE, Reader
from tfds_reactionet.reading import Protocol


class Builder(FaceBuilder):
    """The labelled images that a user could still download."""

    VERSION = tfds.core.Version(DATA_SET.version)
    BUILDER_CONFIGS = builder_configs(
        DATA_SET,
        manual="Some 25,000 images with codes by experts.",
        automatic="Some 950,000 images with codes by the authors' program.",
    )
    OPTIONS = defaults(DATA_SET)
    HOMEPAGE = "https://cbcsl.ece.ohio-state.edu/dbform_emotionet.html"
    EXPECTED_REASONS = (*FaceBuilder.EXPECTED_REASONS, NO_IMAGE, TWICE)
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "ask Ohio State University for EmotioNet's label files, copy them there and download their "
        "images into images/; see tfds_reactionet/emotionet/README.md"
    )

    @staticmethod
    def spec(config: str, options: Mapping[str, Any]) -> Spec:
        return Spec(
            task="au",
            protocol=Protocol.folds(options["folds"]),
            au_names=ALL_AUS,
            evaluated_aus=EVALUATED[options["aus"]],
            extra={"name": ((), str)},
        )

    @staticmethod
    def open(manual_dir: Path, config: str, options: Mapping[str, Any]) -> Reader:
        return Reader.find(manual_dir, config == "automatic", options["folds"])
