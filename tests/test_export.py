"""A run from weights to an exported folder and on to the next run, through the real command."""

import dataclasses
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
import torch
import torch_reference
import transformers
from safetensors.torch import load_file, save_file

from drr_jax import experiment, export, main, tokenizer, weights
from drr_jax.checkpoint import Checkpoints
from drr_jax.errors import InputError
from drr_jax.metrics import task_of
from tfds_reactionet import build
from tfds_reactionet.reactionet import demo

ROOT = Path(__file__).parent.parent
TINY = {
    "data.image_size": 32,
    "data.batch_size": 16,
    "encoder.width": 4,
    "text.width": 16,
    "text.layers": 1,
    "text.heads": 2,
    "text.vocabulary": 256,
    "head.embedding": 8,
    "head.projection": 8,
    "graph.enabled": "false",
    "contrast.enabled": "false",
    "conv": "lax",
    "optim.max_steps": 2,
    "log.samples": 4,
}
R = "model.encoders.R.weights"
T = "model.encoders.T.weights"


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    release = folder / "downloads" / "manual" / "reactionet_demo"
    demo.write_release(release, tuples=96, size=48, jobs=1, progress=False)
    build.prepare("reactionet/demo", folder, size=48, jobs=1, progress=False)
    return folder


@pytest.fixture(scope="module")
def resnet(tmp_path_factory):
    """Weights for the demo's ResNet-18 (small stem), named as torchvision's."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("resnet")
    save_file(torch_reference.ResNet18(4, "small").state_dict(), folder / "model.safetensors")
    return folder


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    """A tiny BERT in Hugging Face's files."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("bert")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "the", "person", "video", "people"]
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    sizes |= {"intermediate_size": 32, "vocab_size": len(words)}
    transformers.BertModel(transformers.BertConfig(**sizes)).save_pretrained(folder)
    tokenizer.save(tokenizer.from_vocabulary(words), folder / tokenizer.FILE)
    return folder


def parse(data_dir, workdir, *arguments, **changes):
    pairs = TINY | {"data.data_dir": data_dir} | changes
    text = ",".join(f"{key}={value}" for key, value in pairs.items())
    launch = f"--config={ROOT}/launch/reactionet.py:demo,{text}"
    return main.parse(["main", launch, f"--workdir={workdir}", *arguments])


@pytest.fixture(scope="module")
def trained(data_dir, resnet, bert, tmp_path_factory):
    """A run of R from ResNet weights and of T from a frozen BERT, evaluated."""
    workdir = tmp_path_factory.mktemp("run") / "run"
    changes = {R: resnet, T: bert, "domains": "RT", "text.encoder": "bert", "text.frozen": "true"}
    assert main.run(parse(data_dir, workdir, **changes)) == 0
    return workdir


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "model"
    export.export(trained, out)
    return out


def flat(tree):
    paths = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(p, simple=True, separator="/"): np.asarray(x) for p, x in paths}


def test_a_run_starts_from_its_weights_and_says_so(data_dir, resnet, bert, trained):
    config = json.loads((trained / "config.json").read_text())
    assert config["text"]["width"] == 16 and config["text"]["vocabulary"] == 9
    said = json.loads((trained / "run.json").read_text())["weights"]
    assert said["R"].startswith(f"{resnet} (torchvision or timm ResNet, 100 arrays, dropped bn1.")
    assert said["T"].startswith(f"{bert} (Hugging Face BERT, ") and "pooler" in said["T"]

    command = parse(data_dir, "x", **{R: resnet, "domains": "R"})
    parts = experiment.build(command.config, 0, main.find_data(command.config))
    state = parts.init()
    theirs = torch_reference.to_flax(load_file(resnet / "model.safetensors"))
    for collection, tree in (("params", state.params), ("batch_stats", state.batch_stats)):
        ours, expected = flat(tree["encoder_R"]), flat(theirs[collection])
        assert ours.keys() == expected.keys()
        for name, value in expected.items():
            np.testing.assert_array_equal(ours[name], value)


