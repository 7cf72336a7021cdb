"""F1 of 1.1 million x 12 predictions, beside scikit-learn and torchmetrics.

    python benchmarks/f1.py [--rows=1100000] [--rounds=7]

in an environment with the `bench` extra. They are timed in turn, round by round, so that a busy
machine slows all of them; the printed number is the median over rounds of the ratio of times
within a round, above 1 where this project is faster. This project and torchmetrics take the
predictions in batches, as an evaluation yields them; scikit-learn, which cannot accumulate, takes
them at once. torchmetrics is timed as it comes and with its checks of the input switched off, with
the number of threads and the label type that were fastest for it in a trial. All threshold
probabilities in [0, 1] at 0.5 and must agree to 1e-6.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import jax
import numpy as np
import torch
from sklearn.metrics import f1_score
from torchmetrics.classification import MultilabelF1Score

from drr_jax import errors, metrics

BATCH, CLASSES = 8192, 12


def seconds_of(program: Callable[[], object], calls: int = 3) -> float:
    """Wall time of the fastest of a few calls: the first still shares the cores with the spinning
    threads of the program before it.
    """
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        program()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> int:
    """Prints one line per reference; returns 1 if the F1 values differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_100_000)
    parser.add_argument("--rounds", type=int, default=7)
    flags = parser.parse_args()

    rng = np.random.default_rng(0)
    probability = rng.random((flags.rows, CLASSES), np.float32)
    base_rate = rng.uniform(0.05, 0.6, CLASSES)
    labels = (rng.random((flags.rows, CLASSES)) < base_rate).astype(np.int8)
    weight = np.ones(flags.rows, np.float32)
    slices = [slice(i, i + BATCH) for i in range(0, flags.rows, BATCH)]
    count = jax.jit(metrics.counts)

    def this_project() -> np.ndarray:
        parts = [count(probability[s], labels[s], weight[s]) for s in slices]
        return metrics.f1(np.sum(jax.device_get(parts), axis=0, dtype=np.int64))

    def sklearn() -> np.ndarray:
        return np.asarray(f1_score(labels, probability >= 0.5, average=None, zero_division=0))

    def torchmetrics_with(threads: int, truth: np.ndarray, checks: bool) -> np.ndarray:
        torch.set_num_threads(threads)
        metric = MultilabelF1Score(CLASSES, threshold=0.5, average=None, validate_args=checks)
        for s in slices:
            metric.update(torch.from_numpy(probability[s]), torch.from_numpy(truth[s]))
        return metric.compute().numpy()

    def fastest(checks: bool) -> tuple[int, np.ndarray]:
        threads = {1, torch.get_num_threads()}
        options = [(n, y) for n in threads for y in (labels, labels.astype(np.int64))]
        return min(options, key=lambda o: seconds_of(lambda: torchmetrics_with(*o, checks)))

    checked, unchecked = fastest(True), fastest(False)

    def torchmetrics() -> np.ndarray:
        return torchmetrics_with(*checked, True)

    def torchmetrics_unchecked() -> np.ndarray:
        return torchmetrics_with(*unchecked, False)

    programs = (this_project, sklearn, torchmetrics, torchmetrics_unchecked)
    values = [program() for program in programs]  # compiles and warms up
    for program, value in zip(programs, values, strict=True):
        worst = np.abs(value - values[0]).max()
        if worst > 1e-6:
            print(f"{program.__name__}: F1 differs by {worst:.2g}", file=sys.stderr)
            return 1

    seconds: dict[str, list[float]] = {program.__name__: [] for program in programs}
    for _ in range(flags.rounds):
        for program in programs:
            seconds[program.__name__].append(seconds_of(program))

    ours = seconds.pop("this_project")
    print(f"{flags.rows} x {CLASSES}: {1e3 * statistics.median(ours):.0f} ms on {jax.devices()[0]}")
    for name, theirs in seconds.items():
        ratio = statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
        print(f"{name}: {ratio:.1f}x ({1e3 * statistics.median(theirs):.0f} ms)")
    return 0


if __name__ == "__main__":
    errors.run(main)
