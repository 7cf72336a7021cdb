"""TFDS builder for BU-3DFE (Yin et al., 2006)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from drr_jax.facs import EXPRESSIONS
from tfds_reactionet.bu3dfe import DATA_SET
from tfds_reactionet.bu3dfe.reader import FOLDS, NOT_A_CLASS, OTHER_LEVEL, Reader
from tfds_reactionet.building import FaceBuilder, Spec, builder_configs, defaults
from tfds_reactionet.reading import Protocol


class Builder(FaceBuilder):
    """The scans of BU-3DFE in ten subject folds."""

    VERSION = tfds.core.Version(DATA_SET.version)
    BUILDER_CONFIGS = builder_configs(
        DATA_SET,
        rgb="Frontal texture images.",
        rgb_depth="Frontal texture images, and depth rendered from the meshes.",
    )
    OPTIONS = defaults(DATA_SET)
    HOMEPAGE = "https://www.cs.binghamton.edu/~lijun/Research/3DFE/3DFE_Analysis.html"
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "ask Binghamton University for BU-3DFE and unpack it there, so that it holds F0001/ to "
        "M0044/; see tfds_reactionet/bu3dfe/README.md"
    )
    EXPECTED_REASONS = (*FaceBuilder.EXPECTED_REASONS, OTHER_LEVEL, NOT_A_CLASS)

    @staticmethod
    def spec(config: str, options: Mapping[str, Any]) -> Spec:
        return Spec(
            task="expression",
            protocol=Protocol.folds(FOLDS),
            expression_names=EXPRESSIONS[: options["classes"]],
            images=("reaction", "depth") if config == "rgb_depth" else ("reaction",),
            extra={"level": ((), np.int64), "race": ((), str)},
        )

    @staticmethod
    def open(manual_dir: Path, config: str, options: Mapping[str, Any]) -> Reader:
        depth = config == "rgb_depth"
        return Reader.find(manual_dir, options["classes"], options["levels"], depth)
