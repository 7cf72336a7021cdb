"""Exported folders: bit for bit back, whole or not at all, and taken by the next run's encoders."""

import json
import re
import shutil
import subprocess
import sys

import jax
import numpy as np
import pytest
from exported_run import AUS, R, T, config_of, fill, shapes, variables_of, write_run

from drr_jax import files, runs
from drr_jax.data import tokenizer
from drr_jax.errors import InputError
from drr_jax.weights import export, tensor_file
from drr_jax.weights import load as weights
from drr_jax.weights import sources as weight_sources
from drr_jax.weights.command import show


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("run") / "run", config_of())


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "model"
    export.export_run(run, out)
    return out


def flat(tree):
    paths = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(p, simple=True, separator="/"): np.asarray(x) for p, x in paths}


def test_an_export_comes_back_bit_for_bit(exported):
    back = export.load_folder(exported)
    ours, theirs = flat(back.variables), flat(variables_of(config_of(), 7))
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert ours[name].dtype == value.dtype and ours[name].tobytes() == value.tobytes(), name
    assert tokenizer.encode_texts(back.tokenizer, ["a person"], 4)[0].tolist() == [2, 4, 5, 3]
    files = {"model.safetensors", "config.json", "README.md", "tokenizer.json"}
    assert {path.name for path in exported.iterdir()} == files
    assert exported.stat().st_mode & 0o777 == exported.parent.stat().st_mode & 0o777 | 0o055


def test_it_says_what_it_is(run, exported):
    described = export.load_folder(exported).described
    assert described["classes"] == list(AUS) and described["config"]["encoder"]["width"] == 4
    assert (described["dataset"], described["fold"], described["step"]) == ("reactionet/demo", 0, 7)
    assert described["results"] == json.loads((run / "results.json").read_text())
    sizes = [leaf.size for leaf in jax.tree.leaves(shapes(config_of())["params"])]
    assert described["parameters"] == sum(sizes)
    text = (exported / "config.json").read_text()
    assert "data_dir" not in text and "manual_dir" not in text
    card = (exported / "README.md").read_text()
    # AU02: tp 5, fp 6, fn 7, tn 8
    assert f"| AU02 | {10 / 23:.3f} | {13 / 26:.3f} | 12 of 26 |" in card
    assert f"| parameters | {sum(sizes):,} |" in card and "fold 0, tested on part1" in card
    assert "rendered images: no person" in card and "started from | R: random init" in card
    assert "may not be redistributable: ask the data set's\nowners" in card
    assert show(exported).splitlines()[-1].startswith(f"{exported}: drr_jax export, ")


def test_the_next_run_takes_the_encoder_and_its_statistics_alone(exported):
    expected = variables_of(config_of(), 7)
    filled, plan = fill(config_of(**{R: exported}), "R")
    assert str(plan) == f"{exported} (drr_jax export, encoder_R, 100 arrays)"
    for collection in ("params", "batch_stats"):
        ours = flat(filled[collection]["encoder_R"])
        for name, value in flat(expected[collection]["encoder_R"]).items():
            np.testing.assert_array_equal(ours[name], value)
    for name in ("head_R", "encoder_T"):
        assert all((leaf == 1).all() for leaf in jax.tree.leaves(filled["params"][name]))


def test_a_text_encoder_comes_with_sizes_and_tokenizer(exported):
    config = config_of(**{T: exported, "text.width": 64, "text.max_tokens": 20})
    config.text, pieces = weight_sources.text_of(config)
    assert (config.text.width, config.text.vocabulary, config.text.max_tokens) == (8, 6, 20)
    assert tokenizer.encode_texts(pieces, ["a person"], 4)[0].tolist() == [2, 4, 5, 3]
    filled, _ = fill(config, "T")
    theirs = variables_of(config_of(), 7)["params"]["encoder_T"]
    ours = filled["params"]["encoder_T"]
    np.testing.assert_array_equal(ours["words"]["embedding"], theirs["words"]["embedding"])
    np.testing.assert_array_equal(ours["positions"], theirs["positions"][:20])


