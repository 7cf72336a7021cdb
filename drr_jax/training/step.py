"""The training step: one jitted, donated program over a mesh of devices.

The encoders and all else that has parameters run by hand (`shard_map`) on each device's rows of the
batch: what crosses between devices is said here and in models/rows.py, and no compiler has to guess
it. Parameters that `fsdp` splits are gathered where they go in, and their gradients are summed in
float32 and scattered to where the parameters live. The loss sees the batch as a whole.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array

from drr_jax import data, models, runs
from drr_jax.training.clock import Clock
from drr_jax.training.experiment import Experiment, State

MANY = 1009  # a prime, so that no other axis is a multiple of that many rows
Terms = dict[str, Array]
Step = Callable[[State, Mapping[str, Array]], tuple[State, Terms]]
Tree = Any
# (parameters, batch statistics, inputs, key) -> (outputs, batch statistics)
Forward = Callable[[Tree, Tree, Mapping[str, Array], Array], tuple[Mapping, Tree]]


def make_step(experiment: Experiment, clock: Clock | None = None) -> Step:
    """The training step: a state and a batch in, the next state and the named loss terms out.

    The state is donated: the one passed in is gone. Compiled at the first call, by the `clock`; no
    call moves anything between host and devices that is not asked to be moved.
    """
    step, given = jit_step(experiment)
    clock, everywhere = clock or Clock(), runs.replicated(experiment.mesh)
    arguments = jax.tree.map(lambda value: runs.place(value, everywhere), given)
    programs: list[jax.stages.Compiled] = []

    def take(state: State, batch: Mapping[str, Array]) -> tuple[State, Terms]:
        if not programs:
            with clock.within("compile"):
                programs.append(step.lower(state, batch, arguments).compile())
        with jax.transfer_guard("disallow"):
            return programs[0](state, batch, arguments)

    return take


def jit_step(experiment: Experiment) -> tuple[jax.stages.Wrapped, tuple]:
    """The step of `make_step`, not yet compiled, and its last argument.

    Augmentation (on accelerators), gradient, update and named loss terms. The randomness is a
    function of (seed, step) alone, and the loss and the BatchNorm statistics are those of the
    global batch, or of each of its `optim.accumulate` parts, so that any number of devices gives
    the same run.
    """
    # Arguments, not constants: then the folds and seeds of a run share one compiled program.
    arguments = (
        np.asarray(experiment.fold.class_weights, np.float32),
        np.asarray(experiment.fold.contrast_prior, np.float32),
        experiment.seed,
    )
    mesh, shardings, model = experiment.mesh, experiment.shardings, experiment.model
    forward = _by_hand(_forward(model), mesh, shardings.params)
    rows = PartitionSpec(mesh.axis_names)
    augment = jax.shard_map(data.augment_batch, mesh=mesh, in_specs=(rows, rows), out_specs=rows)

    def step(state: State, batch: Mapping[str, Array], arguments) -> tuple[State, Terms]:
        weights, fixed_prior, seed = arguments
        rng = jax.random.fold_in(jax.random.key(seed), state.step)
        inputs = dict(batch)
        for name in batch:
            if f"{name}_draw" in batch:
                inputs[name] = augment(batch[name], batch[f"{name}_draw"])

        def loss(params, batch_stats, inputs, rng):
            inputs = {**inputs, "progress": state.step / experiment.steps}
            outputs, batch_stats = forward(params, batch_stats, inputs, rng)
            targets = models.Targets(inputs["labels"], weights, fixed_prior)
            total, terms = model.loss(outputs, inputs, targets)
            return total, (terms, batch_stats)

        differentiate = jax.value_and_grad(loss, has_aux=True)
        if experiment.config.optim.accumulate > 1:
            parts = experiment.config.optim.accumulate
            differentiate = partial(_accumulated, differentiate, parts, mesh)
        found = differentiate(state.params, state.batch_stats, inputs, rng)
        (total, (terms, batch_stats)), gradient = found
        updates, opt_state = experiment.optimizer.update(gradient, state.opt_state, state.params)
        logged = {
            "loss": total,
            **terms,
            "lr": jnp.asarray(experiment.schedule(state.step), jnp.float32),
            "grad_norm": optax.tree.norm(gradient),
        }
        params = optax.apply_updates(state.params, updates)
        return State(state.step + 1, params, batch_stats, opt_state), logged

    everywhere = runs.replicated(mesh)
    into = (shardings, runs.batch_sharding(mesh), everywhere)
    out = (shardings, everywhere)
    return jax.jit(step, in_shardings=into, out_shardings=out, donate_argnums=0), arguments


def _forward(model: models.System) -> Forward:
    """A system's training call as a function of its variables."""

    def forward(params, batch_stats, inputs, rng):
        variables = {"params": params, "batch_stats": batch_stats}
        outputs, updated = model.apply(
            variables, inputs, train=True, rngs={"dropout": rng}, mutable=["batch_stats"]
        )
        return outputs, updated.get("batch_stats", {})

    return forward


