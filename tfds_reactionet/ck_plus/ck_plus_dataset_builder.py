"""TFDS builder for the Extended Cohn-Kanade data set (Lucey et al., 2010)."""

from typing import ClassVar

from tfds_reactionet.building import FaceBuilder
from tfds_reactionet.ck_plus import DATA_SET
from tfds_reactionet.ck_plus.reader import Reader


class Builder(FaceBuilder, data_set=DATA_SET, reader=Reader):
    """The last frames of the 309 sequences that show one of six emotions, or of 327 of seven."""

    RELEASE_NOTES: ClassVar[dict[str, str]] = {
        "1.0.0": "First version.",
        "1.1.0": "A subject's part follows from its own id, not from which others are on the disk: "
        "the same records in other parts.",
    }
