"""MMI: posed clips and images of six basic expressions, frontal and in profile."""

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
    folder="MMI",
    configs={
        "middle": "The three frames in the middle of each clip, and the image sessions.",
    },
    homepage="https://mmifacedb.eu/",
    access=(
        "ask for the MMI facial expression database and unpack it there, so that it holds "
        "Sessions/<number>/session.xml"
    ),
    options=(
        *FACE_OPTIONS,
        LANDMARKS,
        FACE_CHOICE,
        folds_option("10", "2 to 10: so many folds, by the number in a subject's id"),
        Option(
            "views",
            "0,2",
            "views to take: 0 frontal, 1 profile, 2 both in one image (its frontal half)",
            choices=("0", "0,2", "0,1,2"),
        ),
        Option(
            "frontal_left",
            "S003 S005 S015 S016",
            "subjects whose frontal face is the left half of images of view 2",
        ),
        Option(
            "frontal_right",
            "S001 S002",
            "subjects whose frontal face is the right half of images of view 2",
        ),
        Option(
            "rotation",
            "none",
            "none: clips as they are stored; usual: clips of views 0 and 1 turned by 90 degrees "
            "clockwise, but for those with AU codes and of S053 and S054 (not turned) and of S021 "
            "(the other way); or a file of lines `S001 90` or `S001-117 90`",
        ),
    ),
)
