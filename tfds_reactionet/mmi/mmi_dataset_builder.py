"""TFDS builder for the MMI facial expression database (Pantic et al., 2005)."""

from tfds_reactionet.building import FaceBuilder
from tfds_reactionet.mmi import DATA_SET
from tfds_reactionet.mmi.reader import Reader


class Builder(FaceBuilder, data_set=DATA_SET, reader=Reader):
    """Peak frames of six expressions in ten subject folds."""
