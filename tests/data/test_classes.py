"""Which classes a run has: 24 sub-scenes by rule, subsets by name, and positives in every fold."""

from pathlib import Path

import numpy as np
import pytest

from drr_jax import config_rules
from drr_jax.config import Config, Scene
from drr_jax.data import classes, label_counts, scene_classes
from drr_jax.data.prepared import Prepared, fold_parts
from drr_jax.errors import InputError
from drr_jax.facs import labels as facs
from tfds_reactionet.reading import Protocol

PARTS = ("part1", "part2", "part3")


def aus(*names):
    return {"au_names": list(names), "evaluated_aus": list(names)}


LABELS = {**aus(), "protocol": Protocol.folds(3).to_json()}


def scenes(**tasks):
    """A set whose sub-scenes have, in each part, so many sequences by task: {"t1": 2}."""
    parts = {}
    for number, part in enumerate(PARTS):
        sequences, counts, first = [], {}, 0
        for name, each in tasks.items():
            name = name.replace("__", "/")
            for task, count in each[number].items():
                for k in range(count):
                    length = 3 + k
                    sequences.append([f"{name}/{task}/{k}", "x", first, length])
                    counts[name] = counts.get(name, 0) + length
                    first += length
        parts[part] = {"records": first, "sequences": sequences, "sub_scene_counts": counts}
    return Prepared(Path(), "reactions", "1.0.0", {**LABELS, "parts": parts}, None)


def each(first, second, third):
    """One task in each part, of so many sequences."""
    return [{"t1": first}, {"t2": second}, {"t3": third}]


SET = scenes(
    show__talk=each(1, 1, 2),
    sport__golf=each(1, 1, 1),
    sport__boxing=each(1, 1, 1),
    sport__chess=[{"t1": 9, "t2": 9}, {"t3": 9}, {}],  # most sequences, but part3 has none
    film__horror=[{"t1": 5}, {"t2": 5}, {"t2": 5}],  # two videos for three folds
    game__puzzle=each(3, 3, 3),
)


def test_most_sequences_win_and_ties_go_by_name():
    assert scene_classes.choose(SET, Scene(classes=2)) == ("show/talk", "game/puzzle")
    three = scene_classes.choose(SET, Scene(classes=3))
    assert three == ("sport/boxing", "show/talk", "game/puzzle")  # in the order of facs.SCENES
    four = scene_classes.choose(SET, Scene(classes=4))
    assert four == ("sport/boxing", "sport/golf", "show/talk", "game/puzzle")
    prior = facs.scene_prior(four)
    expected = np.eye(4)
    expected[0, 1] = expected[1, 0] = 1
    np.testing.assert_array_equal(prior, expected)


def test_sport_and_show_or_a_list():
    two = scene_classes.choose(SET, Scene(classes=2, choice="sport_show"))
    assert two == ("sport/boxing", "show/talk")
    listed = Scene(classes=2, choice="list", names="game/puzzle+sport/golf")
    assert scene_classes.choose(SET, listed) == ("sport/golf", "game/puzzle")


@pytest.mark.parametrize(
    ("scene", "words"),
    [
        (
            Scene(),
            r"scene.classes=24: data set reactions has 4 usable sub-scenes for "
            r"scene.choice=sequences.*these lack tasks: sport/chess \(no task in part3\), "
            r"film/horror \(2 of 3 tasks\); set scene.classes=4 or less$",
        ),
        (
            Scene(choice="sport_show"),
            r"3 usable sub-scenes for scene.choice=sport_show.*: sport/chess \(no task in part3\);",
        ),
        (
            Scene(3, "list", "sport/golf+show/talk+film/horror"),
            r"has 2 usable .*lack tasks: film/horror \(2 of 3 tasks\)",
        ),
        (Scene(2, "list", "sport/gulf+show/talk"), r"'sport/gulf': did you mean sport/golf"),
        (Scene(2, "list", "show/talk+show/talk"), r"scene.classes=2 different names.*found 1"),
        (Scene(3, "list", "show/talk+sport/golf"), r"scene.classes=3 different names.*found 2"),
    ],
)
def test_a_choice_that_cannot_be_is_one_line(scene, words):
    with pytest.raises(InputError, match=words) as error:
        scene_classes.choose(SET, scene)
    assert "\n" not in str(error.value)


def test_rows_are_those_of_the_chosen_sub_scenes():
    chosen = ("sport/boxing", "game/puzzle")
    rows = scene_classes.scene_rows(SET, ["part3", "part1"], chosen)
    kept, number = [], 0
    for part in ("part3", "part1"):
        for key, _, first, count in SET.sequences(part):
            kept += [number + first + k for k in range(count) if key.startswith(chosen)]
        number += SET.records([part])
    np.testing.assert_array_equal(rows, kept)
    assert 0 < len(rows) < SET.records(["part1", "part3"])


def test_scene_keys_that_do_not_go_together():
    for scene, words in (
        (Scene(choice="list"), "scene.names=''"),
        (Scene(names="sport/golf"), "scene.choice=sequences"),
        (Scene(classes=1), "scene.classes=1: expected 2 to 1000"),
    ):
        with pytest.raises(InputError, match=words):
            config_rules.validate(Config(task="scene", scene=scene))
    config = Config(task="scene")
    config.data.classes = "AU01"
    with pytest.raises(InputError, match=r"data.classes=AU01: task=scene takes"):
        config_rules.validate(config)


def labelled(positives, task="au"):
    """A set of faces whose parts have so many positives of each class; no two occur together."""
    parts = {
        part: {
            "records": 10,
            "au_known": [10] * len(row),
            "au_pairs": np.diag(row).tolist(),
            "au_given": np.tile(np.array(row)[:, None], len(row)).tolist(),
            "expression_counts": list(row),
        }
        for part, row in zip(PARTS, positives, strict=True)
    }
    metadata = {**LABELS, **aus("AU01", "AU04", "AU12"), "parts": parts, "task": task}
    return Prepared(
        Path(), "faces", "1", metadata | {"expression_names": ["anger", "sad", "fear"]}, None
    )


