"""Tables of finished runs: what is put together, what is paired, and which classes they are of."""

import csv
import io
import json
import math
from xml.etree import ElementTree

import numpy as np
import pytest
from finished_runs import read, write_run
from tables_of_runs import BP4D, collect, hits, lines_of, write_all

from drr_jax import files
from drr_jax.facs import labels as facs
from drr_jax.tables import runs as tables_runs
from drr_jax.tables import stats as tables_stats
from drr_jax.training import all_folds


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """DRR, three variants of it on the demo, and systems on BP4D; tables of all of them."""
    folder = tmp_path_factory.mktemp("runs")
    write_all(folder / "drr")
    write_all(folder / "faces", -2, domains="R")
    write_all(folder / "flat", 0, graph__enabled="false")
    write_all(folder / "hot", 3, seeds=[1], contrast__tau=0.2, optim__lr=0.02)
    write_all(
        folder / "late", 1, seeds=[0], folds=[0], model__name="late_fusion", domains="VD", **BP4D
    )
    write_all(folder / "depth", 0, model__name="classifier", domains="D", **BP4D)
    return folder, *collect(folder, "*/seed?")


def test_means_and_spreads_are_numpys(several):
    _, table, text = several
    f1 = np.array([[hits(0, s, f).mean() for f in range(3)] for s in range(3)]) / 100
    drr = table["systems"][2]
    assert (drr["system"], drr["domains"], drr["seeds"], drr["folds"]) == (
        *("DRR", "RST"),
        *("0 1 2", "0 1 2"),
    )
    assert drr["f1_mean"] == pytest.approx(f1.mean(), abs=1e-12)
    assert drr["f1_mean_sd_folds"] == pytest.approx(np.std(f1.mean(0), ddof=1), abs=1e-12)
    assert drr["f1_mean_sd_seeds"] == pytest.approx(np.std(f1.mean(1), ddof=1), abs=1e-12)
    assert drr["f1 AU12"] == pytest.approx(
        np.mean([hits(0, s, f)[6] for s in range(3) for f in range(3)]) / 100, abs=1e-12
    )
    assert drr["floor"] == pytest.approx(2 * 100 / (100 + 400))  # 100 positives of 400
    assert len(drr["runs"]) == 9
    assert f"| DRR | RST | 3 x 3 | last | {100 * f1.mean():.1f} |" in text


def test_differences_are_paired_over_seed_and_fold(several):
    _, table, text = several
    rows = {row["changed"]: row for row in table["ablation"] if row["dataset"] == "reactionet/demo"}
    assert list(rows) == [  # by the order of method 11
        "domains: RST → R",
        "graph.enabled: true → false",
        "contrast.tau: 0.07 → 0.2; optim.lr: 0.01 → 0.02",
    ]
    faces = rows["domains: RST → R"]
    assert (faces["pairs"], faces["seeds"], faces["folds"]) == (9, 3, 3)
    # Every pair differs by two points, although folds differ by nine.
    assert faces["f1_mean"] == pytest.approx(-0.02) and faces["f1_mean_better"] == 0
    assert faces["f1_mean_low"] == pytest.approx(faces["f1_mean_high"])
    one = rows["contrast.tau: 0.07 → 0.2; optim.lr: 0.01 → 0.02"]
    assert (one["pairs"], one["seeds"]) == (3, 1)
    assert one["f1_mean"] == pytest.approx(0.03) and one["f1_mean_low"] is None
    assert "| contrast.tau: 0.07 → 0.2; also optim.lr: 0.01 → 0.02 | 1 x 3 |" in text


def test_the_interval_is_students_over_seeds_of_fold_means():
    ours = np.array([[0.60, 0.52], [0.64, 0.50], [0.59, 0.55]])
    reference = np.array([[0.58, 0.51], [0.60, 0.49], [0.60, 0.52]])
    found = tables_stats.difference(ours, reference)
    by_seed = np.array([0.015, 0.025, 0.010])
    # t of 0.975 with two degrees of freedom, in closed form: 0.95 / sqrt(2 (1 - 0.9025) / 4)
    t = 0.95 * math.sqrt(2 / (1 - 0.95**2))
    assert t == pytest.approx(4.302652729911275)
    half = t * math.sqrt(((by_seed - by_seed.mean()) ** 2).sum() / 2) / math.sqrt(3)
    assert found.mean == pytest.approx(1 / 60)
    assert found.interval == pytest.approx((1 / 60 - half, 1 / 60 + half))
    assert (found.pairs, found.better, found.seeds, found.folds) == (6, 5, 3, 2)
    assert not found.decided
    assert tables_stats.difference(ours, ours - 0.01).decided
    assert tables_stats.difference(ours[:1], reference[:1]).interval is None
    with pytest.raises(ValueError, match="same seeds and folds"):
        tables_stats.difference(ours, reference[:2])


