"""Where stimulus and caption help the face, in rendered worlds: the study of the claims.

    python benchmarks/claims.py --out=runs/claims [--part=suspects] [--plan]

It has six parts. `suspects` trains what may keep stimulus and caption from helping, with three
seeds in one cell: 2,000 records, a face of quality 0.85, dominance 0.95. `rates` trains the rows of
the claims there at three learning rates; the best on validation people is a row's from then on.
`rows` trains them with ten seeds in the same cell, `grid` some with five seeds in all cells of
records, quality and dominance, and `large` with 32,000 records. `few` trains the face alone, by the
plain network and by DRR, on 200 records and from random numbers.

Worlds are rendered when they are first needed, and the encoders of images start from a network that
has learnt four action units of other rendered people, as the paper's are taken to start from
ImageNet (benchmarks/rows.py, `--start`). Runs are processes of one thread, one a core; what
is finished is left alone, so that the command may be stopped and started again. OUT/PART.csv has a
line for each finished run. results/claims has copies: what stands there is not trained again, so
that the study goes on where another machine stopped. How long a part may take is said before it
begins; --plan says only that.
"""

import argparse
import contextlib
import dataclasses
import itertools
import json
import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import rows
from tqdm import tqdm

from drr_jax import errors

ROOT = Path(__file__).parents[1]
LAUNCH = ROOT / "launch" / "ablation.py"
KNOWN = runpy.run_path(str(LAUNCH))
SUSPECTS, SETTINGS = KNOWN["SUSPECTS"], KNOWN["ROWS"] | KNOWN["SUSPECTS"]
SET = "reactionet/world"
# As the rows of launch/ablation.py, but 600 steps on one fold, whatever the number of records.
STEPS, LOOKS, BATCH = 600, 5, 32
TRAINING = f"data.name={SET},fold=0,optim.epochs=100000,optim.max_steps={STEPS}"
RATES = (0.0025, 0.005, 0.01)
RECORDS, QUALITIES, DOMINANCES = (500, 2000, 8000), (1.0, 0.85, 0.6), (0.95, 0.6)
FEWEST, FEW = 200, ("resnet18", "face", "r")
GRID = ("face", "r", "drr", "permuted", "late_fusion")
ROWS = (
    *("face", "resnet18", "r", "rs", "rt", "drr", "late_fusion", "permuted"),
    *("graph_off", "homophily", "heterophily"),
    *("contrast_off", "c1", "c3", "lambda_c_0.01", "lambda_c_0.5", "lambda_c_1.0"),
    *("tau_0.05", "tau_0.2", "contrast_warmup", "predict_graph", "predict_fuse"),
)
ABOUT = ("seconds", "commit")
PARTS = ("suspects", "rates", "rows", "grid", "large", "few")
TUNING_SEED = 100  # of no other run
KEPT = ROOT / "results" / "claims"
COLUMNS = {
    "step": "step",
    "validation_score": "validation_score",
    "f1_mean": "f1_mean",
    "all_positive_f1_mean": "always_yes",
}
SCORES = (*COLUMNS.values(), "ap_mean", *ABOUT)


@dataclasses.dataclass(frozen=True)
class Cell:
    """A world, and how many of its records train."""

    records: int = 2000
    quality: float = 0.85
    dominance: float = 0.95

    @property
    def world(self) -> str:
        """The name of the world's folder."""
        frames = "" if self.records <= max(RECORDS) else f"_f{self.frames}"
        return f"q{self.quality:g}_d{self.dominance:g}{frames}"

    @property
    def starts(self) -> bool:
        """Whether encoders of images start from weights."""
        return self.records > FEWEST

    @property
    def frames(self) -> int:
        """Frames of each of 360 sequences, so that two parts of three hold the records."""
        return 44 if self.records <= max(RECORDS) else 160


@dataclasses.dataclass(frozen=True)
class Job:
    """A run of the study. Without a rate it has the row's best of part `rates`."""

    part: str
    row: str
    seed: int
    cell: Cell = Cell()
    rate: float = 0.0


def jobs_of(part: str) -> Iterator[Job]:
    """The runs of a part, seed by seed, so that an unfinished one has whole pairs."""
    if part == "suspects":
        for seed, row in itertools.product(range(3), SUSPECTS):
            yield Job(part, row, seed, rate=float(SUSPECTS[row].get("optim.lr", RATES[1])))
    elif part == "rates":
        for row, rate in itertools.product(ROWS, RATES):
            yield Job(part, row, TUNING_SEED, rate=rate)
    elif part == "rows":
        for seed, row in itertools.product(range(10), ROWS):
            yield Job(part, row, seed)
    elif part == "grid":
        cells = [Cell(*one) for one in itertools.product(RECORDS, QUALITIES, DOMINANCES)]
        for seed, cell, row in itertools.product(range(5), cells, GRID):
            if cell != Cell():  # which part `rows` has
                yield Job(part, row, seed, cell)
    elif part == "large":
        for row in GRID:
            yield Job(part, row, 0, Cell(32_000))
    else:
        for seed, row, rate in itertools.product(range(5), FEW, RATES[1:]):
            yield Job(part, row, seed, Cell(FEWEST), rate)


