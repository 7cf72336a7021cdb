"""What a window of stimulus frames costs, and whether the lag that is learnt is the true one.

    python benchmarks/delay.py cost [--rounds=5] [--image_size=64]
    python benchmarks/delay.py lag --world=FOLDER --runs=FOLDER [--seeds=1] [--epochs=7]

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
import dataclasses
import io
import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from models import compare
from PIL import Image
from steps import config_of, operations, training

from drr_jax import data, errors, facs, metrics, pages, weights
from drr_jax.models import losses
from drr_jax.runs import cpu

WINDOW, TUPLES, LAGS = 25, 64, (0, 10)
Values = Float[np.ndarray, " lags"]
KINDS: dict[str, dict[str, object]] = {
    "one": {},
    "clips": {"model__delay": "window", "data__window": WINDOW, "data__clips": TUPLES},
    "shuffled": {"model__delay": "window", "data__window": WINDOW},
}
WORLD = ("--tuples=24000", "--sequences=600", "--frames=40", "--fps=10", "--size=32")
WORLD += ("--dominance=1",)  # every viewer of an event feels its leading emotion
SMALL = "domains=RS,data.image_size=32,data.batch_size=64,encoder.width=8,encoder.stem=patch"
SMALL += ",contrast.enabled=off,graph.enabled=off,log.eval_every_epochs=100,log.samples=4"
SMALL += ",data.clips=8"  # for all: an epoch is then the same
RUNS = {"window": "model.delay=window"}
LEARNT, LOOKED = tuple(RUNS), 30  # batches whose loss is taken for every lag
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


@dataclasses.dataclass(frozen=True)
class Scores:
    """What a run says of the test part."""

    f1: dict[str, float]  # of the heads of R and S
    lags: Values  # mean weights
    losses: Values  # of S's head by itself, reading one lag alone


def scored(folder: Path, world: Path) -> Scores:
    found = weights.read_run(folder)
    config, system = weights.system_of(found, str(folder))
    config.data.data_dir = str(world)
    for name in ("rotation", "flip", "brightness", "contrast", "saturation"):
        setattr(config.augment, name, 0.0)
    prepared = data.open_dataset(data.find_data(config))
    source = data.read_fold(config, prepared, int(config.fold)).source("test", system.train_inputs)
    windowed = config.model.delay == "window"

    @jax.jit
    def call(batch):
        return system.apply(found.variables, batch)

    @jax.jit
    def of_each_lag(batch):
        def alone(logits):
            params = {**found.variables["params"], "delay": {"logits": logits}}
            outputs = system.apply({**found.variables, "params": params}, batch)
            ones = jnp.ones(system.classes)
            return losses.masked_bce(outputs["logits"]["S"], batch["labels"], ones)

        return jax.vmap(alone)(50 * jnp.eye(WINDOW))  # a softmax of it is all of one lag

    said: dict[str, dict[int, np.ndarray]] = {"R": {}, "S": {}}
    labels: dict[int, np.ndarray] = {}
    lags, each = [], []
    batches = data.train_dataset(
        source, config, data.tokenizer_of(data.build_vocabulary({})), seed=0, augment_on="host"
    )
    while len(labels) < len(source):
        batch = next(batches)
        outputs: dict = jax.device_get(call(batch))
        if windowed and len(each) < LOOKED:
            each.append(of_each_lag(batch))
        lags.append(outputs["lag_weights"].mean(0) if windowed else np.zeros(WINDOW))
        for row, index in enumerate(batch["index"].tolist()):
            labels[index] = batch["labels"][row]
            for domain, values in said.items():
                values[index] = outputs["logits"][domain][row]
    batches.close()
    truth = jnp.stack(list(labels.values()))
    f1 = {}
    for domain, values in said.items():
        yes = (jnp.stack(list(values.values())) > 0).astype(jnp.float32)
        total = metrics.counts(yes, truth, jnp.ones(len(truth)))
        f1[domain] = float(metrics.f1(total).mean())
    return Scores(f1, np.mean(lags, axis=0), np.mean(each, axis=0) if each else np.zeros(WINDOW))


def truths(world: Path) -> dict[str, Values]:
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

    def shares(values: list[float]) -> Values:
        return np.histogram(values, np.arange(WINDOW + 1) - 0.5)[0] / len(values)

    return {"first sign": shares(signs), "label": shares(labels)}


def drawn(truth: dict[str, Values], found: dict[str, list[Scores]]) -> Figure:
    figure = Figure(figsize=(pages.WIDTH, 3.0), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(4, 4, 2))
    at, colours = np.arange(WINDOW), dict(zip(RUNS, pages.PALETTE, strict=False))
    left.bar(at, truth["first sign"], color=pages.GREY, alpha=0.5, label="true, first sign")
    left.step(at, truth["label"], where="mid", color=pages.INK, label="true, labels")
    for name in LEARNT:
        for number, one in enumerate(found.get(name, ())):
            label = None if number else f"learned, {name}"
            left.plot(at, one.lags, "o-", ms=2.5, lw=1, color=colours[name], label=label)
            middle.plot(at, one.losses, "o-", ms=2.5, lw=1, color=colours[name])
    left.axhline(1 / WINDOW, color=pages.GREY, lw=0.8, ls=":")
    left.set_title("weight of a lag", loc="left", fontsize=10.5)
    left.legend(frameon=False, fontsize=8)
    middle.set_title("loss of S by one lag alone", loc="left", fontsize=10.5)
    for axis in (left, middle):
        axis.set_xlabel("frames before the face")
    for number, (domain, colour) in enumerate(zip("RS", pages.PALETTE, strict=False)):
        for place, scores in enumerate(found.values()):
            points = [100 * one.f1[domain] for one in scores]
            where = [place + 0.2 * number] * len(points)
            label = None if place else domain
            right.plot(where, points, "o", ms=4, color=colour, label=label)
    right.set_xticks(range(len(found)), list(found), rotation=40)
    right.set_title("F1", loc="left", fontsize=10.5)
    right.legend(frameon=False, fontsize=8)
    for axis in (left, middle, right):
        pages.tidy(axis)
    return figure


def lag(world: Path, runs: Path, seeds: int, epochs: float) -> None:
    found: dict[str, list[Scores]] = {}
    for name, seed, folder in trained(world, runs, seeds, epochs):
        one = scored(folder, world)
        found.setdefault(name, []).append(one)
        print(f"{name}, seed {seed}: F1 of R {one.f1['R']:.4f}, of S {one.f1['S']:.4f}", flush=True)
    truth = truths(world)
    rows = [[f"true {name}", *values] for name, values in truth.items()]
    for name, scores in found.items():
        for seed, one in enumerate(scores):
            rows.append([f"F1 of R and S, {name}, seed {seed}", one.f1["R"], one.f1["S"]])
            if name in LEARNT:
                rows.append([f"weight, {name}, seed {seed}", *one.lags])
                rows.append([f"loss of one lag, {name}, seed {seed}", *one.losses])
    with Path("results/delay.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["what", *range(WINDOW)])
        for what, *values in rows:
            numbers = [f"{value:.4f}" for value in values]
            writer.writerow([what, *numbers, *[""] * (WINDOW - len(numbers))])
    with Image.open(io.BytesIO(pages.png(drawn(truth, found)))) as image:
        image.save("docs/images/delay.webp", quality=90)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("cost", "lag"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--image_size", type=int, default=64)
    parser.add_argument("--world", type=Path)
    parser.add_argument("--runs", type=Path)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--epochs", type=float, default=7.0)
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
    errors.run(main)
