"""Weights of other programs in our encoders: same outputs, every tensor accounted for."""

import json
import subprocess
import sys

import jax
import numpy as np
import pytest
import torch
from other_programs import (
    SIZE,
    config_of,
    empty,
    huggingface_resnet,
    huggingface_vit,
    load,
    saved,
    timm_vit,
    torchvision,
)
from safetensors.torch import load_file, save_file

from drr_jax.models.encoders import vit
from drr_jax.weights import load as weights
from drr_jax.weights import tensor_file
from drr_jax.weights.command import show


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def images(size=SIZE):
    return np.random.default_rng(0).standard_normal((2, size, size, 3), np.float32)


def first_channel(x):
    return torch.tensor(x).permute(0, 3, 1, 2)


@pytest.mark.parametrize(
    ("backbone", "source", "format", "dropped"),
    [
        ("resnet18", torchvision, "torchvision or timm ResNet", {"fc.weight", "fc.bias"}),
        ("resnet50", torchvision, "torchvision or timm ResNet", {"fc.weight", "fc.bias"}),
        ("resnet18", huggingface_resnet, "Hugging Face ResNet", {"classifier.1.weight"}),
        ("resnet50", huggingface_resnet, "Hugging Face ResNet", {"classifier.1.weight"}),
        ("vit_s16", timm_vit, "timm ViT", {"head.weight", "head.bias"}),
        ("vit_s16", huggingface_vit, "Hugging Face ViT", {"classifier.weight", "classifier.bias"}),
    ],
)
def test_other_programs_encoders_give_the_same_features(
    tmp_path, backbone, source, format, dropped
):
    state, forward = source(backbone)
    save_file({name: t.contiguous() for name, t in state.items()}, tmp_path / "model.safetensors")
    depth = {"encoder.depth": 2} if backbone.startswith("vit") else {}
    key = "model.encoders.R.weights"
    apply, plan, _ = load(config_of(**{"encoder.backbone": backbone, key: tmp_path}, **depth))
    with torch.no_grad():
        expected = forward(first_channel(images())).numpy()
    features = apply(images())
    assert features.shape == expected.shape
    np.testing.assert_allclose(features, expected, atol=1e-4 * max(1, abs(expected).max()))
    assert plan.format == format and dropped <= set(plan.dropped)
    heads = {name for name in plan.dropped if "num_batches_tracked" not in name}
    assert len(heads) <= 2 and format in str(plan)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_other_precisions_become_float32(tmp_path, dtype):
    state, _ = torchvision("resnet18")
    state = {n: t.to(dtype) if t.is_floating_point() else t for n, t in state.items()}
    saved(tmp_path, state)
    _, _, variables = load(config_of(**{"model.encoders.R.weights": tmp_path}))
    kernel = variables["params"]["layer2_0"]["conv1"]["kernel"]
    expected = state["layer2.0.conv1.weight"].float().permute(2, 3, 1, 0)
    np.testing.assert_array_equal(kernel, expected)
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {np.dtype("float32")}


def test_positions_of_another_grid_are_resized(tmp_path):
    """A ViT for 64 pixels (4x4 patches) starts one for 96 (6x6); the class token's stays."""
    state, _ = timm_vit("vit_s16")
    saved(tmp_path, state)
    changes = {"encoder.backbone": "vit_s16", "encoder.depth": 2, "data.image_size": 96}
    changes["model.encoders.R.weights"] = tmp_path
    _, _, variables = load(config_of(**changes), size=96)
    expected = vit.resize_positions(state["pos_embed"][0].numpy(), 37)
    np.testing.assert_array_equal(variables["params"]["positions"], expected)


def test_depth_and_thermal_take_image_weights_as_they_are(tmp_path):
    state, forward = torchvision("resnet18")
    saved(tmp_path, state)
    with torch.no_grad():
        expected = forward(first_channel(images())).numpy()
    for domain in ("D", "Th"):
        config = config_of(domains="VDTh", **{f"model.encoders.{domain}.weights": tmp_path})
        apply, plan, _ = load(config, domain)
        np.testing.assert_allclose(apply(images()), expected, atol=1e-4 * abs(expected).max())
        assert plan.encoder == f"encoder_{domain}"


