"""What DRR's head costs: its step beside late fusion's, its prediction beside plain ResNet-18's.

    python benchmarks/models.py [--rounds=9] [--batch=16] [--size=256]

Both sides have the same encoders, the supplement's sizes and random inputs, and run in turn in one
process: a round is one step of each. Prints the ratio of the medians and the range over rounds.
Without a GPU it measures the CPU, where the encoders weigh more than on an accelerator.
"""

import argparse
import statistics
import time
from collections.abc import Callable

from steps import config_of, prediction, training

from drr_jax import errors
from drr_jax.runs import cpu


def compare(ours: Callable, peer: Callable, rounds: int) -> tuple[float, float, float]:
    """Ratio of the median times of two functions that run in turn, and its range over rounds."""
    pairs = []
    for number in range(rounds + 2):
        seconds = []
        for run in (ours, peer):
            start = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - start)
        if number >= 2:  # the first ones compile and fault memory in
            pairs.append(seconds)
    medians = [statistics.median(column) for column in zip(*pairs, strict=True)]
    ratios = [a / b for a, b in pairs]
    return medians[0] / medians[1], min(ratios), max(ratios)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--size", type=int, default=256)
    args = parser.parse_args()
    cpu.tune_xla()  # as the training command does
    cpu.tune_malloc()
    sizes = {"data__batch_size": args.batch, "data__image_size": args.size}
    drr, plain = config_of("drr", "RST", **sizes), config_of("classifier", "R", **sizes)
    fusion = config_of("late_fusion", "RST", **sizes)
    for what, ours, peer, name in (
        ("train step, RST", training(drr)[0], training(fusion)[0], "late fusion"),
        ("prediction", prediction(drr), prediction(plain), "ResNet-18"),
    ):
        ratio, low, high = compare(ours, peer, args.rounds)
        print(f"{what}: DRR / {name} {ratio:.3f}x [{low:.2f}-{high:.2f}]")


if __name__ == "__main__":
    errors.run(main)