def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(2000):
        seed_effect = rng.normal(0, 0.01, (5, 1))  # which repeated folds do not average out
        each = 0.004 + seed_effect + rng.normal(0, 0.01, (5, 3))
        low, high = tables_stats.difference(0.5 + each, np.full((5, 3), 0.5)).interval or (0, 0)
        inside += low <= 0.004 <= high
    assert inside / 2000 == pytest.approx(tables_stats.LEVEL, abs=0.015)


def test_the_papers_figures_stand_beside_its_data_set_alone(several):
    _, table, text = several
    by_name = {(s["dataset"], s["system"], s["domains"]): s for s in table["systems"]}
    depth = by_name["bp4d/rgb", "ResNet-18", "D"]
    assert (depth["paper_table"], depth["paper_row"]) == (5, "ResNet-18")
    assert depth["paper_f1"] == pytest.approx(0.603)
    assert "its 12 entries average 61.73" in depth["paper_notes"]
    assert "[1] ResNet-18 (D): The printed mean 60.3 does not follow" in text
    (printed,) = lines_of(text, "| Paper: ResNet-18 | D |")
    assert printed.split(" | ")[2] == "44.6" and printed.endswith("53.3 | 60.3 [1] |")
    assert "Late fusion (VD): 1 of 3 folds; the paper's figure is the mean of all." in text
    demo = text[text.index("## reactionet/demo") :]
    assert "Rendered demo: not comparable with the paper." in demo
    assert "Paper" not in demo and not any(
        "paper_row" in s for s in table["systems"] if s["dataset"] == "reactionet/demo"
    )


def test_csv_has_a_line_a_system_and_a_line_a_contrast(several):
    folder, table, _ = several
    for name, key in (("tables.csv", "systems"), ("ablation.csv", "ablation")):
        rows = list(csv.DictReader(io.StringIO((folder / name).read_text())))
        assert len(rows) == len(table[key])
        for line, row in zip(rows, table[key], strict=True):
            assert float(line["f1_mean"]) == row["f1_mean"]  # with every bit


def test_the_page_is_whole_and_escaped(several):
    folder, *_ = several
    page = (folder / "tables.html").read_text()
    assert "http" not in page and "<script" not in page
    assert page.count("<svg") == 4 and page.count('class="warning"') == 1
    assert "graph.enabled: true → false" in page
    ElementTree.fromstring(page[page.index("<body>") : page.index("</html>")])  # all tags closed


def test_single_folds_all_folds_and_seeds_come_together(tmp_path):
    """One config, three ways of running it: one row."""
    whole = tmp_path / "all" / "seed0"
    for fold in range(3):
        write_run(whole / f"fold{fold}", hits(0, 0, fold), fold=fold)
    combined = all_folds.combine_folds(whole)
    for fold in range(3):
        write_run(tmp_path / "one" / f"s1f{fold}", hits(0, 1, fold), seed=1, fold=fold)
    # What is read or written, and how often, makes no other system.
    write_run(
        tmp_path / "one" / "s2f0", hits(0, 2, 0), seed=2, data__read_threads=5, log__samples=3
    )
    table, text = collect(tmp_path, "all/seed0", "one/*")
    (row,) = table["systems"]
    assert (row["seeds"], row["folds"], len(row["runs"])) == ("0 1", "0 1 2", 7)
    assert "DRR (RST): seed 2 fold 0 left out of the means" in text
    alone, _ = collect(tmp_path, "all/seed0")
    assert alone["systems"][0]["f1_mean"] == pytest.approx(combined["f1_mean"])
    assert alone["systems"][0]["f1_mean_sd_folds"] == pytest.approx(combined["f1_mean_std"])
    assert alone["systems"][0]["f1_mean_sd_seeds"] is None


