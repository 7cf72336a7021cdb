"""Reaction delay: changes and onsets of a series, their correlation, and a known delay found."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfds_reactionet.statistics.reaction_delay import (
    MIN_PAIRS,
    Delay,
    Series,
    correlation,
    make_series,
    measure,
)


def test_gaps_have_neither_change_nor_onset() -> None:
    frames = np.array([7, 5, 4, 9])  # any order; 6 and 8 are missing
    pictures = np.array([7.0, 5, 4, 9])[:, None, None] * np.ones((4, 2, 2)) * 10
    intensity = np.array([[0.0], [3], [1], [2]])
    series = make_series("s", frames, pictures, intensity, np.zeros((4, 1), np.int8))
    assert series is not None
    np.testing.assert_array_equal(series.change, [np.nan, 10, np.nan, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(series.onset, [np.nan, 2, np.nan, np.nan, np.nan, np.nan])
    assert make_series("s", frames[:1], pictures[:1], intensity[:1], intensity[:1]) is None
    far = np.array([1, 2, 999_999_999])
    assert make_series("s", far, pictures[:3], intensity[:3], intensity[:3]) is None


def test_onset_falls_back_on_occurrence() -> None:
    frames = np.array([1, 2, 3, 4])
    occurrence = np.array([[0, 0], [1, 1], [1, -1], [0, 1]])
    nothing = np.full((4, 2), np.nan)
    series = make_series("s", frames, np.zeros((4, 2, 2)), nothing, occurrence)
    assert series is not None
    np.testing.assert_array_equal(series.onset, [np.nan, 2, 0, 0])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), length=st.integers(2, 40), lag=st.integers(-9, 9))
def test_correlation_against_numpy(seed: int, length: int, lag: int) -> None:
    rng = np.random.default_rng(seed)
    change, onset = rng.normal(size=(2, length))
    change[rng.uniform(size=length) < 0.1] = np.nan
    pairs = [(change[t], onset[t + lag]) for t in range(length) if 0 <= t + lag < length]
    known = np.array([pair for pair in pairs if not np.isnan(pair).any()]).reshape(-1, 2)
    values, pairs = correlation(Series("s", change, onset), max_lag=9)
    found = values[lag + 9]
    if len(known) < MIN_PAIRS:
        assert np.isnan(found) and pairs[lag + 9] == 0
    else:
        assert pairs[lag + 9] == len(known)
        assert found == pytest.approx(np.corrcoef(known.T)[0, 1], abs=1e-9)


@pytest.mark.parametrize("delay", [0, 4, 21])
def test_a_known_delay_is_found(delay: int) -> None:
    rng = np.random.default_rng(delay)
    series = []
    for number in range(5):
        change = rng.gamma(1.0, size=200)
        onset = np.roll(change, delay) + 0.5 * rng.gamma(1.0, size=200)
        series.append(Series(f"s{number}", change, onset))
    found = measure(series, max_lag=30)
    assert found.lags[found.best] == delay and found.stands_out
    assert [lag for _, lag, _ in found.peaks] == [delay] * 5
    table = np.array([correlation(s, 30)[0] for s in series])
    np.testing.assert_allclose(found.mean, table.mean(axis=0))
    np.testing.assert_allclose(found.error, table.std(axis=0, ddof=1) / np.sqrt(5))
    shifted = measure(series, max_lag=30, shift=3)  # a set built with stimulus_delay_frames=3
    assert [lag for _, lag, _ in shifted.peaks] == [delay + 3] * 5


def test_unrelated_frames_have_no_lag_that_stands_out() -> None:
    rng = np.random.default_rng(1)
    chance = [Series(f"s{n}", rng.gamma(1.0, size=8), rng.gamma(1.0, size=8)) for n in range(40)]
    found = measure(chance)
    assert found.lags[found.pairs > 0].tolist() == [0] and not found.stands_out
    assert found.noise[found.best] == 2 / np.sqrt(40 * 8)


def test_a_mean_of_few_pairs_may_be_higher_and_still_noise() -> None:
    pairs, unknown = np.array([8, 400, 0]), np.full(3, np.nan)
    found = Delay(np.arange(3), np.array([0.6, 0.2, np.nan]), unknown, pairs, pairs, [], 3)
    np.testing.assert_allclose(found.noise, [2 / np.sqrt(8), 0.1, np.inf])
    assert found.best == 1 and found.stands_out
    lower = dataclasses.replace(found, mean=np.array([0.6, 0.09, np.nan]))
    assert lower.best == 0 and not lower.stands_out


def test_no_series_no_delay() -> None:
    assert measure([]).peaks == []
    still = Series("s", np.ones(20), np.arange(20.0))
    assert measure([still]).peaks == []
