"""The report of scenes, a plain classifier, depth and thermal images, a validation part."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from made_up_run import NAMES, make_run, make_samples

from drr_jax import metrics
from drr_jax.report import confusion as report_confusion
from drr_jax.report import write as report
from drr_jax.report.figures import clear_of
from drr_jax.report.samples import choose_samples, log_loss

KINDS = {
    "sport": "basketball boxing cycling golf skating soccerball swimming tennis volleyball",
    "show": "concert_show fashion_show magic_show talent_show talk_show",
    "film": "action comedy horror romance",
    "object": "food_related_content instrument_related_content living_organism_related_content",
    "interview_public_speech": "interview news speech",
}
SCENES = [f"{scene}/{kind}" for scene, kinds in KINDS.items() for kind in kinds.split()]


def change(path: Path, **values) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def scene_run(workdir: Path, folds: int = 1) -> tuple[Path, np.ndarray]:
    """A run of 24 scenes; returns its folder and the confusion matrix, of all folds."""
    make_run(workdir)
    rng = np.random.default_rng(3)
    matrices = []
    for _ in range(folds):
        matrix = rng.integers(0, 3, (24, 24)) + np.diag(rng.integers(10, 30, 24))
        matrix[5] = 0  # none in the test part
        matrices.append(matrix)
    head = {"dataset": "reactionet/demo", "selection": "last", "step": 300}
    each = [
        {**head, "fold": k, **metrics.softmax_summary(matrix, SCENES, "scene")}
        for k, matrix in enumerate(matrices)
    ]
    if folds > 1:
        table = metrics.fold_table(each)
        results = {**head, "fold": "all", **table, "folds": each}
    else:
        results = each[0]
    (workdir / "results.json").write_text(json.dumps(results))
    (workdir / "results-best.json").unlink()
    prior = [[float(a.split("/")[0] == b.split("/")[0]) for b in SCENES] for a in SCENES]
    change(workdir / "run.json", au_names=SCENES, class_prior=prior, test_inputs=["stimulus"])
    lines = [{"step": 5, "loss": 2.0, "loss/domain": 0.7, "lr": 0.1, "grad_norm": 1.0}]
    lines += [{"step": 10, "eval/accuracy": 0.4, "eval/f1_mean": 0.3}]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (workdir / "metrics.jsonl").write_text(text)
    return workdir, np.sum(matrices, axis=0)


def scene_samples(rows: int = 60) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(4)
    truth, chosen = rng.integers(0, 24, rows), rng.integers(0, 24, rows)
    chosen = np.where(rng.random(rows) < 0.5, truth, chosen)
    probability = (rng.dirichlet(np.ones(24), rows) + np.eye(24)[chosen]).astype(np.float32) / 2
    label = np.eye(24, dtype=np.int8)[truth]
    shown = choose_samples(probability, label, np.arange(rows), 12, task="expression")
    image = rng.integers(0, 255, (len(shown), 32, 32, 3), np.uint8)
    attention = rng.dirichlet(np.ones(16), (len(shown), 24)).reshape(len(shown), 24, 4, 4)
    prototype = np.abs(rng.normal(size=(24, 16)))
    unit = prototype / np.linalg.norm(prototype, axis=1, keepdims=True)
    return {
        "reaction": image,
        "stimulus": image[::-1],
        "attention_R": attention.transpose(0, 2, 3, 1).astype(np.float32),
        "attention_S": attention.transpose(0, 3, 2, 1).astype(np.float32),
        "probability": probability[shown],
        "label": label[shown],
        "sequence": np.array([f"{SCENES[truth[i]]}/task/{i}" for i in shown]),
        "frame": shown,
        "prototype": prototype,
        "prototype_relation": unit @ unit.T,
        "relation_heterophily": np.ones((48, 48)) / 48,
        "all_probability": probability,
        "all_label": label,
    }


def test_a_scene_run_is_about_accuracy_and_confusion(tmp_path):
    workdir, matrix = scene_run(tmp_path)
    change(workdir / "config.json", domains="RS", predict="stimulus")
    samples = scene_samples()
    page = report.write_report(workdir, samples).read_text()
    accuracy, most = np.trace(matrix) / matrix.sum(), matrix.sum(1).max() / matrix.sum()
    assert "scenes on reactionet/demo" in page and "<h2>Scenes</h2>" in page
    tiles = re.findall(r"<b>([^<]*)</b><span>([^<]*)", page)
    assert tiles[0][0] == f"{accuracy:.3f}" and tiles[0][1].startswith("test accuracy, most")
    assert tiles[1] == (f"{most:.3f}", "accuracy of the most frequent class, the floor to beat")
    assert "always says yes" not in page and "Always yes" not in page
    assert 'id="confusion"' in page and 'id="radar"' not in page and "Not shown" not in page
    assert (workdir / "report" / "confusion.png").exists()
    row = re.search(r"<tr><td>sport / basketball</td>(.*?)</tr>", page)
    assert row
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", row[1])
    hit, claimed, present = matrix[0, 0], matrix[:, 0].sum(), matrix[0].sum()
    f1 = 2 * hit / (claimed + present)
    assert cells[:4] == [*(f"{x:.3f}" for x in (f1, hit / claimed, hit / present)), str(present)]
    assert " R takes part in training only, not in predicting." in page
    truth = samples["label"].argmax(1)
    wrong = samples["probability"].argmax(1) != truth
    assert wrong.any() and "taken for" in page and "it was" in page
    assert "predicted, not present" in page
    assert "Classes without a record (1) count as 0 in the mean." in page
    assert "An empty row has no records." in page


def test_scene_folds_are_pooled_in_the_confusion(tmp_path):
    workdir, matrix = scene_run(tmp_path, folds=2)
    page = report.write_report(workdir, scene_samples()).read_text()
    results = json.loads((workdir / "results.json").read_text())
    assert results["confusion"] == matrix.tolist()
    cells = [fold["accuracy"] for fold in results["folds"]]
    cells += [results[f"accuracy{end}"] for end in ("", "_std", "_pooled")]
    line = "".join(f'<td class="n">{value:.3f}</td>' for value in cells)
    assert f"<td>Accuracy, most probable scene</td>{line}" in page
    assert f"± {results['accuracy_std']:.3f} over folds" in page


def test_what_a_class_is_taken_for():
    matrix = np.array([[6, 3, 1], [0, 4, 0], [0, 0, 0]])
    share = report_confusion.shares(matrix)
    np.testing.assert_allclose(share[:2], [[0.6, 0.3, 0.1], [0, 1, 0]])
    assert np.isnan(share[2]).all()
    assert report_confusion.most_taken_for(matrix, ["a", "x/b_c", "d"]) == ["x / b c 30 %", "", ""]


def test_log_loss_of_a_softmax_is_that_of_the_class_that_is_present():
    probability = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]])
    label = np.array([[1, 0, 0], [0, 0, 1], [-1, -1, -1]], np.int8)
    loss = log_loss(probability, label, softmax=True)
    np.testing.assert_allclose(loss[:2], -np.log([0.7, 0.1]))
    assert np.isnan(loss[2])


def test_a_plain_classifier_has_no_empty_sections(tmp_path):
    workdir = make_run(tmp_path)
    change(workdir / "config.json", domains="R")
    change(workdir / "run.json", title="ResNet-18 (R)")
    samples = make_samples(count=9, size=32)
    kept = ("reaction", "stimulus", "caption", "probability", "label", "sequence", "frame")
    page = report.write_report(workdir, {key: samples[key] for key in kept}).read_text()
    assert "ResNet-18 (R): action units" in page and "Not shown" not in page
    assert "trained on the reaction alone; tested on the face alone" in page
    for key in ("attention", "relations", "prototype"):
        assert f'id="{key}"' not in page and f'href="#{key}"' not in page
    assert 'id="tuples"' in page and 'alt="stimulus"' in page


def test_depth_and_thermal_images_are_shown_with_their_attention(tmp_path):
    workdir = make_run(tmp_path)
    change(workdir / "config.json", domains="VDTh", predict="fuse")
    inputs = ["reaction", "depth", "thermal"]
    change(workdir / "run.json", title="DRR (VDTh, fuse)", test_inputs=inputs)
    samples = make_samples(count=9, size=32)
    for key in ("caption_tokens", "attention_T"):
        del samples[key]
    samples["depth"], samples["thermal"] = samples["reaction"][::-1], samples["reaction"][:, ::-1]
    samples["attention_V"] = samples.pop("attention_R")
    # a sigmoid's maps: three times as much in all, and the same place
    samples["attention_D"], samples["attention_Th"] = (
        3 * samples["attention_V"],
        samples.pop("attention_S"),
    )
    page = report.write_report(workdir, samples).read_text()
    assert "Best and worst frames" in page and "tuples drawn" not in page
    for side in ("Visible V", "Depth D", "Thermal Th"):
        assert f"<th class='side'>{side}</th>" in page
    peaks = re.findall(r"peak ([\d.]+) × even", page)
    visible, depth = (
        re.findall(rf"<th class='side'>{side}</th>(.*?)</tr>", page)
        for side in ("Visible V", "Depth D")
    )
    assert peaks and visible
    for first, second in zip(visible, depth, strict=True):
        find = re.compile(r"peak ([\d.]+) × even")
        assert find.findall(first) == find.findall(second) != []
    assert "visible image (V), depth (D) and thermal image (Th)" in page
    assert "not in predicting" not in page  # all of them are
    head = re.search(r'<table class="tuples"><thead><tr>(.*?)</tr>', page)
    assert head and re.findall(r'<th class="picture">(\w+)', head[1]) == [
        "Visible",
        "Depth",
        "Thermal",
    ]
    for beside in ("<th class='side'>Caption", 'alt="stimulus"', "U-SR"):
        assert beside not in page


def test_a_sound_is_shown_as_its_spectrogram_with_its_attention(tmp_path):
    workdir = make_run(tmp_path)
    change(workdir / "config.json", domains="RSTA")
    change(workdir / "run.json", title="DRR (RSTA)", test_inputs=["reaction"])
    samples = make_samples(count=9, size=32)
    samples["audio"] = np.repeat(samples["reaction"], 2, axis=2)
    samples["attention_A"] = samples["attention_S"][:, ::2]
    samples["relation_heterophily"] = np.ones((48, 48), np.float32)
    page = report.write_report(workdir, samples).read_text()
    assert "trained on reaction, stimulus, caption and sound" in page
    assert "over reaction (R), stimulus (S), caption (T) and sound (A)" in page
    (row, *_) = re.findall(r"<th class='side'>Audio A</th>(.*?)</tr>", page)
    assert row.count("<img") > 1 and "attention of" in row and "over the audio" in row


def test_a_number_stands_clear_of_the_marks_beside_its_bar():
    assert clear_of(0.5, 0.1, np.nan) == pytest.approx(0.51)
    assert clear_of(0.5, 0.7, 0.2) == pytest.approx(0.51)
    assert clear_of(0.0, 0.043, np.nan) == pytest.approx(0.063)
    assert clear_of(0.0, 0.1, 0.043) == pytest.approx(0.12)  # past the first, into the second


def test_only_drr_has_stimulus_reaction_prototypes(tmp_path):
    workdir = make_run(tmp_path)
    change(workdir / "config.json", model={"name": "gcn"})
    page = report.write_report(workdir, make_samples(count=6, size=32)).read_text()
    assert "<h2>Class prototypes</h2>" in page and "U-SR" not in page


def test_a_validation_part_is_said_to_have_chosen(tmp_path):
    workdir = make_run(tmp_path)
    (workdir / "results-best.json").unlink()
    change(workdir / "results.json", selection="validation", validation_score=0.5, step=250)
    page = report.write_report(workdir, make_samples(count=6, size=32)).read_text()
    assert "step (250) chosen on the validation part, the test part read once" in page
    assert "Validation F1 during training" in page and "optimistic" not in page


def test_terms_of_any_system_are_drawn(tmp_path):
    workdir = make_run(tmp_path)
    lines = [
        {"step": step, "loss": 1 / step, "loss/Th": 1.0, "loss/refinement": 0.5, "lr": 0.1}
        for step in (1, 2, 3)
    ]
    (workdir / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    curves = {"": lines}
    assert report.figures.loss_terms(curves) == ["loss", "loss/Th", "loss/refinement"]
    page = report.write_report(workdir, make_samples(count=6, size=32)).read_text()
    assert "every loss term" in page and all(name in page for name in NAMES)
