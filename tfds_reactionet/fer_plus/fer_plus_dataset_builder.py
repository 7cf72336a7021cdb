"""TFDS builder for FER+ (Barsoum et al., 2016)."""

from tfds_reactionet.building import FaceBuilder
from tfds_reactionet.fer_plus import DATA_SET
from tfds_reactionet.fer_plus.reader import Reader


class Builder(FaceBuilder, data_set=DATA_SET, reader=Reader):
    """FER2013's images with the label, or the share of labels, that a rule makes of the votes."""
