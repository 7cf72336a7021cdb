"""TFDS builder for EmotioNet (Fabian Benitez-Quiroz et al., 2016)."""

from tfds_reactionet.building import FaceBuilder
from tfds_reactionet.emotionet import DATA_SET
from tfds_reactionet.emotionet.reader import Reader


class Builder(FaceBuilder, data_set=DATA_SET, reader=Reader):
    """The labelled images that a user could still download."""
