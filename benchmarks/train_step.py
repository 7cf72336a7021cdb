"""Time of a full-size training step on CPU beside eager PyTorch's; run it by hand.

ResNet-18 + mean pooling + 12 binary labels, 256x256, batch 16, float32, SGD with momentum and
decay. Every contestant is a process of its own, with the same malloc setting, and they take turns:
a round is one step of each. Prints the ratio of the medians and the range over rounds. --profile
says instead where a step's time goes, of lax and of PyTorch: milliseconds in which an operation of
a kind was under way, which overlap where two were.
"""

import argparse
import collections
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

CONTESTANTS = ("PyTorch", "im2col", "lax")
CLASSES = 12


def jax_step(impl: str, batch: int, size: int) -> Callable[[], None]:
    """Builds the training step of ours with that convolution; each call runs it once."""
    import flax.linen as nn
    import jax
    import numpy as np
    import optax

    from drr_jax.config import Optim
    from drr_jax.models.encoders.resnet import ResNet18
    from drr_jax.training import optim

    class Classifier(nn.Module):
        @nn.compact
        def __call__(self, x: jax.Array, train: bool) -> jax.Array:
            features = ResNet18(conv_impl=impl, name="encoder")(x, train)
            return nn.Dense(CLASSES)(features.mean((1, 2)))

    model = Classifier()
    tx = optim.optimizer(Optim(), optax.constant_schedule(0.01))
    rng = np.random.default_rng(0)
    images = jax.device_put(rng.standard_normal((batch, size, size, 3), np.float32))
    labels = jax.device_put(rng.integers(0, 2, (batch, CLASSES)).astype(np.float32))

    @jax.jit
    def init():
        variables = model.init(jax.random.key(0), images, train=True)
        return variables, tx.init(variables["params"])

    def step(state, images, labels):
        variables, opt_state = state

        def loss(params):
            logits, updated = model.apply(
                {**variables, "params": params}, images, train=True, mutable=["batch_stats"]
            )
            return optax.sigmoid_binary_cross_entropy(logits, labels).mean(), updated

        (value, updated), grads = jax.value_and_grad(loss, has_aux=True)(variables["params"])
        updates, opt_state = tx.update(grads, opt_state, variables["params"])
        params = optax.apply_updates(variables["params"], updates)
        return ({"params": params, **updated}, opt_state), value

    step = jax.jit(step, donate_argnums=0)
    state = init()

    def run() -> None:
        nonlocal state
        state, value = step(state, images, labels)
        value.block_until_ready()
        jax.block_until_ready(state)

    return run


def torch_step(batch: int, size: int) -> Callable[[], None]:
    """Builds the same step in eager PyTorch."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests/helpers"))
    import torch
    from torch_reference import ResNet18

    model = torch.nn.Sequential(
        ResNet18(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(512, CLASSES)
    )
    tx = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    images = torch.randn(batch, 3, size, size)
    labels = torch.randint(0, 2, (batch, CLASSES)).float()

    def run() -> None:
        tx.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(model(images), labels).backward()
        tx.step()

    return run


# Kinds of operations by what their names begin with: instructions of XLA, operators of PyTorch.
KINDS = {
    "conv_general_dilated": "convolutions, forward",
    "convolution-window-dilated": "their gradients, strided",
    "convolution-base-dilated": "their gradients, strided",
    "convolution": "their gradients",
    "transpose": "transpositions",
    "aten::mkldnn_convolution": "convolutions, forward",
    "aten::convolution_backward": "their gradients",
    "aten::native_batch_norm": "batch norms",
}


def kind_of(operation: str) -> str:
    """The kind of an operation."""
    return next((kind for name, kind in KINDS.items() if operation.startswith(name)), "all else")


def seconds_of(run: Callable[[], None]) -> float:
    """How long one step takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def jax_profile(run: Callable[[], None]) -> tuple[float, dict[str, float]]:
    """Seconds of one step on XLA:CPU, and milliseconds by kind.

    Its threads write down when an operation begins, and, of one that others finish, its end.
    """
    import jax

    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            took = seconds_of(run)
        (path,) = Path(folder).rglob("*.xplane.pb")
        planes = list(jax.profiler.ProfileData.from_file(str(path)).planes)
        threads = [line for plane in planes for line in plane.lines if line.name.startswith("tf_")]
        events = sorted(
            (e.start_ns, e.start_ns + e.duration_ns, e.name) for t in threads for e in t.events
        )
    begun: dict[str, float] = {}
    spans = collections.defaultdict(list)
    for start, end, name in events:
        if name.startswith("Thunk"):
            continue
        operation = name.removeprefix("end: ")
        kind = kind_of(re.sub(r"^\w*transpose\w*", "transpose", operation))
        if operation == name:
            begun.setdefault(operation, start)
        else:
            start = begun.pop(operation, start)
        spans[kind].append((start, end))
    return took, {kind: covered(of_kind) / 1e6 for kind, of_kind in spans.items()}


