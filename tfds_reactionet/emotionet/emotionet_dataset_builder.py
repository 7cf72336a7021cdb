"""TFDS builder for EmotioNet (Fabian Benitez-Quiroz et al., 2016)."""

from collections.abc import Mapping
from typing import Any

from tfds_reactionet.building import FaceBuilder, Spec
from tfds_reactionet.emotionet import DATA_SET
from tfds_reactionet.emotionet.labels import ALL_AUS, EVALUATED
from tfds_reactionet.emotionet.reader import Reader
from tfds_reactionet.reading import Protocol


class Builder(FaceBuilder, data_set=DATA_SET, reader=Reader):
    """The labelled images that a user could still download."""

    @staticmethod
    def spec(config: str, options: Mapping[str, Any]) -> Spec:
        return Spec(
            task="au",
            protocol=Protocol.folds(options["folds"]),
            au_names=ALL_AUS,
            evaluated_aus=EVALUATED[options["aus"]],
            extra={"name": ((), str)},
        )