def test_a_frozen_text_encoder_leaves_training_as_it_came(trained, bert):
    with Checkpoints(trained, read_only=True) as checkpoints:
        found, step = checkpoints.read_model("checkpoints")
    assert step == 2
    text = flat(found["params"]["encoder_T"])
    words = transformers.BertModel.from_pretrained(bert).get_input_embeddings().weight
    np.testing.assert_array_equal(text["words/embedding"], words.detach())


def test_an_export_comes_back_bit_for_bit(trained, exported):
    with Checkpoints(trained, read_only=True) as checkpoints:
        saved, _ = checkpoints.read_model("checkpoints")
    back = export.load(exported)
    ours, theirs = flat(back.variables), flat(saved)
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert ours[name].dtype == value.dtype
        assert ours[name].tobytes() == value.tobytes(), name
    assert tokenizer.encode(back.tokenizer, ["a person"], 4)[0].tolist() == [2, 4, 6, 3]
    assert {path.name for path in exported.iterdir()} == {
        *("model.safetensors", "config.json", "README.md", "tokenizer.json")
    }


def test_an_exported_folder_says_what_it_is(data_dir, trained, exported, capsys):
    described = export.load(exported).described
    results = json.loads((trained / "results.json").read_text())
    assert described["classes"] == list(results[task_of(results)])
    assert (described["dataset"], described["fold"], described["step"]) == ("reactionet/demo", 0, 2)
    assert described["config"]["text"]["width"] == 16 and described["results"] == results
    assert described["tokenizer"] == "tokenizer.json" and described["selection"] == "last"
    text = (exported / "config.json").read_text()
    assert "data_dir" not in text and "manual_dir" not in text and str(data_dir) not in text
    card = (exported / "README.md").read_text()
    for name, scores in results["au"].items():
        assert f"| {name} | {scores['f1']:.3f} | {scores['accuracy']:.3f} |" in card
    assert "ask the data set's\nowners" in card and "rendered images: no person" in card
    assert f"parameters | {described['parameters']:,} |" in card and "fold 0, tested on" in card
    print(weights.show(exported))
    assert "drr_jax export" in capsys.readouterr().out.splitlines()[-1]


def test_the_next_run_starts_from_an_export_with_heads_of_its_own(data_dir, exported, tmp_path):
    """As sets of faces alone fine-tune from ReactioNet; the text encoder comes with its pieces."""
    back = export.load(exported).variables
    changes = {R: exported, T: exported, "domains": "RT", "text.encoder": "bert", "seed": 5}
    config = parse(data_dir, "x", **changes).config
    parts = experiment.build(config, 0, main.find_data(config))
    state = parts.init()
    for tree, collection in ((state.params, "params"), (state.batch_stats, "batch_stats")):
        for encoder in ("encoder_R", "encoder_T"):
            ours = flat(tree.get(encoder, {}))
            for name, value in flat(back[collection].get(encoder, {})).items():
                np.testing.assert_array_equal(ours[name], value)
    random = dataclasses.replace(config.model, encoders=type(config.model.encoders)())
    fresh = dataclasses.replace(parts, config=dataclasses.replace(config, model=random))
    for name, value in flat(fresh.init().params["head_R"]).items():
        np.testing.assert_array_equal(flat(state.params["head_R"])[name], value)
    ids = tokenizer.encode(parts.tokenizer, ["a person"], 4)
    assert ids[0].tolist() == [2, 4, 6, 3]
    plan = parts.starting_weights["R"]
    assert str(plan) == f"{exported} (drr_jax export, encoder_R, 100 arrays)"


def test_what_an_export_does_not_have_is_named(data_dir, exported):
    for changes, said in (
        ({"model.encoders.S.weights": exported, "domains": "RS"}, "it has no encoder_S, but enc"),
        ({R: exported, "encoder.width": 8}, "misshapen params/encoder_R/"),
        ({R: exported, "encoder.backbone": "resnet50"}, "missing params/encoder_R/layer1_0/bn3"),
        ({T: exported, "domains": "RT"}, "text.encoder is 'bert', the config's 'small'"),
    ):
        config = parse(data_dir, "x", **{"domains": "R"} | changes).config
        with pytest.raises(InputError) as error:
            _ = experiment.build(config, 0, main.find_data(config)).starting_weights
        assert said in str(error.value) and "\n" not in str(error.value)


