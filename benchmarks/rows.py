"""Trains the rows of a launch file on the rendered demo release: what docs/*.md are made of.

    python benchmarks/rows.py launch/ablation.py --of=CLAIMS --out=runs/ablation --seeds=5 --start
    python benchmarks/rows.py launch/table4.py --out=runs/results --with=demo,encoder.width=8

Runs are independent processes of one thread each, one a core, because models this small do not
fill two. What is finished is left alone, so the command may be stopped and started again.

--start makes one network first, in about six minutes, that learns four action units of other
rendered people: the encoders of R and S then start from it, as the paper's start from ImageNet.
"""

import argparse
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

ROOT = Path(__file__).parents[1]
ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
# Other people (seed 7) and four of the twelve AUs, from the forehead to the chin.
START = (
    "demo,domains=RS,graph.enabled=off,contrast.enabled=off,data.classes=AU04+AU06+AU12+AU17,"
    "encoder.stem=patch,encoder.width=8,optim.epochs=40,log.eval_every_epochs=5"
)


def python(*arguments: str | Path) -> list[str]:
    """A command line of one of the project's modules."""
    return [sys.executable, "-m", *map(str, arguments)]


def start(out: Path) -> Path:
    """Makes the folder of weights that the encoders start from, unless it is there."""
    target, data, run = out / "start-weights", out / "start-data", out / "start"
    if target.exists():
        return target
    release = data / "downloads" / "manual" / "reactionet_demo"
    config = f"{ROOT}/launch/reactionet.py:{START},data.data_dir={data}"
    for command in (
        python("tfds_reactionet.reactionet.demo", "--seed=7", f"--out={release}"),
        python("tfds_reactionet.build", "reactionet/demo", f"--data_dir={data}", "--size=64"),
        python("drr_jax.main", f"--config={config}", f"--workdir={run}"),
        python("drr_jax.weights", "export", f"--workdir={run}", f"--out={target}"),
    ):
        subprocess.run(command, check=True)
    return target


def train(config: str, workdir: Path, weights: Mapping[str, Path]) -> str:
    """One run; returns what went wrong, if anything. Its output goes to a file beside `workdir`."""
    if (workdir / "results.json").exists():
        return ""
    command = python("drr_jax.main", f"--config={config}", f"--workdir={workdir}")
    command += [f"--config.model.encoders.{name}.weights={path}" for name, path in weights.items()]
    environment = os.environ | {"XLA_FLAGS": ONE_THREAD, "OMP_NUM_THREADS": "1"}
    log = workdir.with_name(f".{workdir.name}.log")
    with open(log, "w") as file:
        done = subprocess.run(command, env=environment, stdout=file, stderr=file, check=False)
    return "" if done.returncode == 0 else f"{workdir.name}: exit code {done.returncode}, see {log}"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("launch", type=Path, help="a launch file that has ROWS")
    parser.add_argument("--out", type=Path, required=True, help="the runs' folder: OUT/ROW-SEED")
    parser.add_argument("--data_dir", default="data")
    parser.add_argument("--of", default="ROWS", help="the dict of rows in it, as in CLAIMS")
    parser.add_argument("--rows", help="comma-separated; default: all")
    parser.add_argument("--seeds", type=int, default=1, help="0 to SEEDS - 1 (default: one)")
    parser.add_argument("--with", dest="settings", help="what stands behind the row's name")
    parser.add_argument("--start", action="store_true", help="encoders that start from weights")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    args = parser.parse_args()
    known = runpy.run_path(str(args.launch))[args.of]
    chosen = args.rows.split(",") if args.rows else list(known)
    args.out.mkdir(parents=True, exist_ok=True)
    weights = start(args.out) if args.start else None
    settings = f",{args.settings}" if args.settings else ""

    def run(job: tuple[int, str]) -> str:
        seed, row = job
        images = str(known[row].get("domains", "RST")).replace("T", "")
        config = f"{args.launch}:{row}{settings},seed={seed},data.data_dir={args.data_dir}"
        starts = dict.fromkeys(images, weights) if weights else {}
        return train(config, args.out / f"{row}-{seed}", starts)

    # Seed by seed, so that an unfinished table has whole pairs.
    jobs = [(seed, row) for seed in range(args.seeds) for row in chosen]
    with ThreadPoolExecutor(args.jobs) as pool:
        problems = [p for p in tqdm(pool.map(run, jobs), total=len(jobs), unit="run") if p]
    print("\n".join(problems), file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
