"""TFDS builder for BP4D-Spontaneous (Zhang et al., 2014)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from drr_jax.facs import BP4D_AUS
from tfds_reactionet.bp4d import DATA_SET
from tfds_reactionet.bp4d.reader import Reader
from tfds_reactionet.building import FaceBuilder, Spec, builder_configs, defaults
from tfds_reactionet.reading import BP4D_CODED_AUS, BP4D_POINTS, Protocol

# What each task is meant to elicit (the official guide): no label of a frame.
TASK_EMOTIONS = {
    "T1": "happiness",
    "T2": "sadness",
    "T3": "surprise",
    "T4": "embarrassment",
    "T5": "fear",
    "T6": "pain",
    "T7": "anger",
    "T8": "disgust",
}


class Builder(FaceBuilder):
    """The 146,847 coded frames of BP4D in the three published parts."""

    VERSION = tfds.core.Version(DATA_SET.version)
    BUILDER_CONFIGS = builder_configs(
        DATA_SET,
        rgb="Colour images.",
        rgb_depth="Colour images, and depth rendered from the meshes.",
    )
    OPTIONS = defaults(DATA_SET)
    HOMEPAGE = "https://www.cs.binghamton.edu/~lijun/Research/3DFE/3DFE_Analysis.html"
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "ask Binghamton University for BP4D-Spontaneous and copy it there, so that it holds "
        "AUCoding/ and Sequences(2D+3D)/; see tfds_reactionet/bp4d/README.md"
    )

    @staticmethod
    def spec(config: str, options: Mapping[str, Any]) -> Spec:
        return Spec(
            task="au",
            protocol=Protocol.folds(3),
            au_names=BP4D_CODED_AUS,
            evaluated_aus=BP4D_AUS,
            images=("reaction", "depth") if config == "rgb_depth" else ("reaction",),
            landmarks=BP4D_POINTS,
            metadata={"task_emotions": TASK_EMOTIONS},
        )

    @staticmethod
    def open(manual_dir: Path, config: str, options: Mapping[str, Any]) -> Reader:
        return Reader.find(manual_dir, options["frame_offset"], config == "rgb_depth")
