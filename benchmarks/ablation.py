"""Trains every row of launch/ablation.py with several seeds, and tabulates paired differences.

    python benchmarks/ablation.py --out=runs/ablation --data_dir=data [--seeds=5] [--rows=r,rs]

All encoders start from one that has learnt four action units of other rendered people, as the
paper's start from ImageNet; it is made first, in about six minutes. Runs are independent processes
of one thread each, one a core, because models this small do not fill two. What is finished is left
alone, so the command may be stopped and started again. The table is
`python -m drr_jax.main --mode=report --runs="runs/ablation/*-*" --reference=runs/ablation/drr-0`.
"""

import argparse
import os
import subprocess
import sys
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


def rows() -> dict[str, dict]:
    """The rows of launch/ablation.py."""
    sys.path.insert(0, str(ROOT))
    from launch.ablation import ROWS

    return ROWS


def python(*arguments: str | Path) -> list[str]:
    """A command line of one of the project's modules."""
    return [sys.executable, "-m", *map(str, arguments)]


def start(out: Path) -> Path:
    """Makes the folder of weights that every row's encoders start from."""
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


def train(row: str, seed: int, domains: str, out: Path, data_dir: str) -> str:
    """One run, all folds; returns what went wrong, if anything. Its output goes to a file."""
    workdir = out / f"{row}-{seed}"
    if (workdir / "results.json").exists():
        return ""
    config = f"{ROOT}/launch/ablation.py:{row},seed={seed},data.data_dir={data_dir}"
    command = python("drr_jax.main", f"--config={config}", f"--workdir={workdir}")
    for domain in domains.replace("T", ""):
        command.append(f"--config.model.encoders.{domain}.weights={out / 'start-weights'}")
    environment = os.environ | {"XLA_FLAGS": ONE_THREAD, "OMP_NUM_THREADS": "1"}
    with open(out / f".{row}-{seed}.log", "w") as log:
        done = subprocess.run(command, env=environment, stdout=log, stderr=log, check=False)
    return "" if done.returncode == 0 else f"{row}-{seed}: exit code {done.returncode}, {log.name}"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("runs/ablation"))
    parser.add_argument("--data_dir", default="data")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rows", help="comma-separated; default: all")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    args = parser.parse_args()
    known = rows()
    chosen = args.rows.split(",") if args.rows else list(known)
    args.out.mkdir(parents=True, exist_ok=True)
    start(args.out)
    # Seed by seed, so that an unfinished table has whole pairs.
    runs = [
        (row, seed, str(known[row].get("domains", "RST")))
        for seed in range(args.seeds)
        for row in chosen
    ]
    with ThreadPoolExecutor(args.jobs) as pool:
        work = pool.map(lambda run: train(*run, args.out, args.data_dir), runs)
        problems = [p for p in tqdm(work, total=len(runs), unit="run") if p]
    print("\n".join(problems), file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
