"""Frames a second, busy cores and peak memory of building BP4D-size frames.

    python benchmarks/build.py [--frames 2000 8000] [--jobs=N] [--crop=face|full]

Each size is a tree in BP4D's layout with images of 1040x1392 pixels (links to 16 different JPEGs of
about 400 kB, smoothed noise) and landmarks, built by `prepare` in a process of its own. Busy cores
are the processor time of all processes, start-up and label reading included, over the wall time.
Peak memory is the parent's and the largest worker's: it must not grow with the number of frames.
On a machine that others use, busy cores tell of the others too: the load average is printed.
"""

import argparse
import json
import multiprocessing
import os
import resource
import struct
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from drr_jax.errors import run
from tfds_reactionet.bp4d.codes import CODED
from tfds_reactionet.bp4d.reader import PARTS
from tfds_reactionet.build import prepare
from tfds_reactionet.parallel import cores

HEIGHT, WIDTH, DIFFERENT = 1392, 1040, 16
SEQUENCES = 24  # one subject each, eight of every part


def matlab_landmarks(frames: int) -> bytes:
    """A MATLAB 5 file of `fit`, whose every entry has the same 49 landmarks."""
    face = np.random.default_rng(0).uniform(0.4, 0.6, (49, 2)) * (WIDTH, HEIGHT)
    face[19:25], face[25:31] = (400, 550), (640, 550)
    face[31], face[37] = (450, 850), (590, 850)

    def element(kind: int, data: bytes) -> bytes:
        return struct.pack("<II", kind, len(data)) + data + b"\0" * (-len(data) % 8)

    def matrix(kind: int, rows: int, columns: int, name: bytes, content: bytes) -> bytes:
        flags = element(6, struct.pack("<II", kind, 0))
        shape = element(5, struct.pack("<ii", rows, columns))
        return element(14, flags + shape + element(1, name) + content)

    entry = matrix(6, 49, 2, b"", element(9, face.astype("<f8").tobytes(order="F")))
    names = element(5, struct.pack("<i", 8)) + element(1, b"pred".ljust(8, b"\0"))
    fit = matrix(2, 1, frames, b"fit", names + entry * frames)
    return b"MATLAB 5.0".ljust(124) + b"\x00\x01IM" + fit


def write_tree(root: Path, frames: int) -> None:
    """A BP4D tree of `frames` coded frames."""
    rng = np.random.default_rng(0)
    masters = []
    for number in range(DIFFERENT):
        noise = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        masters.append(root / f"master{number}.jpg")
        cv2.imwrite(str(masters[-1]), cv2.GaussianBlur(noise, (0, 0), 2))
    by_part = [[s for s in sorted(PARTS) if PARTS[s] == f"part{n}"] for n in (1, 2, 3)]
    subjects = [subject for listed in by_part for subject in listed[: SEQUENCES // 3]]
    for folder in ("AU_OCC", "2DFeatures"):
        (root / folder).mkdir()
    count = frames // SEQUENCES
    for subject in subjects:
        codes = np.full((count, 100), 9)
        codes[:, list(CODED)] = rng.integers(0, 2, (count, len(CODED)))
        codes[:, 0] = np.arange(1, count + 1)
        rows = [",".join(map(str, row)) for row in [range(100), *codes.tolist()]]
        (root / "AU_OCC" / f"{subject}_T1.csv").write_text("\n".join(rows) + "\n")
        (root / "2DFeatures" / f"{subject}_T1.mat").write_bytes(matlab_landmarks(count))
        folder = root / "Sequences" / subject / "T1"
        folder.mkdir(parents=True)
        for number in range(count):
            os.link(masters[number % DIFFERENT], folder / f"{number:04d}.jpg")


def measure(root: Path, out: Path, jobs: int, crop: str, result: Path) -> None:
    """Builds a tree; writes its figures as JSON. Runs in a process of its own."""
    start = time.perf_counter()
    prepare("bp4d", out, root, jobs=jobs, crop=crop, progress=False)
    seconds = time.perf_counter() - start
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    unit = 1 if sys.platform == "darwin" else 1024  # bytes of ru_maxrss
    figures = {
        "seconds": seconds,
        "processor": sum(usage.ru_utime + usage.ru_stime for usage in used),
        "peaks": [usage.ru_maxrss * unit / 1e6 for usage in used],
    }
    result.write_text(json.dumps(figures))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, nargs="+", default=[2000, 8000])
    parser.add_argument("--jobs", type=int, default=cores())
    parser.add_argument("--crop", choices=("face", "full"), default="face")
    args = parser.parse_args()
    for frames in args.frames:
        with tempfile.TemporaryDirectory() as folder:
            root, result = Path(folder, "raw"), Path(folder, "result.json")
            root.mkdir()
            write_tree(root, frames)
            load = os.getloadavg()[0]
            process = multiprocessing.get_context("spawn").Process(
                target=measure, args=(root, Path(folder, "data"), args.jobs, args.crop, result)
            )
            process.start()
            process.join()
            if not result.exists():
                raise SystemExit(process.exitcode or 1)
            figures = json.loads(result.read_text())
        built, seconds = frames // SEQUENCES * SEQUENCES, figures["seconds"]
        busy = figures["processor"] / seconds
        parent, worker = figures["peaks"]
        print(
            f"{built} frames, crop={args.crop}, jobs={args.jobs}: {built / seconds:.0f} frames/s, "
            f"{busy:.2f} of {cores()} cores busy, peak memory {parent:.0f} MB (parent), "
            f"{worker:.0f} MB (largest worker); load average before {load:.1f}"
        )


if __name__ == "__main__":
    run(main)
