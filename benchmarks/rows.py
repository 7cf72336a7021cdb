"""Trains the rows of a launch file on the rendered demo release: what docs/*.md are made of.

    python benchmarks/rows.py launch/ablation.py --of=CLAIMS --out=runs/ablation --seeds=5 --start
    python benchmarks/rows.py launch/table4.py --out=runs/results --with=demo,encoder.width=8

Runs are independent processes of one thread each, one a core, because models this small do not
fill two. What is finished is left alone, so the command may be stopped and started again; a file
beside each run says what it was trained with, and a run with anything else is named as a problem.
After each run OUT/rows.csv has a line for every fold of every finished one: what results/ keeps.

--start makes one network first, in about six minutes, that learns four action units of other
rendered people: the encoders of R and S then start from it, as the paper's start from ImageNet.
"""

import argparse
import functools
import json
import os
import runpy
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.metrics import average_precision_score
from tqdm import tqdm

from drr_jax import errors
from drr_jax.config import letters

ROOT = Path(__file__).parents[1]
ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
COLUMNS = ("fold", "step", "validation_score", "f1_mean", "accuracy_mean", "all_positive_f1_mean")
LABEL, SAID = "_label", "_p"  # the ends of a class's columns in predictions.csv
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
    config = f"{ROOT}/launch/reactionet.py:{START}"
    training = python("drr_jax.main", f"--config={config}", f"--workdir={run}")
    for command in (
        python("tfds_reactionet.reactionet.demo", "--seed=7", f"--out={release}"),
        python("tfds_reactionet.build", "reactionet/demo", f"--data_dir={data}", "--size=64"),
        [*training, f"--config.data.data_dir={data}"],
        python("drr_jax.weights", "export", f"--workdir={run}", f"--out={target}"),
    ):
        subprocess.run(command, check=True)
    return target


def starts(settings: Mapping[str, Any], weights: Path | None) -> dict[str, Path]:
    """The encoders of a row that start from `weights`: those of images."""
    domains = letters(str(settings.get("domains", "RST")))
    return {name: weights for name in domains if weights and name != "T"}


def other_run(workdir: Path, kept: Path, settings: str) -> str:
    """Why the run in `workdir` may not be that of `settings`, if so; `kept` is its own file."""
    before = kept.read_text(encoding="utf-8").strip() if kept.exists() else ""
    if before == settings or not workdir.exists():
        return ""
    if before:
        return (
            f"{workdir} was started with {before}, not with {settings}: give another --out, or "
            "move it away"
        )
    return (
        f"{workdir} is there, but no {kept} that says what it was started with: give another "
        f"--out, move the folder away or, if it was with this, put the line there: {settings}"
    )


def train(
    launch: Path, argument: str, data_dir: str, workdir: Path, weights: Mapping[str, Path]
) -> str:
    """One run; returns what went wrong, if anything. Its output goes to a file beside `workdir`."""
    given = (f" {name}={path.name}" for name, path in weights.items())
    settings = f"{launch.name}:{argument}{''.join(given)}"
    kept = workdir.with_name(f".{workdir.name}.settings")
    problem = other_run(workdir, kept, settings)
    if problem or (workdir / "results.json").exists():
        return problem
    kept.write_text(f"{settings}\n", encoding="utf-8")
    command = python("drr_jax.main", f"--config={launch}:{argument}", f"--workdir={workdir}")
    # Of its own: a comma would end it behind the launch file.
    command += [f"--config.data.data_dir={data_dir}"]
    command += [f"--config.model.encoders.{name}.weights={path}" for name, path in weights.items()]
    environment = os.environ | {"XLA_FLAGS": ONE_THREAD, "OMP_NUM_THREADS": "1"}
    log = workdir.with_name(f".{workdir.name}.log")
    with open(log, "w") as file:
        done = subprocess.run(command, env=environment, stdout=file, stderr=file, check=False)
    return "" if done.returncode == 0 else f"{workdir.name}: exit code {done.returncode}, see {log}"


@functools.cache  # of a run that is finished; asked after each of the others
def mean_average_precision(predictions: Path) -> float:
    """Mean over the classes of a predictions.csv whose labels differ; it depends on no threshold.

    F1 at 0.5 lies points apart between two seeds that order the faces equally well.
    """
    table = pd.read_csv(predictions)
    found = []
    for name in (column.removesuffix(LABEL) for column in table if column.endswith(LABEL)):
        known = table[table[f"{name}{LABEL}"] >= 0]
        if known[f"{name}{LABEL}"].nunique() > 1:
            found.append(average_precision_score(known[f"{name}{LABEL}"], known[f"{name}{SAID}"]))
    return sum(found) / len(found) if found else float("nan")


def write_csv(out: Path) -> None:
    """The scores of the finished runs of `out` in its rows.csv, a line a fold."""
    lines = []
    for path in sorted(out.glob("*-*/results.json")):
        row, _, seed = path.parent.name.rpartition("-")
        whole = json.loads(path.read_text(encoding="utf-8"))
        for fold in whole.get("folds", [whole]):
            named = {"row": row, "seed": int(seed)}
            named |= {name: fold[name] for name in COLUMNS if name in fold}
            folder = path.parent / f"fold{fold['fold']}" if "folds" in whole else path.parent
            if (folder / "predictions.csv").exists():
                named["ap_mean"] = mean_average_precision(folder / "predictions.csv")
            lines.append(named)
    pd.DataFrame(lines).to_csv(out / "rows.csv", index=False, float_format="%.6f")


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
    writing = threading.Lock()

    def run(job: tuple[int, str]) -> str:
        seed, row = job
        argument, given = f"{row}{settings},seed={seed}", starts(known[row], weights)
        problem = train(args.launch, argument, args.data_dir, args.out / f"{row}-{seed}", given)
        with writing:
            write_csv(args.out)
        return problem

    # Seed by seed, so that an unfinished table has whole pairs.
    jobs = [(seed, row) for seed in range(args.seeds) for row in chosen]
    with ThreadPoolExecutor(args.jobs) as pool:
        problems = [p for p in tqdm(pool.map(run, jobs), total=len(jobs), unit="run") if p]
    print("\n".join(problems), file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    errors.run(main)
