"""DISFA+: nine of DISFA's subjects pose facial actions; intensities of 12 action units."""

from tfds_reactionet.building import (
    FACE_CHOICE,
    FACE_OPTIONS,
    LANDMARKS,
    DataSet,
    Option,
    folds_option,
    offset_option,
)

DATA_SET = DataSet(
    version="1.0.0",
    notes={"1.0.0": "First version."},
    folder="DISFA+",
    configs={
        "trials": "Frames of all trials.",
    },
    homepage="http://mohammadmahoor.com/disfa/",
    access=(
        "ask the University of Denver for DISFA+ and unpack it there, so that it holds Images/ and "
        "Labels/"
    ),
    options=(
        *FACE_OPTIONS,
        LANDMARKS,
        FACE_CHOICE,
        folds_option(
            "subjects",
            "subjects: nine folds, each tests one of the nine; disfa: the parts that they are in "
            "in DISFA's three published ones, for who trains on both",
        ),
        offset_option(
            "frame_offset",
            "number in an image's name minus the number in its row of the labels",
            "0",
        ),
        Option("threshold", 2, "least intensity that counts as occurrence", low=1, high=5),
    ),
)
