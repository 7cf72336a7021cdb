"""BU-3DFE: 100 subjects, six expressions in four levels and neutral, as images and 3D scans."""

from tfds_reactionet.building import FACE_OPTIONS, DataSet, Option, folds_option

DATA_SET = DataSet(
    version="1.0.0",
    notes={"1.0.0": "First version."},
    folder="BU_3DFE",
    configs={
        "rgb": "Frontal texture images.",
        "rgb_depth": "Frontal texture images, and depth rendered from the meshes.",
    },
    homepage="https://www.cs.binghamton.edu/~lijun/Research/3DFE/3DFE_Analysis.html",
    access=(
        "ask Binghamton University for BU-3DFE and unpack it there, so that it holds F0001/ to "
        "M0044/"
    ),
    options=(
        *FACE_OPTIONS,
        folds_option("10", "2 to 10: the 100 subjects dealt out to so many folds in turn"),
        Option("classes", 6, "6: without the neutral scans; 7: with them", low=6, high=7),
        Option(
            "levels",
            "1-4",
            "levels of intensity to take, 4 the strongest; neutral scans have none",
            choices=("1-4", "2-4", "3-4", "4"),
        ),
    ),
)
