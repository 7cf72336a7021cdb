"""What stands beside the weights of image encoders is honoured, or refused in one line."""

import json
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import small_export
import small_run
import torch
import torch_reference
import transformers
from safetensors.torch import save_file

from drr_jax import config as configs
from drr_jax import config_rules, main, runs
from drr_jax.errors import InputError
from drr_jax.facs import labels
from drr_jax.models import catalog
from drr_jax.models.encoders import build as encoders
from drr_jax.weights import export, fact_keys, facts
from drr_jax.weights import load as weights

SIZE = 32
R = "model.encoders.R.weights"
HALF = "0.5+0.5+0.5"
HEADS = 6
VIT = {"encoder.backbone": "vit_s16", "encoder.width": 4, "encoder.depth": 1}
HUGGING_FACE_VIT: dict[str, Any] = {
    "hidden_size": 24,
    "num_hidden_layers": 1,
    "num_attention_heads": HEADS,
    "intermediate_size": 96,
    "image_size": SIZE,
}
PROCESSOR = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "size": {"height": 32, "width": 32}}
TIMM = {
    "architecture": "vit_small_patch16_224",
    "num_classes": 0,
    "num_features": 24,
    "global_pool": "token",
    "pretrained_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic"},
}


def config_of(**changes):
    config = configs.Config()
    for key, value in {"data.image_size": SIZE, "domains": "R", **changes}.items():
        configs.set_key(config, key, str(value))
    config_rules.validate(config)
    return config


def written(folder, **documents):
    for name, document in documents.items():
        (folder / f"{name}.json").write_text(json.dumps(document))


@pytest.fixture
def vit(tmp_path):
    """A ViT as transformers saves it, with normalisation layers of consequence."""
    torch.manual_seed(0)
    sizes: dict[str, Any] = HUGGING_FACE_VIT | {"layer_norm_eps": 1e-3, "initializer_range": 0.2}
    model = transformers.ViTModel(transformers.ViTConfig(**sizes), add_pooling_layer=False)
    model.save_pretrained(tmp_path)
    written(tmp_path, preprocessor_config=PROCESSOR)
    return model.eval()


@pytest.fixture
def timm(tmp_path):
    model = torch_reference.ViT(heads=HEADS, features=24, depth=1, image_size=SIZE)
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    return tmp_path


@pytest.fixture
def resnet(tmp_path):
    sizes: dict[str, Any] = {"embedding_size": 8, "hidden_sizes": [8, 16, 32, 64]}
    config = transformers.ResNetConfig(**sizes, depths=[2, 2, 2, 2], layer_type="basic")
    transformers.ResNetModel(config).save_pretrained(tmp_path)
    written(tmp_path, preprocessor_config=PROCESSOR)
    return tmp_path


def features(config, images):
    """What a whole system's encoder, filled with its weights, makes of grey levels of 0 to 255."""
    config = facts.with_facts(config)
    prior = labels.au_prior(labels.REACTIONET_AUS_12)
    system = catalog.build(config, len(prior), prior)
    batch = {"reaction": jnp.asarray(images)}
    variables = jax.tree.map(np.array, jax.jit(system.init)(jax.random.key(0), batch))
    weights.place(weights.plan_all(config, ("R",), {"batch_stats": {}, **variables}), variables)
    read = jax.jit(partial(system.apply, method=lambda s, b: s.features("R", b, train=False)))
    return read(variables, batch)


def test_weights_of_mean_a_half_see_images_as_their_owner_does(tmp_path, vit):
    """With ImageNet's normalisation, or epsilon 1e-6, the features are others."""
    images = np.random.default_rng(0).integers(0, 256, (2, SIZE, SIZE, 3), np.uint8)
    found = features(config_of(**VIT, **{R: tmp_path}), images)
    scaled = torch.tensor(images).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        expected = vit((scaled - 0.5) / 0.5).last_hidden_state[:, 1:].numpy()
    np.testing.assert_allclose(found.reshape(expected.shape), expected, atol=2e-4)


@pytest.mark.parametrize(
    ("changes", "mean", "std"),
    [
        ({}, HALF, HALF),
        ({"image_mean": [0.1, 0.2, 0.3]}, "0.1+0.2+0.3", HALF),
        ({"do_normalize": False}, "0+0+0", "1+1+1"),
        ({"rescale_factor": 1 / 127.5, "image_std": [1, 1, 1]}, "0.25+0.25+0.25", HALF),
        ({"do_rescale": False, "image_mean": [127.5] * 3, "image_std": [51.0] * 3}, HALF, "0.2"),
        ({"image_mean": 0.5, "image_std": 0.5, "crop_size": None, "future_key": None}, HALF, HALF),
    ],
)
def test_an_image_processor_is_honoured(resnet, changes, mean, std):
    written(resnet, preprocessor_config=PROCESSOR | changes)
    found = facts.with_facts(config_of(**{R: resnet, "encoder.width": 8})).model.encoders.R
    assert (found.mean, found.std) == (mean, std if "+" in std else "+".join([std] * 3))


