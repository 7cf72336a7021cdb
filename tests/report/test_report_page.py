"""The report of a made-up run: its sections, its numbers, nothing fetched, nothing unescaped."""

import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import small_run
from made_up_run import HOSTILE, NAMES, TIME, make_run, make_samples, scores
from PIL import Image

from drr_jax import limits, main
from drr_jax.data import split
from drr_jax.errors import InputError
from drr_jax.report import write as report
from drr_jax.report.relation_figures import agreement, relation_figure
from drr_jax.report.samples import choose_samples, load_samples, log_loss, save_samples
from drr_jax.report.time_figure import amount, bars
from drr_jax.report.tuples import heat, words
from drr_jax.training import people

NAMED = {"classes": "Action units", "prototypes": "U-SR prototypes", "examples": "tuples"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    workdir = make_run(tmp_path_factory.mktemp("one"))
    save_samples(workdir, 0, make_samples())
    report.write_report(workdir)
    return workdir


@pytest.fixture(scope="module")
def page(run: Path) -> str:
    return (run / "report.html").read_text()


def test_every_section_and_picture_is_there(run, page):
    for key, (title, _) in report.SECTIONS.items():
        heading = f'<section id="{key}">\n<h2>{title.format(**NAMED)}</h2>'
        wanted = key not in ("folds", "confusion", "people", "levels")
        assert (heading in page) == wanted and (f'<a href="#{key}">' in page) == wanted
    assert "Not shown" not in page
    names = {path.stem for path in (run / "report").iterdir()}
    assert names == {
        *("progress", "losses", "time", "f1", "radar", "relations", "adjacency", "prototype"),
        *(f"attention-{n}" for n in range(1, 5)),
    }
    for path in (run / "report").iterdir():
        with Image.open(path) as image:
            image.load()
            assert min(image.size) >= 90
    assert not list(run.rglob("*.tmp"))


def test_the_time_is_shown_in_parts_that_add_up(page):
    found = bars(TIME, steps=300)
    assert sum(found["run"].values()) == pytest.approx(sum(TIME.values()))
    assert found["run"]["start"] == 5.0
    assert found["step"] == {"input": 0.05, "step": 0.4, "host": 0.02}
    assert [amount(time) for time in (0.0123, 0.9999, 90.0, 600.0, 9000.0)] == [
        *("12.3 ms", "1 s", "90 s", "10 min", "2.5 h")
    ]
    section = page.split('<section id="time">')[1].split("</section>")[0]
    assert "data:image/png" in section and "took 6.1 s to the end of its first" in section


def test_the_page_says_who_the_model_is_worse_for(tmp_path):
    workdir = make_run(tmp_path / "run")
    results = json.loads((workdir / "results.json").read_text())
    probability, label = scores(0)
    named = [f"S{row // 20:02d}" for row in range(len(label))]
    label[:200] = 1 - np.maximum(label[:200], 0)  # of the first ten all is predicted wrong
    groups = {name: {"age": "20-29" if name < "S10" else "30-39"} for name in named}
    found = people.scores(probability, label, named, groups, False)
    (workdir / "results.json").write_text(json.dumps(results | {"people": found}))
    text = report.write_report(workdir).read_text()
    assert "Worse than for the others, by an interval below zero: age 20-29 (-0" in text
    section = text.split('<section id="people">')[1].split("</section>")[0]
    worst = min(found["subjects"], key=lambda name: found["subjects"][name]["value"])
    assert section.index("<td>20-29") < section.index("<td>30-39") < section.index(worst)
    assert "10 between are left out" in section


def test_nothing_is_fetched_and_text_is_escaped(page):
    links = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"'\s>)]+)""", page)
    assert links and all(link.startswith(("data:image/", "#")) for link in links)
    assert "http" not in re.sub(r"data:image/[^\"]+", "", page)
    assert "<script" not in page
    assert "&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt; a man &amp; his dog" in page


