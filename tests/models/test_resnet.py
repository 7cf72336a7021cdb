"""The encoders against PyTorch, and both convolutions against each other."""

import jax
import numpy as np
import pytest
import torch
import torch_reference

from drr_jax.models.encoders.batch_norm import BatchNorm
from drr_jax.models.encoders.layers import conv2d, kaiming_normal, resolve_conv
from drr_jax.models.encoders.resnet import ResNet18, ResNet50
from drr_jax.runs import cpu


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def reference(width=8, stem="imagenet", seed=0, build=torch_reference.ResNet18):
    """A PyTorch ResNet in float64 whose normalisation is not the identity."""
    torch.manual_seed(seed)
    model = build(width, stem).double()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for values in (module.weight.data, module.running_var):
                values.uniform_(0.5, 1.5)
            for values in (module.bias.data, module.running_mean):
                values.normal_(0, 0.3)
    return model


def flat(tree):
    paths = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in paths}


def assert_trees_close(ours, theirs, rtol):
    """Every leaf agrees to `rtol` of its largest value."""
    ours, theirs = flat(ours), flat(theirs)
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        error = abs(ours[name] - value).max() / abs(value).max()
        assert error < rtol, (name, error)


@pytest.mark.parametrize("impl", ["lax", "im2col"])
@pytest.mark.parametrize("stem", ["imagenet", "small"])
def test_evaluation_equals_pytorch(impl, stem):
    theirs = reference(16, stem).float().eval()
    x = np.random.default_rng(0).standard_normal((2, 64, 64, 3), np.float32)
    with torch.no_grad():
        expected = theirs(torch.tensor(x).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy()
    model = ResNet18(width=16, stem=stem, conv_impl=impl)
    variables = torch_reference.to_flax(theirs.state_dict())
    features = jax.jit(lambda x: model.apply(variables, x, train=False))(x)
    assert features.shape == ((2, 2, 2, 128) if stem == "imagenet" else (2, 4, 4, 128))
    np.testing.assert_allclose(features, expected, atol=1e-5 * abs(expected).max())


@pytest.mark.parametrize("size", [64, 96])
def test_resnet50_equals_pytorch_at_evaluation(size):
    theirs = reference(8, build=torch_reference.ResNet50).float().eval()
    x = np.random.default_rng(0).standard_normal((2, size, size, 3), np.float32)
    with torch.no_grad():
        expected = theirs(torch.tensor(x).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy()
    model = ResNet50(width=8)
    variables = torch_reference.to_flax(theirs.state_dict())
    assert jax.tree.map(np.shape, variables) == jax.tree.map(
        np.shape, jax.eval_shape(lambda: model.init(jax.random.key(0), x, train=True))
    )
    features, pooled = jax.jit(
        lambda x: (
            model.apply(variables, x, train=False),
            model.apply(variables, x, train=False, method="pooled"),
        )
    )(x)
    assert features.shape == (2, size // 32, size // 32, 256)
    np.testing.assert_allclose(features, expected, atol=1e-5 * abs(expected).max())
    np.testing.assert_allclose(pooled, expected.mean((1, 2)), atol=1e-5 * abs(expected).max())


@pytest.mark.parametrize("impl", ["lax", "im2col"])
def test_training_equals_pytorch(impl):
    """Features, every gradient and the running statistics, in float64: ReLU ties need it."""
    theirs = reference()
    x = np.random.default_rng(1).standard_normal((3, 64, 64, 3))
    variables = torch_reference.to_flax(theirs.state_dict())
    expected = theirs(torch.tensor(x).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    weights = np.random.default_rng(2).standard_normal(expected.shape)
    (expected * torch.tensor(weights)).sum().backward()
    gradients = {name: p.grad for name, p in theirs.named_parameters()}

    with jax.enable_x64(True):
        model = ResNet18(width=8, conv_impl=impl, dtype=np.float64)

        def loss(params):
            features, updated = model.apply(
                {**variables, "params": params}, x, train=True, mutable=["batch_stats"]
            )
            return (features * weights).sum(), (features, updated)

        grads, (features, updated) = jax.jit(jax.grad(loss, has_aux=True))(variables["params"])
    np.testing.assert_allclose(features, expected.detach(), atol=1e-9)
    assert_trees_close(grads, torch_reference.to_flax(gradients)["params"], 1e-7)
    statistics = torch_reference.to_flax(theirs.state_dict())["batch_stats"]
    assert_trees_close(updated["batch_stats"], statistics, 1e-9)


@pytest.mark.parametrize(
    ("height", "width", "size", "stride"),
    [
        *[(8, 10, 3, 1), (7, 8, 1, 1), (6, 5, 7, 1)],
        *[(9, 7, 3, 2), (8, 6, 3, 2), (16, 12, 7, 2), (9, 5, 1, 2)],
        *[(5, 8, 3, 2), (10, 16, 7, 2), (9, 15, 7, 2), (9, 8, 1, 2)],  # four pixels together
    ],
)
def test_convolutions_agree(height, width, size, stride):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((2, height, width, 5))
    kernel = rng.standard_normal((size, size, 5, 4))
    expected = torch.nn.functional.conv2d(
        torch.tensor(x).permute(0, 3, 1, 2),
        torch.tensor(kernel).permute(3, 2, 0, 1),
        stride=stride,
        padding=size // 2,
    ).permute(0, 2, 3, 1)
    grad = rng.standard_normal(expected.shape)

    def forward_and_gradients(impl):
        value, pullback = jax.vjp(lambda x, kernel: conv2d(x, kernel, stride, impl), x, kernel)
        return value, *pullback(grad)

    with jax.enable_x64(True):
        lax, im2col = forward_and_gradients("lax"), forward_and_gradients("im2col")
    np.testing.assert_allclose(lax[0], expected, atol=1e-12)
    for a, b in zip(lax, im2col, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-11)


def test_batch_norm_groups():
    """A group's examples are normalised as a batch of their own; running statistics are means."""
    rng = np.random.default_rng(4)
    x = rng.standard_normal((6, 4, 4, 3), np.float32) * np.arange(1, 7).reshape(6, 1, 1, 1)
    x = x.astype(np.float32)
    whole = BatchNorm()
    variables = whole.init(jax.random.key(0), x, train=True)
    apart = [
        whole.apply(variables, part, train=True, mutable=["batch_stats"]) for part in np.split(x, 3)
    ]
    y, updated = BatchNorm(group=2).apply(variables, x, train=True, mutable=["batch_stats"])
    np.testing.assert_allclose(y, np.concatenate([y for y, _ in apart]), atol=1e-6)
    for name, value in updated["batch_stats"].items():
        mean = np.mean([stats["batch_stats"][name] for _, stats in apart], axis=0)
        np.testing.assert_allclose(value, mean, rtol=1e-5, atol=1e-7)
    assert abs(whole.apply(variables, x, train=True, mutable=["batch_stats"])[0] - y).max() > 0.1
    small, _ = BatchNorm(group=64).apply(variables, x[:2], train=True, mutable=["batch_stats"])
    np.testing.assert_allclose(small, apart[0][0], atol=1e-6)
    with pytest.raises(ValueError, match="bn_group=4 does not divide a batch of 6"):
        BatchNorm(group=4).apply(variables, x, train=True, mutable=["batch_stats"])


def test_batch_norm_statistics_stay_float32_under_bfloat16():
    x = (1000 + np.random.default_rng(5).standard_normal((4, 8, 8, 2))).astype(np.float32)
    x = jax.numpy.asarray(x, jax.numpy.bfloat16)
    model = BatchNorm(dtype=jax.numpy.bfloat16)
    variables = model.init(jax.random.key(0), x, train=True)
    y, updated = model.apply(variables, x, train=True, mutable=["batch_stats"])
    assert y.dtype == jax.numpy.bfloat16
    mean, var = updated["batch_stats"]["mean"], updated["batch_stats"]["var"]
    assert mean.dtype == var.dtype == np.float32
    exact = np.asarray(x, np.float64).reshape(-1, 2)
    np.testing.assert_allclose(mean, 0.1 * exact.mean(0), rtol=1e-6)
    np.testing.assert_allclose(var, 0.9 + 0.1 * exact.var(0, ddof=1), rtol=1e-5)


def test_initialisation_leaves_statistics_alone_and_is_kaiming():
    model = ResNet18(width=16)
    x = np.ones((2, 32, 32, 3), np.float32)
    variables = jax.jit(lambda: model.init(jax.random.key(0), x, train=True))()
    for name, value in flat(variables["batch_stats"]).items():
        assert (value == (0 if "mean" in name else 1)).all(), name
    kernel = variables["params"]["layer3_0"]["conv2"]["kernel"]
    assert kernel.std() == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.02)
    expected = torch_reference.to_flax(reference(16).state_dict())
    assert jax.tree.map(np.shape, variables) == jax.tree.map(np.shape, expected)


def test_bad_names():
    assert resolve_conv("auto") == ("lax" if cpu.has_eigen() else "im2col")
    assert resolve_conv("lax") == "lax"
    x = np.ones((1, 8, 8, 3), np.float32)
    with pytest.raises(ValueError, match="conv='fast': expected auto, lax or im2col"):
        resolve_conv("fast")
    with pytest.raises(ValueError, match="convolution 'auto'"):
        conv2d(x, np.ones((3, 3, 3, 4), np.float32), 1, "auto")
    with pytest.raises(ValueError, match="stem 'tiny': expected imagenet or small"):
        ResNet18(stem="tiny").init(jax.random.key(0), x, train=True)


def test_kernels_are_drawn_as_flax_draws_them():
    shape, key = (1, 2, 3, 5), jax.random.key(7)
    expected = jax.nn.initializers.variance_scaling(2.0, "fan_out", "normal")(key, shape)
    np.testing.assert_allclose(kaiming_normal(key, shape), expected, rtol=3e-7)
