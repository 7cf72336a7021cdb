"""DISFA: 27 subjects watch one film; intensities of 12 action units, 8 of them evaluated."""

from tfds_reactionet.building import (
    FACE_OPTIONS,
    DataSet,
    Option,
    folds_option,
    offset_option,
)

DATA_SET = DataSet(
    version="1.1.0",
    folder="DISFA",
    configs={
        "left": "Frames of the left camera.",
    },
    homepage="http://mohammadmahoor.com/disfa/",
    access=(
        "ask the University of Denver for DISFA and unpack it there, so that it holds "
        "ActionUnit_Labels/ and Videos_LeftCamera/"
    ),
    options=(
        *FACE_OPTIONS,
        folds_option("published", "published: the three parts of JAA-Net and ME-GraphAU"),
        Option("threshold", 2, "least intensity that counts as occurrence", low=1, high=5),
        offset_option(
            "frame_offset",
            "image number minus label row",
            "-1: images numbered from 0, as frames of the videos always are; 0: extracted from 1",
        ),
        offset_option(
            "landmark_offset",
            "number of a landmark file minus label row",
            "-1: files numbered from 0",
        ),
    ),
)
