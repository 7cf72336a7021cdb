"""The exported relation of a made-up run: its tables, its picture, its command line."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
from graph_reference import compatibility
from made_up_run import NAMES, make_run, make_samples
from PIL import Image

from drr_jax.errors import InputError
from drr_jax.facs import labels as facs
from drr_jax.models.drr.graph import extended_adjacency
from drr_jax.report import relations
from drr_jax.report import write as report
from drr_jax.report.samples import save_samples

PRIOR = facs.au_prior(NAMES).astype(float)
GRAPH = {"assumption": "both", "het_form": "strict", "semantics": "label", "conv": "gcn"}


def run_with(workdir, prior):
    """A finished run whose heterophily branch, if it learnt, moved away from the prior."""
    make_run(workdir)
    config = json.loads((workdir / "config.json").read_text())
    config["graph"] = GRAPH | {"prior": prior}
    (workdir / "config.json").write_text(json.dumps(config))
    samples = make_samples(count=6, size=16)
    noise = np.random.default_rng(0).uniform(0.5, 1.5, (36, 36))
    for branch in ("homophily", "heterophily"):
        given = extended_adjacency(PRIOR, 3, branch)
        moved = given * (noise + noise.T) / 2
        samples[f"relation_{branch}"] = moved if prior == "learned" else given
    save_samples(workdir, 0, samples)
    return workdir, samples


def rows_of(path):
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    return header, {tuple(row[:2]): np.array(row[2:], float) for row in rows}


def test_tables_hold_every_branch_by_class_and_by_node(tmp_path):
    workdir, samples = run_with(tmp_path / "run", "learned")
    out = tmp_path / "out"
    relations.export(workdir, out)
    header, rows = rows_of(out / "relation.csv")
    assert header == ["relation", "class", *NAMES] and len(rows) == 5 * 12
    np.testing.assert_array_equal([rows["prior", name] for name in NAMES], PRIOR)
    learned = samples["relation_heterophily"]
    for i, name in enumerate(NAMES):
        for j in range(12):
            copies = [learned[d * 12 + i, e * 12 + j] for d in range(3) for e in range(3)]
            assert rows["heterophily learned", name][j] == pytest.approx(np.mean(copies), rel=1e-4)
    # The copies of a class are linked to themselves alone.
    assert rows["heterophily given", "AU01"][0] == pytest.approx(1 / 3, rel=1e-4)
    header, rows = rows_of(out / "relation-nodes.csv")
    assert header[2:] == [f"{domain} {name}" for domain in "RST" for name in NAMES]
    np.testing.assert_allclose(rows["heterophily learned", "S AU02"], learned[13], rtol=1e-4)
    assert ("homophily given", "T AU26") in rows and len(rows) == 4 * 36
    stored = json.loads((out / "relation.json").read_text())
    assert stored["classes"] == list(NAMES) and stored["graph"]["prior"] == "learned"
    branch = stored["branches"]["heterophily"]
    assert branch["learned"] and branch["used"]["nodes"] == learned.tolist()
    assert np.array_equal(branch["given"]["nodes"], extended_adjacency(PRIOR, 3, "heterophily"))
    with Image.open(out / "relation.png") as picture:
        assert min(picture.size) > 1000
    assert {path.name for path in out.iterdir()} == {
        *("relation.csv", "relation-nodes.csv", "relation.json", "relation.png")
    }


def test_compatibility_is_exported_before_and_after_training(tmp_path):
    workdir, samples = run_with(tmp_path / "run", "on")
    moved = np.random.default_rng(1).normal(0, 0.1, (12, 12))
    moved = moved - moved.mean(0) - moved.mean(1, keepdims=True) + moved.mean()
    start = {
        branch: compatibility(extended_adjacency(PRIOR, 3, branch), 12)
        for branch in ("homophily", "heterophily")
    }
    samples |= {f"compatibility_{branch}": start[branch] + moved for branch in start}
    save_samples(workdir, 0, samples)
    out = tmp_path / "out"
    relations.export(workdir, out)
    header, rows = rows_of(out / "compatibility.csv")
    assert header == ["relation", "class", *NAMES] and len(rows) == 4 * 12
    for branch in start:
        given, learned = (
            np.array([rows[f"{branch} {state}", name] for name in NAMES])
            for state in ("given", "learned")
        )
        np.testing.assert_allclose(given, start[branch] + 1 / 12, atol=2e-5)
        np.testing.assert_allclose(learned - given, moved, atol=2e-5)
        np.testing.assert_allclose(learned.sum(1), 1, atol=1e-4)
    stored = json.loads((out / "relation.json").read_text())["branches"]["heterophily"]
    np.testing.assert_allclose(stored["compatibility"]["learned"], learned, atol=1e-5)
    with Image.open(out / "compatibility.png") as picture:
        assert min(picture.size) > 700


def test_report_shows_what_was_learnt_and_only_then(tmp_path):
    for prior in ("learned", "on"):
        workdir, _ = run_with(tmp_path / prior, prior)
        page = report.write_report(workdir).read_text()
        assert ("before and after training" in page) == (prior == "learned")
        assert (workdir / "report" / "learned.png").exists() == (prior == "learned")


def test_command_line(tmp_path):
    workdir, _ = run_with(tmp_path / "run", "on")

    def command(folder):
        arguments = [f"--workdir={folder}", f"--out={tmp_path / 'out'}"]
        return subprocess.run(
            [sys.executable, "-m", "drr_jax.relations", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )

    empty = command(tmp_path)
    assert empty.returncode == 2 and empty.stderr.count("\n") == 1
    assert "run.json is missing" in empty.stderr and not (tmp_path / "out").exists()
    done = command(workdir)
    assert done.returncode == 0 and "heterophily: fixed" in done.stdout
    _, rows = rows_of(tmp_path / "out" / "relation.csv")
    given = np.array([rows["heterophily given", name] for name in NAMES])
    fixed = np.array([rows["heterophily fixed", name] for name in NAMES])
    np.testing.assert_array_equal(given, fixed)


def test_a_run_without_a_graph_is_an_input_error(tmp_path):
    workdir, samples = run_with(tmp_path / "run", "on")
    save_samples(workdir, 0, {k: v for k, v in samples.items() if "relation_" not in k})
    with pytest.raises(InputError, match=r"run: no relation was stored .*graph\.enabled=true"):
        relations.export(workdir, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nodes_are_named_by_domain_and_class():
    names = relations.figures.node_names(["AU01", "AU02"], 6, "VDTh")
    assert names == ["V AU01", "V AU02", "D AU01", "D AU02", "Th AU01", "Th AU02"]


@pytest.mark.parametrize("names", [facs.EXPRESSIONS, [f"sport/discipline_{k}" for k in range(24)]])
def test_other_classes_fit_into_the_picture(names):
    prior = np.eye(len(names))
    rows = [("none", False, prior, prior), ("heterophily", True, prior, prior * 0.5)]
    assert relations.figures.branch_figure(rows, prior, names).startswith(b"\x89PNG")
