"""A step on clips: the same on one and on eight devices; and what no key of it changes."""

import dataclasses

import jax
import pytest
import small_run

from drr_jax import main, training
from drr_jax.errors import InputError
from drr_jax.runs import distributed
from drr_jax.training import step

CLIPS = {"domains": "RS", "model.delay": "window", "data.window": 3, "data.clips": 2}
CLIPS |= {"graph.enabled": "false", "contrast.enabled": "false", "data.augment_on": "device"}
KNOWN = {"data.classes": "AU01+AU02+AU04+AU06+AU12"}


def built(rendered, devices, **changes):
    config = small_run.config(rendered, **KNOWN | changes)
    made = small_run.experiment(main.parse(["main", f"--config={config}", "--workdir=x"]).config)
    there = jax.devices()[:devices]
    auto = (jax.sharding.AxisType.Auto,) * 2
    mesh = jax.make_mesh((devices, 1), distributed.AXES, auto, devices=there)
    return dataclasses.replace(made, mesh=mesh)


def test_clips_train_as_one_device_does(rendered):
    one, eight = (built(rendered, count, **CLIPS) for count in (1, 8))
    start = jax.device_get(one.init())
    terms = []
    for made in (one, eight):
        batches = made.train_batches(0)
        batch, said = next(batches), training.abstract_batch(made)
        batches.close()
        assert {n: (x.shape, x.dtype) for n, x in batch.items()} == {
            n: (x.shape, x.dtype) for n, x in said.items()
        }
        jitted, arguments = step.jit_step(made)
        state = jax.device_put(start, made.shardings)
        _, found = jitted(state, batch, arguments)
        terms.append({name: float(value) for name, value in found.items()})
    assert terms[1] == pytest.approx(terms[0], rel=1e-4, abs=1e-5)
    assert terms[0]["lag"] == pytest.approx(1) and terms[0]["loss/S"] > 0


def test_a_step_without_a_window_is_what_it_was(rendered):
    """Neither a lag of the data nor clips are anything to the compiled step."""
    asked = {"data.stimulus_lag": 2, "data.clips": 8, "data.window": 7}
    text, other = (
        training.trace_step(built(rendered, 2, domains="RS", **changes)).lower().as_text()
        for changes in ({}, asked)
    )
    assert other == text
    assert "16x32x32x3xui8" in text and "stimulus_at" not in text


def test_a_clip_lies_on_one_device(rendered):
    with pytest.raises(InputError, match=r"data.clips=4: expected a divisor of 2, .* 8 devices"):
        built(rendered, 8, **CLIPS | {"data.clips": 4})
