"""Writes a rendered ReactioNet-like release, so that everything can be run without licensed data.

    python -m tfds_reactionet.demo --out=DIR --tuples=3600 --size=256 [--modalities] [--audio]
    python -m tfds_reactionet.demo --out=DIR --preset=world --face_quality=0.5 --sequences=720

No person is shown: faces, stimulus scenes, captions and labels are all made from random numbers.
The layout is that of reactionet/README.md, so that the builder reads it as the real release.
"""

import dataclasses
import json
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tqdm import tqdm

from drr_jax import files
from drr_jax.arguments import Parser
from drr_jax.cells import csv_lines
from drr_jax.errors import InputError
from drr_jax.machine import cores
from tfds_reactionet.building import ordered_map
from tfds_reactionet.demo import headroom, sequence, sheets
from tfds_reactionet.demo.dials import PRESETS, SIZES, Dials
from tfds_reactionet.demo.sequence import Release

MARKER = "demo_release.json"
TUPLES = 3600  # a third is the test part; fewer subjects and videos would be learnt by heart
DRAWING = 3  # raise it when the same parameters give other pixels or labels
MODALITIES = 1  # the same of depth and thermal images
AUDIO = 1  # and of sounds
SMALLEST = 32  # pixels; below it nothing of a face is left
README = """This is the demo release of the ReactioNet-in-JAX project: RENDERED, NOT RECORDED.

Every face, stimulus scene, caption and label in this folder was made by a program from random
numbers. No person is shown and nothing here comes from ReactioNet or any other data set. It has
the raw layout in which the project expects the real release, so that the builder, the training
and the report can be tried without licensed data. Results on it say nothing about people.

  <scene>/<sub_scene>/<task>/<sequence>/reaction, stimulus   JPEG frames, the same index = instant
  .../openface.csv    in the manner of OpenFace 2.2, with noise added to the true AU intensities
  .../captions.csv    one caption for each stimulus frame
  labels/keyframes.csv      true AUs (0, 1, 9 unknown) and expression of one frame in six
  labels/demographics.csv   subject and age of the drawn face; dominant_race is always unknown
  truth.csv                 event, emotion and delay of every sequence
  headroom.csv              F1 of rules and face readers on these labels: what a stimulus can add
  demo_release.json         the parameters; the same ones write the same bytes again

Written with: {parameters}
"""
MODALITIES_README = """
  .../depth           8-bit grey PNG of the same face: near is bright, 0 is nothing
  .../thermal         grey JPEG of the same face: warm is bright
"""
AUDIO_README = """
  .../audio.wav       16 kHz, 16 bits: music, and from the event on what is heard of it
"""


def write_release(
    out_dir: str | os.PathLike[str],
    tuples: int | None = None,
    size: int | None = None,
    seed: int = 0,
    jobs: int | None = None,
    progress: bool = True,
    modalities: bool = False,
    preset: str = "demo",
    dials: Mapping[str, Any] = MappingProxyType({}),
    audio: bool = False,
) -> Path:
    """Writes `tuples` stimulus-reaction-caption tuples of `size` x `size` pixels under `out_dir`.

    What is None follows from `preset`; `dials` changes some of its dials (dials.Dials).
    The bytes depend on all of these, not on `jobs` (processes; default: one a core). It
    is written beside `out_dir` and renamed at the end; a finished release of the same parameters
    is left alone. Besides the tuples, about 0.2 % of frames have success 0 in openface.csv.
    `modalities` adds depth and thermal images of the same faces, `audio` a sound of every sequence;
    neither changes anything else.
    Raises InputError for a bad number, a folder that holds anything else, or an unwritable one.
    """
    out = files.named(out_dir).absolute()
    jobs = cores() if jobs is None else jobs
    if jobs < 1:
        raise InputError(f"--jobs={jobs}: expected at least 1")
    release = make_release(tuples, size, seed, modalities, preset, dials, audio)
    parameters: dict[str, object] = {"rendered": True, "drawing": DRAWING}
    parameters |= {"tuples": release.tuples, "size": release.size, "seed": seed}
    parameters["dials"] = release.dials.told()
    if modalities:
        parameters["modalities"] = MODALITIES
    if audio:
        parameters["audio"] = AUDIO
    try:
        if _is_finished(out, parameters):
            return out
        with files.whole_folder(out) as stage:
            _write(stage, release, parameters, jobs, progress)
    except OSError as error:
        where = error.filename or out
        raise InputError(
            f"{where}: cannot write the demo release ({error.strerror}); choose another --out"
        ) from error
    return out


def make_release(
    tuples: int | None,
    size: int | None,
    seed: int,
    modalities: bool,
    preset: str,
    dials: Mapping[str, Any],
    audio: bool = False,
) -> Release:
    """What determines a release's bytes; arguments are those of `write_release`."""
    chosen = PRESETS[preset].changed(dials)
    if tuples is None:
        tuples = chosen.sequences * chosen.frames or TUPLES
    size = SIZES[preset] if size is None else size
    numbers = {"tuples": tuples, "size": size, "seed": seed}
    for name, least in {"tuples": 1, "size": SMALLEST, "seed": 0}.items():
        if numbers[name] < least:
            raise InputError(f"--{name}={numbers[name]}: expected at least {least}")
    if tuples < chosen.sequences:
        least = chosen.sequences
        raise InputError(f"--tuples={tuples}: expected at least {least}, one a sequence")
    return Release(tuples, size, seed, modalities, chosen, audio)


