"""Trains every row of launch/ablation.py with several seeds, and tabulates paired differences.

    python benchmarks/ablation.py --out=runs/ablation --data_dir=data [--seeds=5] [--rows=r,rs]

Runs are independent processes of one thread each, one a core, because models this small do not
fill two. What is finished is left alone, so the command may be stopped and started again. The
table is `python -m drr_jax.main --mode=report --runs='runs/ablation/*'`.
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


def rows() -> list[str]:
    """The rows of launch/ablation.py."""
    sys.path.insert(0, str(ROOT))
    from launch.ablation import ROWS

    return list(ROWS)


def train(row: str, seed: int, out: Path, data_dir: str) -> str:
    """One run, all folds; returns what went wrong, if anything. Its output goes to a file."""
    workdir = out / f"{row}-{seed}"
    if (workdir / "results.json").exists():
        return ""
    command = [
        *(sys.executable, "-m", "drr_jax.main", f"--workdir={workdir}"),
        f"--config={ROOT}/launch/ablation.py:{row},seed={seed},data.data_dir={data_dir}",
    ]
    environment = os.environ | {"XLA_FLAGS": ONE_THREAD, "OMP_NUM_THREADS": "1"}
    out.mkdir(parents=True, exist_ok=True)
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
    chosen = args.rows.split(",") if args.rows else rows()
    # Seed by seed, so that an unfinished table has whole pairs.
    runs = [(row, seed) for seed in range(args.seeds) for row in chosen]
    with ThreadPoolExecutor(args.jobs) as pool:
        work = pool.map(lambda run: train(*run, args.out, args.data_dir), runs)
        problems = [p for p in tqdm(work, total=len(runs), unit="run") if p]
    print("\n".join(problems), file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
