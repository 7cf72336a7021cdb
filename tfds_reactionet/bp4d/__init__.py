"""BP4D-Spontaneous: 41 subjects, 8 tasks, 12 benchmark action units."""

from tfds_reactionet.building import (
    FACE_OPTIONS,
    DataSet,
    folds_option,
    offset_option,
)

DATA_SET = DataSet(
    version="1.1.0",
    folder="BP4D",
    configs={
        "rgb": "Colour images.",
        "rgb_depth": "Colour images, and depth rendered from the meshes.",
    },
    homepage="https://www.cs.binghamton.edu/~lijun/Research/3DFE/3DFE_Analysis.html",
    access=(
        "ask Binghamton University for BP4D-Spontaneous and copy it there, so that it holds "
        "AUCoding/ and Sequences(2D+3D)/"
    ),
    options=(
        *FACE_OPTIONS,
        folds_option("published", "published: the three parts of JAA-Net and ME-GraphAU"),
        offset_option(
            "frame_offset",
            "image number minus frame number of the AU codes",
            "-1, the official guide; 0: FERA 2015, and lists of JAA-Net and ME-GraphAU",
        ),
    ),
)