def test_other_modalities_of_a_face_may_start_from_its_encoder(exported):
    tensors = tensor_file.open_weights(exported)
    for domain in ("V", "D", "Th"):
        assert weights.own_encoder(tensors, domain, "x") == "encoder_R"
    own = tensors | {"params/encoder_D/x": tensors["params/head_R/kernel"]}
    assert weights.own_encoder(own, "D", "x") == "encoder_D"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"encoder.width": 8},
            "misshapen batch_stats/encoder_R/bn1/mean float32[4] (expected [8])",
        ),
        ({"encoder.backbone": "resnet50"}, "missing batch_stats/encoder_R/layer1_0/bn3/mean"),
        ({"encoder.backbone": "vit_s16"}, "extra batch_stats/encoder_R/bn1/mean"),
    ],
)
def test_another_encoder_is_refused(exported, changes, said):
    with pytest.raises(InputError) as error:
        fill(config_of(**{R: exported}, **changes), "R")
    assert said in str(error.value) and "\n" not in str(error.value)


def test_what_an_export_does_not_have_is_named(exported):
    tensors = tensor_file.open_weights(exported)
    with pytest.raises(InputError, match="x: it has no encoder_S, but encoder_R, encoder_T"):
        weights.own_encoder(tensors, "S", "x")
    config = config_of(**{T: exported, "text.encoder": "bert"})
    with pytest.raises(InputError, match=r"text\.encoder is 'small', the config's 'bert'"):
        weight_sources.text_of(config)


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "drr_jax.weights", "export", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_exports_what_is_asked_for(run, tmp_path):
    out = tmp_path / "models" / "demo"
    done = command(f"--workdir={run}", f"--out={out}", "--selection=best")
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(rf"{out}: [\d,]+ parameters, step 3 \(best\)\n", done.stdout)
    back = export.load_folder(out)
    assert back.described["results"]["selection"] == back.described["selection"] == "best"
    expected = variables_of(config_of(), 3)["params"]["head_R"]["kernel"]
    np.testing.assert_array_equal(back.variables["params"]["head_R"]["kernel"], expected)
    done = command(f"--workdir={run}", f"--out={out}")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "exists: expected the name of a new folder" in done.stderr


def test_it_is_written_whole_or_not_at_all(run, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write_json", full)
    with pytest.raises(InputError, match="No space left on device; make room"):
        export.export_run(run, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_without_an_evaluation_the_card_says_so(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / "results.json").unlink()
    export.export_run(tmp_path / "run", tmp_path / "out")
    assert "This checkpoint was not evaluated." in (tmp_path / "out" / "README.md").read_text()


def test_a_run_chosen_on_a_validation_part(tmp_path):
    workdir = write_run(tmp_path / "run", config_of(selection="validation"))
    assert export.export_run(workdir, tmp_path / "out").endswith("step 3 (validation)")
    with pytest.raises(InputError, match="chosen on a validation part; give --selection=valid"):
        export.export_run(workdir, tmp_path / "out2", "best")


def test_single_people_are_not_handed_on(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    kept = runs.read_file(run, "results.json")
    one = {"subjects": 1, "value": 0.3}
    groups = {"age": {"20-29": {"subjects": 2, "value": 0.5}, "80-89": one}}
    people = {"all": {"subjects": 3}, "groups": groups, "subjects": {"Maria": {"value": 0.3}}}
    runs.write_file(tmp_path / "run", "results.json", kept | {"people": people})
    export.export_run(tmp_path / "run", tmp_path / "out")
    said = export.load_folder(tmp_path / "out").described["results"]["people"]
    assert said == {"all": {"subjects": 3}, "groups": {"age": {"20-29": groups["age"]["20-29"]}}}


def test_what_cannot_be_exported_is_said(run, tmp_path):
    out = tmp_path / "out"
    for workdir, selection, said in (
        (tmp_path, None, r"record\.json is missing"),
        (run, "validation", "chosen on the test part; give --selection=best or last"),
        (run, "newest", "--selection=newest: expected last, best, validation"),
    ):
        with pytest.raises(InputError, match=said):
            export.export_run(workdir, out, selection)
    for copy, gone, said in (
        ("a", "checkpoints", "no checkpoint to export"),
        ("b", "tokenizer.json", r"tokenizer\.json is missing: this run reads captions"),
    ):
        shutil.copytree(run, tmp_path / copy)
        path = tmp_path / copy / gone
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        with pytest.raises(InputError, match=said):
            export.export_run(tmp_path / copy, out)
    (tmp_path / "fold0").mkdir()
    with pytest.raises(InputError, match="holds 1 runs: name one"):
        export.export_run(tmp_path, out)
    assert not out.exists()