def _by_hand(forward: Forward, mesh: Mesh, shardings: Tree) -> Forward:
    """`forward`, each device on its own rows of the inputs.

    Each takes the parameters from where `shardings` says that they live, before anything casts
    them, so that their gradients cross in float32.
    """
    if mesh.size == 1:
        return forward
    axes = mesh.axis_names
    rows, same = PartitionSpec(axes), PartitionSpec()
    split = jax.tree.map(lambda sharding: sharding.spec, shardings)

    def gathered(parameter: Array, spec: PartitionSpec) -> Array:
        for axis, name in enumerate(spec):
            if name is not None:
                parameter = jax.lax.all_gather(parameter, name, axis=axis, tiled=True)
        return parameter

    def own(params, batch_stats, inputs, rng):
        params = jax.tree.map(gathered, params, split)
        outputs, batch_stats = forward(params, batch_stats, inputs, rng)
        # BatchNorm's groups that lie inside a device have been of this device alone so far.
        return outputs, jax.lax.pmean(batch_stats, axes)

    def over_devices(params, batch_stats, inputs, rng):
        into = {name: rows if value.ndim else same for name, value in inputs.items()}
        out = _output_specs(forward, axes, params, batch_stats, inputs, rng)
        spread = jax.shard_map(
            own,
            mesh=mesh,
            in_specs=(split, same, into, same),
            out_specs=(out, same),
            check_vma=False,  # it would put the sums behind the casts
        )
        return spread(params, batch_stats, inputs, rng)

    return over_devices


def _output_specs(forward: Forward, axes: Sequence[str], params, stats, inputs, rng) -> Tree:
    """How outputs are split: along the axis that grows with the batch, if there is one.

    That is seen in the shapes for a batch which is MANY times as large as it is.
    """
    rows = MANY * max(len(value) for value in inputs.values() if value.ndim)
    larger = {
        name: jax.ShapeDtypeStruct((rows, *value.shape[1:]), value.dtype) if value.ndim else value
        for name, value in inputs.items()
    }

    def spec(value: jax.ShapeDtypeStruct) -> PartitionSpec:
        return PartitionSpec(*(axes if size and size % rows == 0 else None for size in value.shape))

    return jax.tree.map(spec, jax.eval_shape(forward, params, stats, larger, rng)[0])


def _accumulated(differentiate, parts: int, mesh: Mesh, params, batch_stats, inputs, rng):
    """What `differentiate` returns, as the mean over `parts` of the batch, one after the other.

    Part k has the rows k, k + parts, k + 2 parts, ...: these lie on the devices that have them. The
    running statistics go from part to part.
    """
    place = NamedSharding(mesh, PartitionSpec(None, mesh.axis_names))

    def divided(values: Array) -> Array:
        values = jnp.swapaxes(values.reshape(-1, parts, *values.shape[1:]), 0, 1)
        return jax.lax.with_sharding_constraint(values, place)

    def add(sums: Tree, part: tuple[Mapping[str, Array], Array]) -> tuple[Tree, None]:
        (so_far, batch_stats), (inputs, number) = sums, part
        key = jax.random.fold_in(rng, number)
        (total, (terms, batch_stats)), gradient = differentiate(params, batch_stats, inputs, key)
        return (jax.tree.map(jnp.add, so_far, (total, terms, gradient)), batch_stats), None

    inputs = jax.tree.map(divided, inputs)
    first = jax.tree.map(lambda values: values[0], inputs)
    (total, (terms, _)), gradient = jax.eval_shape(differentiate, params, batch_stats, first, rng)
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), (total, terms, gradient))
    (sums, batch_stats), _ = jax.lax.scan(add, (zeros, batch_stats), (inputs, jnp.arange(parts)))
    total, terms, gradient = jax.tree.map(lambda value: value / parts, sums)
    return (total, (terms, batch_stats)), gradient
