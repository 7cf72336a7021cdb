"""TFDS builder for the Extended Cohn-Kanade data set (Lucey et al., 2010)."""

from collections.abc import Mapping
from typing import Any

from drr_jax.facs import CK_PLUS_AUS
from tfds_reactionet.building import FaceBuilder, Spec
from tfds_reactionet.ck_plus import DATA_SET
from tfds_reactionet.ck_plus.labels import CODED_AUS, SIX_EMOTIONS
from tfds_reactionet.ck_plus.reader import Reader
from tfds_reactionet.reading import Protocol


class Builder(FaceBuilder, data_set=DATA_SET, reader=Reader):
    """The last frames of the 309 sequences that show one of six emotions."""

    @staticmethod
    def spec(config: str, options: Mapping[str, Any]) -> Spec:
        return Spec(
            task="au" if config == "au" else "expression",
            protocol=Protocol.folds(options["folds"]),
            au_names=CODED_AUS,
            evaluated_aus=CK_PLUS_AUS,
            expression_names=SIX_EMOTIONS,
            landmarks=68,
        )
