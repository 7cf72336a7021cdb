"""The report of a made-up run: its sections, its numbers, nothing fetched, nothing unescaped."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drr_jax import facs, metrics, report
from drr_jax.errors import InputError
from drr_jax.report_relations import agreement
from drr_jax.report_run import choose_samples, load_samples, log_loss, save_samples
from drr_jax.report_tuples import heat, words

NAMES = facs.REACTIONET_AUS_12
HOSTILE = '<script>alert("x")</script> a man & his dog'


def scores(seed: int, rows: int = 600) -> tuple[np.ndarray, np.ndarray]:
    """Correlated labels and probabilities that follow them, some better than others."""
    rng = np.random.default_rng(seed)
    prior = np.asarray(facs.au_prior(NAMES), float)
    latent = rng.normal(size=(rows, 12)) @ (0.35 * prior + 0.4 * np.eye(12))
    cut = [np.quantile(latent[:, n], 0.65 + 0.02 * n) for n in range(12)]
    label = (latent > cut).astype(np.int8)
    logit = (2.2 * label - 1.4) * np.linspace(1.3, 0.5, 12) + rng.normal(size=(rows, 12))
    label[rng.random((rows, 12)) < 0.02] = -1
    return (1 / (1 + np.exp(-logit))).astype(np.float32), label


def face(rng: np.random.Generator, size: int) -> np.ndarray:
    """A disc with eyes and a mouth on a plain ground: enough to see where a map lies."""
    y, x = np.mgrid[:size, :size] / size - 0.5
    image = np.empty((size, size, 3))
    image[:] = rng.integers(60, 200, 3)
    image[x**2 / 0.12 + y**2 / 0.19 < 1] = rng.integers(120, 230, 3)
    for side in (-0.15, 0.15):
        image[(x - side) ** 2 + 2 * (y + 0.1) ** 2 < 0.003] = 30
    image[x**2 / 0.02 + (y - 0.22) ** 2 / 0.002 < 1] = (150, 40, 40)
    return image.astype(np.uint8)


def make_samples(seed: int = 0, count: int = 24, size: int = 96) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    probability, label = scores(seed)
    rows = choose_samples(probability, label, np.arange(len(label)), count)
    blocks = rng.integers(0, 255, (len(rows), 8, 8, 3), np.uint8)
    cell = np.stack(np.mgrid[:8, :8], -1) + 0.5

    def attention() -> np.ndarray:
        centre = rng.uniform(1.5, 6.5, (len(rows), 1, 1, 12, 2))
        bump = np.exp(-((cell[:, :, None] - centre) ** 2).sum(-1) / rng.uniform(2, 8)) + 0.02
        return (bump / bump.sum((1, 2), keepdims=True)).astype(np.float32)

    caption = "a man in a red shirt kicks the ball past the goal##keeper while the crowd cheers"
    tokens = np.zeros((len(rows), 32), "<U16")
    split = ["[CLS]", *caption.replace("##", " ##").split(), "[SEP]"]
    tokens[:, : len(split)] = split
    over = rng.dirichlet(np.full(len(split), 0.5), (len(rows), 12)).transpose(0, 2, 1)
    prototype = np.maximum(0, rng.normal(size=(12, 64)) + 0.8 * rng.normal(size=64))
    prototype = (np.asarray(facs.au_prior(NAMES), float) + 2 * np.eye(12)) @ prototype
    unit = prototype / np.linalg.norm(prototype, axis=1, keepdims=True)
    prior = np.asarray(facs.au_prior(NAMES), np.float32)
    return {
        "reaction": np.stack([face(rng, size) for _ in rows]),
        "stimulus": np.kron(blocks, np.ones((1, size // 8, size // 8, 1), np.uint8)),
        "caption": np.array([HOSTILE] + [caption.replace("##", "")] * (len(rows) - 1)),
        "caption_tokens": tokens,
        "attention_R": attention(),
        "attention_S": attention(),
        "attention_T": np.pad(over, ((0, 0), (0, 32 - len(split)), (0, 0))).astype(np.float32),
        "probability": probability[rows],
        "label": label[rows],
        "sequence": np.array([f"sport/soccer/task_{i % 5:02d}/seq_{i:03d}" for i in rows]),
        "frame": np.asarray(rows) * 7,
        "prototype": prototype.astype(np.float32),
        "prototype_relation": (unit @ unit.T).astype(np.float32),
        "relation_homophily": np.kron(np.ones((3, 3), np.float32), np.eye(12, dtype=np.float32)),
        "relation_heterophily": np.kron(np.ones((3, 3), np.float32), prior),
        "all_probability": probability,
        "all_label": label,
    }


def result(seed: int, fold: int) -> dict:
    probability, label = scores(seed)
    total = np.asarray(metrics.counts(probability, label, np.ones(len(label))))
    head = {"dataset": "reactionet/demo", "fold": fold, "selection": "last", "step": 300}
    return head | metrics.summary(total, NAMES)


def make_run(workdir: Path, folds: bool = False) -> Path:
    workdir.mkdir(exist_ok=True, parents=True)

    def write(name: str, value: dict) -> None:
        (workdir / name).write_text(json.dumps(value))

    config = {"data": {"name": "reactionet/demo", "batch_size": 64}, "domains": "RST"}
    config |= {"predict": "reaction", "seed": 0}
    write("config.json", config)
    record = {
        "dataset": "reactionet/demo",
        "version": "1.0.0",
        "fingerprint": "9f2c" * 16,
        "rendered": True,
        "title": "DRR (RST)",
        "test_inputs": ["reaction"],
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "device": "1 x cpu",
        "jax": "0.10.2",
        "python": "3.11.2",
        "started": "2026-11-23T18:40:00+00:00",
        "seconds": 187.4,
        "steps": 300,
        "parameters": 3_145_728,
        "test_parts": ["part1", "part2", "part3"] if folds else ["part1"],
        "au_names": list(NAMES),
        "class_prior": np.asarray(facs.au_prior(NAMES), int).tolist(),
    }
    write("run.json", record)
    if folds:
        each = [result(seed, seed) for seed in range(3)]
        head = {"dataset": "reactionet/demo", "fold": "all", "selection": "last", "folds": each}
        write("results.json", head | metrics.fold_table(each))
    else:
        write("results.json", result(0, 0))
        write("results-best.json", result(5, 0) | {"selection": "best", "step": 250})
    places = [workdir / f"fold{k}" for k in range(3)] if folds else [workdir]
    for seed, place in enumerate(places):
        place.mkdir(exist_ok=True)
        rng = np.random.default_rng(seed)
        lines = []
        for step in range(5, 301, 5):
            fall = np.exp(-step / 120)
            part = {f"loss/{d}": 0.35 + 0.6 * fall + 0.04 * rng.normal() for d in ("R", "S", "T")}
            part |= {"loss/graph": 0.3 + 0.7 * fall, "loss/contrast": 4.5 + 1.5 * fall}
            part["loss"] = sum(part.values()) - 0.9 * part["loss/contrast"]
            part |= {"lr": 0.01 if step < 150 else 0.001, "grad_norm": 1 + 3 * fall * rng.random()}
            lines.append({"step": step, "epoch": step // 50, "steps_per_second": 1.7, **part})
            if step % 50 == 0:
                f1 = 0.74 - 0.03 * seed - 0.5 * fall
                lines.append({"step": step, "eval/f1_mean": f1, "eval/accuracy_mean": 0.8})
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (place / "metrics.jsonl").write_text(text + '{"step": 305, "lo')  # killed while writing
    return workdir


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
    for key, title in report.SECTIONS.items():
        assert (f'<section id="{key}">\n<h2>{title}' in page) == (key != "folds")
    assert "Not shown" not in page
    names = {path.stem for path in (run / "report").iterdir()}
    assert names == {
        *("progress", "losses", "f1", "radar", "relations", "adjacency", "prototype"),
        *(f"attention-{n}" for n in range(1, 5)),
    }
    for path in (run / "report").iterdir():
        with Image.open(path) as image:
            image.load()
            assert min(image.size) >= 90
    assert not list(run.rglob("*.tmp"))


def test_nothing_is_fetched_and_text_is_escaped(page):
    links = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"'\s>)]+)""", page)
    assert links and all(link.startswith(("data:image/", "#")) for link in links)
    assert "http" not in re.sub(r"data:image/[^\"]+", "", page)
    assert "<script" not in page
    assert "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; a man &amp; his dog" in page


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
    said = "visible image and thermal image; tested on reaction and thermal"
    assert said in report.write_report(workdir).read_text()


def test_what_is_missing_is_named(tmp_path):
    workdir = make_run(tmp_path)
    for name in ("config.json", "metrics.jsonl", "results-best.json"):
        (workdir / name).unlink()
    (workdir / "report").mkdir()
    (workdir / "report" / "radar.png").write_bytes(b"of an earlier run")
    page = report.write_report(workdir).read_text()
    lines = re.findall(r'<p class="missing">([^<]*)', page)
    assert len(lines) == 7
    assert sum("samples-fold" in line for line in lines) == 5
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
    with pytest.raises(InputError, match=r"results.json: not JSON"):
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
    with pytest.raises(InputError, match=r"metrics.jsonl:1: not a log line"):
        report.write_report(workdir)


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
