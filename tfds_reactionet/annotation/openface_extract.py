"""Runs the user's own OpenFace FeatureExtraction binary on a video or a folder of images."""

import os
import subprocess
import tempfile
from itertools import pairwise
from pathlib import Path

from drr_jax.arguments import Parser
from drr_jax.errors import InputError
from tfds_reactionet.reactionet import Sequence, find_frames
from tfds_reactionet.reading import VIDEO_SUFFIXES, OpenFaceFile

# All that OpenFaceFile reads; without flags OpenFace would also write 3D and aligned faces.
_GROUPS = ("-2Dfp", "-pose", "-gaze", "-aus")


def extract(binary: str | os.PathLike, source: str | os.PathLike, out: str | os.PathLike) -> Path:
    """Writes the OpenFace CSV of a video, or of a folder of images, to `out`; returns its path.

    OpenFace numbers the images of a folder 1, 2, 3, ... in the order of their names; the rows
    written here carry the number that ends each image's name, as the ReactioNet builder expects.
    Raises InputError if the binary does not run or fails, if it writes no readable CSV, or if
    `out` is there already. Nothing half written stays.
    """
    binary, source, out = Path(binary), Path(source), Path(out)
    if not binary.is_file() or not os.access(binary, os.X_OK):
        raise InputError(
            f"binary {binary}: not a program that can be run; expected OpenFace's FeatureExtraction"
        )
    if out.exists():
        raise InputError(f"{out} exists already; remove it, or name another file")
    if not out.parent.is_dir():
        raise InputError(f"{out}: there is no folder {out.parent}; make it first")
    numbers = _image_numbers(source) if source.is_dir() else None
    if numbers is None and source.suffix.lower() not in VIDEO_SUFFIXES:
        raise InputError(
            f"input {source}: expected a folder of images or a video ({' '.join(VIDEO_SUFFIXES)})"
        )
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".openface-") as folder:
        _call(binary, source, Path(folder))
        made = Path(folder, "openface.csv")
        if not made.is_file():
            raise InputError(f"{binary} wrote no CSV for {source}; is it FeatureExtraction?")
        if numbers is not None:
            _renumber(made, numbers)
        OpenFaceFile(made)  # a defect is an error now, not in the builder
        os.replace(made, out)
    return out


def _call(binary: Path, source: Path, folder: Path) -> None:
    command = [str(binary.resolve()), "-fdir" if source.is_dir() else "-f", str(source.resolve())]
    command += ["-out_dir", str(folder.resolve()), "-of", "openface.csv", *_GROUPS]
    try:
        # OpenFace looks for its models beside the binary or in the working directory.
        done = subprocess.run(
            command, cwd=binary.resolve().parent, capture_output=True, text=True, errors="replace"
        )
    except OSError as error:
        raise InputError(f"binary {binary}: cannot be run ({error.strerror})") from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise InputError(
            f"{binary} ended with code {done.returncode} on {source}: "
            f"{said[-1][:200] if said else 'it said nothing'}"
        )


def _image_numbers(folder: Path) -> list[int]:
    """Frame numbers of a folder's images in the order of their names, which is OpenFace's."""
    files = find_frames(Sequence(folder.parent, ""), folder.name).files or {}
    if not files:
        raise InputError(f"input {folder}: no image in it")
    by_name = sorted(files, key=files.__getitem__)
    for before, after in pairwise(by_name):
        if after < before:
            raise InputError(
                f"input {folder}: {files[before].name} sorts before {files[after].name}; "
                "expected names padded with zeros, such as 000001.jpg"
            )
    return by_name


def _renumber(path: Path, numbers: list[int]) -> None:
    """Replaces OpenFace's running frame numbers by those of the images."""
    header, *lines = path.read_text().splitlines()
    column = [name.strip() for name in header.split(",")].index("frame") if header else 0
    done = [header]
    for line in lines:
        cells = line.split(",")
        cell = cells[column].strip() if column < len(cells) else ""
        if not cell.isdigit() or not 1 <= int(cell) <= len(numbers):
            raise InputError(
                f"OpenFace wrote frame {cell[:40]!r} for a folder of {len(numbers)} images; "
                f"expected 1 to {len(numbers)}"
            )
        cells[column] = str(numbers[int(cell) - 1])
        done.append(",".join(cells))
    path.write_text("\n".join(done) + "\n")


def run_openface() -> int:
    """The command line; returns the exit code."""
    parser = Parser(
        "python -m tfds_reactionet.openface",
        description="Runs OpenFace's FeatureExtraction (academic, non-commercial licence; not "
        "part of this project) and writes the CSV that the ReactioNet builder reads.",
    )
    parser.add_argument("--binary", required=True, help="path of FeatureExtraction")
    parser.add_argument("--input", required=True, help="a video, or a folder of images")
    parser.add_argument("--out", required=True, help="the CSV to write, e.g. openface.csv")
    args = parser.parse_args()
    path = extract(args.binary, args.input, args.out)
    file = OpenFaceFile(path)
    print(f"{path}: {len(file.frames)} frames, a face in {int(file.found.sum())}")
    return 0
