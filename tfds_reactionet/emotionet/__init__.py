"""EmotioNet: faces from the internet, 60 action units by coders (25 K) or by a machine (950 K)."""

from tfds_reactionet.building import FACE_OPTIONS, DataSet, Option

DATA_SET = DataSet(
    version="1.0.0",
    configs={"manual": "EmotioNet", "automatic": "EmotioNet"},
    options=(
        *FACE_OPTIONS,
        Option(
            "aus",
            "11",
            "which of the 60 AUs are evaluated: the 11 of the challenge of 2017, the 12, 17 or 23 "
            "that other papers use",
            choices=("11", "12", "17", "23"),
        ),
        Option("folds", 3, "number of folds", low=2, high=10),
    ),
)
