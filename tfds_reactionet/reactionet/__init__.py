"""ReactioNet: builder, and a rendered demo release in its raw layout."""

import lazy_loader as lazy

from tfds_reactionet.building import SIZE, DataSet, Option

DATA_SET = DataSet(
    version="1.1.0",
    configs={
        "full": "ReactioNet",
        "keyframes": "ReactioNet",
        "demo": "reactionet_demo",
        "demo_keyframes": "reactionet_demo",
        "demo_multimodal": "reactionet_demo_multimodal",
    },
    options=(
        SIZE,
        Option(
            "stimulus_delay_frames",
            0,
            "pair reaction frame f with stimulus frame f - this",
            low=0,
            why=": a reaction follows its stimulus",
        ),
    ),
    demo="tfds_reactionet.demo",
    rendered={"demo": {}, "demo_keyframes": {}, "demo_multimodal": {"modalities": True}},
)

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