class Study:
    """The runs that are there, and those that are still to be."""

    def __init__(self, out: Path, kept: Path = KEPT) -> None:
        """`kept` has CSV files of runs that are done, of any machine."""
        self.out = out
        self.kept: dict[tuple[Cell, str, int, float], dict[str, Any]] = {}
        for path in sorted(kept.glob("*.csv")):
            for line in pd.read_csv(path, dtype={"commit": str}).to_dict("records"):
                cell = Cell(*(line[field.name] for field in dataclasses.fields(Cell)))
                named = {name: line[name] for name in SCORES}
                self.kept[cell, line["row"], line["seed"], line["rate"]] = named

    def folder(self, job: Job) -> Path:
        """Of a run. Its last part is a row and a seed."""
        rate = f"{self.rate(job):g}"
        return self.out / job.cell.world / f"n{job.cell.records}" / f"{job.row}@{rate}-{job.seed}"

    def rate(self, job: Job) -> float:
        """A run's learning rate. Raises LookupError before part `rates` is done for its row."""
        return job.rate or self.rates()[job.row]

    def rates(self) -> dict[str, float]:
        """The best learning rate on validation people of every row that was tried at all."""
        found = {}
        for row in ROWS:
            tried = [Job("rates", row, TUNING_SEED, rate=rate) for rate in RATES]
            scores = [self.scores(job) for job in tried]
            if all(scores):
                best = max(range(len(RATES)), key=lambda k: scores[k]["validation_score"])
                found[row] = RATES[best]
        return found

    def scores(self, job: Job) -> dict[str, Any]:
        """What came of a run, {} if it is not finished."""
        with contextlib.suppress(LookupError):
            if kept := self.kept.get((job.cell, job.row, job.seed, self.rate(job))):
                return kept
            folder = self.folder(job)
            if (folder / "results.json").exists():
                found = json.loads((folder / "results.json").read_text(encoding="utf-8"))
                about = json.loads((folder / "run.json").read_text(encoding="utf-8"))
                named = {name: found[key] for key, name in COLUMNS.items()}
                named["ap_mean"] = rows.mean_average_precision(folder / "predictions.csv")
                return named | {name: about[name] for name in ABOUT}
        return {}

    def table(self, part: str) -> pd.DataFrame:
        """A line for each finished run of a part."""
        lines = []
        for job in jobs_of(part):
            if scores := self.scores(job):
                named = {"row": job.row, "seed": job.seed, "fold": 0, "rate": self.rate(job)}
                lines.append(dataclasses.asdict(job.cell) | named | scores)
        return pd.DataFrame(lines)

    def train(self, job: Job) -> str:
        """One run; returns what went wrong, if anything."""
        data = make_world(self.out / job.cell.world, job.cell)
        settings = [
            TRAINING,
            f"data.records={job.cell.records}",
            f"optim.lr={self.rate(job)}",
            f"log.eval_every_epochs={STEPS * BATCH / LOOKS / job.cell.records}",
            f"seed={job.seed}",
        ]
        folder = self.folder(job)
        folder.parent.mkdir(parents=True, exist_ok=True)
        weights = rows.start(self.out) if job.cell.starts else None
        starts = rows.starts(SETTINGS[job.row], weights)
        problem = rows.train(LAUNCH, ",".join([job.row, *settings]), str(data), folder, starts)
        for large in ("checkpoints", "validation", "best", "report.html", "tensorboard"):
            if not problem:  # hundreds of runs: their scores stay
                shutil.rmtree(folder / large, ignore_errors=True)
        return problem


def make_world(folder: Path, cell: Cell) -> Path:
    """Renders and prepares a world, unless that was done; returns its data folder."""
    raw, data = folder / "raw", folder / "data"
    if not (data / SET).exists():
        dials = [f"--face_quality={cell.quality}", f"--dominance={cell.dominance}"]
        size = ["--preset=world", "--size=64", f"--frames={cell.frames}"]
        demo = rows.python("tfds_reactionet.demo", *size, *dials, f"--out={raw}")
        build = rows.python("tfds_reactionet.build", SET, f"--data_dir={data}", "--size=64")
        for command in (demo, [*build, f"--manual_dir={raw}"]):
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return data


def estimate(study: Study, jobs: list[Job]) -> float:
    """Seconds that runs may take, by those of their rows that are there, else by all of them."""
    known = pd.concat(map(study.table, PARTS))
    if known.empty:
        return 240.0 * len(jobs)
    of_row = known.groupby("row")["seconds"].median()
    return sum(float(of_row.get(job.row, known["seconds"].median())) for job in jobs)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="the study's folder")
    parser.add_argument("--part", choices=PARTS, help="(default: all, in their order)")
    parser.add_argument("--plan", action="store_true", help="say what is to be done, and end")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    args = parser.parse_args()
    study, problems = Study(args.out), []
    args.out.mkdir(parents=True, exist_ok=True)
    for part in [args.part] if args.part else PARTS:
        jobs = [job for job in jobs_of(part) if not study.scores(job)]
        hours = estimate(study, jobs) / 3600 / args.jobs
        print(f"{part}: {len(jobs)} runs, about {hours:.1f} hours of {args.jobs} at a time")
        if args.plan or not jobs:
            continue
        if any(job.cell.starts for job in jobs):
            rows.start(args.out)
        for world in {job.cell.world: job.cell for job in jobs}.values():
            make_world(args.out / world.world, world)  # before several runs ask for it
        with ThreadPoolExecutor(args.jobs) as pool:
            for problem in tqdm(pool.map(study.train, jobs), total=len(jobs), unit="run"):
                problems += [problem] if problem else []
                table = study.table(part)
                table.to_csv(args.out / f"{part}.csv", index=False, float_format="%.6f")
    print("\n".join(problems), file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    errors.run(main)
