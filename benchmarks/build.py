"""Builds BP4D-size frames, and tells how busy the cores are and how much memory it takes.

    python benchmarks/build.py [--frames 2000 8000] [--jobs=N] [--scratch=DIR]

writes a BP4D tree of N coded frames (1040x1392 JPEGs and their landmarks) to a temporary folder
and builds it, once for each N. The frames are hard links to 16 different files, so that the disk
is not filled and reading costs little, but each is decoded, cut out and encoded again. Each build
has a process of its own; printed are, from its first to its last second with all that starts and
ends:

- frames/s;
- the share of the cores that this build kept busy, by the CPU time of its processes, the share of
  everybody else and the idle share, by the kernel's counters: beside other work, only idle cores
  tell whether the build left something unused;
- the largest memory of the main process and of a worker (VmHWM), which must not grow with N.

Linux only: it reads /proc.
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from scipy.io import savemat

from drr_jax.errors import InputError, run
from drr_jax.machine import cores
from tfds_reactionet.bp4d.reader import PARTS
from tfds_reactionet.build import prepare
from tfds_reactionet.building.summary import read_metadata
from tfds_reactionet.reading.bp4d_codes import CODED

WIDTH, HEIGHT = 1040, 1392  # of BP4D's images
DISTINCT = 16
SEQUENCE = 450  # frames; BP4D's 328 coded sequences have 448 on average
INTERVAL = 0.2  # seconds between looks at the memory
MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Measured:
    """What a build took."""

    frames: int
    seconds: float
    own: float  # CPU seconds of the build's processes
    idle: float  # CPU seconds of the machine that nobody used
    main_memory: int  # bytes
    worker_memory: int  # bytes of the largest worker


def write_tree(root: Path, frames: int) -> None:
    """A BP4D tree of as many coded frames, in sequences of every part."""
    rng = np.random.default_rng(0)
    folder = root / "distinct"
    folder.mkdir(parents=True)
    files = [_write_image(folder / f"{number}.jpg", rng) for number in range(DISTINCT)]
    by_part = [[name for name in PARTS if PARTS[name] == f"part{n}"] for n in (1, 2, 3)]
    subjects = [name for names in zip(*by_part, strict=False) for name in names]
    names = [(subject, f"T{task}") for task in range(1, 9) for subject in subjects]
    count = max(3, -(-frames // SEQUENCE))
    if count > len(names):
        raise InputError(f"frames={frames}, expected at most {len(names) * SEQUENCE}")
    starts = np.linspace(0, frames, count + 1).astype(int)
    for (subject, task), start, stop in zip(names, starts[:-1], starts[1:], strict=False):
        _write_sequence(root, subject, task, int(stop - start), files, rng)


def _write_image(path: Path, rng: np.random.Generator) -> Path:
    """A face-like image: smooth colours with fine grain, 400 to 500 KB, as in the release."""
    coarse = rng.integers(40, 220, (12, 9, 3), dtype=np.uint8)
    image = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    grain = rng.normal(0, 6, (HEIGHT, WIDTH, 1))
    image = np.clip(image + grain, 0, 255).astype(np.uint8)
    cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return path


def _write_sequence(
    root: Path, subject: str, task: str, frames: int, files: list[Path], rng: np.random.Generator
) -> None:
    folder = root / "Sequences(2D+3D)" / subject / task
    folder.mkdir(parents=True)
    for number in range(frames):
        os.link(files[number % DISTINCT], folder / f"{number:04d}.jpg")
    table = np.full((frames, 100), 9)
    table[:, 0] = np.arange(1, frames + 1)
    table[:, list(CODED)] = rng.integers(0, 2, (frames, len(CODED)))
    lines = [",".join(map(str, row)) for row in [range(100), *table.tolist()]]
    codes = root / "AUCoding" / "AU_OCC"
    codes.mkdir(parents=True, exist_ok=True)
    (codes / f"{subject}_{task}.csv").write_text("\n".join(lines) + "\n")
    fit = np.zeros(frames, dtype=[("pred", object)])
    for number in range(frames):
        fit[number] = (_landmarks() + rng.normal(0, 2, (49, 2)),)
    (root / "2DFeatures").mkdir(exist_ok=True)
    savemat(root / "2DFeatures" / f"{subject}_{task}.mat", {"fit": fit})


def _landmarks() -> np.ndarray:
    """49 points of a face that fills half of the image's width: eyes 200 pixels apart."""
    points = np.full((49, 2), (WIDTH / 2, HEIGHT / 2))
    points[19:25], points[25:31] = (420, 600), (620, 600)
    points[31], points[37] = (450, 820), (590, 820)
    return points


