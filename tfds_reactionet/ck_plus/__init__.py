"""CK+: 123 subjects pose expressions; the 309 sequences of six emotions, 327 with contempt."""

from tfds_reactionet.building import (
    FACE_OPTIONS,
    FOLDS_BY_ID,
    SHAPES_KEPT,
    DataSet,
    Option,
    folds_option,
    offset_option,
)

DATA_SET = DataSet(
    version="1.1.0",
    notes={"1.0.0": "First version.", "1.1.0": f"{SHAPES_KEPT} {FOLDS_BY_ID}"},
    folder="CK+",
    configs={
        "au": "Action units of the peak, 12 of them evaluated.",
        "expression": "Six emotions.",
        "contempt": "The six emotions and contempt.",
        "eight": "Those seven, and neutral, which each sequence's first frame is.",
    },
    homepage="https://www.jeffcohn.net/Resources/",
    access=(
        "ask for CK+ and unpack its zip files there, so that it holds cohn-kanade-images/, "
        "Emotion/ and FACS/"
    ),
    options=(
        *FACE_OPTIONS,
        Option("last", 3, "frames of a sequence that are taken, counted from its peak", low=1),
        offset_option(
            "frame_offset",
            "number in an image's name minus that in the names of its labels and landmarks",
            "0",
        ),
        folds_option("3", "2 to 10: so many folds, by the number in a subject's id"),
        Option(
            "threshold",
            0,
            "least intensity that counts as occurrence (0: every AU that was coded, also without "
            "an intensity; 2: OpenGraphAU)",
            low=0,
            high=5,
        ),
    ),
)
