"""TFDS builder for the MMI facial expression database (Pantic et al., 2005)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from drr_jax.facs import EXPRESSIONS
from tfds_reactionet.building import FaceBuilder, Spec, builder_configs, defaults
from tfds_reactionet.mmi import DATA_SET
from tfds_reactionet.mmi.reader import EMOTIONS, FOLDS, NO_EMOTION, OTHER_VIEW, SEVERAL, Reader
from tfds_reactionet.reading import Protocol


class Builder(FaceBuilder):
    """Peak frames of six expressions in ten subject folds."""

    VERSION = tfds.core.Version(DATA_SET.version)
    BUILDER_CONFIGS = builder_configs(
        DATA_SET, middle="The three frames in the middle of each clip, and the image sessions."
    )
    OPTIONS = defaults(DATA_SET)
    HOMEPAGE = "https://mmifacedb.eu/"
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "ask for the MMI facial expression database and unpack it there, so that it holds "
        "Sessions/<number>/session.xml; see tfds_reactionet/mmi/README.md"
    )
    EXPECTED_REASONS = (*FaceBuilder.EXPECTED_REASONS, NO_EMOTION, SEVERAL, OTHER_VIEW)

    @staticmethod
    def spec(config: str, options: Mapping[str, Any]) -> Spec:
        return Spec(
            task="expression",
            protocol=Protocol.folds(FOLDS),
            expression_names=EXPRESSIONS[:EMOTIONS],
            extra={"view": ((), np.int64), "rotation": ((), np.int64)},
        )

    @staticmethod
    def open(manual_dir: Path, config: str, options: Mapping[str, Any]) -> Reader:
        return Reader.find(manual_dir, options)
