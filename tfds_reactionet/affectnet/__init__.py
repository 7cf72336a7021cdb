"""AffectNet: 287,401 faces from the internet with one of seven expressions, or eight."""

from tfds_reactionet.building import FACE_OPTIONS, OFFICIAL_FOLDS, DataSet

DATA_SET = DataSet(
    version="1.1.0",
    folder="AffectNet",
    configs={
        "seven": "Seven expressions, without contempt.",
        "eight": "Eight expressions, with contempt.",
    },
    homepage="http://mohammadmahoor.com/affectnet/",
    access="ask the University of Denver for AffectNet and unpack its archives there",
    options=(*FACE_OPTIONS, OFFICIAL_FOLDS),
)
