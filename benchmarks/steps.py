"""A system's step and prediction on made-up tuples: what models.py, scaling.py and gpu.py time."""

import statistics
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import AxisType, Mesh

from drr_jax import config as configs
from drr_jax import config_rules, data, runs
from drr_jax.facs import labels as facs
from drr_jax.models import catalog as systems
from drr_jax.models import losses
from drr_jax.models.system import System
from drr_jax.training import optim

NAMES = facs.REACTIONET_AUS_12
Run = Callable[[], object]


def config_of(name: str, domains: str, **keys: object) -> configs.Config:
    """The full-size config of a system, with the given training domains; keys with __ for dots."""
    config = configs.Config()
    config.model.name, config.domains = name, domains
    for key, value in keys.items():
        configs.set_key(config, key.replace("__", "."), str(value))
    config_rules.validate(config)
    return config


def batch_of(config: configs.Config, classes: int = len(NAMES)) -> dict[str, np.ndarray]:
    """Random tuples: images, word pieces and labels; of a window the frames of its clips."""
    rng, size, batch = np.random.default_rng(0), config.data.image_size, config.data.batch_size
    images = {
        name: rng.integers(0, 256, (batch, size, size, 3), np.uint8)
        for name in ("reaction", "stimulus")
    }
    pieces = (batch, config.text.max_tokens)
    tokens = rng.integers(4, config.text.vocabulary - 4, pieces).astype(np.int32)
    if config.task == "au":
        labels = rng.integers(0, 2, (batch, classes)).astype(np.int8)
    else:
        labels = np.eye(classes, dtype=np.int8)[rng.integers(0, classes, batch)]
    if window := data.window_of(config):  # the same pixels again and again, at other places
        clips, own = batch // window.clip, np.arange(batch) % window.clip + window.frames - 1
        shape = (clips, window.span, size, size, 3)
        images["stimulus"] = np.resize(images["stimulus"], shape)
        lags = np.arange(window.frames, dtype=np.int32)
        images["stimulus_at"] = own[:, None].astype(np.int32) - lags
    return {**images, "tokens": tokens, "labels": labels}


def relation_of(classes: int) -> np.ndarray:
    """How the classes are related: other ones than the paper's AUs are not."""
    return facs.au_prior(NAMES) if classes == len(NAMES) else np.eye(classes)


def system_of(config: configs.Config, classes: int = len(NAMES)) -> System:
    """The system, in the config's precision."""
    dtype = jnp.dtype(jnp.bfloat16 if config.precision == "bfloat16" else jnp.float32)
    return systems.build(config, classes, relation_of(classes), dtype)


def mesh_of(devices: int) -> Mesh:
    """The first devices of this machine, side by side."""
    auto = (AxisType.Auto,) * 2
    return jax.make_mesh(
        (devices, 1), ("data", "fsdp"), devices=jax.devices()[:devices], axis_types=auto
    )


def _parts(config: configs.Config, classes: int) -> tuple[dict, Callable, Callable]:
    """A batch, what makes a state, and a step, none of them compiled."""
    model, batch = system_of(config, classes), batch_of(config, classes)
    tx = optim.optimizer(config.optim, optax.constant_schedule(0.01))
    prior = jnp.asarray(relation_of(classes), jnp.float32)

    def init():
        variables = model.init(jax.random.key(0), jax.tree.map(lambda x: x[:1], batch))
        return variables, tx.init(variables["params"])

    def step(state, batch):
        variables, opt_state = state
        targets = losses.Targets(batch["labels"], jnp.ones(classes), prior)

        def loss(params):
            outputs, updated = model.apply(
                {**variables, "params": params},
                {**batch, "progress": jnp.zeros(())},
                train=True,
                rngs={"dropout": jax.random.key(1)},
                mutable=["batch_stats"],
            )
            return model.loss(outputs, batch, targets)[0], updated

        (value, updated), grads = jax.value_and_grad(loss, has_aux=True)(variables["params"])
        updates, opt_state = tx.update(grads, opt_state, variables["params"])
        params = optax.apply_updates(variables["params"], updates)
        return ({"params": params, **updated}, opt_state), value

    return batch, init, step


def operations(config: configs.Config, classes: int = len(NAMES)) -> float:
    """Floating-point operations of a step as it is traced; nothing is compiled."""
    batch, init, step = _parts(config, classes)
    costs = jax.jit(step).lower(jax.eval_shape(init), batch).cost_analysis()
    return float((costs or {})["flops"])


def training(
    config: configs.Config, classes: int = len(NAMES), mesh: Mesh | None = None
) -> tuple[Run, jax.stages.Compiled]:
    """A function that takes a training step, on one device or a mesh, and its program."""
    batch, init, step = _parts(config, classes)
    mesh = mesh or mesh_of(1)
    whole, split = runs.replicated(mesh), runs.batch_sharding(mesh)
    placed = jax.device_put(batch, split)
    state = jax.jit(init, out_shardings=whole)()
    step = jax.jit(step, donate_argnums=0, in_shardings=(whole, split), out_shardings=whole)
    program = step.lower(state, placed).compile()

    def run() -> None:
        nonlocal state
        state, value = program(state, placed)
        jax.block_until_ready((state, value))

    return run, program


def prediction(config: configs.Config, moved: bool = False) -> Run:
    """A function that predicts one batch, which is on the device, or is `moved` there each time."""
    model, batch = system_of(config), batch_of(config)
    variables = jax.jit(lambda: model.init(jax.random.key(0), batch))()
    needed = {name: batch[name] for name in model.test_inputs}
    given = needed if moved else jax.device_put(needed)
    predict = jax.jit(lambda variables, batch: model.apply(variables, batch, method="predict"))
    return lambda: jax.block_until_ready(predict(variables, jax.device_put(given)))


def seconds(run: Run, rounds: int, warm: int = 2) -> float:
    """The median time of a call, without the first ones, which compile and fault memory in."""
    times = []
    for _ in range(warm + rounds):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return statistics.median(times[warm:])
