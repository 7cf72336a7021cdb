"""TFDS builder for BP4D-Spontaneous (Zhang et al., 2014)."""

from collections.abc import Mapping
from typing import Any

from drr_jax.facs import BP4D_AUS
from tfds_reactionet.bp4d import DATA_SET
from tfds_reactionet.bp4d.reader import Reader
from tfds_reactionet.building import FaceBuilder, Spec
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


class Builder(FaceBuilder, data_set=DATA_SET, reader=Reader):
    """The 146,847 coded frames of BP4D in the three published parts."""

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