def test_numbers_are_those_of_the_results(run, page):
    results = json.loads((run / "results.json").read_text())
    best = json.loads((run / "results-best.json").read_text())
    for value in (results["f1_mean"], best["f1_mean"], results["all_positive_f1_mean"]):
        assert f"<b>{value:.3f}</b>" in page
    table = re.findall(r"<tr><td>(AU\d\d)[^<]*</td>(.*?)</tr>", page)
    assert [name for name, _ in table] == list(NAMES)
    for name, rest in table:
        cells = re.findall(r"<td[^>]*>([^<]*)</td>", rest)
        au = results["au"][name]
        rate = au["positives"] / au["count"]
        always = 2 * rate / (1 + rate)
        assert cells == [
            f"{au['f1']:.3f}",
            f"{best['au'][name]['f1']:.3f}",
            f"{always:.3f}",
            f"{au['f1'] - always:+.3f}",
            f"{au['accuracy']:.3f}",
            str(au["positives"]),
            str(au["count"]),
            f"{100 * rate:.1f} %",
        ]


def test_a_rendered_data_set_says_so(page, tmp_path):
    assert "Rendered demo." in page
    workdir = make_run(tmp_path / "real")
    record = json.loads((workdir / "run.json").read_text()) | {"rendered": False}
    (workdir / "run.json").write_text(json.dumps(record))
    assert "Rendered demo." not in report.write_report(workdir).read_text()


def test_the_system_its_domains_and_what_it_predicts_from_are_named(page, tmp_path):
    said = "DRR (RST), trained on reaction, stimulus and caption; tested on the face alone"
    assert said in page and "DRR (RST): action units on reactionet/demo" in page
    workdir = make_run(tmp_path / "fused")
    config = json.loads((workdir / "config.json").read_text()) | {"domains": "VTh"}
    (workdir / "config.json").write_text(json.dumps(config))
    fused = {"title": "Early fusion (VTh)", "test_inputs": ["reaction", "thermal"]}
    record = json.loads((workdir / "run.json").read_text()) | fused
    (workdir / "run.json").write_text(json.dumps(record))
    said = "visible image and thermal image; tested on visible image and thermal image"
    assert said in report.write_report(workdir).read_text()


def test_two_systems_are_held_against_each_other_on_the_same_tuples(tmp_path):
    ours, theirs = (make_run(tmp_path / name) for name in ("ours", "theirs"))
    record = json.loads((theirs / "run.json").read_text()) | {"title": "DRR (R)"}
    (theirs / "run.json").write_text(json.dumps(record))
    samples = make_samples()
    save_samples(ours, 0, samples)
    worse = samples | {"all_probability": 1 - samples["all_probability"]}
    save_samples(theirs, 0, worse)
    config = f"--config={small_run.LAUNCH}/reactionet.py:demo"
    command = ["m", config, "--mode=report", f"--workdir={ours}", f"--reference={theirs}"]
    assert main.run(main.parse(command)) == 0
    page = (ours / "report.html").read_text()
    assert "White diamonds are DRR (R)'s, of the same tuples." in page
    alone = (report.write_report(ours).parent / "report" / "radar.png").read_bytes()
    assert "diamonds" not in (ours / "report.html").read_text()
    report.write_report(ours, reference=theirs)
    assert (ours / "report" / "radar.png").read_bytes() != alone
    save_samples(theirs, 0, worse | {"all_label": 1 - samples["all_label"]})
    with pytest.raises(InputError, match="its test part has other labels"):
        report.write_report(ours, reference=theirs)
    save_samples(theirs, 0, {})
    with pytest.raises(InputError, match=f"{theirs} has no predictions of its test part"):
        report.write_report(ours, reference=theirs)
    with pytest.raises(
        InputError, match="--reference is for --mode=report, and --mode=all was given"
    ):
        main.parse(["m", config, f"--workdir={ours}", f"--reference={theirs}"])


def test_what_is_missing_is_named(tmp_path):
    workdir = make_run(tmp_path)
    for name in ("config.json", "metrics.jsonl", "results-best.json"):
        (workdir / name).unlink()
    (workdir / "report").mkdir()
    (workdir / "report" / "radar.png").write_bytes(b"of an earlier run")
    page = report.write_report(workdir).read_text()
    lines = re.findall(r'<p class="missing">([^<]*)', page)
    assert len(lines) == 3
    assert any("samples-fold" in line for line in lines)
    assert any("metrics.jsonl" in line for line in lines)
    assert any("config.json" in line for line in lines)
    assert not (workdir / "report" / "radar.png").exists()


