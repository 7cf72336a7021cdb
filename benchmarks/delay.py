"""What a window of stimulus frames costs, and whether the lag that is learnt is the true one.

    python benchmarks/delay.py cost [--rounds=5] [--image_size=64]
    python benchmarks/delay.py lag --world=FOLDER --runs=FOLDER [--seeds=3] [--epochs=16]

`cost`: DRR (RST, the supplement's sizes but for the image) on 64 tuples, one stimulus each, beside
a window of 25 in one clip (88 frames) and in shuffled tuples (1,600), in turn in one process.
Prints the ratio of the medians with its range, and that of operations at 256 pixels, traced.

`lag`: renders a world of ten frames a second into FOLDER, trains small runs on it (resumed if they
are there) and writes results/delay.csv and docs/images/delay.webp: learned weights of the lags
beside the true delays, which truth.csv of the release has, and beside when labels follow; F1 of
face and stimulus by the lag that the data have.
"""

import argparse
import csv
import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import jax
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from models import compare
from steps import config_of, operations, training

from drr_jax import data, facs, metrics, pages, weights
from drr_jax.runs import cpu

WINDOW, TUPLES, LAGS = 25, 64, (0, 5, 10, 15)
KINDS = {
    "one": {},
    "clips": {"model__delay": "window", "data__window": WINDOW, "data__clips": TUPLES},
    "shuffled": {"model__delay": "window", "data__window": WINDOW},
}
WORLD = ("--tuples=24000", "--sequences=600", "--frames=40", "--fps=10", "--size=32")
WORLD += ("--dominance=1",)  # every viewer of an event feels its leading emotion
SMALL = "domains=RS,data.image_size=32,data.batch_size=64,encoder.width=8,encoder.stem=patch"
SMALL += ",contrast.enabled=off,graph.enabled=off,log.eval_every_epochs=100,log.samples=4"
SMALL += ",data.clips=8"  # for all: an epoch is then the same
RUNS = {"window": "model.delay=window", "person": "model.delay=window,model.delay_by=person"}
RUNS |= {f"lag {lag}": f"data.stimulus_lag={lag}" for lag in LAGS}


def cost(rounds: int, size: int) -> None:
    def config(kind: str, side: int):
        sides = {"data__image_size": side, "data__batch_size": TUPLES}
        return config_of("drr", "RST", **sides, **KINDS[kind])

    one = training(config("one", size))[0]
    of_one = operations(config("one", 256))
    for kind, times in (("clips", rounds), ("shuffled", min(rounds, 2))):
        ratio, low, high = compare(training(config(kind, size))[0], one, times)
        flops = operations(config(kind, 256)) / of_one
        print(
            f"window of {WINDOW}, {kind} / one stimulus: {ratio:.2f}x [{low:.2f}-{high:.2f}] at "
            f"{size} pixels; operations at 256 pixels {flops:.2f}x",
            flush=True,
        )


