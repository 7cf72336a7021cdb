"""Intensities by the command that learns occurrences: labels, loss, scores, report, predictions."""

import csv
import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import small_run
from prepared_faces import build, read
from raw_disfa import write_disfa

from drr_jax import config as configs
from drr_jax import config_rules, data, main, metrics, predict, tables, weights
from drr_jax.errors import InputError
from drr_jax.models import losses
from drr_jax.report import levels as report_levels
from drr_jax.report import samples
from tfds_reactionet.building.verification import verify

CODED = ("AU01", "AU02", "AU04", "AU05", "AU06", "AU09", "AU12", "AU15", "AU17", "AU20")
CODED += ("AU25", "AU26")


@pytest.fixture(scope="module")
def disfa(tmp_path_factory):
    """The data folder of a small DISFA in the official format; SN003's AU 12 has no file."""
    root = tmp_path_factory.mktemp("disfa")
    write_disfa(root / "raw" / "DISFA")
    (root / "raw/DISFA/ActionUnit_Labels/SN003/SN003_au12.txt").unlink()
    build("disfa", root / "raw", root / "data")
    return root / "data"


@pytest.fixture(scope="module")
def run(disfa, tmp_path_factory):
    """A finished run: two steps on DISFA's intensities."""
    workdir = tmp_path_factory.mktemp("run") / "run"
    assert main.run(command(disfa, workdir)) == 0
    return workdir


def config_of(disfa, **changes):
    keys = {"fold": 1, "data.batch_size": 8, "optim.max_steps": 2, "log.samples": 3, **changes}
    keys = {"data.classes": "AU01+AU06+AU26", **keys}
    return small_run.config(disfa, "intensity", "disfa", **keys)


def command(disfa, workdir, **changes):
    text = config_of(disfa, **changes)
    return main.parse(["main", f"--config={text}", f"--workdir={workdir}"])


def read_fold(disfa, **changes):
    config = command(disfa, "x", **changes).config
    prepared = data.open_dataset(data.find_data(config))
    return data.read_fold(config, prepared, int(config.fold))


def test_labels_are_the_stored_intensities_and_what_is_unknown_is_masked(disfa):
    fold = read_fold(disfa, **{"data.classes": ""})
    assert fold.names == CODED and fold.class_weights.tolist() == [1] * 12
    stored = read(fold.prepared.directory)
    unknown = 0
    for which in ("train", "test"):
        source = fold.source(which)
        for number in range(len(source)):
            truth = stored[source.identity(number)]["au"]["intensity"]
            label = source.read(number)["labels"]
            assert label.dtype == np.float32
            np.testing.assert_array_equal(label, np.where(np.isnan(truth), -1, truth))
            unknown += int((label < 0).sum())
    assert unknown == 5  # of SN003's AU 12
    config = command(disfa, "x").config
    (batch, *_) = data.eval_dataset(fold.source("test"), config, None)
    assert batch["labels"].dtype == np.float32 and (batch["labels"][batch["index"] < 0] == -1).all()


def test_the_loss_is_a_masked_mean_square_and_the_contrast_sees_occurrence(monkeypatch):
    levels = jnp.array([[0.0, 3, -1], [-1, -1, -1], [5, 1.5, 2]])
    values = jnp.array([[1.0, 1, 9], [4, 4, 4], [-1, 1.5, 6]])
    weights = jnp.array([1.0, 2, 1])
    expected = np.mean([(1 + 2 * 4) / 2, 0, (36 + 0 + 16) / 3])
    assert float(losses.masked_mse(values, levels, weights)) == pytest.approx(expected)
    gradient = jax.grad(losses.masked_mse)(values, levels, weights)
    assert gradient[0, 2] == 0 and not np.asarray(gradient[1]).any()
    assert gradient[2, 2] > 0 > gradient[2, 0]  # beyond 0 and 5, too
    assert losses.occurrence(levels).tolist() == [[0, 1, -1], [-1, -1, -1], [1, 0, 1]]
    seen = []
    monkeypatch.setattr(losses, "contrastive", lambda z, labels, *_: seen.append(labels) or 0.0)
    outputs = {"logits": {"R": values}, "projections": {}}
    rest = weights, jnp.eye(3), configs.Loss(), configs.Contrast()
    _, terms = losses.total_loss(outputs, levels, *rest, "intensity")
    assert seen[0].tolist() == losses.occurrence(levels).tolist()
    assert float(terms["loss/R"]) == pytest.approx(expected)


