"""DISFA: 27 subjects watch one film; intensities of 12 action units, 8 of them evaluated."""

from tfds_reactionet.building import FACE_OPTIONS, DataSet, Option

DATA_SET = DataSet(
    version="1.0.0",
    configs={"left": "DISFA"},
    options=(
        *FACE_OPTIONS,
        Option("threshold", 2, "least intensity that counts as occurrence", low=1, high=5),
        Option(
            "frame_offset",
            -1,
            "image number minus label row (-1: images numbered from 0, as frames of the videos "
            "always are; 0: images extracted from 1)",
            low=-1,
            high=0,
        ),
    ),
)
