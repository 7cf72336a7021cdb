"""FER+: FER2013's 35,887 faces of 48 x 48 pixels with ten votes each."""

from dataclasses import replace

from tfds_reactionet.building import FACE_OPTIONS, DataSet

# The images are tiny and grey: kept as they are.
_OWN_DEFAULTS = {"size": 48, "image_format": "png"}

DATA_SET = DataSet(
    version="1.0.0",
    configs=dict.fromkeys(("majority", "argmax8", "votes", "probability", "multi_target"), "FER+"),
    options=tuple(
        replace(option, default=_OWN_DEFAULTS.get(option.name, option.default))
        for option in FACE_OPTIONS
    ),
)
