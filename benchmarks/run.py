"""Runs every benchmark, one after the other, and writes what they print to docs/benchmarks.md.

    python benchmarks/run.py [--short] [--only NAME ...] [--out=docs/benchmarks.md]

in an environment with the `bench` extra: those that hold this project beside others need it, and
without it are named as left out. --short takes smaller sizes and fewer rounds: minutes instead of
an hour, for a look. What needs a trained model takes it with --model, what needs a GPU is a command
of its own (benchmarks/gpu.py). Runs nothing beside itself, and nothing else should run.
"""

import argparse
import importlib.util
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from drr_jax import errors, files, runs
from drr_jax.machine import cores

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Benchmark:
    """A script, what it is about, its arguments for a --short run, and the peers that it needs."""

    name: str
    about: str
    short: tuple[str, ...] = ()
    full: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    data: bool = False  # takes --data_dir
    model: bool = False  # takes a trained model


BENCHMARKS = (
    Benchmark(
        "train_step",
        "a training step beside eager PyTorch's",
        ("--rounds=5", "--batch=8", "--size=96"),
        needs=("torch",),
    ),
    Benchmark("models", "what DRR's head costs", ("--rounds=5", "--batch=8", "--size=96")),
    Benchmark(
        "input_pipeline",
        "training tuples beside torch's DataLoader",
        ("--rounds=3",),
        needs=("torch", "torchvision"),
        data=True,
    ),
    Benchmark(
        "feeding",
        "the input pipeline by threads and workers",
        ("--threads", "1", "2", "8", "--workers", "0", "1", "--batches=12", "--rounds=3"),
        data=True,
    ),
    Benchmark("checkpoints", "what a checkpoint costs the steps", ("--rounds=2", "--every=20")),
    Benchmark(
        "scaling",
        "how costs grow with what they depend on",
        ("--rounds=3", "--out=build/benchmarks"),
        ("--out=docs",),
        data=True,
    ),
    Benchmark(
        "f1",
        "F1 beside scikit-learn and torchmetrics",
        ("--rows=100000", "--rounds=3"),
        needs=("sklearn", "torchmetrics"),
    ),
    Benchmark("weights", "loading full-size weights", ("--rounds=2",)),
    Benchmark("build", "building BP4D-size frames", ("--frames", "300")),
    Benchmark(
        "predict",
        "frames a second of a video beside PyTorch",
        ("--frames", "200", "--rounds=2"),
        needs=("torch",),
        model=True,
    ),
)


def missing(benchmark: Benchmark, model: str) -> str:
    """Why a benchmark cannot run here, if so."""
    absent = [name for name in benchmark.needs if importlib.util.find_spec(name) is None]
    if absent:
        return f"needs {', '.join(absent)} (the `bench` extra)"
    return "needs a trained model (--model)" if benchmark.model and not model else ""


def command(benchmark: Benchmark, short: bool, data_dir: str, model: str) -> list[str]:
    """The arguments of a benchmark, as a person would type them."""
    options = [*(benchmark.short if short else benchmark.full)]
    options += [f"--data_dir={data_dir}"] if benchmark.data and data_dir else []
    return [f"benchmarks/{benchmark.name}.py", *([model] if benchmark.model else []), *options]


def section(benchmark: Benchmark, arguments: Sequence[str]) -> tuple[str, bool]:
    """What a benchmark printed, as a section of the page; and whether it ran to its end."""
    begin = time.monotonic()
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=HERE.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout.strip() or "nothing was printed"
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        said += f"\nended with {done.returncode}: {last}"
    took = time.monotonic() - begin
    typed = " ".join(part for part in arguments if not part.startswith("--data_dir"))
    head = f"## {benchmark.name}: {benchmark.about}\n\n`python {typed}`, {took:.0f} s"
    return f"{head}\n\n```\n{said}\n```\n", done.returncode == 0


def processor() -> str:
    """The processor's name as Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


def head(short: bool) -> str:
    """The machine and the versions."""
    versions = ", ".join(f"{name} {version}" for name, version in runs.versions().items())
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    busy = f"; its load was {load:.1f} when this began" if load > 0.5 else ""
    note = (
        " Short settings: for a look, not for comparison."
        if short
        else " Each beside its own peer."
    )
    return (
        "# Benchmarks\n\n"
        f"`python benchmarks/run.py{' --short' if short else ''}` of {runs.commit()} wrote this "
        f"page on {datetime.now(UTC).date()}.{note}\n\n"
        f"Machine: {cores()} cores of {processor()}, {platform.system()} "
        f"{platform.release()}{busy}. Versions: {versions}. A factor is a ratio of medians over "
        "rounds in which both sides take turns. No GPU: `python benchmarks/gpu.py` is for one.\n"
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [benchmark.name for benchmark in BENCHMARKS]
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--only", choices=names, nargs="*", default=names)
    parser.add_argument("--data_dir", default="", help="keep the demo data set here")
    parser.add_argument("--model", default="", help="a run's folder, for benchmarks of prediction")
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "benchmarks.md")
    flags = parser.parse_args()
    sections, whole, left_out = [head(flags.short)], True, []
    for benchmark in BENCHMARKS:
        if benchmark.name not in flags.only:
            continue
        if why := missing(benchmark, flags.model):
            left_out.append(f"- {benchmark.name}: {why}")
            continue
        arguments = command(benchmark, flags.short, flags.data_dir, flags.model)
        print(f"{' '.join(arguments)} ...", flush=True)
        text, ran = section(benchmark, arguments)
        sections.append(text)
        whole &= ran
    if left_out:
        sections.append("## Left out\n\n" + "\n".join(left_out) + "\n")
    files.write_whole(flags.out, "\n".join(sections))
    print(f"{flags.out}: written")
    return 0 if whole else 1


if __name__ == "__main__":
    errors.run(main)
