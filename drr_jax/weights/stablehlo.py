"""An exported model as StableHLO, which JAX alone can run: `python -m drr_jax.weights stablehlo`.

The file is a function of the arrays of model.safetensors, by their names, and of a batch, by the
names of the model's inputs, of any number of rows; it gives class probabilities, float32. It is
compiled where it is called, on a CPU, an NVIDIA GPU or a TPU. docs/weights.md has a program that
runs it without this package.
"""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.export  # the module is not part of `jax` until it is imported
from flax.traverse_util import unflatten_dict

from drr_jax import files
from drr_jax.errors import InputError
from drr_jax.models import System
from drr_jax.weights.export import load_folder
from drr_jax.weights.rebuild import example_batch, flatten, system_of
from drr_jax.weights.sources import STABLEHLO

PLATFORMS = ("cpu", "cuda", "tpu")


def write_stablehlo(folder: Path) -> str:
    """Writes model.stablehlo into an exported folder; returns a summary. Raises InputError."""
    exported = load_folder(folder)
    config, system = system_of(exported, str(folder))
    inputs = tuple(exported.described.get("inputs") or system.test_inputs)
    # im2col is a choice for CPUs alone.
    system = system.clone(config=dataclasses.replace(config, conv="lax"))
    try:
        with _without_places():
            content = lower(system, flatten(exported.variables), inputs).serialize()
    except ModuleNotFoundError as error:
        raise InputError(
            f"{folder / STABLEHLO} cannot be written: {error.name} is not installed; "
            "pip install flatbuffers"
        ) from None
    files.write_whole(folder / STABLEHLO, bytes(content))
    return f"{folder / STABLEHLO}: {len(content):,} bytes, inputs {', '.join(inputs)}"


@contextlib.contextmanager
def _without_places() -> Iterator[None]:
    """Within it a program does not say where its lines stand on this machine."""
    key = "jax_traceback_in_locations_limit"
    before = getattr(jax.config, key)
    jax.config.update(key, 0)
    try:
        yield
    finally:
        jax.config.update(key, before)


def lower(
    system: System, arrays: Mapping[str, Any], inputs: tuple[str, ...]
) -> jax.export.Exported:
    """The program of a system, for arrays (or their shapes) by name and a batch of its inputs."""
    (rows,) = jax.export.symbolic_shape("batch")
    shapes = {
        name: jax.ShapeDtypeStruct(array.shape, array.dtype) for name, array in arrays.items()
    }

    def predict(arrays: dict[str, jax.Array], batch: dict[str, jax.Array]) -> Any:
        variables = {"batch_stats": {}, **unflatten_dict(arrays, sep="/")}
        return system.apply(variables, batch, method="predict")

    made = jax.export.export(jax.jit(predict), platforms=PLATFORMS)
    return made(shapes, example_batch(system.config, inputs, rows))