def test_reaction_only_run_has_no_stimulus_maps(tmp_path):
    workdir = make_run(tmp_path)
    samples = make_samples()
    absent = ("attention_S", "attention_T", "caption_tokens", "all_probability")
    for key in (*absent, "relation_homophily", "relation_heterophily"):
        del samples[key]
    page = report.write_report(workdir, samples).read_text()
    assert "over the reaction" in page and "over the stimulus" not in page
    assert "from the sampled tuples" in page


def test_three_folds(tmp_path):
    workdir = make_run(tmp_path, folds=True)
    save_samples(workdir, 0, make_samples(count=9, size=48))
    page = report.write_report(workdir).read_text()
    results = json.loads((workdir / "results.json").read_text())
    row = results["au"]["AU12"]
    cells = [fold["au"]["AU12"]["f1"] for fold in results["folds"]]
    cells += [row[f"{key}{end}"] for key in ("f1", "accuracy") for end in ("", "_std", "_pooled")]
    line = "".join(f'<td class="n">{value:.3f}</td>' for value in cells)
    assert f"<tr><td>AU12 lip corner puller</td>{line}</tr>" in page
    assert "part1, part2, part3, in turn" in page
    assert f"± {results['f1_mean_std']:.3f} over folds" in page


def test_no_finished_run_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match=r"absent: no such run; .*drr_jax.main.*--workdir="):
        report.write_report(tmp_path / "absent")
    with pytest.raises(InputError, match=r"run.json is missing"):
        report.write_report(tmp_path)
    workdir = make_run(tmp_path / "unevaluated")
    (workdir / "results.json").unlink()
    with pytest.raises(InputError, match=r"results.json is missing.*--mode=evaluate"):
        report.write_report(workdir)
    (workdir / "results.json").write_text('{"au": ')
    damage = r"results.json: damaged \(line 1, column 8: it is cut off there\); drr evaluate --work"
    with pytest.raises(InputError, match=damage):
        report.write_report(workdir)
    assert not (workdir / "report.html").exists()


def test_unfinished_folds_are_named(tmp_path):
    workdir = make_run(tmp_path, folds=True)
    whole = json.loads((workdir / "results.json").read_text())
    (workdir / "results.json").unlink()
    shutil.rmtree(workdir / "fold2")
    (workdir / "fold0" / "results.json").write_text(json.dumps(whole["folds"][0]))
    goes_on = r"the same command without --mode=report goes on with them$"
    named = rf"results.json is missing.*; unfinished: fold1 and any fold after fold1; {goes_on}"
    with pytest.raises(InputError, match=named):
        report.write_report(workdir)
    (workdir / "fold1" / "results.json").write_text(json.dumps(whole["folds"][1]))
    with pytest.raises(InputError, match=rf"unfinished: any fold after fold1; {goes_on}"):
        report.write_report(workdir)
    assert not (workdir / "report.html").exists()


def test_a_broken_log_or_sample_file_is_named(tmp_path):
    workdir = make_run(tmp_path)
    (workdir / "samples-fold0.npz").write_bytes(b"PK not a zip")
    with pytest.raises(InputError, match=r"samples-fold0.npz: not readable"):
        report.write_report(workdir)
    log = workdir / "metrics.jsonl"
    log.write_text('{"loss": 1}\n' + log.read_text())
    (workdir / "samples-fold0.npz").unlink()
    with pytest.raises(InputError, match=r"metrics.jsonl line 1: expected a JSON object"):
        report.write_report(workdir)


def test_a_damaged_sample_file_is_named(tmp_path):
    path = save_samples(tmp_path, 0, make_samples(count=3, size=16))
    whole = path.read_bytes()
    method = whole.rindex(b"PK\x01\x02") + 10  # of compression, in the last entry's listing
    damaged = {
        "cut": whole[: len(whole) // 2],
        "short": whole[:-1],
        "inside": whole[:100] + b"\xff" * 100 + whole[200:],
        "method": whole[:method] + b"\x63" + whole[method + 1 :],
    }
    for contents in damaged.values():
        path.write_bytes(contents)
        with pytest.raises(InputError, match=r"samples-fold0.npz: not readable .*evaluate .*again"):
            load_samples(tmp_path)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("probability", lambda array: array[:, :-1]),
        ("all_probability", lambda array: array[:-1]),
        ("attention_R", lambda array: array[1:]),
        ("frame", lambda array: array.astype(str)),
    ],
)
def test_a_rewritten_sample_file_is_named(tmp_path, name, change):
    samples = make_samples(count=3, size=16)
    save_samples(tmp_path, 0, {**samples, name: change(samples[name])})
    with pytest.raises(InputError, match=r"samples-fold0.npz: not readable .*evaluate .*again"):
        load_samples(tmp_path)


