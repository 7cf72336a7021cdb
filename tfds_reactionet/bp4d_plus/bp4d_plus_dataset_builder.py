"""TFDS builder for BP4D+ (Zhang et al., 2016)."""

from collections.abc import Mapping
from typing import Any

from drr_jax.facs import BP4D_AUS
from tfds_reactionet.bp4d_plus import DATA_SET, folds
from tfds_reactionet.bp4d_plus.reader import Reader
from tfds_reactionet.building import FaceBuilder, Spec
from tfds_reactionet.reading import BP4D_CODED_AUS, Protocol

_IMAGES = ("reaction", "depth", "thermal")


class Builder(FaceBuilder, data_set=DATA_SET, reader=Reader):
    """The coded frames of BP4D+ in three subject folds."""

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
