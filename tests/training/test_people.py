"""Scores by subject and group: against scikit-learn, of any order, intervals over people."""

import json

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from drr_jax import metrics, report
from drr_jax.training import all_folds, people

CLASSES = 4


def made(seed=0, subjects=30, worse=(), softmax=False):
    """Predictions about people with some records each; those `worse` are predicted at random."""
    rng = np.random.default_rng(seed)
    named = np.repeat([f"S{n:02d}" for n in range(subjects)], rng.integers(5, 40, subjects))
    truth = rng.integers(0, 2, (len(named), CLASSES)).astype(np.int8)
    if softmax:
        truth = np.eye(CLASSES, dtype=np.int8)[rng.integers(0, CLASSES, len(named))]
    probability = np.clip(truth * 0.5 + rng.random(truth.shape) * 0.55, 0, 1)
    random = np.isin(named, list(worse))
    probability[random] = rng.random((random.sum(), CLASSES))
    truth[rng.random(len(named)) < 0.1] = -1
    return probability.astype(np.float32), truth, named.tolist()


def occurring(probability, truth):
    """Mean F1 over the classes that occur, by scikit-learn."""
    found = []
    for n in range(CLASSES):
        known = truth[:, n] >= 0
        if truth[known, n].any():
            found.append(f1_score(truth[known, n], probability[known, n] >= 0.5, zero_division=0))
    return np.mean(found)


@pytest.mark.parametrize("softmax", [False, True])
def test_scores_by_subject_and_group_equal_scikit_learn(softmax):
    probability, truth, named = made(softmax=softmax)
    groups = {f"S{n:02d}": {"age": "20-29" if n % 3 else "30-39"} for n in range(28)}
    found = people.scores(probability, truth, named, groups, softmax)

    def reference(rows):
        p, t = probability[rows], truth[rows]
        if not softmax:
            return occurring(p, t)
        known = t.max(1) == 1
        return accuracy_score(t[known].argmax(1), p[known].argmax(1))

    names = np.array(named)
    assert found["all"]["value"] == pytest.approx(reference(names != ""))
    assert found["all"]["low"] < found["all"]["value"] < found["all"]["high"]
    for name, one in found["subjects"].items():
        assert one["value"] == pytest.approx(reference(names == name))
        assert one["records"] == named.count(name)
    of = np.array([groups.get(name, {}).get("age", "") for name in named])
    for group, one in found["groups"]["age"].items():
        assert one["value"] == pytest.approx(reference(of == group))
        assert one["records"] == (of == group).sum()
    assert sum(one["subjects"] for one in found["groups"]["age"].values()) == 28
    json.dumps(found, allow_nan=False)


def test_a_group_that_is_predicted_worse_stands_out_and_no_other():
    worse = [f"S{n:02d}" for n in range(0, 30, 3)]
    probability, truth, named = made(worse=worse)
    groups = {f"S{n:02d}": {"age": "abc"[n % 3]} for n in range(30)}
    found = people.scores(probability, truth, named, groups, False)["groups"]["age"]
    assert found["a"]["difference_high"] < -0.1
    assert found["b"]["difference_low"] > 0
    even = people.scores(*made(), groups, False)["groups"]["age"]
    assert all(one["difference_low"] < 0 < one["difference_high"] for one in even.values())


def test_the_order_of_records_changes_nothing_and_people_together_are_drawn_together():
    probability, truth, named = made()
    first = people.scores(probability, truth, named, {}, False)
    order = np.random.default_rng(1).permutation(len(named))
    again = people.scores(
        probability[order], truth[order], [named[row] for row in order], {}, False
    )
    assert first == again
    one = [f"{name}+everybody" for name in named]
    assert people.scores(probability, truth, one, {}, False)["all"]["low"] is None


def test_who_is_unknown_is_counted_and_of_one_there_is_no_interval():
    probability, truth, named = made(subjects=3)
    some = ["" if name == "S01" else name for name in named]
    groups = {"S00": {"age": "20-29"}, "S02": {"age": "30-39"}}
    found = people.scores(probability, truth, some, groups, False)
    assert found["records_without_subject"] == named.count("S01")
    assert list(found["subjects"]) == ["S00", "S02"]
    assert found["groups"]["age"]["20-29"]["low"] is None
    assert people.scores(probability, truth, [""] * len(named), {}, False) is None
    truth[np.array(named) == "S02"] = -1  # nothing to score by
    found = people.scores(probability, truth, some, groups, False)
    assert found["subjects"]["S02"]["value"] is None
    json.dumps(found, allow_nan=False)


def test_groups_are_those_that_all_people_of_a_sequence_share():
    known = {"a": {"age": "20-29", "race": "x"}, "b": {"age": "30-39", "race": "x"}}
    assert people.groups_of("a+b", known) == {"race": "x"}
    assert people.groups_of("a", known) == known["a"]
    assert people.groups_of("a+c", known) == people.groups_of("", known) == {}


def test_folds_are_put_together_with_everybody_scored_by_the_model_that_was_tested_on_him(tmp_path):
    groups = {f"S{n:02d}": {"age": "20-29" if n % 2 else "30-39"} for n in range(60)}
    every = []
    for k in range(2):
        probability, truth, named = made(seed=k)
        named = [f"S{int(name[1:]) + 30 * k:02d}" for name in named]
        weight = np.ones(len(truth), np.float32)
        results = {
            "dataset": "faces",
            "fold": k,
            "selection": "last",
            **metrics.summary(np.asarray(metrics.counts(probability, truth, weight)), "abcd"),
            "people": people.scores(probability, truth, named, groups, False),
        }
        (tmp_path / f"fold{k}").mkdir()
        (tmp_path / f"fold{k}" / "results.json").write_text(json.dumps(results))
        samples = {"all_probability": probability, "all_label": truth, "all_subject": named}
        report.save_samples(tmp_path / f"fold{k}", k, samples)
        every.append((probability, truth, named))
    table = all_folds.combine_folds(tmp_path)
    probability, truth = (np.concatenate([one[at] for one in every]) for at in (0, 1))
    named = every[0][2] + every[1][2]
    assert table["people"] == people.scores(probability, truth, named, groups, False)
    assert table["people"]["all"]["subjects"] == 60
