"""TFDS builder for ReactioNet (ICCV 2023): stimulus, reaction and caption with action units."""

from typing import ClassVar

from tfds_reactionet.building import FaceBuilder
from tfds_reactionet.reactionet import DATA_SET, layout
from tfds_reactionet.reactionet.reader import Reader


class Builder(FaceBuilder, data_set=DATA_SET, reader=Reader):
    """ReactioNet's three cross-validation parts."""

    MANUAL_DOWNLOAD_INSTRUCTIONS = layout.WANTED
    RELEASE_NOTES: ClassVar[dict[str, str]] = {
        "1.0.0": "First version.",
        "1.1.0": "Fingerprint and metadata as every other set's. Records are as they were, but "
        "for the last bit of landmarks in images that were resized.",
    }
