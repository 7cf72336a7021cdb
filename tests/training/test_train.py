"""The step and the evaluation on a tiny rendered set: devices, augmentation, counts, weights."""

from functools import partial

import jax
import numpy as np
import pytest
import small_run
from five_steps import config_of, experiment_of

from drr_jax import config as configs
from drr_jax import metrics
from drr_jax.data import source
from drr_jax.errors import InputError
from drr_jax.training import evaluation as evaluate
from drr_jax.training import loop as train

# Where BatchNorm matters. At width 4 some channels are constant, and normalised rounding then
# decides what their ReLU lets through.
RESNET = {"encoder.backbone": "resnet18", "encoder.depth": 0, "encoder.width": 8}


@pytest.fixture(scope="module")
def data_dir(rendered):
    return rendered


def losses_of(parts, steps=5):
    step, state, batches = train.make_step(parts), parts.init(), parts.train_batches(0)
    seen = []
    for _ in range(steps):
        state, terms = step(state, next(batches))
        seen.append({name: float(value) for name, value in terms.items()})
    batches.close()
    return seen, state


def assert_same_losses(some, others):
    for ours, theirs in zip(some, others, strict=True):
        for name in theirs:
            # the sum of squares over all gradients gathers more rounding than the losses
            close = 1e-4 if name == "grad_norm" else 1e-5
            assert ours[name] == pytest.approx(theirs[name], abs=close, rel=close)


def test_one_and_eight_devices_take_the_same_steps(data_dir):
    # At a higher rate rounding grows, within these steps, into other signs at some ReLU.
    changes = {**RESNET, "domains": "RT", "optim.lr": 0.0002}
    one, _ = losses_of(experiment_of(data_dir, devices=1, **changes))
    eight, state = losses_of(experiment_of(data_dir, **changes))
    assert len({leaf.sharding.device_set.__len__() for leaf in jax.tree.leaves(state)}) == 1
    assert_same_losses(eight, one)
    assert one[0]["loss"] != one[4]["loss"]
    assert {"loss/R", "loss/T", "loss/graph", "loss/contrast"} < set(one[0])


def test_host_and_device_augmentation_train_alike(data_dir):
    changes = {"domains": "RS", "graph.enabled": "false"}
    host, _ = losses_of(experiment_of(data_dir, **changes, **{"data.augment_on": "host"}), 2)
    device, _ = losses_of(experiment_of(data_dir, **changes, **{"data.augment_on": "device"}), 2)
    for step in range(2):
        assert device[step]["loss"] == pytest.approx(host[step]["loss"], abs=2e-3)


def test_learned_relation_is_trained_by_the_graph_alone(data_dir):
    changes = {"graph.prior": "learned", "contrast.prior": "learned", "loss.lambda_graph": 0}
    changes |= {"domains": "RT"}
    parts = experiment_of(data_dir, **changes)
    start = jax.device_get(parts.init().params["graph_module"]["relation_heterophily"]["theta"])
    _, state = losses_of(parts, 2)
    theta = jax.device_get(state.params["graph_module"]["relation_heterophily"]["theta"])
    decay = 1 - np.max(np.abs(theta)) / np.max(np.abs(start))
    assert 0 <= decay < 1e-3 and np.ptp(theta) < 1e-6  # only weight decay moved it


def test_evaluation_counts_every_record_once(data_dir):
    parts = experiment_of(data_dir)
    state = parts.init()
    result = evaluate.make_evaluation(parts)(state)
    records = parts.fold.prepared.records(parts.fold.test_parts)
    assert records % parts.config.data.batch_size  # the last batch is padded
    stored = source.Source(parts.fold.prepared, parts.fold.test_parts, 32, parts.fold.names)
    labels = np.stack([stored[i]["labels"] for i in range(records)])
    np.testing.assert_array_equal(result.label, labels)
    images = np.stack([stored[i]["reaction"] for i in range(records)])
    predict = jax.jit(partial(parts.model.apply, method="predict"))
    variables = {"params": state.params, "batch_stats": state.batch_stats}
    np.testing.assert_allclose(
        result.probability, predict(variables, {"reaction": images}), atol=1e-5
    )
    counts = metrics.counts(result.probability, labels, np.ones(records))
    assert metrics.summary(counts, parts.fold.names) == result.summary
    known = labels >= 0
    p = np.where(labels == 1, result.probability, 1 - result.probability)
    each = np.where(known, -np.log(p), 0).sum(1) / np.maximum(known.sum(1), 1)
    assert result.loss == pytest.approx(each.mean(), rel=1e-4)


@pytest.mark.parametrize("predict", ["fuse", "graph", "stimulus"])
def test_other_predictions_are_evaluated_too(data_dir, predict):
    parts = experiment_of(data_dir, predict=predict)
    result = evaluate.make_evaluation(parts)(parts.init())
    assert np.all((result.probability > 0) & (result.probability < 1))


def test_what_the_data_lack_is_said_before_anything_runs(data_dir):
    with pytest.raises(InputError, match=r"fold=3.*folds 0 to 2"):
        config = config_of(data_dir)
        small_run.experiment(config, 3)
    with pytest.raises(InputError, match="soft prior"):
        config_of(data_dir, task="expression", **{"graph.prior": "soft"})


def test_batches_that_the_devices_do_not_divide_are_refused(data_dir):
    with pytest.raises(InputError, match=r"data.batch_size=12.*devices, 8"):
        experiment_of(data_dir, **{"data.batch_size": 12, "contrast.group_size": 12})
    with pytest.raises(InputError, match="fsdp=3"):
        experiment_of(data_dir, fsdp=3)


def test_without_weights_every_class_counts_alike(data_dir):
    weighted = experiment_of(data_dir).fold.class_weights
    assert np.mean(weighted) == pytest.approx(1) and np.ptp(weighted) > 0
    plain = experiment_of(data_dir, **{"loss.au_weights": "false"}).fold.class_weights
    np.testing.assert_array_equal(plain, 1)
    assert configs.Config().loss.au_weights