def memory_of(process: str) -> int:
    """Largest resident memory of a process in bytes; 0 if it has ended."""
    try:
        for line in Path("/proc", process, "status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0


def children() -> list[str]:
    """Process numbers of this process's children."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        try:
            found += (task / "children").read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # a thread that has ended
    return found


def idle_seconds() -> float:
    """CPU seconds that the machine's cores were idle or waited for a disk."""
    counters = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    return (int(counters[4]) + int(counters[5])) / os.sysconf("SC_CLK_TCK")


def measure(raw: Path, data: Path, frames: int, jobs: int) -> Measured:
    """Builds a tree in this process and its workers."""
    largest, ended = 0, threading.Event()

    def watch() -> None:
        nonlocal largest
        while not ended.wait(INTERVAL):
            largest = max([largest, *(memory_of(number) for number in children())])

    watcher = threading.Thread(target=watch)
    watcher.start()
    idle, before, start = idle_seconds(), os.times(), time.perf_counter()
    try:
        path = prepare("bp4d", data, raw, jobs=jobs, progress=False)
    finally:
        seconds, after = time.perf_counter() - start, os.times()
        idle = idle_seconds() - idle
        ended.set()
        watcher.join()
    records = sum(part["records"] for part in read_metadata(path)["parts"].values())
    if records != frames:
        raise InputError(f"{path} holds {records} records, expected {frames}")
    own = sum(after[:4]) - sum(before[:4])  # user and system, of this process and its workers
    return Measured(frames, seconds, own, idle, memory_of("self"), largest)


def report(measured: Measured, available: int) -> str:
    """One line of the table."""
    total = measured.seconds * available
    own, idle = measured.own / total, measured.idle / ((os.cpu_count() or 1) * measured.seconds)
    others = max(0.0, 1 - own - idle)
    return (
        f"{measured.frames:>7,} {measured.seconds:>8.1f} {measured.frames / measured.seconds:>9.1f}"
        f" {own:>6.1%} {others:>7.1%} {idle:>6.1%} {measured.main_memory / MEBIBYTE:>9.0f}"
        f" {measured.worker_memory / MEBIBYTE:>11.0f}"
    )


def main() -> int:
    """Prints a line for each number of frames."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, nargs="+", default=[2000, 8000])
    parser.add_argument("--jobs", type=int, default=cores(), help="processes (default: all cores)")
    parser.add_argument("--scratch", type=Path, help="where the temporary folder goes")
    flags = parser.parse_args()
    if min(flags.frames) < 3:
        raise InputError(f"frames={min(flags.frames)}, expected at least 3")
    available = cores()
    print(f"{WIDTH}x{HEIGHT} JPEGs, {flags.jobs} processes on {available} cores")
    print(" frames  seconds  frames/s   busy  others   idle  main MiB  worker MiB")
    spawn = multiprocessing.get_context("spawn")
    for frames in flags.frames:
        with tempfile.TemporaryDirectory(dir=flags.scratch) as scratch:
            raw = Path(scratch, "raw")
            write_tree(raw, frames)
            with ProcessPoolExecutor(1, mp_context=spawn) as pool:
                job = pool.submit(measure, raw, Path(scratch, "data"), frames, flags.jobs)
                print(report(job.result(), available))
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    run(main)