def test_jax_arrays_keep_their_sharding_and_only_the_encoder_changes(tmp_path):
    saved(tmp_path, torchvision("resnet18")[0])
    config = config_of(**{"model.encoders.R.weights": tmp_path})
    _, variables = empty(config)
    mesh = jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    everywhere = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    variables["params"]["head_R"] = {"kernel": np.ones(3, np.float32)}
    variables = jax.device_put(variables, everywhere)
    plans = weights.plan_all(config, "RS", variables)
    assert list(plans) == ["R"]
    weights.place(plans, variables)
    kernel = variables["params"]["encoder_R"]["conv1"]["kernel"]
    assert kernel.sharding == everywhere and abs(kernel).max() > 0
    np.testing.assert_array_equal(variables["params"]["head_R"]["kernel"], 1)
    described = weights.describe_origins(plans, "RS")
    assert described["S"] == "random initialisation" and described["R"] == (
        f"{tmp_path} (torchvision or timm ResNet, 100 arrays, dropped fc.bias, fc.weight, "
        "bn1.num_batches_tracked, layer1.0.bn1.num_batches_tracked and 18 more)"
    )


def test_show_lists_the_tensors(tmp_path):
    saved(tmp_path, torchvision("resnet18")[0])
    text = show(tmp_path)
    assert "layer1.0.conv1.weight" in text and "float32  [8, 8, 3, 3]" in text
    count = sum(tensor.numel() for tensor in load_file(tmp_path / "model.safetensors").values())
    last = text.splitlines()[-1]
    assert last == f"{tmp_path}: torchvision or timm ResNet, 122 tensors, {count:,} numbers"


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "drr_jax.weights", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_line_explains_itself_and_refuses_in_one_line(tmp_path):
    done = command("--help")
    assert done.returncode == 0 and "model.encoders.DOMAIN.weights" in done.stdout
    assert "export" in done.stdout and "show" in done.stdout
    (tmp_path / "x.safetensors").write_bytes(b"nothing of the kind")
    done = command("show", tmp_path / "x.safetensors")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("error: weights") and done.stderr.count("\n") == 1


MEMORY = """
import json, sys
from pathlib import Path
import jax, jax.numpy as jnp, numpy as np
from drr_jax import config as configs
from drr_jax.weights import load as weights
from drr_jax.models import encoders

# With glibc's own settings: those of the training command keep more or less of what is freed.
def status(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(key))

config = configs.Config()
config.encoder.backbone, config.encoder.depth = "vit_b16", 6
config.model.encoders.R.weights = sys.argv[1]
model = encoders.build_image_encoder(config)
image = jnp.zeros((1, 224, 224, 3))
shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), image, train=False))
arrays = jax.tree.map(lambda leaf: jnp.ones(leaf.shape, leaf.dtype), shapes["params"])
variables = jax.block_until_ready({"params": {"encoder_R": arrays}, "batch_stats": {}})
del arrays
Path("/proc/self/clear_refs").write_text("5")  # the peak starts here
before = status("VmRSS")
weights.place(weights.plan_all(config, "R", variables), variables)
jax.block_until_ready(variables)
size = sum(leaf.nbytes for leaf in jax.tree.leaves(variables))
print(json.dumps({"model": size, "more": status("VmHWM") - before}))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_the_model_is_never_in_memory_twice(tmp_path):
    """A model of 170 MB, already there, takes its weights with less than half as much more."""
    config = config_of(**{"encoder.backbone": "vit_b16", "encoder.width": 64, "encoder.depth": 6})
    _, variables = empty(config, size=224)
    arrays = {
        "params/encoder_R/" + jax.tree_util.keystr(path, simple=True, separator="/"): leaf
        for path, leaf in jax.tree_util.tree_leaves_with_path(variables["params"]["encoder_R"])
    }
    tensor_file.write_file(tmp_path / "model.safetensors", arrays, {})
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["model"] > 160e6
    assert found["more"] < 0.5 * found["model"], found
