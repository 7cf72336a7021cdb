"""Shapes of a batch without data, against batches that were read; a fold that is only declared."""

import jax
import pytest
import small_run

from drr_jax import data, main, runs, training


def parts(data_dir, **changes):
    config = small_run.config(data_dir, **changes)
    return small_run.experiment(main.parse(["main", f"--config={config}", "--workdir=x"]).config)


@pytest.mark.parametrize("where", ["host", "device"])
def test_a_batch_has_the_shapes_types_and_places_that_were_said(rendered, where):
    built = parts(rendered, **{"data.augment_on": where})
    batches = built.train_batches(0)
    batch, said = next(batches), training.abstract_batch(built)
    batches.close()
    assert said.keys() == batch.keys() and ("reaction_draw" in said) == (where == "device")
    for name, array in batch.items():
        assert (said[name].shape, said[name].dtype) == (array.shape, array.dtype), name
        assert said[name].sharding.is_equivalent_to(array.sharding, array.ndim)


@pytest.mark.parametrize(
    "changes",
    [
        {
            "task": "expression",
            "data.classes": "anger+disgust+fear+happy+sad+neutral",
            "loss.no_positive": "zero",  # few of so few frames have an expression
        },
        {"data.classes": "AU12+AU01", "selection": "validation"},
    ],
)
def test_a_declared_fold_is_the_prepared_ones_but_for_its_counts(rendered, changes):
    config = main.parse(
        ["main", f"--config={small_run.config(rendered, **changes)}", "--workdir=x"]
    ).config
    prepared = data.read_fold(config, data.open_dataset(data.find_data(config)), 1)
    declared = data.declared_fold(config, 1)
    assert (declared.names, declared.task) == (prepared.names, prepared.task)
    assert declared.prepared.inputs == prepared.prepared.inputs
    assert declared.train_parts == prepared.train_parts
    assert declared.test_parts == prepared.test_parts
    assert declared.graph_prior.shape == prepared.graph_prior.shape
    ours, theirs = training.build(config, declared), training.build(config, prepared)
    same = jax.tree.map(
        lambda a, b: (a.shape, a.dtype) == (b.shape, b.dtype),
        (ours.abstract_state, training.abstract_batch(ours)),
        (theirs.abstract_state, training.abstract_batch(theirs)),
    )
    assert all(jax.tree.leaves(same))


def test_what_auto_stands_for_is_decided_by_the_devices_of_the_mesh(monkeypatch):
    config = small_run.config("/nowhere")
    config = main.parse(["main", f"--config={config}", "--workdir=x"]).config
    fold, devices = data.declared_fold(config, 0), jax.devices()[:4]
    monkeypatch.setenv("XLA_FLAGS", "")  # a CPU that XLA was not tuned for
    for platform, chosen in (
        ("cpu", ("float32", "host", "im2col")),
        ("gpu", ("bfloat16", "device", "lax")),
        ("tpu", ("bfloat16", "host", "lax")),
    ):
        monkeypatch.setattr(runs, "platform_of", lambda mesh, name=platform: name)
        built = training.build(config, fold, devices=devices)
        dtype = jax.numpy.dtype(built.model.dtype).name
        assert (dtype, built.augment_on, built.model.config.conv) == chosen
        assert built.mesh.size == 4 and built.config.conv == "auto"  # as the record has it


@pytest.mark.parametrize("changes", [{}, {"scene.choice": "sport_show"}])
def test_scenes_that_are_not_known_yet_are_counted(rendered, changes):
    changes = {"task": "scene", "scene.classes": 24, **changes}
    config = small_run.config("/nowhere", **changes)
    config = main.parse(["main", f"--config={config}", "--workdir=x"]).config
    assert len(data.declared_fold(config, 0).names) == 24