def test_samples_that_unpack_to_too_much_are_not_read(tmp_path, monkeypatch):
    save_samples(tmp_path, 0, make_samples(count=3, size=16))
    monkeypatch.setattr(limits, "SAMPLES_BYTES", 1000)
    with pytest.raises(InputError, match="1000 at most"):
        load_samples(tmp_path)


def test_samples_are_stored_without_pickle(tmp_path):
    samples = make_samples(count=6, size=16)
    save_samples(tmp_path, 2, samples)
    stored = load_samples(tmp_path)
    assert stored is not None and set(stored) == set(samples)
    assert stored["caption"][0] == HOSTILE
    with pytest.raises(ValueError, match="pickle"):
        save_samples(tmp_path, 0, {"caption": np.array([None, "x"], object)})


def test_choice_of_samples():
    probability, label = scores(1)
    alone = np.arange(len(label))
    rows = choose_samples(probability, label, alone, 24)
    loss = log_loss(probability, label)
    assert len(set(rows.tolist())) == 24
    assert set(np.argsort(loss)[-8:]) <= set(rows.tolist())
    present = (label > 0).any(axis=1)
    assert loss[rows[:8]].max() == np.sort(loss[present])[7]
    np.testing.assert_array_equal(rows, choose_samples(probability, label, alone, 24))
    assert len(choose_samples(probability[:3], label[:3], alone, 24)) <= 3
    assert len(choose_samples(probability, np.full_like(label, -1), alone, 24)) == 0
    sequence = alone // 10
    one_each = choose_samples(probability, label, sequence, 24)
    assert len(set(sequence[one_each])) == len(one_each)
    assert one_each[0] == rows[0] and np.argmax(loss) in one_each


def test_still_images_are_samples_of_their_own():
    probability, label = scores(1)
    count = len(label)
    faces = SimpleNamespace(sequences=lambda part: [(part, "", 0, count)])
    sequence = split.sequence_numbers(faces, ["test"])
    rows = choose_samples(probability, label, sequence, 24)
    np.testing.assert_array_equal(rows, choose_samples(probability, label, np.arange(count), 24))
    assert len(rows) == 24


def test_words_join_pieces_and_drop_marks():
    tokens = ["[CLS]", "goal", "##keeper", "saves", "[SEP]", ""]
    pairs = words(tokens, np.array([0.1, 0.2, 0.3, 0.25, 0.1, 0.05]))
    assert [word for word, _ in pairs] == ["goalkeeper", "saves"]
    assert [value for _, value in pairs] == pytest.approx([0.5, 0.25])


def test_agreement_of_prior_and_prototypes():
    prior = np.eye(3)
    prior[0, 1] = prior[1, 0] = 1
    learned = np.array([[1, 0.9, 0.2], [0.9, 1, 0.4], [0.2, 0.4, 1]])
    assert agreement(prior, learned) == pytest.approx((0.9, 0.3, 1.0))
    assert np.isnan(agreement(np.ones((3, 3)), learned)).all()


def test_heat_is_grey_where_nothing_is_looked_at():
    image = np.full((32, 32, 3), (200, 100, 50), np.uint8)
    attention = np.zeros((4, 4), np.float32)
    attention[0, 0] = 1
    lit = heat(image, attention).astype(int)
    assert np.ptp(lit[-1, -1]) <= 1
    assert np.ptp(lit[2, 2]) > 60
    even = heat(image, np.full((4, 4), 1 / 16, np.float32)).astype(int)
    assert np.ptp(even[16, 16]) < np.ptp(lit[2, 2])


def test_one_class_alone_has_a_relation_figure():
    """Of itself: without a pair there is no scale to be taken from pairs."""
    assert relation_figure(np.eye(1), np.eye(1), ["AU01"], "prototypes").startswith(b"\x89PNG")
