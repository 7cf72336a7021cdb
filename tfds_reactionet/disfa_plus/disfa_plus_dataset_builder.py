"""TFDS builder for DISFA+ (Mavadati et al., 2016)."""

from tfds_reactionet.building import FaceBuilder
from tfds_reactionet.disfa_plus import DATA_SET
from tfds_reactionet.disfa_plus.reader import Reader


class Builder(FaceBuilder, data_set=DATA_SET, reader=Reader):
    """The labelled frames of the nine subjects' trials."""
