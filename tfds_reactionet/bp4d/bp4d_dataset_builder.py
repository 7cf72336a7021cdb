"""TFDS builder for BP4D-Spontaneous (Zhang et al., 2014)."""

from tfds_reactionet.bp4d import DATA_SET
from tfds_reactionet.bp4d.reader import Reader
from tfds_reactionet.building import FaceBuilder


class Builder(FaceBuilder, data_set=DATA_SET, reader=Reader):
    """The 146,847 coded frames of BP4D in the three published parts."""
