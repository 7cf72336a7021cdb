"""TFDS builder for the Extended Cohn-Kanade data set (Lucey et al., 2010)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from drr_jax.facs import CK_PLUS_AUS
from tfds_reactionet.building import FaceBuilder, Spec, builder_configs, defaults
from tfds_reactionet.ck_plus import DATA_SET
from tfds_reactionet.ck_plus.labels import CODED_AUS, SIX_EMOTIONS
from tfds_reactionet.ck_plus.reader import NO_EMOTION, OTHER_EMOTION, Reader
from tfds_reactionet.reading import Protocol


class Builder(FaceBuilder):
    """The last frames of the 309 sequences that show one of six emotions."""

    VERSION = tfds.core.Version(DATA_SET.version)
    BUILDER_CONFIGS = builder_configs(
        DATA_SET,
        au="Action units of the peak, 12 of them evaluated.",
        expression="Six emotions.",
    )
    OPTIONS = defaults(DATA_SET)
    HOMEPAGE = "https://www.jeffcohn.net/Resources/"
    EXPECTED_REASONS = (*FaceBuilder.EXPECTED_REASONS, NO_EMOTION, OTHER_EMOTION)
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "ask for CK+ and unpack its zip files there, so that it holds cohn-kanade-images/, "
        "Emotion/ and FACS/; see tfds_reactionet/ck_plus/README.md"
    )

    @staticmethod
    def spec(config: str, options: Mapping[str, Any]) -> Spec:
        return Spec(
            task="au" if config == "au" else "expression",
            protocol=Protocol.folds(options["folds"]),
            au_names=CODED_AUS,
            evaluated_aus=CK_PLUS_AUS,
            expression_names=SIX_EMOTIONS,
            landmarks=68,
        )

    @staticmethod
    def open(manual_dir: Path, config: str, options: Mapping[str, Any]) -> Reader:
        keys = ("last", "folds", "threshold")
        return Reader.find(manual_dir, config == "au", *(options[key] for key in keys))
