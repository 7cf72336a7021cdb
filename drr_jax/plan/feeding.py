"""How many images a second a host has to deliver, and how many of its cores that takes."""

import time
from collections.abc import Mapping
from typing import Any

from drr_jax import data, machine, training
from drr_jax.plan.variants import with_batch

# Images a second and core where no data are here to measure with, by where they are augmented.
DOCUMENTED = {"device": 830.0, "host": 400.0}
SOURCE = "docs/speed.md: a core of an AMD Zen 3, JPEGs of 256 x 256"
SECONDS, WARM_BATCHES, LARGEST_BATCH = 4.0, 2, 64


def feeding(facts: Mapping[str, Any], step: float | None) -> dict[str, Any]:
    """What a host must deliver at a step of so many seconds, beside what its cores can.

    The rate of a core is that of `facts["here"]` if it was measured, else the documented one.
    """
    augment_on = facts["augment_on"]
    each, found = DOCUMENTED[augment_on], {"how": "documented", "source": SOURCE}
    if "here" in facts:
        each = facts["here"]["images"] / facts["here"]["cores"]
        source = f"{facts['here']['cores']} cores of this machine, {SECONDS:.0f} s"
        found = {"how": "measured", "source": source}
    found |= {"augment_on": augment_on, "per_core": each}
    if step and facts["images"]:
        wanted = facts["batch"] * facts["images"] / step / facts["hosts"]
        found |= {"wanted": wanted, "cores": wanted / each}
    return found


def measure(experiment: training.Experiment) -> dict[str, float]:
    """Images a second that this machine's pipeline makes ready once it runs, and its cores."""
    config, fold = experiment.config, experiment.fold
    source = fold.source("train", experiment.model.train_inputs)
    images = data.images_of(config, source.inputs)
    small = with_batch(config, min(LARGEST_BATCH, config.data.batch_size))
    how = {"seed": config.seed, "augment_on": experiment.augment_on}
    how["class_of"] = experiment.class_of
    batches = data.train_dataset(source, small, experiment.tokenizer, **how)
    try:
        for _ in range(WARM_BATCHES):
            next(batches)
        begin, count = time.perf_counter(), 0
        while time.perf_counter() - begin < SECONDS:
            count += len(next(batches)["index"]) * images
        seconds = time.perf_counter() - begin
    finally:
        batches.close()
    return {"images": count / seconds, "cores": machine.cores()}
