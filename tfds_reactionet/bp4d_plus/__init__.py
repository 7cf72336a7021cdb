"""BP4D+: 140 subjects, four coded tasks, 12 benchmark action units; colour, depth and thermal."""

from tfds_reactionet.building import (
    FACE_OPTIONS,
    DataSet,
    Option,
    folds_option,
    offset_option,
)

DATA_SET = DataSet(
    version="1.1.0",
    folder="BP4D+",
    configs={
        "rgb": "Colour images.",
        "rgb_depth": "Colour images, and depth rendered from the meshes.",
        "rgb_depth_thermal": "Colour, depth and thermal images of the same time.",
    },
    homepage="https://www.cs.binghamton.edu/~lijun/Research/3DFE/3DFE_Analysis.html",
    access=(
        "ask Binghamton University for BP4D+ and copy it there, so that it holds AUCoding/ and "
        "2D+3D/"
    ),
    options=(
        *FACE_OPTIONS,
        folds_option(
            "subjects",
            "subjects: the 140 subjects dealt out to three folds in turn; bigsmall_3fold: the "
            "lists of BigSmall",
        ),
        offset_option(
            "frame_offset",
            "image number minus frame number of the AU codes",
            "-1, the official guide",
        ),
        Option(
            "thermal_fps",
            0.0,
            "frames a second of the thermal videos (0: as each video's header says)",
            low=0.0,
            high=1000.0,
        ),
    ),
)
