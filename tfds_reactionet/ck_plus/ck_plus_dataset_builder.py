"""TFDS builder for the Extended Cohn-Kanade data set (Lucey et al., 2010)."""

from tfds_reactionet.building import FaceBuilder
from tfds_reactionet.ck_plus import DATA_SET
from tfds_reactionet.ck_plus.reader import Reader


class Builder(FaceBuilder, data_set=DATA_SET, reader=Reader):
    """The last frames of the 309 sequences that show one of six emotions, or of 327 of seven."""
