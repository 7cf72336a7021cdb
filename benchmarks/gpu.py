"""What one machine with a GPU does: step times, memory, input pipeline, prediction, in a command.

    python benchmarks/gpu.py [--out=gpu.json] [--data_dir=DIR] [--rounds=20] [--small]

Training steps of ResNet-18, DRR (RST) and ViT-B/16 at 256 pixels and batch 64 in bfloat16 and
float32, on one device, beside the roofline that plan mode computes of the same compiled program;
its memory as plan mode has it beside the peak that the device saw; images a second of the input
pipeline beside those that the step takes; and faces a second that DRR predicts, with the way of
their pixels to the device. At most eight minutes: what does not fit into them is left out and said.
Prints a table and writes JSON: where a step is more than a third from the plan of a chip, the
maintainers would like to see it.
--small does the same with tiny models, on a CPU too, and shows that it works.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import feeding
import jax
import steps

from drr_jax import errors, runs
from drr_jax.machine import cores
from drr_jax.plan import chips, compiling, roofline

LIMIT = 480.0  # seconds
LEAST = 60.0  # that are kept for the input pipeline and prediction
SYSTEMS = {
    "ResNet-18": ("classifier", "R", {}),
    "DRR": ("drr", "RST", {}),
    "ViT-B/16": ("classifier", "R", {"encoder__backbone": "vit_b16"}),
}
SMALL = {
    "data__image_size": 32,
    "data__batch_size": 8,
    "text__vocabulary": 256,
    "text__width": 16,
    "text__layers": 1,
    "text__heads": 2,
    "contrast__group_size": 8,
}
SMALL_VIT = {"encoder__depth": 1, "encoder__width": 4}


def settings(name: str, precision: str, small: bool) -> dict[str, Any]:
    """The keys of a row."""
    keys: dict[str, Any] = {"precision": precision, **SYSTEMS[name][2]}
    if small:
        vit = str(keys.get("encoder__backbone", "")).startswith("vit")
        keys |= SMALL | (SMALL_VIT if vit else {"encoder__width": 4})
    return keys


def step_row(name: str, precision: str, small: bool, rounds: int) -> dict[str, Any]:
    """Time and memory of a training step."""
    system, domains, _ = SYSTEMS[name]
    config = steps.config_of(system, domains, **settings(name, precision, small))
    begin = time.perf_counter()
    run, program = steps.training(config)
    compiled, took = time.perf_counter() - begin, steps.seconds(run, rounds, warm=3)
    memory = compiling.memory(program)
    images = config.data.batch_size * len([d for d in domains if d != "T"])
    return {
        "system": name,
        "precision": precision,
        "batch": config.data.batch_size,
        "image_size": config.data.image_size,
        "step_ms": 1000 * took,
        "images_per_second": images / took,
        "program_bytes": memory["total"],
        "device_peak_bytes": (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use"),
        "compile_seconds": compiled,
        "roofline_ms": least(program, precision),
    }


def least(program: jax.stages.Compiled, precision: str) -> float | None:
    """Milliseconds that --mode=plan says a program takes at least; None on an unknown chip."""
    kind = jax.devices()[0].device_kind
    chip = next((one for one in chips.chips().values() if one.target.get("name") == kind), None)
    if chip is None:
        return None
    text, xla = compiling.text_of(program), compiling.counted_by_xla(program)
    read = compiling.read_program(text, chip, precision, [0], xla.get("bytes", 0.0))
    found = roofline.roofline(chip, {"precision": precision, "xla": xla, "program": read})
    return 1000 * found["step"] if found else None


def input_rows(data_dir: Path, batches: int) -> list[dict[str, Any]]:
    """The input pipeline with all cores as threads, and as worker processes."""
    directory = feeding.demo(data_dir)
    counts = [(0, 0), (0, max(1, cores() // 2))]
    return [feeding.measure(directory, *count, batches) for count in counts]


def faces(small: bool, rounds: int) -> dict[str, Any]:
    """Faces a second that a trained DRR predicts; they are cut out already, and on the host."""
    keys = settings("DRR", "bfloat16", small)
    config = steps.config_of("drr", "RST", **keys)
    took = steps.seconds(steps.prediction(config, moved=True), rounds)
    return {"batch": config.data.batch_size, "faces_per_second": config.data.batch_size / took}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("gpu.json"), help="(default: gpu.json)")
    parser.add_argument("--rounds", type=int, default=20, help="steps of each (default: 20)")
    parser.add_argument("--small", action="store_true", help="tiny models, no input pipeline")
    parser.add_argument("--data_dir", type=Path, help="keep the demo data set here")
    flags = parser.parse_args()
    begin = time.monotonic()
    runs.start_alone()
    device = jax.devices()[0]
    if device.platform == "cpu" and not flags.small:
        sys.exit("error: JAX sees no accelerator here; --small tries it on a CPU")
    found: dict[str, Any] = {
        "device": f"{jax.device_count()} x {device.device_kind}, of which 1 is used",
        "cores": cores(),
        "versions": runs.versions(),
        "steps": [],
        "left_out": [],
    }
    print(found["device"])
    print("system      precision   step ms   at least   images/s   program GB   peak GB")
    for precision in ("bfloat16", "float32"):
        for name in SYSTEMS:
            if time.monotonic() - begin > LIMIT - LEAST - 60:
                found["left_out"].append(f"{name} {precision}")
                continue
            row = step_row(name, precision, flags.small, flags.rounds)
            found["steps"].append(row)
            peak, floor = row["device_peak_bytes"], row["roofline_ms"]
            print(
                f"{name:10}  {precision:9} {row['step_ms']:9.2f} "
                f"{f'{floor:.2f}' if floor else '-':>10} {row['images_per_second']:10.0f} "
                f"{row['program_bytes'] / 1e9:12.2f} {f'{peak / 1e9:.2f}' if peak else '-':>9}",
                flush=True,
            )
    found["prediction"] = faces(flags.small, flags.rounds)
    print(f"prediction: {found['prediction']['faces_per_second']:.0f} faces/s, from the host")
    if flags.small or time.monotonic() - begin > LIMIT - LEAST:
        found["left_out"].append("input pipeline")
    else:
        with tempfile.TemporaryDirectory() as scratch:
            found["input"] = input_rows(flags.data_dir or Path(scratch), 4 * flags.rounds)
        for row in found["input"]:
            print(f"input: {row['images_per_second']:.0f} images/s, {row['workers']} workers")
    if found["left_out"]:
        print(f"left out: {', '.join(found['left_out'])}")
    found["seconds"] = time.monotonic() - begin
    flags.out.write_text(json.dumps(found, indent=2) + "\n")
    print(f"{flags.out}: written after {found['seconds']:.0f} s")


if __name__ == "__main__":
    errors.run(main)
