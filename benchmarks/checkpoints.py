"""What a checkpoint costs the steps beside which it is written, and what those between cost.

    python benchmarks/checkpoints.py [--rounds=3] [--every=50] [--width=64] [--size=96]

DRR (RST) at the supplement's sizes with images of 96 pixels, on the CPU. `--every` steps are taken
without and with a save at their beginning, in turn; the printed share is what the save adds: the
copy of the state, which the loop waits for, and what writing and digesting take from the steps. On
a CPU they share its cores; beside an accelerator they do not.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import jax
import steps

from drr_jax import errors
from drr_jax.runs import Checkpoints, cpu


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--every", type=int, default=50, help="steps between two checkpoints")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--size", type=int, default=96)
    flags = parser.parse_args()
    cpu.tune_xla()
    cpu.tune_malloc()
    keys = {"data__image_size": flags.size, "data__batch_size": 16, "encoder__width": flags.width}
    config = steps.config_of("drr", "RST", **keys)
    run, _ = steps.training(config)
    model, batch = steps.system_of(config), steps.batch_of(config)
    variables = jax.jit(lambda: model.init(jax.random.key(0), batch))()
    state = {"params": variables["params"], "momentum": variables["params"]}
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(state))
    run()
    waited, shares = [], []
    with tempfile.TemporaryDirectory() as folder, Checkpoints(Path(folder)) as checkpoints:
        for number in range(1, flags.rounds + 1):
            begin = time.perf_counter()
            for _ in range(flags.every):
                run()
            plain = time.perf_counter() - begin
            begin = time.perf_counter()
            checkpoints.save(number, state)
            waited.append(time.perf_counter() - begin)
            for _ in range(flags.every):
                run()
            shares.append((time.perf_counter() - begin) / plain - 1)
            checkpoints.wait()
    each = plain / flags.every
    print(
        f"{size / 1e6:.0f} MB every {flags.every} steps of {1000 * each:.0f} ms: the loop waits "
        f"{1000 * statistics.median(waited):.0f} ms, {statistics.median(waited) / plain:.2%} of "
        f"the steps; all in all {statistics.median(shares):.2%}"
    )
    every = 500  # log.checkpoint_every_steps
    print(f"at one in {every} steps: {statistics.median(waited) / (each * every):.3%} waited for")


if __name__ == "__main__":
    errors.run(main)
