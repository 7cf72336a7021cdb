"""SGD and AdamW as in PyTorch, and the learning rates of supplement 3.2."""

import math
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import optax

from drr_jax.config import Config, Optim
from drr_jax.errors import InputError

REFERENCE_BATCH = 64  # the batch size `optim.lr` is for (supplement 3.2)
MOST_STEPS = 2**31 - 1  # a state counts them in int32


def total_steps(config: Config, records: int) -> int:
    """Steps of a run over `records` training tuples: `epochs`, and at most `max_steps` if set.

    Raises InputError for more than a step's number can count.
    """
    steps = max(1, math.ceil(config.optim.epochs * records / config.data.batch_size))
    steps = min(steps, config.optim.max_steps or steps)
    if steps > MOST_STEPS:
        raise InputError(
            f"config key optim.epochs={config.optim.epochs}: {steps} steps, expected at most "
            f"{MOST_STEPS}; set optim.max_steps"
        )
    return steps


def schedule(
    config: Optim, steps_per_epoch: float, total_steps: int, batch_size: int
) -> optax.Schedule:
    """Returns step -> learning rate, the first step being 0.

    "step" is `lr` for `lr_epochs` epochs and `lr_late` after them (supplement 3.2), "cosine" falls
    from `lr` to zero at `total_steps`, "decay" multiplies by `lr_factor` every `lr_epochs` epochs
    (JAA-Net's, method 7.2). Over the first `warmup_steps` the rate rises linearly.

    Reconstruction: batches above 64 scale the rate by batch / 64 (Goyal et al. 2017), and then the
    first epoch warms up if `warmup_steps` does not say otherwise.
    """
    factor = max(1.0, batch_size / REFERENCE_BATCH)
    warmup = config.warmup_steps
    if not warmup and factor > 1:
        warmup = math.ceil(steps_per_epoch)
    late = min(round(config.lr_epochs * steps_per_epoch), MOST_STEPS)
    fall = max(1, total_steps - warmup)

    def rate(step: jax.typing.ArrayLike) -> jax.Array:
        step = jnp.asarray(step)
        if config.schedule == "cosine":
            done = jnp.clip((step - warmup) / fall, 0, 1)
            lr = config.lr * (1 + jnp.cos(jnp.pi * done)) / 2
        elif config.schedule == "decay":
            times = jnp.floor(step / (config.lr_epochs * steps_per_epoch))
            lr = config.lr * config.lr_factor**times
        else:
            lr = jnp.where(step < late, config.lr, config.lr_late)
        return factor * lr * jnp.minimum((step + 1) / max(warmup, 1), 1)

    return rate


def decay_mask(params: optax.Params) -> optax.Params:
    """Marks the weights that decay when `decay_all` is off.

    They are those of two dimensions and more that are neither biases nor position embeddings (as in
    DeiT, whose recipe the ViT has: method 7.2); normalisation has one dimension.
    """

    def decays(path: tuple, leaf: jax.Array) -> bool:
        name = path[-1].key
        return leaf.ndim > 1 and name != "positions" and not name.endswith("bias")

    return jax.tree_util.tree_map_with_path(decays, params)


def optimizer(
    config: Optim, schedule: optax.Schedule, frozen: Sequence[str] = ()
) -> optax.GradientTransformation:
    """The config's optimiser; parameters under a top-level name in `frozen` never change.

    A gradient that is longer than `clip_norm` is first scaled to it, as by PyTorch's
    clip_grad_norm_; of what is trained alone.
    sgd: momentum, of Nesterov if asked, the decay added to the gradient before it (supplement 3.2;
    as PyTorch).
    adamw: betas 0.9 and 0.999, the decay beside the gradient (supplement 3.2 names it for ViT).
    The encoders of S, T and A have `context_rate` times the schedule's rate, decay included, as a
    parameter group of PyTorch's has (reconstruction, method 9.6).
    """
    if frozen:
        return optax.multi_transform(
            {"trained": optimizer(config, schedule), "frozen": optax.set_to_zero()},
            lambda params: {
                name: jax.tree.map(lambda _, n=name: "frozen" if n in frozen else "trained", tree)
                for name, tree in params.items()
            },
        )
    mask = None if config.decay_all else decay_mask
    if config.name == "adamw":
        steps = [optax.adamw(schedule, weight_decay=config.weight_decay, mask=mask)]
    else:
        sgd = optax.sgd(schedule, config.momentum, config.nesterov)
        steps = [optax.add_decayed_weights(config.weight_decay, mask), sgd]
    clip = [optax.clip_by_global_norm(config.clip_norm)] if config.clip_norm else []
    context = []
    if config.context_rate != 1:
        context = [optax.masked(optax.scale(config.context_rate), _is_context)]
    chained = [*clip, *steps, *context]
    return optax.chain(*chained) if len(chained) > 1 else steps[0]


def _is_context(params: Mapping[str, optax.Params]) -> dict[str, bool]:
    """Marks the encoders of stimulus, caption and sound."""
    return {name: name in ("encoder_S", "encoder_T", "encoder_A") for name in params}
