"""Relation priors against the figures of the supplement and method section 10 (T1, T2, T6)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drr_jax.errors import InputError
from drr_jax.facs import labels as facs


def test_reactionet_prior_is_figure_7():
    prior = facs.au_prior(facs.REACTIONET_AUS_12)
    assert prior.sum() == 82 and np.array_equal(prior, prior.T)
    assert prior.sum(1).tolist() == [4, 5, 3, 7, 10, 10, 9, 8, 7, 8, 6, 5]
    assert np.all(prior.astype(int) @ prior.astype(int) > 0)
    figure_7 = """110001000001 110001100001 001010000001 000111111100 001111111111 110111111110
                  010111111110 000111111110 000111111100 000111111110 000011110110 111010000001"""
    assert ["".join(map(str, row.astype(int))) for row in prior] == figure_7.split()


def test_spectrum_of_the_normalised_prior():
    prior = facs.au_prior(facs.REACTIONET_AUS_12).astype(float)
    degree = prior.sum(1) ** -0.5
    eigenvalues = np.linalg.eigvalsh(degree[:, None] * prior * degree)[::-1]
    expected = [1, 0.695, 0.478, 0.215, 0.098, 0, 0, 0, -0.051, -0.095, -0.141, -0.202]
    np.testing.assert_allclose(eigenvalues, expected, atol=6e-4)


def test_priors_of_the_other_sets():
    assert (facs.expression_prior().sum() - 7) / 2 == 4
    expression = facs.expression_prior()
    index = facs.EXPRESSIONS.index
    for pair in ("surprise fear", "surprise happy", "disgust sad", "disgust anger"):
        first, second = pair.split()
        assert expression[index(first), index(second)]
    bp4d = facs.au_prior(facs.BP4D_AUS)
    assert [facs.BP4D_AUS[i] for i in np.flatnonzero(bp4d[-1])] == ["AU14", "AU17", "AU24"]
    assert (bp4d.sum() - 12) / 2 == 33
    assert (facs.au_prior(facs.DISFA_AUS).sum() - 8) / 2 == 6
    assert (facs.au_prior(facs.CK_PLUS_AUS).sum() - 12) / 2 == 20
    assert (facs.au_prior(facs.EMOTIONET_AUS_11).sum() - 11) / 2 == 21
    sizes = dict(zip(facs.SCENES, (14, 10, 7, 7, 7, 6, 6, 2), strict=True))
    names = [f"{scene}/{i}" for scene, size in sizes.items() for i in range(size)]
    assert facs.scene_prior(names).sum() == 519


def rule(labels):
    """The relation that the labels of AUs without a known one give."""
    counts = facs.count_pairs(labels)
    return facs.relation("on", [f"AU{k:02}" for k in range(90, 90 + labels.shape[1])], *counts)


def test_the_rule_counts_known_labels_only():
    labels = np.array([[1, 1, 0], [1, 0, -1], [0, 1, 1], [-1, 0, 1], [1, 1, -1]], np.int8)
    # By hand: C_01 = 2/3, C_10 = 2/3, C_02 = 0/1, C_20 = 0/1, C_12 = 1/2, C_21 = 1/2.
    pairs, known_given = facs.count_pairs(labels)
    half = facs.conditional_half_sums(pairs, known_given)
    np.testing.assert_allclose(half[0, 1], (2 / 3 + 2 / 3) / 2)
    np.testing.assert_allclose(half[0, 2], 0.0)
    np.testing.assert_allclose(half[1, 2], (1 / 2 + 1 / 2) / 2)
    assert rule(labels).tolist() == [
        [True, True, False],
        [True, True, True],
        [False, True, True],
    ]


@given(st.integers(0, 2**31), st.integers(1, 40), st.integers(1, 8))
def test_the_rule_always_gives_a_prior(seed, samples, classes):
    labels = np.random.default_rng(seed).integers(-1, 2, (samples, classes))
    facs.check_prior(rule(labels), classes)


def test_relation_follows_its_choice():
    labels = np.random.default_rng(0).integers(0, 2, (200, 12))
    counts = facs.count_pairs(labels)
    names = facs.REACTIONET_AUS_12
    assert np.array_equal(facs.relation("on", names, *counts), facs.au_prior(names))
    assert np.array_equal(facs.relation("learned", names, *counts), facs.au_prior(names))
    assert np.array_equal(facs.relation("identity", names, *counts), np.eye(12))
    assert facs.relation("all_ones", names, *counts).sum() == 144
    soft = facs.relation("soft", names, *counts)
    assert np.allclose(soft, soft.T) and 0.3 < soft[0, 1] < 0.7
    others = names[::-1]  # no table for this order
    assert np.array_equal(facs.relation("on", others, *counts), rule(labels))


def test_wrong_names_and_priors_are_refused():
    with pytest.raises(InputError, match="surprise"):
        facs.expression_prior(["suprise"])
    with pytest.raises(InputError, match="did you mean sport"):
        facs.scene_prior(["sports/soccer"])
    with pytest.raises(InputError, match="AU99 have no known relation prior"):
        facs.au_prior(("AU01", "AU99"))
    with pytest.raises(InputError, match="symmetric"):
        facs.check_prior(np.array([[1, 0], [1, 1]]), 2)
    with pytest.raises(InputError, match="shape"):
        facs.check_prior(np.eye(3), 2)
    with pytest.raises(InputError, match="diagonal"):
        facs.check_prior(np.zeros((2, 2)), 2)
