"""The system that an exported folder, or a run, holds: built again from what is said of it."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict

from drr_jax import config_files, config_rules, data, facs, models
from drr_jax.config import Config
from drr_jax.errors import InputError
from drr_jax.models import System
from drr_jax.models.systems import sentences
from drr_jax.weights.described import check_said
from drr_jax.weights.export import Exported


def system_of(exported: Exported, where: str, dtype: Any = jnp.float32) -> tuple[Config, System]:
    """Its config and its system, whose parameters are `exported.variables`.

    `where` names it in messages. Raises InputError for a config that this version does not know,
    and for parameters that are not the system's.
    """
    described = exported.described
    try:
        config = config_files.of_dict(described["config"])
        config_rules.validate(config)
    except InputError as error:
        raise InputError(
            f"{where}: its config is not one that this version of drr-jax can build ({error}); "
            f"it was made by {described.get('packages', {}).get('drr-jax', 'another version')}"
        ) from None
    check_said(where, described)
    system = build(described, config, exported.tokenizer, dtype)
    _check(exported, system, where)
    return config, system


def build(
    described: Mapping[str, Any], config: Config, tokenizer: Any, dtype: Any = jnp.float32
) -> System:
    """The system of a config, for the classes and the prior that config.json has."""
    names = tuple(described["classes"])
    prior = described.get("class_prior")
    relation = np.eye(len(names)) if prior is None else np.asarray(prior, np.float64)
    tokens: list[list[int]] = []
    if models.SYSTEMS[config.model.name].needs_descriptions:
        said = sentences(names, config.task)
        tokens = data.encode_texts(tokenizer, said, config.text.max_tokens).tolist()
    return models.build(config, len(names), relation, dtype, tokens, names)


def example_batch(config: Config, inputs: tuple[str, ...], rows: Any) -> dict[str, Any]:
    """Shapes and types of a batch with some inputs."""
    size = config.data.image_size
    shapes: dict[str, tuple[tuple[Any, ...], Any]] = {
        **dict.fromkeys(facs.IMAGES, ((rows, size, size, 3), jnp.uint8)),
        "tokens": ((rows, config.text.max_tokens), jnp.int32),
        "audio": ((rows, *facs.SPECTROGRAM), jnp.uint8),
        "landmarks": ((rows, data.POINTS, 2), jnp.float32),
    }
    keys = ["tokens" if name == "caption" else name for name in inputs]
    return {key: jax.ShapeDtypeStruct(*shapes[key]) for key in keys}


def _check(exported: Exported, system: System, where: str) -> None:
    """Raises InputError for arrays that are not those of the system, by name and shape."""
    inputs = (*facs.IMAGES, "caption", "audio", "landmarks")
    batch = example_batch(system.config, inputs, 1)
    wanted = jax.eval_shape(system.init, jax.random.key(0), batch)
    mine, theirs = (
        {name: list(leaf.shape) for name, leaf in flatten(tree).items()}
        for tree in (wanted, exported.variables)
    )
    for name in sorted({*mine, *theirs}):
        if mine.get(name) != theirs.get(name):
            raise InputError(
                f"{where}: array {name} is {theirs.get(name, 'missing')}, and the system of its "
                f"config has {mine.get(name, 'no such array')}; the folder is damaged, or of "
                "another version of drr-jax"
            )


def flatten(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Arrays by their names in model.safetensors, as in params/encoder_R/conv/kernel."""
    return flatten_dict(dict(variables), sep="/")
