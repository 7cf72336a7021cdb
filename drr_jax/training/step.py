"""The training step: one jitted, donated program over a mesh of devices.

The encoders and all else that has parameters run by hand (`shard_map`) on each device's rows of the
batch: what crosses between devices is said here and in models/rows.py, and no compiler has to guess
it. Parameters that `fsdp` splits are gathered where they go in, and their gradients are summed in
float32 and scattered to where the parameters live. The loss sees the batch as a whole.

Beside it stands a second program that changes nothing: what each term of a step's loss asks of the
face's encoder.
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
from drr_jax.config import letters
from drr_jax.training.clock import Clock
from drr_jax.training.experiment import Experiment, State
from drr_jax.training.gradients import TOTAL, Loss, balanced, by_term, described

MANY = 1009  # a prime, so that no other axis is a multiple of that many rows
PERMUTED = np.uint32(2**32 - 1)  # a stream of its own: parts of a batch are 0, 1, ...
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
    return _compiled_at_first_call(experiment, *jit_step(experiment), clock or Clock())


def make_gradients(
    experiment: Experiment, clock: Clock | None = None
) -> Callable[[State, Mapping[str, Array]], Terms]:
    """What the terms of the next step's loss ask of the face's encoder: a state and a batch in, the
    rows of `gradients.described` out.

    The step of that state and batch has the same augmentation, dropout and parts. Nothing is
    donated; compiled as `make_step` is. The loss is that before `loss.balance`.
    """
    return _compiled_at_first_call(experiment, *jit_gradients(experiment), clock or Clock())


def _compiled_at_first_call(
    experiment: Experiment, jitted: jax.stages.Wrapped, given: tuple, clock: Clock
) -> Callable:
    """`jitted` as a function of a state and a batch."""
    everywhere = runs.replicated(experiment.mesh)
    arguments = jax.tree.map(lambda value: runs.place(value, everywhere), given)
    programs: list[jax.stages.Compiled] = []

    def take(state: State, batch: Mapping[str, Array]) -> Any:
        if not programs:
            with clock.within("compile"):
                programs.append(jitted.lower(state, batch, arguments).compile())
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
    differentiated, arguments = _loss_of(experiment)
    config, face = experiment.config.loss, experiment.model.face_encoder
    contrast, context_rate = experiment.config.contrast, experiment.config.optim.context_rate

    def step(state: State, batch: Mapping[str, Array], arguments) -> tuple[State, Terms]:
        def how(loss: Loss):
            if not config.balance:
                return jax.value_and_grad(loss, has_aux=True)
            weights = models.contrast_weights(config, contrast, state.step)
            own = f"loss/{experiment.model.face}"
            return balanced(loss, weights, config.balance, face, own, config.omega_reaction)

        (total, (terms, batch_stats)), gradient = differentiated(how, state, batch, arguments)
        updates, opt_state = experiment.optimizer.update(gradient, state.opt_state, state.params)
        logged = {
            "loss": total,
            **terms,
            "lr": jnp.asarray(experiment.schedule(state.step), jnp.float32),
            "grad_norm": optax.tree.norm(gradient),
        }
        if context_rate != 1:
            logged["lr_context"] = context_rate * logged["lr"]
        params = optax.apply_updates(state.params, updates)
        return State(state.step + 1, params, batch_stats, opt_state), logged

    shardings, everywhere = experiment.shardings, runs.replicated(experiment.mesh)
    into = (shardings, runs.batch_sharding(experiment.mesh), everywhere)
    out = (shardings, everywhere)
    return jax.jit(step, in_shardings=into, out_shardings=out, donate_argnums=0), arguments


def jit_gradients(experiment: Experiment) -> tuple[jax.stages.Wrapped, tuple]:
    """The program of `make_gradients`, not yet compiled, and its last argument."""
    differentiated, arguments = _loss_of(experiment)
    encoder, face = experiment.model.face_encoder, f"loss/{experiment.model.face}"

    def gradients(state: State, batch: Mapping[str, Array], arguments) -> Terms:
        _, found = differentiated(partial(by_term, encoder=encoder), state, batch, arguments)
        return described(found, face if face in found else TOTAL)

    everywhere = runs.replicated(experiment.mesh)
    into = (experiment.shardings, runs.batch_sharding(experiment.mesh), everywhere)
    return jax.jit(gradients, in_shardings=into, out_shardings=everywhere), arguments


def _loss_of(experiment: Experiment) -> tuple[Callable, tuple]:
    """How a step's loss is differentiated, and what that takes beside a state and a batch.

    The function takes first what makes of a `gradients.Loss` a `gradients.Differentiated`.
    """
    # Arguments, not constants: then the folds and seeds of a run share one compiled program.
    arguments = (
        np.asarray(experiment.fold.class_weights, np.float32),
        np.asarray(experiment.fold.contrast_prior, np.float32),
        experiment.seed,
    )
    mesh, model, config = experiment.mesh, experiment.model, experiment.config
    forward = _by_hand(_forward(model), mesh, experiment.shardings.params)
    rows = PartitionSpec(mesh.axis_names)
    over_devices = partial(jax.shard_map, mesh=mesh, in_specs=(rows, rows), out_specs=rows)
    augment = over_devices(data.augment_batch), over_devices(data.augment_clips)
    place = NamedSharding(mesh, rows)

    def differentiated(how, state: State, batch: Mapping[str, Array], arguments):
        weights, fixed_prior, seed = arguments
        rng = jax.random.fold_in(jax.random.key(seed), state.step)
        inputs = dict(batch)
        for name in batch:
            if f"{name}_draw" in batch:
                clips = batch[name].ndim == 5
                inputs[name] = augment[clips](batch[name], batch[f"{name}_draw"])
        if config.data.permute_context:
            others = [models.batch_key(domain) for domain in letters(config.domains)[1:]]
            moved = _of_another({name: inputs[name] for name in others}, rng)
            inputs |= jax.tree.map(lambda x: jax.lax.with_sharding_constraint(x, place), moved)

        def loss(params, batch_stats, inputs, rng):
            inputs = {**inputs, "progress": state.step / experiment.steps}
            if config.contrast.warmup_steps:
                inputs["step"] = state.step
            outputs, batch_stats = forward(params, batch_stats, inputs, rng)
            targets = models.Targets(inputs["labels"], weights, fixed_prior)
            total, terms = model.loss(outputs, inputs, targets)
            return total, (terms, batch_stats)

        differentiate = how(loss)
        if config.optim.accumulate > 1:
            differentiate = partial(_accumulated, differentiate, config.optim.accumulate, mesh)
        return differentiate(state.params, state.batch_stats, inputs, rng)

    return differentiated, arguments


def _of_another(values: Mapping[str, Array], rng: Array) -> dict[str, Array]:
    """Rows of a batch, each moved to another place, all by one number drawn from `rng`."""
    rows = len(next(iter(values.values())))
    by = jax.random.randint(jax.random.fold_in(rng, PERMUTED), (), 1, rows)
    order = (jnp.arange(rows) + by) % rows
    return {name: value[order] for name, value in values.items()}


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
        name: jax.ShapeDtypeStruct((MANY * len(value), *value.shape[1:]), value.dtype)
        if value.ndim
        else value
        for name, value in inputs.items()  # of stimuli in clips there are less than rows
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