def test_other_modalities_of_a_face_may_start_from_its_encoder(exported):
    """V, D and Th of another data set take encoder_R where an export has none of their own."""
    tensors = weights.tensor_file.open_weights(exported)
    for domain in ("V", "D", "Th"):
        assert weights._own_encoder(tensors, domain, "x") == "encoder_R"
    own = tensors | {"params/encoder_D/x": tensors["params/encoder_R/conv1/kernel"]}
    assert weights._own_encoder(own, "D", "x") == "encoder_D"


def test_wrong_weights_stop_a_run_before_anything_is_written(data_dir, bert, tmp_path):
    with pytest.raises(InputError, match="a Hugging Face BERT, which has no weights for encoder"):
        main.run(parse(data_dir, tmp_path / "run", **{R: bert, "domains": "R"}))
    assert not (tmp_path / "run").exists()


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "drr_jax.weights", "export", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_exports_whole_or_not_at_all(trained, tmp_path):
    out = tmp_path / "models" / "demo"
    done = command(f"--workdir={trained}", f"--out={out}", "--selection=best")
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(rf"{out}: [\d,]+ parameters, step \d+ \(best\)\n", done.stdout)
    assert export.load(out).described["selection"] == "best"
    assert [path.name for path in out.parent.iterdir()] == ["demo"]
    done = command(f"--workdir={trained}", f"--out={out}")
    assert done.returncode == 2 and "exists: expected the name of a new folder" in done.stderr
    with pytest.raises(ZeroDivisionError), export.staged(tmp_path / "new") as folder:
        (folder / "half").write_text("")
        raise ZeroDivisionError
    assert sorted(path.name for path in tmp_path.iterdir()) == ["models"]


def test_what_cannot_be_exported_is_said(trained, tmp_path):
    out = tmp_path / "out"
    for workdir, selection, said in (
        (tmp_path, None, "record.json is missing"),
        (trained, "validation", "chosen on the test part; give --selection=best or last"),
        (trained, "newest", "--selection=newest: expected last, best, validation"),
    ):
        with pytest.raises(InputError, match=said):
            export.export(workdir, out, selection)
    (tmp_path / "fold0").mkdir()
    with pytest.raises(InputError, match="holds 1 runs: name one"):
        export.export(tmp_path, out)
    assert not out.exists()


def test_damaged_exports_are_refused(exported, tmp_path):
    def edited(name, edit):
        copy = tmp_path / name
        shutil.copytree(exported, copy)
        edit(copy)
        with pytest.raises(InputError) as error:
            export.load(copy)
        assert "\n" not in str(error.value)
        return str(error.value)

    def shorten(copy):
        path = copy / "model.safetensors"
        path.write_bytes(path.read_bytes()[:-4])

    def reshape(copy):
        described = json.loads((copy / "config.json").read_text())
        described["arrays"]["params/head_R/attend/bias"]["shape"] = [3]
        (copy / "config.json").write_text(json.dumps(described))

    assert "cut short" in edited("short", shorten)
    assert "params/head_R/attend/bias" in edited("other", reshape)
    assert "No such file" in edited("none", lambda copy: (copy / "config.json").unlink())
    assert "not that of" in edited("list", lambda copy: (copy / "config.json").write_text("[]"))
    message = edited("pieces", lambda copy: (copy / "tokenizer.json").unlink())
    assert "tokenizer.json: no such file" in message


def test_a_checkpoint_with_flipped_bytes_is_passed_over(trained, tmp_path):
    """The newest whole checkpoint is exported, none if there is none."""
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    for path in (run / "checkpoints" / "2" / "state").rglob("*"):
        if path.is_file() and path.stat().st_size > 2000:
            content = bytearray(path.read_bytes())
            content[len(content) // 2] ^= 0xFF
            path.write_bytes(bytes(content))
    with pytest.raises(InputError, match="none of its checkpoints can be used"):
        export.export(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()