def covered(spans: list[tuple[float, float]]) -> float:
    """How long at least one of the spans lasted."""
    total, until = 0.0, 0.0
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total


def torch_profile(run: Callable[[], None]) -> tuple[float, dict[str, float]]:
    """Seconds of one step of PyTorch, and milliseconds by kind."""
    import torch

    with torch.profiler.profile() as profile:
        took = seconds_of(run)
    found: collections.Counter[str] = collections.Counter()
    for one in profile.key_averages():
        found[kind_of(one.key)] += one.self_cpu_time_total / 1000
    return took, dict(found)


def print_profile(batch: int, size: int) -> None:
    """Where the time of one step goes, of ours and of PyTorch's."""
    from drr_jax.runs import cpu

    cpu.tune_xla()
    cpu.tune_malloc()
    for name, run, profile in (
        ("lax", jax_step("lax", batch, size), jax_profile),
        ("PyTorch", torch_step(batch, size), torch_profile),
    ):
        for _ in range(3):
            run()
        took, found = profile(run)
        print(f"{name}: a step of {1000 * took:.0f} ms")
        for kind, milliseconds in sorted(found.items(), key=lambda item: -item[1]):
            print(f"  {kind}: {milliseconds:.0f} ms")


def contestant(name: str, batch: int, size: int) -> None:
    """Runs one step for every line read from stdin and answers with its seconds."""
    from drr_jax.runs import cpu

    cpu.tune_xla()  # as the training command does
    cpu.tune_malloc()
    run = torch_step(batch, size) if name == "PyTorch" else jax_step(name, batch, size)
    for _ in range(3):
        run()
    print("ready", flush=True)
    for _ in sys.stdin:
        print(seconds_of(run), flush=True)


class Process:
    """A contestant in a process of its own."""

    def __init__(self, name: str, batch: int, size: int):
        self.process = subprocess.Popen(
            [
                sys.executable,
                __file__,
                f"--contestant={name}",
                f"--batch={batch}",
                f"--size={size}",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.read()

    def read(self) -> str:
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("a contestant died; its error is above")
        return line

    def seconds(self) -> float:
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.read())

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--profile", action="store_true", help="where a step's time goes")
    parser.add_argument("--contestant", choices=CONTESTANTS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.contestant:
        return contestant(args.contestant, args.batch, args.size)

    if args.profile:
        return print_profile(args.batch, args.size)
    processes = {name: Process(name, args.batch, args.size) for name in CONTESTANTS}
    rounds = []
    for _ in range(args.rounds):
        rounds.append({name: process.seconds() for name, process in processes.items()})
    for process in processes.values():
        process.close()

    medians = {name: statistics.median(r[name] for r in rounds) for name in CONTESTANTS}
    for name, median in medians.items():
        print(f"{name}: {1000 * median:.0f} ms a step")
    for name in CONTESTANTS[1:]:
        ratios = [r[name] / r["PyTorch"] for r in rounds]
        print(
            f"{name} / PyTorch: {medians[name] / medians['PyTorch']:.2f}x "
            f"[{min(ratios):.2f}-{max(ratios):.2f}]"
        )


if __name__ == "__main__":
    errors.run(main)
