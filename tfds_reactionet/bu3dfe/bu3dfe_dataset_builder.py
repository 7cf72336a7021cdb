"""TFDS builder for BU-3DFE (Yin et al., 2006)."""

from tfds_reactionet.bu3dfe import DATA_SET
from tfds_reactionet.bu3dfe.reader import Reader
from tfds_reactionet.building import FaceBuilder


class Builder(FaceBuilder, data_set=DATA_SET, reader=Reader):
    """The scans of BU-3DFE in ten subject folds."""
