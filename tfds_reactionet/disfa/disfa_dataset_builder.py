"""TFDS builder for DISFA (Mavadati et al., 2013)."""

from tfds_reactionet.building import FaceBuilder
from tfds_reactionet.disfa import DATA_SET
from tfds_reactionet.disfa.reader import Reader


class Builder(FaceBuilder, data_set=DATA_SET, reader=Reader):
    """The 130,814 labelled frames of DISFA's left camera in the three published parts."""
