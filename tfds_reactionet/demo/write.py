"""Writes a rendered ReactioNet-like release, so that everything can be run without licensed data.

    python -m tfds_reactionet.demo --out=DIR --tuples=3600 --size=256 [--modalities]

No person is shown: faces, stimulus scenes, captions and labels are all made from random numbers.
The layout is that of reactionet/README.md, so that the builder reads it as the real release.
"""

import argparse
import csv
import fcntl
import json
import multiprocessing
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import cv2
from tqdm import tqdm

from drr_jax.errors import InputError
from tfds_reactionet.demo import sheets as demo_sheets
from tfds_reactionet.demo.sequence import (
    DEMOGRAPHICS_COLUMNS,
    KEYFRAME_COLUMNS,
    Labels,
    Release,
    write_sequence,
)

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
    limits = {
        "tuples": (tuples, 1),
        "size": (size, SMALLEST),
        "seed": (seed, 0),
        "jobs": (jobs or 1, 1),
    }
    for name, (value, least) in limits.items():
        if value < least or (name == "jobs" and jobs is not None and jobs < 1):
            raise InputError(
                f"--{name}={jobs if name == 'jobs' else value}: expected at least {least}"
            )
    release = Release(tuples, size, seed, modalities)
    parameters = {
        "rendered": True,
        "drawing": DRAWING,
        "tuples": tuples,
        "size": size,
        "seed": seed,
    }
    if modalities:
        parameters["modalities"] = MODALITIES
    try:
        if _is_finished(out, parameters):
            return out
        with _staging(out) as stage:
            _write(stage, release, parameters, jobs, progress)
            os.rename(stage, out)  # an empty `out` is replaced
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
        found = json.loads((out / MARKER).read_text(encoding="utf-8"))
    except ValueError:
        found = None
    if found != parameters:
        raise InputError(
            f"{out}: holds another demo release ({found}), "
            f"expected {parameters}; delete it or choose another --out"
        )
    return True


@contextmanager
def _staging(out: Path) -> Iterator[Path]:
    """A locked, empty folder beside `out`; what an interrupted run left in it is thrown away."""
    out.parent.mkdir(parents=True, exist_ok=True)
    stage, lock = out.parent / f".{out.name}.partial", out.parent / f".{out.name}.lock"
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"{out}: another process is writing it; wait for that or choose another --out"
            ) from None
        try:
            shutil.rmtree(stage, ignore_errors=True)
            stage.mkdir()
            yield stage
        finally:
            shutil.rmtree(stage, ignore_errors=True)
            lock.unlink(missing_ok=True)


def _write(
    stage: Path, release: Release, parameters: dict[str, object], jobs: int | None, progress: bool
) -> None:
    labels = stage / "labels"
    labels.mkdir()
    with (
        (labels / "keyframes.csv").open("w", newline="", encoding="utf-8") as key_file,
        (labels / "demographics.csv").open("w", newline="", encoding="utf-8") as people_file,
        tqdm(total=release.tuples, unit="tuple", desc="demo release", disable=not progress) as bar,
    ):
        keys, people = (
            csv.writer(key_file, lineterminator="\n"),
            csv.writer(people_file, lineterminator="\n"),
        )
        keys.writerow(KEYFRAME_COLUMNS)
        people.writerow(DEMOGRAPHICS_COLUMNS)
        for rows in _sequences(stage, release, jobs or len(os.sched_getaffinity(0))):
            keys.writerows(rows.keyframes)
            people.writerow(rows.demographics)
            bar.update(min(rows.frames, release.tuples - bar.n))
    readme = README.format(parameters=json.dumps(parameters))
    if release.modalities:
        readme += MODALITIES_README
    (stage / "README.txt").write_text(readme, encoding="utf-8")
    (stage / MARKER).write_text(json.dumps(parameters, indent=1) + "\n", encoding="utf-8")


def _sequences(stage: Path, release: Release, jobs: int) -> Iterator[Labels]:
    """Label rows in the order of the sequences, whatever process wrote them."""
    work = partial(write_sequence, stage, release)
    jobs = min(jobs, release.sequences)
    if jobs == 1:
        yield from map(work, range(release.sequences))
        return
    # spawn: forking a process in which JAX already runs threads can hang
    with multiprocessing.get_context("spawn").Pool(jobs, cv2.setNumThreads, (1,)) as pool:
        yield from pool.imap(work, range(release.sequences))


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tfds_reactionet.demo",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--out", help="folder to write; must be new, empty or hold the same release"
    )
    parser.add_argument(
        "--tuples",
        type=int,
        default=TUPLES,
        help="stimulus-reaction-caption tuples (default %(default)s)",
    )
    parser.add_argument(
        "--size", type=int, default=256, help="width and height in pixels (default 256)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="other numbers give other people and videos (default 0)"
    )
    parser.add_argument("--jobs", type=int, help="processes (default: one a core)")
    parser.add_argument(
        "--modalities",
        action="store_true",
        help="depth and thermal images of the same faces besides, in the release and the pictures",
    )
    sheets = parser.add_argument_group("pictures to look at instead of, or besides, a release")
    sheets.add_argument(
        "--contact-sheet", metavar="FILE.png", help="one AU a row, intensities 0 to 5"
    )
    sheets.add_argument("--samples", metavar="FILE.png", help="random tuples with captions and AUs")
    sheets.add_argument(
        "--scenes", metavar="FILE.png", help="all 24 sub-scenes: before, and both events"
    )
    args = parser.parse_args()
    release = Release(args.tuples, args.size, args.seed, args.modalities)
    of_aus = demo_sheets.modality_sheet if args.modalities else demo_sheets.contact_sheet
    drawings = {
        args.contact_sheet: lambda: of_aus(args.size),
        args.samples: lambda: demo_sheets.samples(release),
        args.scenes: lambda: demo_sheets.scenes(args.size),
    }
    drawings.pop(None, None)
    if not args.out and not drawings:
        raise InputError("--out is missing: expected the folder to write the demo release into")
    for path in drawings:
        demo_sheets.check(path)
    if args.out:
        out = write_release(
            args.out, args.tuples, args.size, args.seed, args.jobs, modalities=args.modalities
        )
        print(f"{out}: {args.tuples} rendered tuples of {args.size}x{args.size} pixels")
    for path, draw in drawings.items():
        demo_sheets.save(path, draw())
        print(path)
    return 0
