"""F1 against scikit-learn, over batches, shards and masks (docs/method.md test T7)."""

import json

import jax
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from sklearn.dummy import DummyClassifier
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from drr_jax import metrics

NAMES = ("AU01", "AU02", "AU04", "AU06", "AU26")


def data(seed, rows=999):
    rng = np.random.default_rng(seed)
    labels = rng.choice(np.array([-1, 0, 1], np.int8), (rows, 5), p=[0.2, 0.5, 0.3])
    labels[:, 3] = np.minimum(labels[:, 3], 0)  # an AU without positives
    probability = rng.random((rows, 5), np.float32)
    probability[:50] = 0.5  # on the threshold counts as predicted
    weight = (rng.random(rows) > 0.1).astype(np.float32)
    return probability, labels, weight


def reference(score, probability, labels, weight):
    values = []
    for n in range(labels.shape[1]):
        keep = (labels[:, n] >= 0) & (weight > 0)
        predicted = probability[keep, n] >= 0.5
        values.append(score(labels[keep, n], predicted))
    return np.array(values)


@pytest.mark.parametrize(("seed", "rows"), [(0, 999), (1, 4096), (2, 2050)])
def test_equals_scikit_learn(seed, rows):
    probability, labels, weight = data(seed, rows)
    total = jax.jit(metrics.counts)(probability, labels, weight)

    def sk_f1(truth, predicted):
        return f1_score(truth, predicted, zero_division=0)

    assert total.dtype == np.int32
    np.testing.assert_allclose(
        metrics.f1(total), reference(sk_f1, probability, labels, weight), rtol=1e-14
    )
    np.testing.assert_allclose(
        metrics.accuracy(total), reference(accuracy_score, probability, labels, weight), rtol=1e-14
    )
    np.testing.assert_allclose(
        metrics.all_positive_f1(total),
        reference(sk_f1, np.ones_like(probability), labels, weight),
        rtol=1e-14,
    )
    assert metrics.f1(total)[3] == 0 == metrics.all_positive_f1(total)[3]


def test_batches_add_up_and_padding_counts_nowhere():
    probability, labels, weight = data(7, rows=100)
    whole = metrics.counts(probability, labels, weight)
    padded = [np.concatenate([x, x[:28]]) for x in (probability, labels, weight)]
    padded[2][100:] = 0
    parts = [metrics.counts(*(x[i : i + 32] for x in padded)) for i in range(0, 128, 32)]
    np.testing.assert_array_equal(sum(np.asarray(p, np.int64) for p in parts), whole)


@pytest.mark.parametrize("rows", [16, 1024])  # the large batch folds its rows
def test_sharded_over_devices_equals_one_device(rows):
    batch = data(3, rows=rows * jax.device_count())
    mesh = jax.make_mesh((jax.device_count(),), ("data",), axis_types=(AxisType.Auto,))
    shards = jax.device_put(batch, NamedSharding(mesh, PartitionSpec("data")))
    np.testing.assert_array_equal(jax.jit(metrics.counts)(*shards), metrics.counts(*batch))


def test_nothing_known_is_zero_not_nan():
    total = metrics.counts(np.ones((4, 5)), np.full((4, 5), -1, np.int8), np.ones(4))
    result = metrics.summary(total, NAMES)
    assert result["f1_mean"] == result["accuracy_mean"] == result["all_positive_f1_mean"] == 0
    assert "NaN" not in json.dumps(result)


def test_summary_has_the_results_shape():
    result = metrics.summary([[3, 1, 2, 4]], ["AU12"])
    assert result == {
        "au": {"AU12": {"f1": 6 / 9, "accuracy": 0.7, "positives": 5, "count": 10}},
        "f1_mean": 6 / 9,
        "all_positive_f1_mean": 10 / 15,
        "accuracy_mean": 0.7,
    }
    with pytest.raises(ValueError, match="zip"):
        metrics.summary([[3, 1, 2, 4]], ["AU12", "AU26"])