def refused(config):
    with pytest.raises(InputError) as error:
        facts.with_facts(config)
    assert "\n" not in str(error.value) and len(str(error.value)) < 500
    return str(error.value)


@pytest.mark.parametrize(
    ("document", "changes", "said"),
    [
        ("preprocessor_config", {"image_mean": [0.5, 0.5]}, "image_mean is [0.5, 0.5], expected"),
        ("preprocessor_config", {"image_std": [0, 1, 1]}, "image_std is [0, 1, 1], expected three"),
        ("preprocessor_config", {"image_mean": [float("nan")] * 3}, "image_mean is [nan"),
        (
            "preprocessor_config",
            {"rescale_factor": "x"},
            "rescale_factor is 'x', expected a number",
        ),
        ("preprocessor_config", {"do_flip_channel_order": True}, "do_flip_channel_order is True"),
        ("preprocessor_config", {"rescale_factor": 0}, "rescale_factor is 0, expected a number"),
        ("preprocessor_config", {"do_normalize": 0}, "do_normalize is 0, expected true or false"),
        ("preprocessor_config", {"do_rescale": "false"}, "do_rescale is 'false', expected true"),
        ("preprocessor_config", {"do_rescale": None}, "do_rescale is None, expected true"),
        (
            "preprocessor_config",
            {"image_processor_type": "MobileViTImageProcessor"},
            "image_processor_type is 'MobileViTImageProcessor', whose defaults are not known",
        ),
        ("preprocessor_config", {"rescale_offset": True}, "rescale_offset is True, a key that no"),
        ("config", {"num_attention_heads": 3}, "num_attention_heads is 3, our encoder has 6"),
        ("config", {"hidden_act": "gelu_new"}, "hidden_act is 'gelu_new', our encoder has 'gelu'"),
        ("config", {"qkv_bias": False}, "qkv_bias is False, our encoder has True"),
        ("config", {"patch_size": 8}, "patch_size is 8, our encoder has 16"),
        ("config", {"num_hidden_layers": 2}, "num_hidden_layers is 2, our encoder has 1"),
        ("config", {"layer_norm_eps": "1e-6"}, "layer_norm_eps is '1e-6', expected"),
        ("config", {"model_type": "deit"}, "model_type is 'deit', encoder.backbone=vit_s16"),
        ("config", {"use_mask_token": True}, "use_mask_token is True, a key that no encoder"),
        ("config", {"quantization_config": {"bits": 4}}, "quantization_config is {'bits': 4}"),
    ],
)
def test_what_our_vit_is_not_is_refused(tmp_path, vit, document, changes, said):
    file = tmp_path / f"{document}.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    message = refused(config_of(**VIT, **{R: tmp_path}))
    assert message.startswith(str(file)) or "not a model's" in said
    assert said in message


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"downsample_in_bottleneck": True}, "downsample_in_bottleneck is True, our encoder has"),
        ({"downsample_in_first_stage": True}, "downsample_in_first_stage is True"),
        ({"hidden_act": "silu"}, "hidden_act is 'silu', our encoder has 'relu'"),
        ({"layer_type": "bottleneck"}, "layer_type is 'bottleneck', our encoder has 'basic'"),
        ({"depths": [3, 4, 6, 3]}, "depths is [3, 4, 6, 3], our encoder has [2, 2, 2, 2]"),
        ({"embedding_size": 16}, "embedding_size is 16, our encoder has 8"),
    ],
)
def test_what_our_resnet_is_not_is_refused(resnet, changes, said):
    file = resnet / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    assert said in refused(config_of(**{R: resnet, "encoder.width": 8}))


def test_every_key_of_transformers_configurations_is_known():
    for made, backbone in ((transformers.ViTConfig, "vit_b16"), (transformers.ResNetConfig, "")):
        shape = facts._shape(config_of(**{"encoder.backbone": backbone or "resnet50"}))
        unknown = {*made().to_dict()} - {*shape, "layer_norm_eps"} - fact_keys.HUGGING_FACE_FREE
        assert not unknown
        defaults = made().to_dict()
        assert shape == {key: defaults[key] for key in shape}
        known = fact_keys.HUGGING_FACE_DEFAULTS[made.model_type]
        assert known == {key: shape[key] for key in shape if key != "model_type"}


