"""Experiments and runs of five steps of SGD on the small rendered data set."""

import dataclasses

import jax
import small_run

from drr_jax import main
from drr_jax.runs import distributed

TINY = {
    "conv": "lax",
    "optim.name": "sgd",
    "optim.lr": 0.01,
    "optim.weight_decay": 0.0001,
    "optim.max_steps": 5,
    "log.every_steps": 1,
}


def config_of(data_dir, **changes):
    config = small_run.config(data_dir, **TINY | changes)
    return main.parse(["main", f"--config={config}", "--workdir=x"]).config


def experiment_of(data_dir, devices=8, **changes):
    config = config_of(data_dir, **changes)
    built = small_run.experiment(config)
    if devices == 8:
        return built
    mesh = jax.make_mesh(
        (devices, 1),
        distributed.AXES,
        devices=jax.devices()[:devices],
        axis_types=(jax.sharding.AxisType.Auto,) * 2,
    )
    return dataclasses.replace(built, mesh=mesh)


def run(data_dir, workdir, *arguments, **changes):
    config = small_run.config(data_dir, **TINY | changes)
    return main.run(main.parse(["main", f"--config={config}", f"--workdir={workdir}", *arguments]))
