"""TFDS builder for ReactioNet (ICCV 2023): stimulus, reaction and caption with action units."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from drr_jax.facs import REACTIONET_AUS, REACTIONET_AUS_12, SCENES
from tfds_reactionet.building import FaceBuilder, Spec, builder_configs, defaults
from tfds_reactionet.reactionet import DATA_SET, layout
from tfds_reactionet.reactionet.reader import NO_FACE, OUTSIDE_DELAY, Reader
from tfds_reactionet.reading import Protocol


class Builder(FaceBuilder):
    """ReactioNet's three cross-validation parts."""

    VERSION = tfds.core.Version(DATA_SET.version)
    RELEASE_NOTES: ClassVar[dict[str, str]] = {
        "1.0.0": "First version.",
        "1.1.0": "Fingerprint and metadata as every other set's. Records are as they were, but "
        "for the last bit of landmarks in images that were resized.",
    }
    BUILDER_CONFIGS = builder_configs(
        DATA_SET,
        full="Every frame with a face or a manual label.",
        keyframes="Hand-labelled key frames only.",
        demo="A rendered release, bundled; no recordings.",
        demo_keyframes="The rendered release's hand-labelled key frames only.",
        demo_multimodal="The rendered release with depth and thermal images of the same faces.",
    )
    OPTIONS = defaults(DATA_SET)
    HOMEPAGE = "https://openaccess.thecvf.com/ICCV2023"
    MANUAL_DOWNLOAD_INSTRUCTIONS = layout.WANTED
    EXPECTED_REASONS = (NO_FACE, OUTSIDE_DELAY)

    @staticmethod
    def spec(config: str, options: Mapping[str, Any]) -> Spec:
        return Spec(
            task=None,
            protocol=Protocol.folds(3),
            au_names=REACTIONET_AUS,
            evaluated_aus=REACTIONET_AUS_12,  # 17 are coded
            images=("reaction", "stimulus", *layout.modalities(config)),
            landmarks=68,
            extra={
                "caption": ((), str),
                "scene": ((), SCENES),
                "sub_scene": ((), str),
                "head_pose": ((6,), np.float32),
                "gaze": ((8,), np.float32),
            },
            metadata={"scene_names": list(SCENES)},
        )

    @staticmethod
    def open(manual_dir: Path, config: str, options: Mapping[str, Any]) -> Reader:
        return Reader.find(manual_dir, config, options)
