"""ReactioNet: builder, and a rendered demo release in its raw layout."""

from tfds_reactionet.building.catalog import SIZE, DataSet, Option

DATA_SET = DataSet(
    version="1.0.0",
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
    demo="tfds_reactionet.demo.write",
    rendered={"demo": {}, "demo_keyframes": {}, "demo_multimodal": {"modalities": True}},
)