def test_processors_of_these_names_do_what_their_file_leaves_out():
    for name in fact_keys.PROCESSORS:
        said = getattr(transformers, f"{name}ImageProcessor")().to_dict()
        assert said["do_normalize"] and said["do_rescale"]
        assert said["rescale_factor"] == 1 / 255
        checked = ("do_normalize", "do_rescale", "rescale_factor", "image_mean", "image_std")
        assert {*said} <= {*checked, "image_processor_type"} | fact_keys.PREPROCESSOR_FREE


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("num_attention_heads", "no num_attention_heads, which means 12; our encoder has 6"),
        ("hidden_size", "no hidden_size, which means 768; our encoder has 24"),
        ("hidden_act", ""),
    ],
)
def test_a_key_that_is_left_out_has_its_owners_default(tmp_path, vit, key, said):
    file = tmp_path / "config.json"
    described = json.loads(file.read_text())
    del described[key]
    written(tmp_path, config=described)
    config = config_of(**VIT, **{R: tmp_path})
    if said:
        assert refused(config) == f"{file}: {said}"
    else:
        assert facts.with_facts(config).model.encoders.R.epsilon == 1e-3


def test_two_files_that_contradict_each_other_are_refused(timm):
    written(timm, config=TIMM, preprocessor_config=PROCESSOR)
    assert facts.with_facts(config_of(**VIT, **{R: timm})).model.encoders.R.mean == HALF
    written(timm, preprocessor_config=PROCESSOR | {"image_mean": [0.1] * 3})
    message = refused(config_of(**VIT, **{R: timm}))
    assert "preprocessor_config.json: its normalisation is {'mean': '0.1+0.1+0.1'" in message
    assert "config.json has {'mean': '0.5+0.5+0.5'" in message


@pytest.mark.parametrize("flat", [True, False])
def test_timms_configuration_is_honoured(timm, flat):
    """Newer versions of timm have two levels, older ones one."""
    said = TIMM | {"model_args": {"img_size": SIZE, "num_heads": HEADS}}
    if flat:
        said = {**said.pop("pretrained_cfg"), **said}
    written(timm, config=said)
    found = facts.with_facts(config_of(**VIT, **{R: timm})).model.encoders.R
    assert (found.mean, found.std, found.epsilon) == (HALF, HALF, 0.0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"architecture": "vit_small_patch16_clip_224"}, "architecture is 'vit_small_patch16_clip"),
        ({"architecture": "resnetaa50"}, "expects vit_small_patch16_224 or "),
        ({"global_pool": "avg"}, "global_pool is 'avg', our encoder has 'token'"),
        ({"model_args": {"act_layer": "quick_gelu"}}, "act_layer is 'quick_gelu'"),
        ({"model_args": {"num_heads": 3}}, "num_heads is 3, our encoder has 6"),
        ({"model_args": {"rope": True}}, "rope is True, a key that no encoder here can honour"),
        ({"pretrained_cfg": {"mean": [0.5], "std": [1.0]}}, "mean is [0.5], expected three"),
        ({"pretrained_cfg": {"input_size": [1, 32, 32]}}, "input_size is [1, 32, 32]"),
        ({"pretrained_cfg": 3}, "not a model's configuration"),
        ({"swizzle": 1}, "swizzle is 1, a key"),
    ],
)
def test_what_timm_says_and_we_do_not_do_is_refused(timm, changes, said):
    written(timm, config=TIMM | changes)
    assert said in refused(config_of(**VIT, **{R: timm}))


def test_weights_without_a_word_beside_them_get_imagenets_and_a_warning(timm):
    config = facts.with_facts(config_of(**VIT, **{R: timm}))
    assert encoders.normalisation(config.model.encoders.R)[0] == encoders.IMAGENET_MEAN
    (said,) = facts.assumptions(config)
    assert f"nothing beside {timm} says" in said and "model.encoders.R.mean" in said
    assert not facts.assumptions(config_of(**VIT))


def test_transformers_weights_without_their_preprocessor_need_the_users_word(tmp_path, vit):
    (tmp_path / "preprocessor_config.json").unlink()
    message = refused(config_of(**VIT, **{R: tmp_path}))
    assert "preprocessor_config.json: no such file" in message
    said = {"model.encoders.R.mean": HALF, "model.encoders.R.std": HALF}
    found = facts.with_facts(config_of(**VIT, **{R: tmp_path}, **said)).model.encoders.R
    assert (found.mean, found.epsilon) == (HALF, 1e-3)


