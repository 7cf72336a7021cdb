"""Runs that start from weights, through the real command: a ViT for R and a frozen BERT for T."""

import json

import jax
import numpy as np
import pytest
import small_run
import torch
import torch_reference
import transformers
from safetensors.torch import load_file, save_file

from drr_jax import main
from drr_jax.data import tokenizer
from drr_jax.errors import InputError
from drr_jax.weights import export

TINY = {
    "domains": "RT",
    "text.encoder": "bert",
    "text.frozen": "true",
    "graph.enabled": "false",
    "contrast.enabled": "false",
    "optim.max_steps": 2,
    "log.samples": 4,
}
R, T = "model.encoders.R.weights", "model.encoders.T.weights"
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "the", "person", "video", "people"]


@pytest.fixture(scope="module")
def data_dir(rendered):
    return rendered


@pytest.fixture(scope="module")
def face(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("face")
    state = torch_reference.ViT(heads=6, features=24, depth=1, image_size=32).state_dict()
    save_file(state, folder / "model.safetensors")
    return folder


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("text")
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    sizes |= {"intermediate_size": 32, "vocab_size": len(WORDS)}
    transformers.BertModel(transformers.BertConfig(**sizes)).save_pretrained(folder)
    tokenizer.save_tokenizer(tokenizer.tokenizer_of(WORDS), folder / tokenizer.TOKENIZER_FILE)
    return folder


def parse(data_dir, workdir, *arguments, **changes):
    config = small_run.config(data_dir, **TINY | changes)
    return main.parse(["main", f"--config={config}", f"--workdir={workdir}", *arguments])


def experiment_of(data_dir, **changes):
    config = parse(data_dir, "x", **changes).config
    return small_run.experiment(config)


@pytest.fixture(scope="module")
def trained(data_dir, face, text, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("run") / "run"
    assert main.run(parse(data_dir, workdir, **{R: face, T: text})) == 0
    return workdir


def test_a_run_says_what_it_started_from_and_keeps_it(data_dir, face, text, trained, capsys):
    config = json.loads((trained / "config.json").read_text())
    assert (config["text"]["width"], config["text"]["vocabulary"]) == (16, 9)
    assert config["text"]["hidden"] == 32
    said = json.loads((trained / "run.json").read_text())["weights"]
    assert said["R"] == f"{face} (timm ViT, 18 arrays)"
    assert said["T"].startswith(f"{text} (Hugging Face BERT, ") and "pooler" in said["T"]
    for folder in (face, text):  # a run that goes on does not need them
        folder.rename(folder.with_name(f"{folder.name}-away"))
    assert main.run(parse(data_dir, trained, **{R: face, T: text})) == 0
    for folder in (face, text):
        folder.with_name(f"{folder.name}-away").rename(folder)
    assert json.loads((trained / "run.json").read_text())["weights"] == said
    assert "encoders start from" not in capsys.readouterr().err  # it went on


def test_frozen_weights_stay_and_the_others_are_trained(data_dir, face, text, trained, tmp_path):
    start = experiment_of(data_dir, **{R: face, T: text}).init().params
    export.export_run(trained, tmp_path / "out")
    end = export.load_folder(tmp_path / "out").variables["params"]
    words = transformers.BertModel.from_pretrained(text).get_input_embeddings().weight
    np.testing.assert_array_equal(start["encoder_T"]["words"]["embedding"], words.detach())
    jax.tree.map(np.testing.assert_array_equal, end["encoder_T"], dict(start["encoder_T"]))
    kernel = load_file(face / "model.safetensors")["blocks.0.attn.qkv.weight"].numpy().T
    ours = start["encoder_R"]["block0"]["attention"]["qkv"]["kernel"]
    np.testing.assert_array_equal(ours, kernel)
    trained_kernel = end["encoder_R"]["block0"]["attention"]["qkv"]["kernel"]
    assert 0 < abs(trained_kernel - kernel).max() < 0.1


def test_the_next_run_starts_from_an_export_with_heads_of_its_own(data_dir, trained, tmp_path):
    """As sets of faces alone fine-tune from ReactioNet."""
    out = tmp_path / "out"
    export.export_run(trained, out)
    end = export.load_folder(out).variables["params"]
    parts = experiment_of(data_dir, **{R: out, T: out, "seed": 5})
    state = parts.init()
    for name in ("encoder_R", "encoder_T"):
        jax.tree.map(np.testing.assert_array_equal, state.params[name], end[name])
    fresh = experiment_of(data_dir, **{R: "none", T: out, "seed": 5}).init().params
    jax.tree.map(np.testing.assert_array_equal, state.params["head_R"], fresh["head_R"])
    assert tokenizer.encode_texts(parts.tokenizer, ["a person"], 4)[0].tolist() == [2, 4, 6, 3]


def test_without_weights_the_run_says_that_too(data_dir, tmp_path, capsys):
    changes = {"domains": "R", "text.encoder": "small", "text.frozen": "false"}
    main.run(parse(data_dir, tmp_path / "run", "--mode=train", **changes))
    told = capsys.readouterr().err
    assert "encoders start from R: random initialisation\n" in told
    assert "F1 0 for thousands of steps" not in told  # the demo's optimiser is AdamW
    main.run(parse(data_dir, tmp_path / "sgd", "--mode=train", **changes, **{"optim.name": "sgd"}))
    assert "F1 0 for thousands of steps" in capsys.readouterr().err
    said = json.loads((tmp_path / "run" / "run.json").read_text())["weights"]
    assert said == {"R": "random initialisation"}


def test_an_encoder_of_descriptions_takes_weights_without_captions(data_dir, text):
    """SEV-Net reads sentences about its classes by T, whatever its domains are."""
    parts = experiment_of(data_dir, **{"model.name": "sev_net", "domains": "R", T: text})
    assert list(parts.starting_weights) == ["T"] and parts.config.text.width == 16
    assert parts.tokenizer.get_vocab_size() == len(WORDS)
    words = parts.init().params["encoder_T"]["words"]["embedding"]
    expected = transformers.BertModel.from_pretrained(text).get_input_embeddings().weight
    np.testing.assert_array_equal(words, expected.detach())


def test_wrong_weights_stop_a_run_before_anything_is_written(data_dir, text, tmp_path):
    with pytest.raises(InputError, match="a Hugging Face BERT, which has no weights for encoder"):
        main.run(parse(data_dir, tmp_path / "run", **{R: text, T: text}))
    with pytest.raises(InputError, match=r"model\.encoders\.T\.weights=nowhere: no such file"):
        main.run(parse(data_dir, tmp_path / "run", **{T: "nowhere"}))
    assert not (tmp_path / "run").exists()
