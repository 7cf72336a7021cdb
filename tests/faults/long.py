"""Kills, flips and fuzzed inputs by the thousand: make faults, for the counts of docs/trust.md.

    python tests/faults/long.py --kills=1000 --flips=1000 --inputs=1000000 --folder=runs/faults

What is done is counted in FOLDER/counts.json, and the same command goes on from there. What is not
survived is listed in FOLDER/found.txt with the seed that brings it back.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "helpers")]
KINDS = ("kills", "flips", "inputs")
ENDS = ("lost", "silent", "uncaught")
STOPS = 8  # kills of one run before it may end
SUSPENDED = 115  # seconds, longer than the heartbeat of JAX's coordination service
FUZZ = Path(__file__).with_name("test_fuzz.py")


class Counts:
    """What was done and what came of it, on the disk after each fault."""

    def __init__(self, folder: Path) -> None:
        from drr_jax import files

        self.path, self.found = folder / "counts.json", folder / "found.txt"
        self.write = files.write_json
        self.counts = Counter(files.read_json(self.path) if self.path.exists() else {})

    def __getitem__(self, kind: str) -> int:
        return self.counts[kind]

    def add(self, kind: str, end: str, seed: object, number: int = 1) -> None:
        """Counts a fault by its end, as faults.py names them; the bad ones are listed, too."""
        self.counts[kind] += number
        for bad in ENDS:
            if end.startswith(bad):
                self.counts[bad] += 1
                with open(self.found, "a", encoding="utf-8") as file:
                    file.write(f"{kind}, seed {seed}: {end}\n")
        self.write(self.path, dict(self.counts))

    def line(self) -> str:
        """The counts, as docs/trust.md has them."""
        done = ", ".join(f"{self.counts[kind]:,} {kind}" for kind in KINDS)
        return f"{done}: " + ", ".join(f"{self.counts[end]} {end}" for end in ENDS)


def kill(folder: Path, data: Path, counts: Counts, wanted: int) -> None:
    """Ends runs and builds at random moments until they get through, and compares what they say."""
    import faults

    from tfds_reactionet import building

    scratch = folder / "scratch"

    def fingerprint(at: Path) -> dict:
        (prepared,) = at.glob("reactionet/demo/[0-9]*")
        return {"fingerprint": building.read_metadata(prepared)["fingerprint"]}

    jobs = (
        (faults.run_command(data, scratch / "run"), lambda: faults.outcome(scratch / "run")),
        (faults.build_command(data, scratch), lambda: fingerprint(scratch)),
    )
    expected, seconds = [], []
    for command, outcome in jobs:
        shutil.rmtree(scratch, ignore_errors=True)
        started = time.monotonic()
        faults.finish(command)
        seconds.append(time.monotonic() - started)
        expected.append(outcome())
    while counts["kills"] < wanted:
        seed = random.randrange(1 << 32)
        draw = random.Random(seed)
        which = draw.choices((0, 1), weights=(3, 1))[0]
        shutil.rmtree(scratch, ignore_errors=True)
        command, outcome = jobs[which]
        *ends, last = faults.stop_and_go_on(command, seconds[which], draw, STOPS)
        for end in ends:
            counts.add("kills", end, seed)
        if last == "same" and outcome() != expected[which]:
            last = "silent: it ended otherwise than a run that nobody stopped"
        counts.add("kills", last, seed, 0)
        print(counts.line(), flush=True)


def flip(folder: Path, data: Path, counts: Counts, wanted: int) -> None:
    """Flips random bits in every kind of file of a finished run and of its data, in turn."""
    import faults

    shutil.rmtree(folder / "whole", ignore_errors=True)
    faults.finish(faults.run_command(data, folder / "whole"))
    flips = faults.Flips(data, folder / "whole")
    kinds = list(flips.readers)
    while counts["flips"] < wanted:
        seed = random.randrange(1 << 32)
        kind = kinds[counts["flips"] % len(kinds)]
        counts.add("flips", flips.flip(kind, random.Random(seed)), f"{kind} {seed}")
        if counts["flips"] % 100 == 0:
            print(counts.line(), flush=True)


def suspend(folder: Path, data: Path) -> None:
    """Suspends a run for longer than a heartbeat may be late."""
    import signal

    import faults

    workdir = folder / "suspended"
    shutil.rmtree(workdir, ignore_errors=True)
    process = faults.start(faults.run_command(data, workdir))
    faults.wait_until((workdir / "metrics.jsonl").exists, process)
    process.send_signal(signal.SIGSTOP)
    time.sleep(SUSPENDED)
    process.send_signal(signal.SIGCONT)
    said = process.communicate()[1]
    print(f"suspended for {SUSPENDED} s: exit code {process.returncode}", flush=True)
    if process.returncode:
        print(said, file=sys.stderr)


def fuzz(counts: Counts, wanted: int) -> None:
    """Gives every parser its share of the inputs that are wanted."""
    number = wanted - counts["inputs"]
    if number <= 0 or not FUZZ.exists():
        return
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", str(FUZZ)]
    environment = os.environ | {"DRR_FUZZ_INPUTS": str(number)}
    done = subprocess.run(command, env=environment, cwd=ROOT, check=False)
    end = "same" if done.returncode == 0 else f"uncaught: see {' '.join(command)}"
    counts.add("inputs", end, "hypothesis", number)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    for kind in KINDS:
        parser.add_argument(f"--{kind}", type=int, default=0)
    parser.add_argument("--suspend", action="store_true", help=f"a run, for {SUSPENDED} seconds")
    parser.add_argument("--folder", type=Path, default=Path("runs/faults"))
    args = parser.parse_args()
    folder = args.folder.absolute()
    cache = {
        "JAX_PLATFORMS": "cpu",
        "JAX_COMPILATION_CACHE_DIR": str(folder / "cache"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    os.environ.update(cache)  # before jax is imported
    import small_run

    from drr_jax.runs import cpu

    cpu.tune_xla()
    data = folder / "data"
    if not data.exists():
        small_run.render(data)
    counts = Counts(folder)
    flip(folder, data, counts, args.flips)
    fuzz(counts, args.inputs)
    if args.suspend:
        suspend(folder, data)
    if counts["kills"] < args.kills:
        kill(folder, data, counts, args.kills)
    print(counts.line())


if __name__ == "__main__":
    main()
