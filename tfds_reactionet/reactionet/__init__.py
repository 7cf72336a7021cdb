"""ReactioNet: builder, and a rendered demo release in its raw layout."""

import lazy_loader as lazy

from tfds_reactionet.building import SIZE, DataSet, Option, folds_option

DATA_SET = DataSet(
    version="1.1.0",
    folder="ReactioNet",
    configs={
        "full": "Every frame with a face or a manual label.",
        "keyframes": "Hand-labelled key frames only.",
        "demo": "A rendered release, bundled; no recordings.",
        "demo_keyframes": "The rendered release's hand-labelled key frames only.",
        "demo_multimodal": "The rendered release with depth and thermal images of the same faces.",
    },
    homepage="https://openaccess.thecvf.com/ICCV2023",
    options=(
        SIZE,
        folds_option(
            "automatic",
            "automatic: the release's splits/fold1.txt to fold3.txt, or else three parts without a "
            "common person or video",
            "sequence, scene/sub_scene/task/sequence,",
        ),
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
    folders={
        "demo": "reactionet_demo",
        "demo_keyframes": "reactionet_demo",
        "demo_multimodal": "reactionet_demo_multimodal",
    },
)

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
