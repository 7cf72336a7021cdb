"""Weights of other programs in our encoders: same outputs, every tensor accounted for."""

import json
import subprocess
import sys
import tempfile
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
import torch_reference
import transformers
from safetensors.torch import load_file, save_file

from drr_jax import config as configs
from drr_jax import config_rules
from drr_jax.errors import InputError
from drr_jax.models.encoders import build as encoders
from drr_jax.models.encoders import vit
from drr_jax.weights import load as weights
from drr_jax.weights import sources as weight_sources
from drr_jax.weights import tensor_file
from drr_jax.weights.command import show

SIZE = 64


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def config_of(**changes):
    config = configs.Config()
    pairs = {"encoder.width": 8, "data.image_size": SIZE, "conv": "lax"} | changes
    for key, value in pairs.items():
        configs.set_key(config, key, str(value))
    config_rules.validate(config)
    return config


def empty(config, domain="R", size=SIZE):
    """The encoder of a domain and its variables, all zero, as a whole model has them."""
    model = encoders.build_image_encoder(config)
    image = jnp.zeros((1, size, size, 3))
    shapes = jax.eval_shape(partial(model.init, train=False), jax.random.key(0), image)
    arrays = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
    variables = {"params": {}, "batch_stats": {}}
    for collection, tree in arrays.items():
        variables[collection][f"encoder_{domain}"] = tree
    return model, variables


def load(config, domain="R", size=SIZE):
    """Loads the weights a config names; returns what maps images to features, and the plan."""
    model, variables = empty(config, domain, size)
    plans = weights.plan_all(config, (domain,), variables)
    weights.place(plans, variables)
    mine = {name: tree[f"encoder_{domain}"] for name, tree in variables.items() if tree}
    return partial(jax.jit(partial(model.apply, train=False)), mine), plans[domain], mine


def images(size=SIZE):
    return np.random.default_rng(0).standard_normal((2, size, size, 3), np.float32)


def first_channel(x):
    return torch.tensor(x).permute(0, 3, 1, 2)


def randomise(model, seed=0):
    """Makes normalisation anything but the identity."""
    generator = torch.Generator().manual_seed(seed)
    for name, values in (*model.named_parameters(), *model.named_buffers()):
        if values.ndim == 1 and "tracked" not in name:
            low = 0.5 if name.endswith(("weight", "var")) else -0.3
            values.data.uniform_(low, low + 0.6, generator=generator)
    return model.eval()


def torchvision(backbone):
    build = {"resnet18": torch_reference.ResNet18, "resnet50": torch_reference.ResNet50}[backbone]
    model = randomise(build(8))
    channels = 64 if backbone == "resnet18" else 256
    head = {"fc.weight": torch.randn(5, channels), "fc.bias": torch.randn(5)}
    return model.state_dict() | head, lambda x: model(x).permute(0, 2, 3, 1)


def on_disk(model):
    """Its tensors as they are saved: in memory transformers 5 calls some of them otherwise."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        return load_file(f"{folder}/model.safetensors")


def huggingface_resnet(backbone):
    basic = backbone == "resnet18"
    model = transformers.ResNetForImageClassification(
        transformers.ResNetConfig(
            embedding_size=8,
            hidden_sizes=[8, 16, 32, 64] if basic else [32, 64, 128, 256],
            depths=[2, 2, 2, 2] if basic else [3, 4, 6, 3],
            layer_type="basic" if basic else "bottleneck",
        )
    )
    state = on_disk(randomise(model))
    return state, lambda x: model.resnet(x).last_hidden_state.permute(0, 2, 3, 1)


def grid(tokens):
    side = round((tokens.shape[1] - 1) ** 0.5)
    return tokens[:, 1:].reshape(len(tokens), side, side, -1)


def timm_vit(backbone):
    torch.manual_seed(0)
    model = torch_reference.ViT(heads=6, features=48, depth=2, image_size=SIZE).eval()
    head = {"head.weight": torch.randn(5, 48), "head.bias": torch.randn(5)}
    return model.state_dict() | head, lambda x: grid(model(x))


def huggingface_vit(backbone):
    torch.manual_seed(0)
    model = transformers.ViTForImageClassification(
        transformers.ViTConfig(
            hidden_size=48,
            num_hidden_layers=2,
            num_attention_heads=6,
            intermediate_size=192,
            image_size=SIZE,
            layer_norm_eps=1e-6,
        )
    )
    return on_disk(randomise(model)), lambda x: grid(model.vit(x).last_hidden_state)


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


def saved(folder, state, name="model.safetensors"):
    save_file({key: t.contiguous() for key, t in state.items()}, folder / name)
    return folder


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
