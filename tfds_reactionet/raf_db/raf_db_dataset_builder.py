"""TFDS builder for the basic set of RAF-DB (Li et al., 2017)."""

from tfds_reactionet.building import FaceBuilder
from tfds_reactionet.raf_db import DATA_SET
from tfds_reactionet.raf_db.reader import Reader


class Builder(FaceBuilder, data_set=DATA_SET, reader=Reader):
    """The 12,271 training and 3,068 test faces of RAF-DB basic."""