@pytest.mark.parametrize(
    ("units", "block"),
    [
        ([(0, 0)], ((0,), (0,))),
        ([(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)], ((0, 1), (0, 1))),
        ([(0, 0), (1, 0), (2, 0), (2, 1)], ((0, 1, 2), (0,))),
        ([(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 3), (2, 0), (2, 1)], ((0, 1, 2), (0, 1))),
        ([(0, 0), (1, 1)], ((0,), (0,))),
        ([(0, 0), (0, 1), (1, 0)], ((0,), (0, 1))),
    ],
)
def test_means_are_over_a_full_rectangle_of_seeds_and_folds(units, block):
    assert tables_runs.rectangle(units) == block


def test_a_named_reference_is_the_one(several):
    folder, *_ = several
    table, text = collect(folder, "*/seed?", reference=folder / "flat" / "seed0")
    demo = [row for row in table["ablation"] if row["dataset"] == "reactionet/demo"]
    assert {row["reference"] for row in demo} == {"DRR graph.enabled=false"}
    assert "graph.enabled: false → true" in [row["changed"] for row in demo]
    assert not [row for row in table["ablation"] if row["dataset"] == "bp4d/rgb"]
    assert (
        "- The reference that was named is of another data set or task, or of other classes" in text
    )


def test_the_plain_drr_is_the_reference_else_the_first_run(tmp_path):
    write_all(tmp_path / "a", folds=[0], domains="R")
    write_all(tmp_path / "b", folds=[0], graph__enabled="false")
    write_all(tmp_path / "c", folds=[0])
    table, _ = collect(tmp_path, "*/seed?")
    assert {(r["reference"], r["reference_domains"]) for r in table["ablation"]} == {("DRR", "RST")}
    table, _ = collect(tmp_path, "a/*")
    assert not table["ablation"]


def test_the_validation_part_speaks_beside_the_test_part_where_all_runs_have_one(tmp_path):
    for name, gain, changes in (("a", 0, {}), ("b", 2, {"graph__enabled": "false"})):
        write_all(tmp_path / name, gain, folds=[0], **changes)
        for seed in range(3):
            file = tmp_path / name / f"seed{seed}" / "fold0" / "results.json"
            score = 0.5 + 0.01 * seed + gain / 50
            files.write_json(file, read(file) | {"validation_score": score})
    table, text = collect(tmp_path, "?/seed?")
    assert [row["validation_score"] for row in table["systems"]] == pytest.approx([0.51, 0.55])
    (row,) = table["ablation"]
    assert row["validation_score"] == pytest.approx(0.04)
    assert row["validation_score_low"] == pytest.approx(0.04) and row["f1_mean"] > 0
    assert "| Validation F1 | Validation F1 difference | 95 % interval |" in text
    files.write_json(file, {k: v for k, v in read(file).items() if k != "validation_score"})
    assert "Validation F1" not in collect(tmp_path, "?/seed?")[1]


def test_what_shares_no_data_seed_or_fold_is_not_paired(tmp_path):
    write_all(tmp_path / "drr", folds=[0], seeds=[0, 1])
    write_all(tmp_path / "other_seeds", folds=[0], seeds=[5, 6], domains="R")
    write_all(tmp_path / "other_data", folds=[0], domains="RS", fingerprint="0" * 16)
    table, text = collect(tmp_path, "*/seed?")
    assert not table["ablation"] and len(table["systems"]) == 3
    said = "DRR (R): not paired, has seeds 5, 6, folds 0 and the reference seeds 0, 1, folds 0"
    assert table["unpaired"] == [said]
    assert f"- {said}" in text and text.count("## reactionet/demo") == 2


def test_tasks_stand_in_tables_of_their_own(tmp_path):
    names = ["Surprise", "Fear", "Disgust"]
    write_run(tmp_path / "au", hits())
    write_run(tmp_path / "fe", [80, 60, 40], names=names, task="expression")
    table, text = collect(tmp_path, "*")
    assert [s["task"] for s in table["systems"]] == ["au", "expression"]
    expression = table["systems"][1]
    assert expression["accuracy"] == pytest.approx(0.6)
    assert expression["floor"] == pytest.approx(1 / 3)
    assert "## reactionet/demo, expressions" in text and "| Macro F1* |" in text


