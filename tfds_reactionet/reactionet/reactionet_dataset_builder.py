"""TFDS builder for ReactioNet (ICCV 2023): stimulus, reaction and caption with action units."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from drr_jax.facs import REACTIONET_AUS, REACTIONET_AUS_12, SCENES
from tfds_reactionet.building import FaceBuilder, Spec
from tfds_reactionet.reactionet import DATA_SET, layout
from tfds_reactionet.reactionet.reader import Reader
from tfds_reactionet.reading import Protocol


class Builder(FaceBuilder, data_set=DATA_SET, reader=Reader):
    """ReactioNet's three cross-validation parts."""

    MANUAL_DOWNLOAD_INSTRUCTIONS = layout.WANTED
    RELEASE_NOTES: ClassVar[dict[str, str]] = {
        "1.0.0": "First version.",
        "1.1.0": "Fingerprint and metadata as every other set's. Records are as they were, but "
        "for the last bit of landmarks in images that were resized.",
    }

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
