"""TFDS builder for DISFA (Mavadati et al., 2013)."""

from collections.abc import Mapping
from typing import Any

from drr_jax.facs import DISFA_AUS
from tfds_reactionet.building import FaceBuilder, Spec
from tfds_reactionet.disfa import DATA_SET
from tfds_reactionet.disfa.labels import CODED_AUS
from tfds_reactionet.disfa.reader import Reader
from tfds_reactionet.reading import Protocol


class Builder(FaceBuilder, data_set=DATA_SET, reader=Reader):
    """The 130,814 labelled frames of DISFA's left camera in the three published parts."""

    @staticmethod
    def spec(config: str, options: Mapping[str, Any]) -> Spec:
        return Spec(
            task="au",
            protocol=Protocol.folds(3),
            au_names=CODED_AUS,
            evaluated_aus=DISFA_AUS,
            landmarks=66,
        )