def test_a_key_that_contradicts_the_weights_is_refused(tmp_path, vit):
    said = {"model.encoders.R.mean": "0.1+0.1+0.1", "model.encoders.R.std": HALF}
    message = refused(config_of(**VIT, **{R: tmp_path}, **said))
    assert "model.encoders.R.mean=0.1+0.1+0.1: the weights" in message and HALF in message


@pytest.mark.parametrize("prefix", ["module.", "backbone.", "module.backbone.", "_orig_mod."])
def test_a_prefix_of_all_tensors_is_cut_off_and_said(tmp_path, prefix):
    model = torch_reference.ViT(heads=HEADS, features=24, depth=1, image_size=SIZE)
    state = {f"{prefix}{name}": tensor for name, tensor in model.state_dict().items()}
    save_file(state, tmp_path / "model.safetensors")
    config = config_of(**VIT, **{R: tmp_path})
    encoder = encoders.build_image_encoder(config)
    image = jnp.zeros((1, SIZE, SIZE, 3))
    shapes = jax.eval_shape(partial(encoder.init, train=False), jax.random.key(0), image)
    variables = {"params": {"encoder_R": shapes["params"]}, "batch_stats": {}}
    plan = weights.plan_all(config, ("R",), variables)["R"]
    assert f"(timm ViT without the prefix {prefix}, 18 arrays)" in str(plan)


def test_an_exported_encoder_of_equal_shapes_and_other_heads_is_refused(tmp_path):
    """6 heads of 128 have the tensors of 12 heads of 64."""
    said = configs.Config()
    said.encoder.backbone, said.encoder.width = "vit_s16", 8
    config = config_of(**{"encoder.backbone": "vit_b16", "encoder.width": 4})
    theirs = {"config": {"encoder": vars(said.encoder)}}
    with pytest.raises(InputError, match="backbone is 'vit_s16', our encoder has 'vit_b16'"):
        facts._of_export(config, theirs, "R", tmp_path / "config.json")


def test_an_export_of_a_run_from_random_numbers_says_what_its_images_had(tmp_path):
    """Its config names no mean; an older export says nothing, and gets the warning."""
    out = small_export.write(tmp_path / "model", "classifier", "R")
    file = out / "config.json"
    described = json.loads(file.read_text())
    assert not described["config"]["model"]["encoders"]["R"]["mean"]
    encoder = described["config"]["encoder"]
    changes = {f"encoder.{key}": encoder[key] for key in ("backbone", "width", "stem")}
    config = config_of(**changes, **{R: out})
    known = facts.with_facts(config)
    assert encoders.normalisation(known.model.encoders.R) == (
        encoders.IMAGENET_MEAN,
        encoders.IMAGENET_STD,
    )
    assert known.model.encoders.R.mean and not facts.assumptions(known)
    file.write_text(json.dumps(described | {"normalisation": {"R": {"mean": [1, 2]}}}))
    with pytest.raises(InputError, match=r"normalisation of R, mean is \[1, 2\], expected three"):
        facts.with_facts(config)
    file.write_text(json.dumps(described | {"normalisation": {}}))
    assert len(facts.assumptions(facts.with_facts(config))) == 1


def test_a_run_remembers_the_normalisation_of_weights_that_are_gone(tmp_path, vit, rendered):
    """So do its export, and the run that starts from that."""
    model, workdir, out = tmp_path, tmp_path / "run", tmp_path / "out"
    tiny = {"domains": "R", "graph.enabled": "false", "contrast.enabled": "false"}
    tiny |= {"optim.max_steps": 1, "log.samples": 2, R: model}

    def start(folder, **changes):
        config = small_run.config(rendered, **tiny | changes)
        return main.parse(["main", f"--config={config}", f"--workdir={folder}", "--mode=train"])

    assert main.run(start(workdir)) == 0
    described = runs.read_file(workdir, runs.RUN_FILE)
    assert described["normalisation"] == {"R": {"mean": [0.5] * 3, "std": [0.5] * 3}}
    (model / "model.safetensors").rename(model / "away")
    (model / "preprocessor_config.json").unlink()
    assert main.run(start(workdir, **{"log.samples": 3})) == 0  # goes on, and is the same run
    kept = runs.read_file(workdir, runs.CONFIG_FILE)["model"]["encoders"]["R"]
    assert (kept["mean"], kept["epsilon"]) == (HALF, 1e-3)
    export.export_run(workdir, out)
    assert export.load_folder(out).described["normalisation"]["R"]["mean"] == [0.5] * 3
    assert "R: mean [0.5, 0.5, 0.5], deviation" in (out / "README.md").read_text()
    after = facts.with_facts(start(tmp_path / "next", **{R: out}).config).model.encoders.R
    assert (after.mean, after.std, after.epsilon) == (HALF, HALF, 1e-3)
