"""TFDS builder for ReactioNet (ICCV 2023): stimulus, reaction and caption with action units."""

from tfds_reactionet.building import FaceBuilder
from tfds_reactionet.reactionet import DATA_SET, layout
from tfds_reactionet.reactionet.reader import Reader


class Builder(FaceBuilder, data_set=DATA_SET, reader=Reader):
    """ReactioNet's three cross-validation parts."""

    MANUAL_DOWNLOAD_INSTRUCTIONS = layout.WANTED
