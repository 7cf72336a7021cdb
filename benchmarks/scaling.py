"""How the cost of a step, of the input pipeline and of an evaluation grows with what it is given.

    python benchmarks/scaling.py [--rounds=5] [--only step] [--data_dir=DIR] [--out=FOLDER]

A small DRR (ResNet-18 of width 16, 64 pixels, 16 tuples, RST) on the CPU; one thing grows, the
others stay. Prints the slope of time, floating-point operations and temporary memory over it in
log-log (1: as it, 2: as its square) beside what the work itself grows by, and writes scaling.json
and scaling.svg to the folder. Operations and memory are those of the compiled program, and the same
on a busy machine. Devices are virtual: they share the cores, so that a flat line is the best there
is.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

DEVICES = 8
os.environ["XLA_FLAGS"] = " ".join(
    (os.environ.get("XLA_FLAGS", ""), f"--xla_force_host_platform_device_count={DEVICES}")
)

import feeding  # noqa: E402  (behind the number of devices)
import jax  # noqa: E402
import numpy as np  # noqa: E402
import steps  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from drr_jax import errors, pages, runs  # noqa: E402
from drr_jax.config import Config  # noqa: E402
from drr_jax.runs import cpu  # noqa: E402
from drr_jax.training import clock, scoring  # noqa: E402

SMALL = {
    "data__image_size": 64,
    "data__batch_size": 16,
    "encoder__width": 16,
    "text__vocabulary": 512,
    "text__width": 32,
    "text__heads": 2,
    "head__embedding": 32,
    "head__projection": 16,
    "graph__width": 32,
    "contrast__group_size": 16,
}
# What grows: its values, and the slope of the work itself with why.
STEP: dict[str, tuple[Sequence[int], float, str]] = {
    "batch": ((16, 32, 64, 128), 1, "tuples"),
    "image size": ((64, 96, 128, 192), 2, "pixels"),
    "domains": ((1, 2, 3), 1, "encoders; R and S see images, T a caption"),
    "classes": ((6, 12, 24, 48), 1, "heads; the encoders do not depend on it"),
    "group size": ((4, 8, 16, 32, 64), 1, "pairs in groups, of 64 tuples; a small share"),
    "devices": ((1, 2, 4, 8), 0, "the same batch on the same cores"),
}
DOMAINS = ("R", "RS", "RST")
RECORDS = (1_000, 4_000, 16_000, 64_000)


def step_of(what: str, value: int) -> tuple[Config, int, int]:
    """The config, classes and devices of the step in which `what` is `value`."""
    keys, domains, classes, devices = dict(SMALL), "RST", len(steps.NAMES), 1
    if what == "batch":
        keys["data__batch_size"] = value
    elif what == "image size":
        keys["data__image_size"] = value
    elif what == "domains":
        domains = DOMAINS[value - 1]
    elif what == "classes":
        classes, keys["task"], keys["scene__classes"] = value, "scene", value
    elif what == "group size":
        keys |= {"data__batch_size": 64, "contrast__group_size": value}
    else:
        devices = value
    alone = domains == "R"  # nothing to contrast it with
    config = steps.config_of("drr", domains, **keys, contrast__enabled=not alone)
    return config, classes, devices


def of_steps(rounds: int, traced: bool) -> dict[str, list[dict[str, float]]]:
    """Time, operations and memory of every step; if it is `traced` alone, its operations."""
    found: dict[str, list[dict[str, float]]] = {}
    for what, (values, *_) in STEP.items():
        for value in values:
            config, classes, devices = step_of(what, value)
            if traced:
                flops = steps.operations(config, classes)
                found.setdefault(what, []).append({"value": float(value), "flops": flops})
                continue
            run, program = steps.training(config, classes, steps.mesh_of(devices))
            row = {
                "value": float(value),
                "seconds": steps.seconds(run, rounds),
                "flops": float(program.cost_analysis()["flops"]),
                "bytes": float(program.memory_analysis().temp_size_in_bytes),
            }
            found.setdefault(what, []).append(row)
            print(f"  {what} {value}: {1000 * row['seconds']:.1f} ms", flush=True)
    return found


def evaluated(kept: bool, records: int) -> dict[str, float]:
    """Bytes of memory that a pass over `records` records takes, in this process."""
    config = steps.config_of("classifier", "R", **SMALL)
    model, batch = steps.system_of(config), steps.batch_of(config)
    mesh = steps.mesh_of(1)
    rows, classes = config.data.batch_size, len(steps.NAMES)
    batch |= {"weight": np.ones(rows, np.float32), "index": np.arange(rows, dtype=np.int32)}
    batch |= {"frame": np.zeros(rows, np.int32)}
    given = jax.device_put(batch, runs.batch_sharding(mesh))
    variables = jax.jit(lambda: model.init(jax.random.key(0), steps.batch_of(config)))()
    variables = jax.device_put(variables, runs.replicated(mesh))
    scorer = scoring.Scorer(model, "au", classes, mesh)

    def one_pass(count: int) -> None:
        batches = (given for _ in range(count // rows))
        one = scoring.Pass(scorer, variables, batches, clock.Clock())
        if not kept:
            return one.run()
        stored = np.zeros((count, classes), np.float32)
        for number, said in enumerate(one.predictions()):
            stored[number * rows : (number + 1) * rows] = said.probability

    one_pass(rows)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    one_pass(records)
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    return {"value": float(records), "bytes": float(max(grown, 1))}


def of_evaluations() -> dict[str, list[dict[str, float]]]:
    """Memory of evaluations, each in a process of its own."""
    found: dict[str, list[dict[str, float]]] = {}
    for kept, what in ((False, "records, scores alone"), (True, "records, predictions kept")):
        for records in RECORDS:
            command = [sys.executable, __file__, f"--evaluated={int(kept)},{records}"]
            said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            found.setdefault(what, []).append(json.loads(said.splitlines()[-1]))
            print(f"  {what} {records}: {found[what][-1]['bytes'] / 1e6:.1f} MB", flush=True)
    return found


def of_feeding(data_dir: Path, batches: int) -> dict[str, list[dict[str, float]]]:
    """Time of an image and memory of the pipeline, by threads and by workers."""
    directory, found = feeding.demo(data_dir), {}
    for what, settings in (
        ("threads", [(number, 0) for number in (1, 2, 4, 8)]),
        ("workers", [(1, number) for number in (1, 2, 4)]),
    ):
        for threads, workers in settings:
            row = feeding.measure(directory, threads, workers, batches)
            one = {"value": float(workers or threads), "seconds": 1 / row["images_per_second"]}
            found.setdefault(what, []).append(one | {"bytes": max(row["bytes"], 1)})
            print(f"  {what} {workers or threads}: {row['images_per_second']:.0f} images/s")
    return found


def slope(rows: Sequence[dict[str, float]], key: str) -> float:
    """Exponent of `key` over what grows: the slope of a line in log-log."""
    value, found = (np.log([row[name] for row in rows]) for name in ("value", key))
    return float(np.polyfit(value, found, 1)[0])


def drawn(found: dict[str, list[dict[str, float]]]) -> Figure:
    """A panel for everything that grows, in log-log, each curve over its own first value."""
    columns = 3
    count = -(-len(found) // columns)
    figure = Figure(figsize=(pages.WIDTH, 2.6 * count), layout="constrained")
    axes = figure.subplots(count, columns, squeeze=False).ravel()
    for axis, (what, rows) in zip(axes, found.items(), strict=False):
        keys = [key for key in ("seconds", "flops", "bytes") if key in rows[0]]
        for key, colour in zip(keys, pages.PALETTE, strict=False):
            x, y = ([row[name] for row in rows] for name in ("value", key))
            label = f"{key}, slope {slope(rows, key):.2f}"
            axis.loglog(x, np.array(y) / y[0], "o-", color=colour, ms=4, label=label)
        axis.set_title(what, loc="left", fontsize=10.5)
        axis.set_xticks([row["value"] for row in rows])
        axis.set_xticklabels([f"{row['value']:.0f}" for row in rows])
        axis.minorticks_off()
        axis.legend(frameon=False, fontsize=8)
        pages.tidy(axis)
    for axis in axes[len(found) :]:
        axis.set_axis_off()
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = ("step", "evaluation", "feeding")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--traced", action="store_true", help="operations alone, nothing compiled")
    parser.add_argument("--only", choices=parts, nargs="*", default=parts)
    parser.add_argument("--data_dir", type=Path, help="keep the demo data set here")
    parser.add_argument("--out", type=Path, default=Path("docs"))
    parser.add_argument("--evaluated", help=argparse.SUPPRESS)
    flags = parser.parse_args()
    cpu.tune_xla()  # both as the training command does
    cpu.tune_malloc()
    if flags.evaluated:
        kept, records = map(int, flags.evaluated.split(","))
        print(json.dumps(evaluated(bool(kept), records)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        measured: dict[str, Callable[[], dict]] = {
            "step": lambda: of_steps(flags.rounds, flags.traced),
            "evaluation": of_evaluations,
            "feeding": lambda: of_feeding(flags.data_dir or Path(scratch), 4 * flags.rounds),
        }
        found: dict[str, list[dict[str, float]]] = {}
        for part in flags.only:
            found |= measured[part]()
    for what, rows in found.items():
        keys = [key for key in ("seconds", "flops", "bytes") if key in rows[0]]
        said = ", ".join(f"{key} {slope(rows, key):.2f}" for key in keys)
        expected = f"; the work {STEP[what][1]} ({STEP[what][2]})" if what in STEP else ""
        print(f"{what}: slopes {said}{expected}")
    flags.out.mkdir(parents=True, exist_ok=True)
    (flags.out / "scaling.json").write_text(json.dumps(found, indent=1) + "\n")
    drawn(found).savefig(flags.out / "scaling.svg", metadata={"Date": None})


if __name__ == "__main__":
    errors.run(main)