def test_fold_table_means_spread_and_pooled():
    totals = [np.asarray(metrics.counts(*data(seed, 200 + 50 * seed))) for seed in range(3)]
    folds = [json.loads(json.dumps(metrics.summary(total, NAMES))) for total in totals]
    table = metrics.fold_table(folds)
    scores = np.array([metrics.f1(total) for total in totals])
    pooled = np.sum(totals, axis=0)
    for n, name in enumerate(NAMES):
        row = table["au"][name]
        assert row["f1"] == pytest.approx(scores[:, n].mean())
        assert row["f1_std"] == pytest.approx(scores[:, n].std(ddof=1))
        assert row["f1_pooled"] == metrics.f1(pooled)[n]
        assert row["accuracy_pooled"] == metrics.accuracy(pooled)[n]
        assert row["count"] == sum(fold["au"][name]["count"] for fold in folds)
    assert table["f1_mean"] == pytest.approx(scores.mean())
    assert table["f1_mean_std"] == pytest.approx(scores.mean(1).std(ddof=1))
    assert metrics.fold_table(folds[:1])["f1_mean_std"] == 0
    with pytest.raises(ValueError, match="same classes"):
        metrics.fold_table([folds[0], {"au": {"AU99": {}}}])


def test_counts_are_recovered_from_a_full_size_summary():
    rng = np.random.default_rng(0)
    total = rng.integers(0, 900_000, (500, 4))
    total[:100, 1:3] = rng.integers(0, 2, (100, 2))  # nearly and exactly right
    total[100:120, 0] = 0
    result = metrics.summary(total, [f"{n}" for n in range(len(total))])
    np.testing.assert_array_equal(metrics.counts_of(json.loads(json.dumps(result))), total)


def test_confusion_and_accuracy_equal_scikit_learn():
    rng = np.random.default_rng(0)
    truth, chosen = rng.integers(0, 5, 300), rng.integers(0, 5, 300)
    labels = np.eye(5, dtype=np.int8)[truth]
    labels[::7] = -1  # unknown
    probability = rng.uniform(0, 0.5, (300, 5)) + np.eye(5)[chosen]
    weight = (np.arange(300) < 290).astype(np.float32)  # the last ten are padding
    known = (labels[:, 0] >= 0) & (weight > 0)
    matrix = metrics.confusion(probability, labels, weight)
    expected = confusion_matrix(truth[known], chosen[known], labels=range(5))
    np.testing.assert_array_equal(matrix, expected)
    summary = metrics.softmax_summary(matrix, "abcde", "expression")
    accuracy = accuracy_score(truth[known], chosen[known])
    assert summary["accuracy"] == pytest.approx(accuracy)
    most = DummyClassifier(strategy="most_frequent").fit(truth[known], truth[known])
    floor = most.score(truth[known], truth[known])
    assert summary["majority_accuracy"] == pytest.approx(floor)
    each = f1_score(truth[known], chosen[known], average=None, labels=range(5))
    np.testing.assert_allclose([row["f1"] for row in summary["expression"].values()], each)
    assert metrics.softmax_summary(np.zeros((5, 5)), "abcde", "expression")["accuracy"] == 0


@pytest.mark.parametrize("task", ["expression", "scene"])
def test_softmax_folds_are_averaged_and_pooled(task):
    rng = np.random.default_rng(1)
    matrices = [rng.integers(0, 9, (3, 3)) for _ in range(2)]
    results = [metrics.softmax_summary(matrix, "abc", task) for matrix in matrices]
    table = metrics.fold_table(results)
    assert table["accuracy"] == pytest.approx(np.mean([r["accuracy"] for r in results]))
    total = sum(matrices)
    assert table["accuracy_pooled"] == pytest.approx(np.trace(total) / total.sum())
    assert table["confusion"] == total.tolist() and metrics.task_of(table) == task
    assert table[task]["b"]["f1_pooled"] == pytest.approx(
        2 * total[1, 1] / (total[1].sum() + total[:, 1].sum())
    )


def test_a_perfect_softmax_has_f1_1_over_the_classes_that_occur():
    """And no credit for the class that does not, in the mean over all: both are named."""
    matrix = np.diag([5, 0, 7, 3, 4, 2, 6])  # no "anger" in the test part
    found = metrics.softmax_summary(matrix, "nahdfsu", "expression")
    assert found["accuracy"] == found["f1_mean_occurring"] == 1
    assert found["f1_mean"] == pytest.approx(6 / 7) and found["expression"]["a"]["f1"] == 0
    before = {key: value for key, value in found.items() if key != "f1_mean_occurring"}
    table = metrics.fold_table([before, found])  # folds of before and of now go together
    assert table["f1_mean_occurring"] == 1 == table["f1_mean_occurring_pooled"]
    assert metrics.softmax_summary(np.zeros((2, 2)), "ab", "scene")["f1_mean_occurring"] == 0
