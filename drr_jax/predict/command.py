"""The flags of the modes that take a trained model, and what they ask for."""

import dataclasses
import os
import re
from pathlib import Path

from absl import flags

from drr_jax.errors import InputError
from drr_jax.predict.pictures import check_rate
from drr_jax.training import summary_line

HELP = """Puts a trained model on images, a video or a camera: a row a face, and a page.

    drr predict --model=runs/demo --input=video.mp4 --out=predictions/video

docs/predict.md says what comes out. The same command goes on where it was stopped.

Exit codes: 0 done; 2 wrong input, or one that is cut off or unreadable in part (one line says what;
the rows of the rest are there); 75 SIGTERM and 130 Ctrl-C: the rows so far are there.
"""
TEXTS = {
    "model": "Predict or evaluate with it: an exported or a run's folder, hf:ORG/NAME@REVISION",
    "input": "With --mode=predict: an image, a folder of images, a pattern of names, a video, a "
    "camera's number, or SET:PART of a prepared data set",
    "out": "New folder for what --model gives; the same command goes on in it",
    "faces": "Whose faces: auto (a detector), mtcnn, yunet, yunet:FILE, none (every image is a "
    "face, framed as in training), or OpenFace's CSV, or a folder with one for each image",
    "format": "Of the predictions: csv or parquet",
    "selection": "Which checkpoint of a run's folder: last, best or validation",
    "on": "With --mode=evaluate and --model: another data set, or parts of one, as in "
    "reactionet/demo:part1 or disfa",
    "data_dir": "Where prepared data sets are, for --on and --input=SET:PART",
}
SWITCHES = {
    "largest": "With --mode=predict: the largest face of every image alone",
    "annotate": "With --mode=predict: write the images or the video with boxes and bars",
    "attention": "As --annotate, with where in the face the model looked",
}
FPS = "With --mode=predict: images are the frames of a video, so many a second"
NAMES = (*TEXTS, *SWITCHES, "fps")
NEEDED = {"predict": ("input", "out"), "evaluate": ("on", "out")}


@dataclasses.dataclass(frozen=True)
class Options:
    """What the command line asks of a model: a prediction, or with `on` an evaluation."""

    model: str
    out: str
    input: str = ""
    on: str = ""
    faces: str = "auto"
    largest: bool = False
    fps: float = 0.0  # 0: images are no video
    format: str = "csv"
    annotate: bool = False
    attention: bool = False
    selection: str = ""
    data_dir: str = "data"


def define_flags(values: flags.FlagValues) -> None:
    """Adds the flags of this module to a command line's."""
    data_dir = os.environ.get("DRR_DATA_DIR", "data")
    for name, text in TEXTS.items():
        default = data_dir if name == "data_dir" else getattr(Options, name, "")
        flags.DEFINE_string(name, default, text, values)
    for name, text in SWITCHES.items():
        flags.DEFINE_bool(name, False, text, values)
    flags.DEFINE_float("fps", 0.0, FPS, flag_values=values)


def options_of(values: flags.FlagValues, mode: str, workdir: str) -> Options | None:
    """What is asked of a model, None if nothing is: the command is about a run then.

    Raises InputError for flags that do not go together.
    """
    said = {name: values[name].value for name in NAMES}
    given = [name for name in NAMES if values[name].present]
    model = str(said["model"]) or (workdir if mode == "predict" else "")
    if mode == "predict" and not model:
        raise InputError("--model is missing: an exported folder, a run's, or hf:ORG/NAME@REVISION")
    if not model:
        if given:
            raise InputError(
                f"--{given[0]} is for --mode=predict, and for --mode=evaluate with --model; "
                f"--mode={mode} was given"
            )
        return None
    if mode not in NEEDED:
        expected = " or ".join(f"--mode={name}" for name in NEEDED)
        raise InputError(f"--model with --mode={mode}: expected {expected}")
    for name in NEEDED[mode]:
        if not said[name]:
            raise InputError(f"--{name} is missing. {TEXTS[name]}")
    unused = ("on",) if mode == "predict" else ("input", "faces", "format", "fps", *SWITCHES)
    if wrong := [name for name in given if name in unused]:
        raise InputError(f"--{wrong[0]} is not for --mode={mode}")
    if "fps" in given:
        check_rate(values["fps"].value, "--fps=")
    return Options(**{**said, "model": model})


def run_options(options: Options) -> str:
    """Does what is asked; returns the line to print. Raises InputError and Stopped."""
    from drr_jax.predict import job, model, prepared

    if options.on:
        asked = model.load(options.model, options.selection or None)
        results = prepared.evaluate_on(asked, options.on, options.out, options.data_dir)
        return summary_line(results)
    if is_split(options.input):
        return job.predict_split(options)
    return job.predict(options)


def is_split(text: str) -> bool:
    """Whether an input names parts of a prepared data set, as in reactionet/demo:part1."""
    return bool(re.fullmatch(r"[a-z0-9_]+(/[a-z0-9_]+)?:[\w+]*", text)) and not Path(text).exists()
