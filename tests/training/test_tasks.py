"""Scenes and expressions by the command that learns AUs: classes, records, scores, folds."""

import json

import numpy as np
import pytest
import small_run

from drr_jax import config as configs
from drr_jax import main
from drr_jax.errors import InputError
from drr_jax.facs import labels as facs
from drr_jax.training import evaluation as evaluate


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """The smallest demo release whose 24 sub-scenes have their three videos."""
    return small_run.render(tmp_path_factory.mktemp("data"), tuples=288, size=32)


def command(data_dir, workdir, variant, **changes):
    config = small_run.config(data_dir, f"demo,{variant}", **changes)
    return main.parse(["main", f"--config={config}", f"--workdir={workdir}"])


def built(data_dir, variant, **changes):
    config = command(data_dir, "x", variant, **changes).config
    return small_run.experiment(config)


def test_24_scenes_are_learnt_on_every_fold(data_dir, tmp_path, capsys):
    workdir = tmp_path / "run"
    twice = {"data.balance": 0.5, "loss.class_weights": True}
    assert main.run(command(data_dir, workdir, "scene", domains="S", fold="all", **twice)) == 0
    table = json.loads((workdir / "results.json").read_text())
    folds = [json.loads((workdir / f"fold{k}" / "results.json").read_text()) for k in range(3)]
    assert table["accuracy"] == pytest.approx(np.mean([fold["accuracy"] for fold in folds]))
    parts = built(data_dir, "scene", domains="S")
    assert list(table["scene"]) == list(parts.fold.names) and len(parts.fold.names) == 24
    counts = parts.fold.prepared.metadata["parts"]
    for k, fold in enumerate(folds):
        matrix = np.array(fold["confusion"])
        assert fold["predict"] == "stimulus"
        assert fold["accuracy"] == pytest.approx(np.trace(matrix) / matrix.sum())
        seen = counts[f"part{k + 1}"]["sub_scene_counts"]
        assert matrix.sum(1).tolist() == [seen[name] for name in parts.fold.names]
    printed, said = capsys.readouterr()
    assert "together they correct twice" in said
    assert "over 24 scenes" in printed and "always the most frequent" in printed
    page = (workdir / "report.html").read_text()
    assert "scenes on reactionet/demo" in page and "soccerball" in page


@pytest.mark.parametrize("selection", ["last", "validation"])
def test_records_of_other_scenes_take_no_part(data_dir, selection):
    names = "sport/boxing+film/horror+game/puzzle"
    changes = {"scene.classes": 3, "scene.choice": "list", "scene.names": names}
    changes |= {"selection": selection, "validation_share": 0.4, "domains": "S"}
    changes |= {"loss.no_positive": "zero"}  # two sequences of a scene may both be held out
    parts = built(data_dir, "scene", **changes)
    assert parts.fold.names == ("sport/boxing", "film/horror", "game/puzzle")
    kept = {}
    for which in ("train", "test", *(["validation"] if selection == "validation" else [])):
        records = parts.fold.source(which)
        for number in range(len(records)):
            shown = "/".join(records.identity(number)[0].split("/")[:2])
            expected = [int(name == shown) for name in parts.fold.names]
            assert records.read(number)["labels"].tolist() == expected and sum(expected) == 1
        kept[which] = len(records)
    prepared = parts.fold.prepared
    counts = {part: prepared.metadata["parts"][part]["sub_scene_counts"] for part in prepared.parts}
    for which, some in (("test", parts.fold.test_parts), ("train", parts.fold.train_parts)):
        total = sum(counts[part][name] for part in some for name in parts.fold.names)
        assert total == kept[which] + (kept.get("validation", 0) if which == "train" else 0)
    result = evaluate.make_evaluation(parts)(parts.init())
    assert result.label.shape == (kept["test"], 3)
    assert np.all(result.label.sum(1) == 1) and np.all(result.probability.sum(1) > 0.99)


def test_the_stimulus_tells_the_scene_and_the_face_may_be_asked(data_dir):
    assert built(data_dir, "scene").model.test_inputs == ("stimulus",)
    assert built(data_dir, "scene", predict="reaction").model.test_inputs == ("reaction",)
    parts = built(data_dir, "scene")
    np.testing.assert_array_equal(parts.fold.graph_prior, facs.scene_prior(parts.fold.names))
    assert parts.fold.graph_prior.sum() == 8 * 9  # eight scenes of three sub-scenes
    np.testing.assert_array_equal(parts.fold.class_weights, 1)


def test_expressions_are_learnt_by_the_same_command(data_dir, tmp_path, capsys):
    assert main.run(command(data_dir, tmp_path / "run", "expression")) == 0
    result = json.loads((tmp_path / "run" / "results.json").read_text())
    matrix = np.array(result["confusion"])
    assert list(result["expression"]) == list(facs.EXPRESSIONS)
    assert result["accuracy"] == pytest.approx(np.trace(matrix) / matrix.sum())
    parts = built(data_dir, "expression")
    labels = [
        record["expression_counts"] for record in parts.fold.prepared.metadata["parts"].values()
    ]
    assert matrix.sum(1).tolist() == labels[0]  # every key frame of part1 once
    assert "over 7 expressions" in capsys.readouterr().out
    page = (tmp_path / "run" / "report.html").read_text()
    assert "expressions on reactionet/demo_keyframes" in page and "surprise" in page


def test_a_subset_of_the_aus_is_learnt(data_dir):
    parts = built(data_dir, "data.classes=AU12+AU04", domains="R")
    assert parts.fold.names == ("AU04", "AU12")
    records = parts.fold.source("train")
    every = built(data_dir, "domains=R")
    columns = [every.fold.names.index(name) for name in parts.fold.names]
    for number in range(0, len(records), 7):
        expected = every.fold.source("train").read(number)["labels"][columns]
        np.testing.assert_array_equal(records.read(number)["labels"], expected)


def test_the_launch_config_asks_for_the_right_records():
    def config_of(argument):
        arguments = ["m", f"--config={small_run.LAUNCH}/reactionet.py:{argument}", "--workdir=x"]
        return main.parse(arguments).config

    assert config_of("expression").data.name == "reactionet/keyframes"
    demo = config_of("demo,expression")
    assert (demo.data.name, demo.optim.epochs) == ("reactionet/demo_keyframes", 60)
    assert config_of("expression,demo") == demo
    scene = config_of("scene")
    assert (scene.data.name, scene.predict) == ("reactionet/full", "stimulus")
    assert scene.scene == configs.Scene(24, "sequences", "")


def test_too_few_scenes_stop_all_folds_at_once(data_dir, tmp_path):
    wrong = {"scene.choice": "sport_show", "fold": "all"}
    with pytest.raises(InputError, match=r"scene.classes=24.*has 6 usable.*sport_show"):
        main.run(command(data_dir, tmp_path / "run", "scene", **wrong))
    assert not (tmp_path / "run").exists()
