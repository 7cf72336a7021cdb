"""EmotioNet: faces from the internet, 60 action units by coders (25 K) or by a machine (950 K)."""

from tfds_reactionet.building import (
    FACE_CHOICE,
    FACE_OPTIONS,
    FOLDS_BY_ID,
    LANDMARKS,
    SHAPES_KEPT,
    DataSet,
    Option,
    folds_option,
)

DATA_SET = DataSet(
    version="1.1.0",
    notes={"1.0.0": "First version.", "1.1.0": f"{SHAPES_KEPT} {FOLDS_BY_ID}"},
    folder="EmotioNet",
    configs={
        "manual": "Some 25,000 images with codes by experts.",
        "automatic": "Some 950,000 images with codes by the authors' program.",
    },
    homepage="https://cbcsl.ece.ohio-state.edu/dbform_emotionet.html",
    access=(
        "ask Ohio State University for EmotioNet's label files, copy them there and download their "
        "images into images/"
    ),
    options=(
        *FACE_OPTIONS,
        LANDMARKS,
        FACE_CHOICE,
        Option(
            "aus",
            "11",
            "which of the 60 AUs are evaluated: the 11 of the challenge of 2017, the 12, 17 or 23 "
            "that other papers use",
            choices=("11", "12", "17", "23"),
        ),
        folds_option("3", "2 to 10: so many folds, by a digest of an image's name", "image"),
    ),
)
