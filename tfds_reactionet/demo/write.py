"""Writes a rendered ReactioNet-like release, so that everything can be run without licensed data.

    python -m tfds_reactionet.demo --out=DIR --tuples=3600 --size=256 [--modalities]

No person is shown: faces, stimulus scenes, captions and labels are all made from random numbers.
The layout is that of reactionet/README.md, so that the builder reads it as the real release.
"""

import argparse
import json
import os
from functools import partial
from pathlib import Path

from tqdm import tqdm

from drr_jax import files
from drr_jax.errors import InputError
from drr_jax.machine import cores
from tfds_reactionet.building import csv_lines, ordered_map
from tfds_reactionet.demo import sequence, sheets
from tfds_reactionet.demo.sequence import Release

MARKER = "demo_release.json"
TUPLES = 3600  # a third is the test part; fewer subjects and videos would be learnt by heart
DRAWING = 2  # raise it when the same parameters give other pixels or labels
MODALITIES = 1  # the same of depth and thermal images
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
  demo_release.json         the parameters; the same ones write the same bytes again

Written with: {parameters}
"""
MODALITIES_README = """
  .../depth           8-bit grey PNG of the same face: near is bright, 0 is nothing
  .../thermal         grey JPEG of the same face: warm is bright
"""


def write_release(
    out_dir: str | os.PathLike[str],
    tuples: int = TUPLES,
    size: int = 256,
    seed: int = 0,
    jobs: int | None = None,
    progress: bool = True,
    modalities: bool = False,
) -> Path:
    """Writes `tuples` stimulus-reaction-caption tuples of `size` x `size` pixels under `out_dir`.

    The bytes depend on tuples, size and seed, not on `jobs` (processes; default: one a core). It
    is written beside `out_dir` and renamed at the end; a finished release of the same parameters
    is left alone. Besides the tuples, about 0.2 % of frames have success 0 in openface.csv.
    `modalities` adds depth and thermal images of the same faces and changes no other image.
    Raises InputError for a bad number, a folder that holds anything else, or an unwritable one.
    """
    out = Path(out_dir).expanduser().absolute()
    jobs = cores() if jobs is None else jobs
    numbers = {"tuples": tuples, "size": size, "seed": seed, "jobs": jobs}
    for name, least in {"tuples": 1, "size": SMALLEST, "seed": 0, "jobs": 1}.items():
        if numbers[name] < least:
            raise InputError(f"--{name}={numbers[name]}: expected at least {least}")
    release = Release(tuples, size, seed, modalities)
    parameters: dict[str, object] = {"rendered": True, "drawing": DRAWING}
    parameters |= {"tuples": tuples, "size": size, "seed": seed}
    if modalities:
        parameters["modalities"] = MODALITIES
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
        tqdm(total=release.tuples, unit="tuple", desc="demo release", disable=not progress) as bar,
    ):
        key_file.write(csv_lines([sequence.KEYFRAME_COLUMNS]))
        people_file.write(csv_lines([sequence.DEMOGRAPHICS_COLUMNS]))
        write = partial(sequence.write_sequence, stage, release)
        written = ordered_map(write, range(release.sequences), min(jobs, release.sequences))
        for keyframes, person, frames in written:
            key_file.write(csv_lines(keyframes))
            people_file.write(csv_lines([person]))
            bar.update(min(frames, release.tuples - bar.n))
    readme = README.format(parameters=json.dumps(parameters))
    if release.modalities:
        readme += MODALITIES_README
    (stage / "README.txt").write_text(readme, encoding="utf-8")
    (stage / MARKER).write_text(json.dumps(parameters, indent=1) + "\n", encoding="utf-8")


def main() -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tfds_reactionet.demo",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add, png = parser.add_argument, "FILE.png"
    add("--out", help="folder to write; must be new, empty or hold the same release")
    tuples = "stimulus-reaction-caption tuples (default %(default)s)"
    add("--tuples", type=int, default=TUPLES, help=tuples)
    add("--size", type=int, default=256, help="width and height in pixels (default 256)")
    seed = "other numbers give other people and videos (default 0)"
    add("--seed", type=int, default=0, help=seed)
    add("--jobs", type=int, help="processes (default: one a core)")
    images = "depth and thermal images of the same faces besides, in the release and the pictures"
    add("--modalities", action="store_true", help=images)
    pictures = "pictures to look at instead of, or besides, a release"
    add = parser.add_argument_group(pictures).add_argument
    add("--contact-sheet", metavar=png, help="one AU a row, intensities 0 to 5")
    add("--samples", metavar=png, help="random tuples with captions and AUs")
    add("--scenes", metavar=png, help="all 24 sub-scenes: before, and both events")
    args = parser.parse_args()
    release = Release(args.tuples, args.size, args.seed, args.modalities)
    of_aus = sheets.modality_sheet if args.modalities else sheets.contact_sheet
    drawings = {
        args.contact_sheet: lambda: of_aus(args.size),
        args.samples: lambda: sheets.samples(release),
        args.scenes: lambda: sheets.scenes(args.size),
    }
    drawings.pop(None, None)
    if not args.out and not drawings:
        raise InputError("--out is missing: expected the folder to write the demo release into")
    for path in drawings:
        sheets.check(path)
    if args.out:
        numbers = (args.tuples, args.size, args.seed, args.jobs)
        out = write_release(args.out, *numbers, modalities=args.modalities)
        print(f"{out}: {args.tuples} rendered tuples of {args.size}x{args.size} pixels")
    for path, draw in drawings.items():
        sheets.save(path, draw())
        print(path)
    return 0
