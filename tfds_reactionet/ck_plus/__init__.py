"""CK+: 123 subjects pose expressions; the 309 sequences of six emotions, with FACS codes."""

from tfds_reactionet.building import FACE_OPTIONS, DataSet, Option, offset_option

DATA_SET = DataSet(
    version="1.1.0",
    folder="CK+",
    configs={
        "au": "Action units of the peak, 12 of them evaluated.",
        "expression": "Six emotions.",
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
        Option("folds", 3, "number of subject-exclusive folds", low=2, high=10),
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
