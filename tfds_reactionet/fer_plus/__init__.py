"""FER+: FER2013's 35,887 faces of 48 x 48 pixels with ten votes each."""

from dataclasses import replace

from tfds_reactionet.building import FACE_OPTIONS, OFFICIAL_FOLDS, DataSet

# The images are tiny and grey: kept as they are.
_OWN_DEFAULTS = {"size": 48, "image_format": "png"}

DATA_SET = DataSet(
    version="1.1.0",
    notes={
        "1.0.0": "First version.",
        "1.1.0": "Images beside fer2013new.csv have its votes, by name, not those of label.csv. "
        "All other records are as they were.",
    },
    folder="FER+",
    configs={
        "majority": "Faces on whose expression most voters agree, after single votes are dropped.",
        "argmax8": "Faces whose most frequent vote is one of the eight expressions.",
        "votes": "Every row with its votes; the label is the majority's, or unknown.",
        "probability": "Up to three expressions with at least 75 % of the votes, as shares.",
        "multi_target": "Every expression with at least 30 % of the votes.",
        "fer2013": "FER2013's own labels, seven expressions, for which FER+ is not needed.",
    },
    homepage="https://github.com/microsoft/FERPlus",
    access=(
        "copy FER2013's fer2013.csv, or the folder data/ with the images of "
        "generate_training_data.py, and FER+'s fer2013new.csv there"
    ),
    options=tuple(
        replace(option, default=_OWN_DEFAULTS.get(option.name, option.default))
        for option in (*FACE_OPTIONS, OFFICIAL_FOLDS)
    ),
)
