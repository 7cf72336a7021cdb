"""TFDS builder for BP4D+ (Zhang et al., 2016)."""

from tfds_reactionet.bp4d_plus import DATA_SET
from tfds_reactionet.bp4d_plus.reader import Reader
from tfds_reactionet.building import FaceBuilder


class Builder(FaceBuilder, data_set=DATA_SET, reader=Reader):
    """The coded frames of BP4D+ in three subject folds."""