def call(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", *map(str, arguments)], check=True)


def trained(world: Path, runs: Path, seeds: int, epochs: float) -> Iterator[tuple[str, int, Path]]:
    """(name, seed, folder) of every run; renders, builds and trains what is not there."""
    raw = world / "downloads" / "manual" / "reactionet_world"
    if not (raw / "truth.csv").exists():
        call("tfds_reactionet.demo", "--preset=world", f"--out={raw}", *WORLD)
    if not (world / "reactionet" / "world").exists():
        call("tfds_reactionet.build", "reactionet/world", f"--data_dir={world}", "--size=32")
    for seed, name in itertools.product(range(seeds), RUNS):
        folder = runs / f"{name.replace(' ', '_')}_{seed}"
        keys = f"{SMALL},{RUNS[name]},optim.epochs={epochs},seed={seed},data.data_dir={world}"
        if not (folder / "results.json").exists():
            launch = f"--config=launch/reactionet.py:world,{keys}"
            call("drr_jax.main", launch, f"--workdir={folder}")
        yield name, seed, folder


def scored(folder: Path) -> tuple[dict[str, float], Float[np.ndarray, "lags"]]:
    """F1 of face and stimulus on the test part, and the mean weights of the lags there."""
    config, system = weights.system_of(found := weights.read_run(folder), str(folder))
    prepared = data.open_dataset(data.find_data(config))
    fold = data.read_fold(config, prepared, int(config.fold))
    source = fold.source("test", system.train_inputs)
    for name in ("rotation", "flip", "brightness", "contrast", "saturation"):
        setattr(config.augment, name, 0.0)
    call = jax.jit(lambda batch: system.apply(found.variables, batch))
    said: dict[str, dict[int, np.ndarray]] = {"R": {}, "S": {}}
    labels, lags = {}, []
    batches = data.train_dataset(source, config, None, seed=0, augment_on="host")
    while len(labels) < len(source):
        batch = next(batches)
        outputs = jax.device_get(call({name: batch[name] for name in batch if name != "weight"}))
        lags.append(outputs.get("lag_weights", np.ones((1, 1))).mean(0))
        for row, index in enumerate(batch["index"].tolist()):
            labels[index] = batch["labels"][row]
            for domain, values in said.items():
                values[index] = outputs["logits"][domain][row]
    batches.close()
    truth = np.stack(list(labels.values()))
    f1 = {}
    for domain, values in said.items():
        yes = np.stack(list(values.values())) > 0
        found_counts = metrics.counts(yes.astype(np.float32), truth, np.ones(len(truth)))
        f1[domain] = float(metrics.f1(np.asarray(found_counts)).mean())
    return f1, np.mean(lags, axis=0)


def truths(world: Path) -> dict[str, Float[np.ndarray, "lags"]]:
    """Shares of sequences by frames from the event to the reaction: its first sign, as truth.csv
    has it, and the first frame that a label has which the event brings and which stays."""
    raw = world / "downloads" / "manual" / "reactionet_world"
    names = [f"{n}_c" for n in facs.OPENFACE_OCCURRENCE_AUS if n in facs.REACTIONET_AUS_12]
    signs, labels = [], []
    with (raw / "truth.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        signs.append(float(row["delay_frames"]))
        event = int(row["event_frame"]) - 1
        with (raw / row["sequence"] / "openface.csv").open() as file:
            frames = list(csv.DictReader(file))
        shown = np.array([[float(frame[name]) for name in names] for frame in frames])
        late = shown[event + WINDOW :].mean(0) > 0.6
        new = late & (shown[: event + 1].mean(0) < 0.3)
        labels += (shown[event:, new].argmax(0)).tolist()

    def shares(values: list[float]) -> Float[np.ndarray, "lags"]:
        return np.histogram(values, np.arange(WINDOW + 1) - 0.5)[0] / len(values)

    return {"first sign": shares(signs), "label": shares(labels)}


def drawn(truth: dict[str, np.ndarray], learned: dict[str, list[np.ndarray]], f1: dict) -> Figure:
    figure = Figure(figsize=(pages.WIDTH, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    at = np.arange(WINDOW)
    left.bar(at, truth["first sign"], color=pages.GREY, alpha=0.5, label="true delay, first sign")
    left.step(at, truth["label"], where="mid", color=pages.INK, label="true delay, labels")
    for (name, found), colour in zip(learned.items(), pages.PALETTE, strict=False):
        for number, values in enumerate(found):
            label = f"learned, {name}" if not number else None
            left.plot(at, values, "o-", ms=2.5, lw=1, color=colour, label=label)
    left.axhline(1 / WINDOW, color=pages.GREY, lw=0.8, ls=":")
    left.set_xlabel("frames before the face (ten a second)")
    left.set_title("weight of a lag", loc="left", fontsize=10.5)
    left.legend(frameon=False, fontsize=8)
    for number, (domain, colour) in enumerate(zip("RS", pages.PALETTE, strict=False)):
        for place, values in enumerate(f1.values()):
            points = [100 * value[domain] for value in values]
            label = f"F1 of {domain}" if not place else None
            right.plot(
                [place + 0.15 * number] * len(points), points, "o", color=colour, label=label
            )
    right.set_xticks(range(len(f1)), list(f1), rotation=40)
    right.set_title("F1 on test people", loc="left", fontsize=10.5)
    right.legend(frameon=False, fontsize=8)
    for axis in (left, right):
        pages.tidy(axis)
    return figure


def lag(world: Path, runs: Path, seeds: int, epochs: float) -> None:
    learned: dict[str, list[np.ndarray]] = {}
    f1: dict[str, list[dict[str, float]]] = {}
    for name, seed, folder in trained(world, runs, seeds, epochs):
        found, lags = scored(folder)
        f1.setdefault(name, []).append(found)
        if len(lags) > 1:
            learned.setdefault(name, []).append(lags)
        print(f"{name}, seed {seed}: F1 of R {found['R']:.4f}, of S {found['S']:.4f}", flush=True)
    truth = truths(world)
    columns = {**{f"true {name}": values for name, values in truth.items()}}
    for name, values in learned.items():
        columns |= {f"learned {name} {seed}": one for seed, one in enumerate(values)}
    with Path("results/delay.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["what", "R", "S", *(f"lag {n}" for n in range(WINDOW))])
        for name, values in f1.items():
            for seed, one in enumerate(values):
                row = [f"F1 {name} {seed}", f"{one['R']:.4f}", f"{one['S']:.4f}"]
                writer.writerow(row + [""] * WINDOW)
        for name, values in columns.items():
            writer.writerow([name, "", "", *(f"{value:.4f}" for value in values)])
    figure = drawn(truth, learned, f1)
    image = cv2.imdecode(np.frombuffer(pages.png(figure), np.uint8), cv2.IMREAD_COLOR)
    cv2.imwrite("docs/images/delay.webp", image, [cv2.IMWRITE_WEBP_QUALITY, 90])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("cost", "lag"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--image_size", type=int, default=64)
    parser.add_argument("--world", type=Path)
    parser.add_argument("--runs", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=float, default=16.0)
    flags = parser.parse_args()
    cpu.tune_xla()  # as the training command does
    cpu.tune_malloc()
    if flags.what == "cost":
        cost(flags.rounds, flags.image_size)
    elif flags.world is None or flags.runs is None:
        parser.error("lag needs --world and --runs")
    else:
        lag(flags.world, flags.runs, flags.seeds, flags.epochs)


if __name__ == "__main__":
    main()
