"""ReactioNet: the reader of its raw layout, and its labels.

Comes in: a raw release, the real one or a rendered one (demo/). Goes out: frames for building/.
Open layout.py (the one file that knows the layout) first, then reader.py.
"""

import lazy_loader as lazy

from tfds_reactionet.building import (
    FACE_CHOICE,
    FIT,
    MARGIN,
    SHAPES_KEPT,
    SIZE,
    DataSet,
    Option,
    folds_option,
    offset_option,
)

DATA_SET = DataSet(
    version="1.3.0",
    folder="ReactioNet",
    configs={
        "full": "Every frame with a face or a manual label.",
        "keyframes": "Hand-labelled key frames only.",
        "demo": "A rendered release, bundled; no recordings.",
        "world": "A rendered release whose stimuli say much of weakly seen faces; no recordings.",
        "demo_keyframes": "The rendered release's hand-labelled key frames only.",
        "demo_multimodal": "The rendered release with depth and thermal images of the same faces.",
        "full_audio": "As full, with the sound before each frame.",
        "demo_audio": "The rendered release with sounds of its events.",
        "world_audio": "As world, with sounds of its events.",
    },
    homepage="https://openaccess.thecvf.com/ICCV2023",
    options=(
        SIZE,
        FIT,
        Option(
            "crop",
            None,
            "full: whole reaction images; face: cut out by openface.csv's landmarks (stimuli are "
            "whole) (default: full; face in demo, demo_keyframes and demo_audio)",
            choices=("full", "face"),
        ),
        MARGIN,
        FACE_CHOICE,
        offset_option(
            "frame_offset",
            "number of a reaction image minus frame in openface.csv",
            "0; -1: images from 0, and OpenFace's frames from 1",
        ),
        offset_option(
            "label_offset",
            "number of an image minus frame in keyframes.csv and in the captions",
            "0, but it has to be said where frame_offset is not 0",
        ),
        offset_option(
            "stimulus_offset",
            "number of a reaction image minus that of the stimulus image of the same instant",
            "0",
        ),
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
        Option("audio", "audio", "name of a sequence's sound file, without .wav or .m4a ..."),
        Option(
            "audio_start",
            None,
            "number of the image at which the sound begins (default 1, or 0 if there is a 0)",
            low=-1_000_000,
            high=1_000_000,
            kind=int,
        ),
        Option(
            "fps",
            0.0,
            "reaction images a second, by which sound belongs to them; 0: of a video as its header "
            "says, of images 25",
            low=0.0,
            high=1000.0,
        ),
    ),
    notes={
        "1.0.0": "First version.",
        "1.1.0": "Fingerprint and metadata as every other set's. Records are as they were, but "
        "for the last bit of landmarks in images that were resized.",
        "1.2.0": f"{SHAPES_KEPT} Of several faces in an OpenFace file one is read in the whole "
        "sequence, where the most confident of each frame was. The rendered records are as they "
        "were.",
        "1.3.0": "Faces of demo, demo_keyframes and demo_audio are cut out, so that their models "
        "know faces wherever they lie. Other records are as they were.",
    },
    demo="tfds_reactionet.demo",
    rendered={
        "demo": {},
        "world": {"preset": "world"},
        "demo_keyframes": {},
        "demo_multimodal": {"modalities": True},
        "demo_audio": {"audio": True},
        "world_audio": {"preset": "world", "audio": True},
    },
    folders={
        "world": "reactionet_world",
        "demo": "reactionet_demo",
        "demo_keyframes": "reactionet_demo",
        "demo_multimodal": "reactionet_demo_multimodal",
        "demo_audio": "reactionet_demo_audio",
        "world_audio": "reactionet_world_audio",
    },
)

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