def test_a_run_has_scores_and_predictions(run):
    results = json.loads((run / "results.json").read_text())
    assert list(results["intensity"]) == ["AU01", "AU06", "AU26"]
    best = json.loads((run / "results-best.json").read_text())
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    scores = [row["eval/icc_mean"] for row in rows if "eval/icc_mean" in row]
    assert best["icc_mean"] == pytest.approx(max(scores), abs=1e-6)
    with (run / "predictions.csv").open() as file:
        said = list(csv.DictReader(file))
    assert len(said) == 5 and all(0 <= float(row["AU01_r"]) <= 5 for row in said)
    known = [(float(row["AU01_r"]), float(row["AU01_label"])) for row in said]
    mse = np.mean([(p - y) ** 2 for p, y in known])
    assert results["intensity"]["AU01"]["mse"] == pytest.approx(mse, abs=1e-5)


def test_a_run_has_a_report_and_tables(run, tmp_path, capsys):
    results = json.loads((run / "results.json").read_text())
    page = (run / "report.html").read_text()
    assert "ICC(3,1)" in page and "of always saying 0" in page and "always yes" not in page
    assert '<section id="levels">' in page and '<section id="units">' not in page
    tables.write_tables([str(run)], "", tmp_path)
    printed = capsys.readouterr().out
    assert "intensities of action units" in printed and f"{results['mse_mean']:.3f}" in printed
    with (tmp_path / "tables.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert float(row["icc_mean"]) == pytest.approx(results["icc_mean"])
    # a page of several folds, here three times the same
    found = {**metrics.fold_table([results] * 3), "folds": [results] * 3}
    several = dataclasses.replace(samples.read_finished(run), results=found)
    rows = report_levels.folds(several)["rows"]
    assert rows[0][1:5] == [f"{results['intensity']['AU01']['icc']:.3f}"] * 4
    assert rows[-1]["cells"][4:6] == [f"{results['icc_mean']:.3f}", "0.000"]


def test_predictions_have_r_columns_and_no_c(disfa, run, tmp_path):
    folder = tmp_path / "model"
    weights.export_run(run, folder)
    card = (folder / "README.md").read_text()
    assert "| class | ICC(3,1) |" in card and "intensities of facial action units" in card
    model = predict.load(folder)
    assert model.highest == 5 and model.threshold == dict.fromkeys(model.names, 2.0)
    table = model.predict(np.full((2, 40, 40, 3), 120, np.uint8), faces="none")
    assert [name for name in table if name.startswith("AU")] == ["AU01_r", "AU06_r", "AU26_r"]
    assert table[["AU01_r", "AU06_r", "AU26_r"]].to_numpy().min() >= 0
    on = predict.evaluate_on(model, "disfa:part2", tmp_path / "on", str(disfa))
    own = json.loads((run / "results.json").read_text())
    assert on["icc_mean"] == pytest.approx(own["icc_mean"], abs=1e-5)


@pytest.mark.parametrize(
    ("launch", "variant", "name"),
    [
        ("disfa", "intensity", "disfa/left"),
        ("bp4d", "intensity", "bp4d/rgb"),
        ("bp4d_plus", "intensity", "bp4d_plus/rgb"),
        ("reactionet", "intensity", "reactionet/full"),
        ("reactionet", "demo,intensity", "reactionet/demo"),
    ],
)
def test_launch_files_ask_for_intensities(launch, variant, name):
    path = f"{small_run.LAUNCH}/{launch}.py:{variant}"
    config = main.parse(["main", f"--config={path}", "--workdir=x"]).config
    assert (config.task, config.data.name) == ("intensity", name)
    aus = data.declared_fold(config, 0).names
    assert len(aus) == {"disfa": 12, "reactionet": 17}.get(launch, 5)
    if len(aus) == 5:
        assert aus == ("AU06", "AU10", "AU12", "AU14", "AU17")


def test_who_cannot_learn_intensities_says_who_can():
    config = configs.Config(task="intensity", domains="R")
    config.model.name = "jaa_net"
    with pytest.raises(
        InputError, match="jaa_net learns occurrence alone; expected one of drr, cl"
    ):
        config_rules.validate(config)
    config.model.name = "classifier"
    config_rules.validate(config)


def test_sets_from_before_open_for_occurrence_and_say_what_to_do(disfa):
    fold = read_fold(disfa)
    metadata = {k: v for k, v in fold.prepared.metadata.items() if k != "graded_aus"}
    before = dataclasses.replace(fold.prepared, metadata=metadata)
    assert before.classes("au") == fold.prepared.classes("au")
    with pytest.raises(InputError, match=r"before intensities were counted.*--overwrite"):
        before.classes("intensity")
    none = dataclasses.replace(before, metadata={**metadata, "graded_aus": []})
    with pytest.raises(InputError, match="task=intensity: data set disfa/left has labels for"):
        none.classes("intensity")


def test_an_au_that_nobody_graded_is_named(disfa):
    with pytest.raises(
        InputError, match=r"no intensity above 0 of AU12 in the test part part3; leave"
    ):
        read_fold(disfa, fold=2, **{"data.classes": ""})
    assert "verified" in verify(read_fold(disfa).prepared.directory, jobs=1, progress=False)
