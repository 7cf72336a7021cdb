"""TFDS builder for the MMI facial expression database (Pantic et al., 2005)."""

from typing import ClassVar

from tfds_reactionet.building import FaceBuilder
from tfds_reactionet.mmi import DATA_SET
from tfds_reactionet.mmi.reader import Reader


class Builder(FaceBuilder, data_set=DATA_SET, reader=Reader):
    """Peak frames of six expressions in ten subject folds."""

    RELEASE_NOTES: ClassVar[dict[str, str]] = {
        "1.0.0": "First version.",
        "1.1.0": "A subject's part follows from its own id, not from which others are on the disk: "
        "the same records in other parts.",
    }
