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

import jax
import jax.numpy as jnp
import numpy as np
import optax

from drr_jax import config as configs
from drr_jax import config_rules
from drr_jax.facs import labels as facs
from drr_jax.models import catalog as systems
from drr_jax.models import losses
from drr_jax.runs import cpu
from drr_jax.training import optim

NAMES = facs.REACTIONET_AUS_12
PRIOR = facs.au_prior(NAMES)


def config_of(name: str, domains: str) -> configs.Config:
    """The full-size config of a system, with the given training domains."""
    config = configs.Config()
    config.model.name, config.domains = name, domains
    config_rules.validate(config)
    return config


def batch_of(size: int, batch: int) -> dict[str, jax.Array]:
    """Random tuples: images, word pieces and labels."""
    rng = np.random.default_rng(0)
    images = {
        name: rng.integers(0, 256, (batch, size, size, 3), np.uint8)
        for name in ("reaction", "stimulus")
    }
    tokens = rng.integers(4, 8000, (batch, 32)).astype(np.int32)
    labels = rng.integers(0, 2, (batch, len(NAMES))).astype(np.int8)
    return jax.device_put({**images, "tokens": tokens, "labels": labels})


def training(config: configs.Config, batch: dict[str, jax.Array]) -> Callable[[], object]:
    """A function that takes one training step of the config's system."""
    model = systems.build(config, len(NAMES), PRIOR)
    tx = optim.optimizer(config.optim, optax.constant_schedule(0.01))
    targets = losses.Targets(batch["labels"], jnp.ones(len(NAMES)), jnp.asarray(PRIOR, jnp.float32))

    @jax.jit
    def init():
        variables = model.init(jax.random.key(0), batch)
        return variables, tx.init(variables["params"])

    def step(state, batch):
        variables, opt_state = state

        def loss(params):
            outputs, updated = model.apply(
                {**variables, "params": params},
                {**batch, "progress": jnp.zeros(())},
                train=True,
                rngs={"dropout": jax.random.key(1)},
                mutable=["batch_stats"],
            )
            return model.loss(outputs, batch, targets)[0], updated

        (_, updated), grads = jax.value_and_grad(loss, has_aux=True)(variables["params"])
        updates, opt_state = tx.update(grads, opt_state, variables["params"])
        return {"params": optax.apply_updates(variables["params"], updates), **updated}, opt_state

    step = jax.jit(step, donate_argnums=0)
    state = init()

    def run() -> None:
        nonlocal state
        state = jax.block_until_ready(step(state, batch))

    return run


def prediction(config: configs.Config, batch: dict[str, jax.Array]) -> Callable[[], object]:
    """A function that predicts one batch with the config's system."""
    model = systems.build(config, len(NAMES), PRIOR)
    variables = jax.jit(lambda: model.init(jax.random.key(0), batch))()
    needed = {name: batch[name] for name in model.test_inputs}
    predict = jax.jit(lambda variables, batch: model.apply(variables, batch, method="predict"))
    return lambda: jax.block_until_ready(predict(variables, needed))


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
    batch = batch_of(args.size, args.batch)
    drr = config_of("drr", "RST")
    for what, make, peer, name in (
        ("train step, RST", training, config_of("late_fusion", "RST"), "late fusion"),
        ("prediction", prediction, config_of("classifier", "R"), "ResNet-18"),
    ):
        ratio, low, high = compare(make(drr, batch), make(peer, batch), args.rounds)
        print(f"{what}: DRR / {name} {ratio:.3f}x [{low:.2f}-{high:.2f}]")


if __name__ == "__main__":
    main()
