"""TFDS builder for BP4D+ (Zhang et al., 2016)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from drr_jax.facs import BP4D_AUS
from tfds_reactionet.bp4d_plus import DATA_SET, folds
from tfds_reactionet.bp4d_plus.reader import NO_FOLD, NO_THERMAL_FACE, OTHER_TASK, Reader
from tfds_reactionet.building import FaceBuilder, Spec, builder_configs, defaults
from tfds_reactionet.reading import BP4D_CODED_AUS, Protocol

_IMAGES = ("reaction", "depth", "thermal")


class Builder(FaceBuilder):
    """The coded frames of BP4D+ in three subject folds."""

    VERSION = tfds.core.Version(DATA_SET.version)
    BUILDER_CONFIGS = builder_configs(
        DATA_SET,
        rgb="Colour images.",
        rgb_depth="Colour images, and depth rendered from the meshes.",
        rgb_depth_thermal="Colour, depth and thermal images of the same time.",
    )
    OPTIONS = defaults(DATA_SET)
    HOMEPAGE = "https://www.cs.binghamton.edu/~lijun/Research/3DFE/3DFE_Analysis.html"
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "ask Binghamton University for BP4D+ and copy it there, so that it holds AUCoding/ and "
        "2D+3D/; see tfds_reactionet/bp4d_plus/README.md"
    )
    EXPECTED_REASONS = (*FaceBuilder.EXPECTED_REASONS, NO_THERMAL_FACE, OTHER_TASK, NO_FOLD)

    @staticmethod
    def spec(config: str, options: Mapping[str, Any]) -> Spec:
        return Spec(
            task="au",
            protocol=Protocol.folds(folds.COUNT),
            au_names=BP4D_CODED_AUS,
            evaluated_aus=BP4D_AUS,
            images=_IMAGES[: len(config.split("_"))],
            landmarks=49,
        )

    @staticmethod
    def open(manual_dir: Path, config: str, options: Mapping[str, Any]) -> Reader:
        return Reader.find(manual_dir, config, options)
