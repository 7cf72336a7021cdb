"""ICC(3,1), MSE, MAE and PCC against their definitions, over batches and masks."""

import json

import jax
import numpy as np
import pytest
from scipy.stats import pearsonr

from drr_jax import levels, metrics

NAMES = ("AU06", "AU10", "AU12", "AU14")
# Shrout and Fleiss 1979, Table 2: six targets, four judges; ICC(3,1) = .71 in their Table 4.
SHROUT_FLEISS = [
    [9, 2, 5, 8],
    [6, 1, 3, 2],
    [8, 4, 6, 8],
    [7, 1, 2, 6],
    [10, 5, 6, 9],
    [6, 2, 4, 7],
]


def icc_3_1(ratings):
    """By the two-way analysis of variance of ratings [targets, judges] (Shrout and Fleiss 1979)."""
    ratings = np.asarray(ratings, np.float64)
    n, k = ratings.shape
    targets, judges, grand = ratings.mean(1), ratings.mean(0), ratings.mean()
    between = k * np.square(targets - grand).sum() / (n - 1)
    left = ratings - targets[:, None] - judges + grand
    error = np.square(left).sum() / ((n - 1) * (k - 1))
    return (between - error) / (between + (k - 1) * error)


def made(seed, rows=4000):
    """(said, levels, weight): AU10 unknown in part, AU14 always predicted alike."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(6, (rows, 4), p=[0.5, 0.2, 0.1, 0.1, 0.05, 0.05]).astype(np.float32)
    said = np.clip(0.6 * truth + rng.normal(0.4, 0.7, truth.shape), 0, 5).astype(np.float32)
    said[:, 3] = 0.7
    truth[rng.random(rows) < 0.3, 1] = -1
    return said, truth, (rng.random(rows) > 0.1).astype(np.float32)


def test_the_reference_gives_what_shrout_and_fleiss_print():
    assert icc_3_1(SHROUT_FLEISS) == pytest.approx(0.71, abs=0.005)


def test_measures_equal_their_definitions_over_batches():
    said, truth, weight = made(0)
    add = jax.jit(levels.sums)
    batches = [slice(at, at + 64) for at in range(0, len(said), 64)]
    total = sum(np.asarray(add(said[b], truth[b], weight[b]), np.float64) for b in batches)
    result = levels.summary(total, NAMES)
    json.dumps(result, allow_nan=False)
    for n, name in enumerate(NAMES):
        keep = (truth[:, n] >= 0) & (weight > 0)
        x, y = said[keep, n].astype(np.float64), truth[keep, n].astype(np.float64)
        found = result["intensity"][name]
        assert found["count"] == keep.sum()
        expected = {"mse": np.square(x - y).mean(), "mae": np.abs(x - y).mean()}
        expected |= {"zero_mse": np.square(y).mean(), "zero_mae": y.mean()}
        if name == "AU14":  # a constant agrees with nothing, whatever rounding leaves
            expected |= {"icc": 0, "pcc": 0}
        else:
            expected |= {"icc": icc_3_1(np.stack([x, y], 1)), "pcc": pearsonr(x, y).statistic}
            # of n - 1 and n the definitions agree, since both halves of the ratio have the same
            assert 0.2 < expected["icc"] < expected["pcc"]
        for key, value in expected.items():
            assert found[key] == pytest.approx(value, abs=2e-6), (name, key)
    assert result["icc_mean"] == pytest.approx(
        np.mean([one["icc"] for one in result["intensity"].values()])
    )


def test_nothing_known_is_zero_and_never_nan():
    total = levels.sums(np.ones((3, 2), np.float32), np.full((3, 2), -1.0), np.ones(3))
    result = levels.summary(total, ("AU01", "AU02"))
    json.dumps(result, allow_nan=False)
    assert result["icc_mean"] == 0 and result["intensity"]["AU01"]["count"] == 0


def test_folds_are_means_and_pooled_sums():
    parts = [made(seed) for seed in range(3)]
    folds = [levels.summary(levels.sums(*part), NAMES) for part in parts]
    table = metrics.fold_table(folds)
    json.dumps(table, allow_nan=False)
    iccs = [fold["intensity"]["AU06"]["icc"] for fold in folds]
    assert table["intensity"]["AU06"]["icc"] == pytest.approx(np.mean(iccs))
    assert table["intensity"]["AU06"]["icc_std"] == pytest.approx(np.std(iccs, ddof=1))
    assert table["mse_mean"] == pytest.approx(np.mean([fold["mse_mean"] for fold in folds]))
    together = levels.summary(levels.sums(*map(np.concatenate, zip(*parts, strict=True))), NAMES)
    assert table["icc_mean_pooled"] == pytest.approx(together["icc_mean"], abs=1e-5)
    assert table["intensity"]["AU10"]["count"] == together["intensity"]["AU10"]["count"]
    assert metrics.score_of(table) == "icc_mean" and metrics.task_of(table) == "intensity"
