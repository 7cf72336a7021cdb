"""The training step with no data and no device: shapes in, a traced program out."""

import jax

from drr_jax import data, runs
from drr_jax.runs import abstract
from drr_jax.training.experiment import Experiment
from drr_jax.training.step import jit_step


def abstract_batch(experiment: Experiment) -> dict[str, jax.ShapeDtypeStruct]:
    """Shape, type and sharding of every array of a training batch, as `train_batches` gives it."""
    config, model = experiment.config, experiment.model
    shapes = data.batch_shapes(
        config.data.batch_size,
        config.data.image_size,
        model.train_inputs,
        len(experiment.fold.names),
        config.text.max_tokens,
        data.training_draws(experiment.augment_on),
        data.label_type(config.task),
        data.window_of(config),
    )
    sharding = runs.batch_sharding(experiment.mesh)
    return {
        name: jax.ShapeDtypeStruct(shape, dtype, sharding=sharding)
        for name, (shape, dtype) in shapes.items()
    }


def trace_step(experiment: Experiment) -> jax.stages.Traced:
    """The training step of `jit_step`, traced for the run's state and batch; nothing is computed.

    `.lower().compile()` is the program that the run executes on its mesh.
    """
    step, arguments = jit_step(experiment)
    state = abstract(experiment.abstract_state, experiment.shardings)
    return step.trace(state, abstract_batch(experiment), arguments)