def test_tables_use_the_mean_over_the_classes_that_occur_and_mark_it(tmp_path):
    place = tmp_path / "fe"
    write_run(place, [80, 60, 40], names=["Surprise", "Fear", "Disgust"], task="expression")
    results = json.loads((place / "results.json").read_text())
    results["expression"]["Disgust"] |= {"positives": 0, "f1": 0.0}
    results.pop("f1_mean_occurring", None)  # of before
    (place / "results.json").write_text(json.dumps(results))
    table, text = collect(tmp_path, "*")
    f1 = [results["expression"][name]["f1"] for name in ("Surprise", "Fear")]
    assert table["systems"][0]["f1_mean_occurring"] == pytest.approx(np.mean(f1))
    assert f"| {100 * np.mean(f1):.1f} |" in text and "| Mean* |" in text
    assert "* mean over the classes that occur in the test part" in text


FOUR = ("AU04", "AU06", "AU12", "AU17")


def test_runs_on_other_classes_are_sections_of_their_own(tmp_path):
    write_all(tmp_path / "drr", folds=[0])
    write_all(tmp_path / "faces", -2, folds=[0], domains="R")
    for name, gain, domains in (("four", 0, "RST"), ("four_faces", -5, "R")):
        for seed in range(3):
            place = tmp_path / name / f"seed{seed}" / "fold0"
            write_run(
                *(place, hits(gain, seed)[:4], seed, 0),
                **{"names": FOUR, "data__classes": "AU17+AU12+AU06+AU04", "domains": domains},
            )
    table, text = collect(tmp_path, "*/seed?")
    twelve, four = "+".join(facs.REACTIONET_AUS_12), "+".join(FOUR)
    assert [row["classes"] for row in table["systems"]] == [twelve, twelve, four, four]
    assert [row["system"] for row in table["systems"]] == ["DRR"] * 4
    assert lines_of(text, "## ") == [
        "## reactionet/demo, 12 action units",
        "## reactionet/demo, 4 action units",
    ]
    found = {row["classes"]: row for row in table["ablation"]}
    assert found[twelve]["f1_mean"] == pytest.approx(-0.02)
    assert found[four]["f1_mean"] == pytest.approx(-0.05) and "f1 AU01" not in found[four]
    assert not table["unpaired"] and not table["left_out"]
    page = (tmp_path / "tables.html").read_text()
    assert "reactionet/demo, 4 action units" in page
    # A reference by name is one of its own classes; alone, a section needs no number.
    named, text = collect(tmp_path, "*/seed?", reference=tmp_path / "four" / "seed0")
    assert [row["classes"] for row in named["ablation"]] == [four]
    assert "named is of another data set or task, or of other classes: no pairs" in text
    assert "## reactionet/demo, action units" in collect(tmp_path, "four*/seed?")[1]


def test_as_many_classes_but_others_are_named(tmp_path):
    for number, names in enumerate((FOUR, ("AU01", *FOUR[1:]), FOUR[:3])):
        classes = "+".join(names)
        write_run(tmp_path / str(number), [50] * len(names), names=names, data__classes=classes)
    assert lines_of(collect(tmp_path, "?")[1], "## ") == [
        "## reactionet/demo, 4 action units (with AU04)",
        "## reactionet/demo, 4 action units (with AU01)",
        "## reactionet/demo, 3 action units",
    ]


def test_scenes_told_apart_by_other_runs_are_other_sections(tmp_path):
    names = ["sport/soccer", "sport/tennis", "film/horror"]
    for count in (2, 3):
        changes = {"task": "scene", "predict": "stimulus", "scene__classes": count}
        write_run(tmp_path / str(count), [70] * count, names=names[:count], **changes)
    titles = [f"## reactionet/demo, {count} scenes" for count in (2, 3)]
    assert lines_of(collect(tmp_path, "?")[1], "## ") == titles


def test_data_classes_is_no_switch_where_the_classes_are_the_same(tmp_path):
    write_run(tmp_path / "a", hits())
    write_run(tmp_path / "b", hits(), seed=1, data__classes="+".join(facs.REACTIONET_AUS_12))
    table, _ = collect(tmp_path, "?")
    assert [(row["system"], row["seeds"]) for row in table["systems"]] == [("DRR", "0 1")]


def test_means_over_fewer_classes_than_the_papers_are_noted(tmp_path):
    write_run(tmp_path / "a", hits()[:4], domains="VD", **BP4D | {"names": FOUR})
    said = "The paper's means are over 12 classes, those of the runs over 4: AU04, AU06"
    assert said in collect(tmp_path, "a")[1]
    write_run(tmp_path / "b", hits(), domains="VD", **BP4D)
    assert said not in collect(tmp_path, "b")[1]
