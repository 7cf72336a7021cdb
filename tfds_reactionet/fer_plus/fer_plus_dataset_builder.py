"""TFDS builder for FER+ (Barsoum et al., 2016)."""

from typing import ClassVar

from tfds_reactionet.building import FaceBuilder
from tfds_reactionet.fer_plus import DATA_SET
from tfds_reactionet.fer_plus.reader import Reader


class Builder(FaceBuilder, data_set=DATA_SET, reader=Reader):
    """FER2013's images with the label, or the share of labels, that a rule makes of the votes."""

    RELEASE_NOTES: ClassVar[dict[str, str]] = {
        "1.0.0": "First version.",
        "1.1.0": "Images of generate_training_data.py beside fer2013new.csv have its votes, by "
        "name, where they had those of label.csv. All other records are as they were.",
    }
