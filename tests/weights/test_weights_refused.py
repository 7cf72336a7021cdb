"""Weights that do not fit, sources that are none, and the hub's cache: what is said."""

import pytest
import torch
from other_programs import (
    SIZE,
    config_of,
    empty,
    huggingface_resnet,
    load,
    saved,
    timm_vit,
    torchvision,
)

from drr_jax.errors import InputError
from drr_jax.weights import load as weights
from drr_jax.weights import sources as weight_sources


def refused(config, size=SIZE):
    with pytest.raises(InputError) as error:
        weights.plan_all(config, "R", empty(config, size=size)[1])
    message = str(error.value)
    assert "\n" not in message and len(message) < 700
    return message


def change(state, **changes):
    for name, value in changes.items():
        name = name.replace("__", ".")
        if value is None:
            del state[name]
        else:
            state[name] = value
    return state


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"layer2__0__bn2__running_var": None}, "missing layer2.0.bn2.running_var"),
        ({"bn1__weight": None, "conv1__weight": None}, "missing "),
        ({"layer5__weight": torch.ones(2)}, "extra layer5.weight"),
        ({"fc2__weight": torch.ones(2)}, "extra fc2.weight"),
        (
            {"conv1__weight": torch.ones(8, 1, 7, 7)},
            "misshapen conv1.weight float32[8, 1, 7, 7] (expected [8, 3, 7, 7])",
        ),
        (
            {"bn1__bias": torch.ones(8, dtype=torch.int32)},
            "misshapen bn1.bias int32[8] (expected [8])",
        ),
        (
            {"bn1__bias": None, "x": torch.ones(1), "bn1__weight": torch.ones(3)},
            "missing bn1.bias; extra x; misshapen bn1.weight",
        ),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, changes, said):
    saved(tmp_path, change(torchvision("resnet18")[0], **changes))
    message = refused(config_of(**{"model.encoders.R.weights": tmp_path}))
    assert said in message and f"model.encoders.R.weights={tmp_path}" in message


@pytest.mark.parametrize(
    ("dtype", "value"), [(torch.float32, "nan"), (torch.float16, "inf"), (torch.float64, "1e300")]
)
def test_what_is_no_number_is_named(tmp_path, dtype, value):
    """Else the first step is blamed, or an evaluation that takes NaN for "no"."""
    state = torchvision("resnet18")[0]
    statistics = state["layer4.1.bn2.running_mean"].to(dtype)
    statistics[3] = float(value)
    saved(tmp_path, change(state, **{"layer4.1.bn2.running_mean": statistics}))
    with pytest.raises(InputError, match=r"layer4\.1\.bn2\.running_mean has NaN, or numbers"):
        load(config_of(**{"model.encoders.R.weights": tmp_path}))


def test_another_architecture_is_named(tmp_path):
    saved(tmp_path, torchvision("resnet50")[0])
    key = "model.encoders.R.weights"
    message = refused(config_of(**{key: tmp_path}))
    assert "not encoder.backbone=resnet18 (width 8, stem imagenet)" in message
    assert "extra" in message and " more" in message and "misshapen" in message
    message = refused(config_of(**{key: tmp_path, "encoder.backbone": "vit_s16"}))
    said = "a torchvision or timm ResNet, which has no weights for encoder.backbone=vit_s16"
    assert said in message
    saved(tmp_path, {"foo": torch.ones(2)})
    message = refused(config_of(**{key: tmp_path}))
    assert "(foo, ...) are of no known model: torchvision or timm ResNet, Hugging Face" in message


def test_positions_off_a_square_grid_are_refused(tmp_path):
    state, _ = timm_vit("vit_s16")
    state["pos_embed"] = torch.ones(1, 18, 48)
    saved(tmp_path, state)
    changes = {"encoder.backbone": "vit_s16", "encoder.depth": 2}
    message = refused(config_of(**changes, **{"model.encoders.R.weights": tmp_path}))
    assert "misshapen pos_embed float32[1, 18, 48] (expected [1, any, 48])" in message


def test_a_model_without_that_encoder_says_so(tmp_path):
    saved(tmp_path, torchvision("resnet18")[0])
    config = config_of(**{"model.encoders.S.weights": tmp_path})
    with pytest.raises(InputError, match=r"encoders\.S\.weights.*model\.name=drr has no encoder_S"):
        weights.plan_all(config, "RS", empty(config)[1])


def test_one_tensor_under_two_names_is_refused(tmp_path):
    state = huggingface_resnet("resnet18")[0]
    first = "embedder.embedder.convolution.weight"
    saved(tmp_path, state | {first: state[f"resnet.{first}"].clone()})
    assert "are one" in refused(config_of(**{"model.encoders.R.weights": tmp_path}))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("nowhere/x", "no such file or folder; expected a safetensors file"),
        ("hf:resnet", "expected hf:ORG/NAME"),
        ("hf:../../etc/passwd", "expected hf:ORG/NAME"),
    ],
)
def test_sources_that_are_none(source, said):
    message = refused(config_of(**{"model.encoders.R.weights": source}))
    assert said in message and f"model.encoders.R.weights={source}" in message


def test_a_hub_name_is_found_in_the_cache_and_never_asked_for_offline(tmp_path, monkeypatch):
    from huggingface_hub import constants

    repo = tmp_path / "models--timm--resnet18.tv_in1k"
    commit = "0123456789abcdef0123456789abcdef01234567"
    snapshot = repo / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(commit)
    saved(snapshot, torchvision("resnet18")[0])
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    weight_sources.download.cache_clear()
    key = "model.encoders.R.weights"
    _, plan, _ = load(config_of(**{key: "hf:timm/resnet18.tv_in1k"}))
    assert str(plan).startswith("hf:timm/resnet18.tv_in1k (torchvision or timm ResNet, 100 arrays")
    message = refused(config_of(**{key: "hf:timm/resnet50.tv_in1k"}))
    assert "hf:timm/resnet50.tv_in1k: neither in the cache nor to be downloaded" in message
    assert "https://huggingface.co/timm/resnet50.tv_in1k by hand and name" in message


def test_a_hubs_revision_is_taken_and_its_commit_recorded(tmp_path, monkeypatch):
    from huggingface_hub import constants

    repo, commits = tmp_path / "models--org--faces", {"main": "a" * 40, "v1.0": "b" * 40}
    (repo / "refs").mkdir(parents=True)
    for number, (name, commit) in enumerate(commits.items()):
        (repo / "refs" / name).write_text(commit)
        (repo / "snapshots" / commit).mkdir(parents=True)
        state, _ = torchvision("resnet18")
        state["bn1.bias"] = torch.full((8,), float(number))
        saved(repo / "snapshots" / commit, state)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    weight_sources.download.cache_clear()
    key = "model.encoders.R.weights"
    for source, commit in (("", "a" * 40), ("@v1.0", "b" * 40), (f"@{'b' * 40}", "b" * 40)):
        _, plan, variables = load(config_of(**{key: f"hf:org/faces{source}"}))
        assert str(plan).startswith(f"hf:org/faces{source} (torchvision or timm ResNet, 100 arrays")
        assert str(plan).endswith(f"commit {commit})")
        assert variables["params"]["bn1"]["bias"][0] == (commit[0] == "b")
    message = refused(config_of(**{key: "hf:org/faces@v2.0"}))
    assert "hf:org/faces@v2.0: neither in the cache nor to be downloaded" in message
    for bad in ("hf:org/faces@", "hf:org/faces@../x", "hf:org/faces@a@b"):
        message = refused(config_of(**{key: bad}))
        assert "expected hf:ORG/NAME, or hf:ORG/NAME@REVISION" in message
