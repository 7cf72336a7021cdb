"""Small encoders of other programs, their weights on disk, and ours that take them."""

import tempfile
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import torch
import torch_reference
import transformers
from safetensors.torch import load_file, save_file

from drr_jax import config as configs
from drr_jax import config_rules
from drr_jax.models.encoders import build as encoders
from drr_jax.weights import load as weights

SIZE = 64


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


def saved(folder, state, name="model.safetensors"):
    save_file({key: t.contiguous() for key, t in state.items()}, folder / name)
    return folder
