"""TFDS builder for EmotioNet (Fabian Benitez-Quiroz et al., 2016)."""

from typing import ClassVar

from tfds_reactionet.building import FaceBuilder
from tfds_reactionet.emotionet import DATA_SET
from tfds_reactionet.emotionet.reader import Reader


class Builder(FaceBuilder, data_set=DATA_SET, reader=Reader):
    """The labelled images that a user could still download."""

    RELEASE_NOTES: ClassVar[dict[str, str]] = {
        "1.0.0": "First version.",
        "1.1.0": "An image's part follows from its own name, not from which others are labelled: "
        "the same records in other parts.",
    }