def _is_finished(out: Path, parameters: dict[str, object]) -> bool:
    """Whether `out` holds this release; raises InputError if it holds anything else."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    if not (out / MARKER).is_file():
        raise InputError(
            f"{out}: exists and is not a demo release (no {MARKER}); choose an empty or new --out"
        )
    try:
        found = files.read_json(out / MARKER)
    except ValueError:
        found = None
    if found != parameters:
        raise InputError(
            f"{out}: holds another demo release ({found}), "
            f"expected {parameters}; delete it or choose another --out"
        )
    return True


def _write(
    stage: Path, release: Release, parameters: dict[str, object], jobs: int, progress: bool
) -> None:
    labels = stage / "labels"
    labels.mkdir()
    with (
        (labels / "keyframes.csv").open("w", encoding="utf-8") as key_file,
        (labels / "demographics.csv").open("w", encoding="utf-8") as people_file,
        (stage / "truth.csv").open("w", encoding="utf-8") as truth_file,
        tqdm(total=release.tuples, unit="tuple", desc="demo release", disable=not progress) as bar,
    ):
        key_file.write(csv_lines([sequence.KEYFRAME_COLUMNS]))
        people_file.write(csv_lines([sequence.DEMOGRAPHICS_COLUMNS]))
        truth_file.write(csv_lines([sequence.TRUTH_COLUMNS]))
        write = partial(sequence.write_sequence, stage, release)
        evidence = []
        for done in ordered_map(write, range(release.sequences), min(jobs, release.sequences)):
            key_file.write(csv_lines(done.keyframes))
            people_file.write(csv_lines([done.person]))
            truth_file.write(csv_lines([done.truth]))
            evidence.append(done.evidence)
            bar.update(min(done.frames, release.tuples - bar.n))
    scores = headroom.measure(evidence)
    if scores is not None:
        (stage / headroom.FILE).write_text(headroom.table(scores), encoding="utf-8")
    readme = README.format(parameters=json.dumps(parameters))
    if release.modalities:
        readme += MODALITIES_README
    if release.audio:
        readme += AUDIO_README
    (stage / "README.txt").write_text(readme, encoding="utf-8")
    (stage / MARKER).write_text(json.dumps(parameters, indent=1) + "\n", encoding="utf-8")


def main() -> int:
    """The command line; returns the exit code."""
    args = _parser().parse_args()
    given = {dial.name: getattr(args, dial.name) for dial in dataclasses.fields(Dials)}
    asked = (args.seed, args.modalities, args.preset, given, args.audio)
    release = make_release(args.tuples, args.size, *asked)
    size = release.size
    of_aus = sheets.modality_sheet if args.modalities else sheets.contact_sheet
    drawings = {
        args.contact_sheet: lambda: of_aus(size),
        args.samples: lambda: sheets.samples(release),
        args.scenes: lambda: sheets.scenes(size),
    }
    drawings.pop(None, None)
    if not args.out and not drawings:
        raise InputError("--out is missing: expected the folder to write the demo release into")
    for path in drawings:
        sheets.check(path)
    if args.out:
        numbers = (args.tuples, args.size, args.seed, args.jobs, True)
        out = write_release(args.out, *numbers, *asked[1:])
        print(f"{out}: {release.tuples} rendered tuples of {size}x{size} pixels")
    for path, draw in drawings.items():
        sheets.save(path, draw())
        print(path)
    return 0


def _parser() -> Parser:
    parser = Parser("python -m tfds_reactionet.demo", description=__doc__)
    add, png = parser.add_argument, "FILE.png"
    add("--out", help="folder to write; must be new, empty or hold the same release")
    preset = "the dials of reactionet/demo or reactionet/world (default %(default)s)"
    add("--preset", choices=tuple(PRESETS), default="demo", help=preset)
    tuples = f"stimulus-reaction-caption tuples (default: {TUPLES}, or sequences x frames)"
    add("--tuples", type=int, help=tuples)
    sizes = ", ".join(f"{side} of {name}" for name, side in SIZES.items())
    add("--size", type=int, help=f"width and height in pixels (default: {sizes})")
    seed = "other numbers give other people and videos (default 0)"
    add("--seed", type=int, default=0, help=seed)
    add("--jobs", type=int, help="processes (default: one a core)")
    images = "depth and thermal images of the same faces besides, in the release and the pictures"
    add("--modalities", action="store_true", help=images)
    sounds = "a sound of every sequence besides, in the release alone"
    add("--audio", action="store_true", help=sounds)
    add = parser.add_argument_group("dials (defaults of demo, world)").add_argument
    for dial in dataclasses.fields(Dials):
        low, high = dial.metadata["range"]
        shown = ", ".join(f"{getattr(dials, dial.name):g}" for dials in PRESETS.values())
        text = f"{dial.metadata['help']}; {low:g} to {high:g} ({shown})"
        add(f"--{dial.name}", metavar="NUMBER", help=text.replace("%", "%%"))
    pictures = "pictures to look at instead of, or besides, a release"
    add = parser.add_argument_group(pictures).add_argument
    add("--contact-sheet", metavar=png, help="one AU a row, intensities 0 to 5")
    add("--samples", metavar=png, help="random tuples with captions and AUs")
    add("--scenes", metavar=png, help="all 24 sub-scenes: before, and both events")
    return parser