def check(config, faces, number):
    """`classes.check_fold` as `fold.read_fold` asks it."""
    names = classes.class_names(config, faces)
    counted = [
        (
            f"in the {which} part{'s' * (len(parts) > 1)} {', '.join(parts)}",
            label_counts.part_counts(faces, parts, config.task),
        )
        for which, parts in zip(("training", "test"), fold_parts(faces, number), strict=True)
    ]
    return classes.check_fold(config, names, f"fold {number} of faces", *counted)


def test_an_au_without_positives_may_have_weight_0_which_is_said():
    faces = labelled([(1, 0, 3), (2, 0, 2), (1, 5, 1)])
    config = Config()
    with pytest.raises(InputError, match=r"of AU04 .*data.classes=AU01\+AU12, .*no_positive=zero"):
        check(config, faces, 2)
    config.loss.no_positive = "zero"
    (warning,) = check(config, faces, 2)
    assert "no positive of AU04 in the training parts" in warning and "weight 0" in warning
    faces = labelled([(0, 0, 0), (0, 0, 0), (1, 5, 1)])
    with pytest.raises(InputError, match=r"no positive of AU01, AU04, AU12 in the .*; split the"):
        check(config, faces, 2)  # nothing would be learnt


def test_an_au_without_positives_is_refused_with_a_way_out():
    faces = labelled([(1, 0, 3), (2, 4, 2), (0, 0, 1)])
    config = Config()
    with pytest.raises(
        InputError,
        match=r"fold 0 of faces: no positive of AU04 in the test part part1; .*=AU01\+AU12, or",
    ):
        check(config, faces, 0)
    with pytest.raises(InputError, match=r"fold 1.* AU04 in the training parts part1, part3; "):
        check(config, faces, 1)
    with pytest.raises(InputError, match=r"fold 2.* AU01, AU04 in the test part part3; .*=AU12,"):
        check(config, faces, 2)
    config.data.classes = "AU12+AU01"
    assert classes.class_names(config, faces) == ("AU01", "AU12")
    assert check(config, faces, 0) == []
    config.data.classes = "AU12+AU01+AU12"
    with pytest.raises(InputError, match=r"data.classes: AU12 is there twice"):
        classes.class_names(config, faces)
    config.data.classes = "AU1"
    with pytest.raises(InputError, match=r"not evaluated on 'AU1': did you mean AU12 or AU01"):
        classes.class_names(config, faces)


def test_an_expression_that_only_the_test_part_lacks_is_a_warning():
    faces = labelled([(1, 0, 3), (2, 4, 2), (1, 1, 1)], task="expression")
    (warning,) = check(Config(task="expression"), faces, 0)
    assert "no positive of sad in the test part part1" in warning
    assert check(Config(task="expression"), faces, 1) == []
    faces = labelled([(1, 0, 3), (2, 4, 2), (1, 0, 1)], task="expression")
    config = Config(task="expression")
    with pytest.raises(InputError, match="no positive of sad in the training parts part1, part3"):
        check(config, faces, 1)
    config.loss.no_positive = "zero"  # as of AUs
    (warning,) = check(config, faces, 1)
    assert "no positive of sad in the training parts" in warning and "weight 0" in warning


def test_a_subset_of_aus_keeps_the_relations_of_its_set():
    names = facs.DISFA_AUS
    count = len(names)
    part = {
        "au_known": [9] * count,
        "au_pairs": np.full((count, count), 2).tolist(),
        "au_given": np.full((count, count), 4).tolist(),
    }
    metadata = {**aus(*names), "parts": {"part1": part}, "task": "au"}
    faces = Prepared(Path(), "disfa", "1", metadata, None)
    config = Config()
    config.data.classes = "AU06+AU12+AU25+AU26"
    config.graph.prior, config.contrast.prior = "on", "soft"
    chosen = classes.class_names(config, faces)
    counts = label_counts.part_counts(faces, ["part1"], "au")
    found = classes.class_priors(config, faces, counts, chosen)
    expected = np.eye(4)
    for a, b in ((0, 1), (0, 2), (1, 2), (2, 3)):  # 6-12 6-25 12-25 25-26
        expected[a, b] = expected[b, a] = 1
    np.testing.assert_array_equal(found["graph.prior"], expected)
    np.testing.assert_array_equal(found["contrast.prior"], np.where(np.eye(4), 1, 0.5))


def test_the_strongest_relations_are_kept_for_either_class():
    prior = np.ones((4, 4))
    strength = np.array(
        [[1, 0.9, 0.2, 0.1], [0.9, 1, 0.3, 0.4], [0.2, 0.3, 1, 0.5], [0.1, 0.4, 0.5, 1]]
    )
    found = facs.strongest(prior, strength, 1)
    expected = np.eye(4)
    for a, b in ((0, 1), (2, 3)):
        expected[a, b] = expected[b, a] = 1
    np.testing.assert_array_equal(found, expected)
    facs.check_prior(facs.strongest(prior, strength, 2), 4)
    assert facs.strongest(prior, strength, 2)[0, 2] and not facs.strongest(prior, strength, 2)[0, 3]
    np.testing.assert_array_equal(facs.strongest(prior, strength, 9), prior)
    sparse = np.where(strength < 0.3, 0, prior)  # the third class is the first's no more
    assert not facs.strongest(sparse, strength, 3)[0, 2]
    np.testing.assert_array_equal(facs.strongest(np.eye(4), strength, 2), np.eye(4))
